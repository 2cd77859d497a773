/** Fuzzes the text of a node's state: it is read as it was written, or refused, whatever has happened to it. */
import { Result } from "effect"
import { NetAddress } from "effect/net"
import * as NodeId from "../../src/domain/NodeId.ts"
import { crc32 } from "../../src/state/Crc32.ts"
import { format, MaxMembers, parse, type SavedState } from "../../src/state/SavedState.ts"
import { Dice } from "./Generator.ts"

const encoder = new TextEncoder()
/** As a file is read: what is no UTF-8 becomes U+FFFD. */
const decoder = new TextDecoder()

const pieces = [
  ...'{}[]",:\\\n\0 -.e0x',
  "null",
  "1e400",
  "-1",
  "[1]",
  "__proto__",
  "\ud800",
  "4294967296",
  "effect-gossip state 1 "
]

const stateOf = (dice: Dice): SavedState => ({
  cluster: dice.pick(["", "prod", "Zürich \u{1f600}", '"\\\n', "x".repeat(255)]),
  id: NodeId.fromWords(dice.u32(), dice.u32()),
  incarnation: dice.u32(),
  tagVersion: dice.u32(),
  saves: dice.u32(),
  members: Array.from({ length: dice.below(dice.oneIn(10) ? MaxMembers : 4) }, () =>
    NetAddress.inetAddressFromStringUnsafe(
      `${dice.pick(["10.0.0.1", "[fd00::1]", "255.255.255.255"])}:${dice.below(65_536)}`
    )
  )
})

/** A text that a disk, a hand or another program may have made of that of a state. */
const mutated = (dice: Dice, text: string, other: string): string => {
  const bytes = encoder.encode(text)
  const at = dice.below(bytes.length)
  const end = Math.min(bytes.length, at + dice.below(64))
  switch (dice.below(7)) {
    case 0:
      return decoder.decode(bytes.subarray(0, at))
    case 1:
      bytes[at]! ^= 1 << dice.below(8)
      return decoder.decode(bytes)
    case 2:
      return decoder.decode(bytes.fill(0, at, end))
    case 3:
      bytes.set(dice.bytes(end - at), at)
      return decoder.decode(bytes)
    case 4:
      // A new file over a longer one, or a part of it.
      return text.slice(0, at) + other.slice(at)
    case 5:
      return decoder.decode(dice.bytes(dice.below(200)))
    default:
      return text.slice(0, at) + dice.pick(pieces) + text.slice(dice.oneIn(2) ? at : end)
  }
}

/** Gives a text the checksum of what it holds, as a program that writes nonsense would. */
const sealed = (text: string): string => {
  const body = text.slice(text.indexOf("\n") + 1)
  return `effect-gossip state 1 ${crc32(encoder.encode(body)).toString(16).padStart(8, "0")}\n${body}`
}

/** The results of a run. */
export interface StateReport {
  readonly read: number
  readonly refused: number
  readonly faults: ReadonlyArray<string>
}

/** What is wrong with how a text is read that was made from `original`; `checksum`: it got a new one. */
const faultOf = (text: string, original: string, checksum: boolean): string | undefined => {
  const result = parse(text)
  if (Result.isFailure(result)) return text === original ? `refused: ${result.failure.reason}` : undefined
  const again = format(result.success)
  if (checksum) return Result.isSuccess(parse(again)) ? undefined : "what was read cannot be written"
  // It may be the whole of another one.
  return again === text ? undefined : "a damaged text was read"
}

/** Reads that many texts. */
export const fuzzState = (seed: number, texts: number): StateReport => {
  const dice = new Dice(seed)
  const faults: Array<string> = []
  let read = 0
  for (let i = 0; i < texts && faults.length < 10; i++) {
    const original = format(stateOf(dice))
    const checksum = dice.oneIn(3)
    const changed = dice.oneIn(20) ? original : mutated(dice, original, format(stateOf(dice)))
    const text = checksum ? sealed(changed) : changed
    try {
      const fault = faultOf(text, original, checksum)
      if (fault !== undefined) faults.push(`${fault}: ${JSON.stringify(text)}`)
      else if (Result.isSuccess(parse(text))) read++
    } catch (error) {
      faults.push(`${String(error)}: ${JSON.stringify(text)}`)
    }
  }
  return { read, refused: texts - read - faults.length, faults }
}
