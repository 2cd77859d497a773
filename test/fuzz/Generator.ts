/** Datagrams to try a node with: noise, valid messages of every kind, and mutations of them. All follow from a seed. */
import * as fs from "node:fs"
import * as Claim from "../../src/domain/Claim.ts"
import { writeU16 } from "../../src/wire/Bytes.ts"
import { internetChecksum } from "../../src/wire/Checksum.ts"
import { HeaderLength, Kind, MaxMessage } from "../../src/wire/Header.ts"
import { MessageWriter } from "../../src/wire/MessageWriter.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

/** Numbers that follow from a seed: the generator mulberry32. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** 32 bits. */
  u32(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (t ^ (t >>> 14)) >>> 0
  }

  /** An integer in [0, n). */
  below(n: number): number {
    return this.u32() % n
  }

  /** `true` once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0
  }

  pick<A>(items: ReadonlyArray<A>): A {
    return items[this.below(items.length)]!
  }

  /** Any bytes. */
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.u32())
  }
}

/** Packets that nodes of the older implementation sent, in the clear. */
export const recorded: ReadonlyArray<Uint8Array> = fs
  .readFileSync(new URL("../vectors/plain.jsonl", import.meta.url), "utf8")
  .split("\n")
  .flatMap((line) => [...line.matchAll(/"hex": "([0-9a-f]+)"/g)].map(([, hex]) => Buffer.from(hex!, "hex")))
  .map((buffer) => Uint8Array.from(buffer))

/** An id as two words. */
export type IdWords = readonly [hi: number, lo: number]

/** Writes the length, if asked for, and the checksum that fit a message as it is now. */
const repair = (bytes: Uint8Array, length: boolean): Uint8Array => {
  if (bytes.length < HeaderLength) return bytes
  if (length) writeU16(bytes, 2, bytes.length - HeaderLength)
  writeU16(bytes, 22, 0)
  writeU16(bytes, 22, internetChecksum(bytes, 0, bytes.length))
  return bytes
}

/** Numbers at which arithmetic of 32 bits goes wrong, if it does. */
const edges = [0, 1, 2, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff] as const
const lengths = [0, 1, 23, 24, 25, 59, 60, 61, 1399, 1400, 1423, 1424, 1425, 1459, 1460, 1461, 1500] as const
const kinds = Object.values(Kind)

export class Generator {
  readonly dice: Dice
  readonly #writer = new MessageWriter()
  readonly #address = new Uint8Array(PackedAddress.MaxLength)
  readonly #ids: ReadonlyArray<IdWords>
  readonly #self: Uint8Array
  /** Who spoke in the message before, with what counters. */
  #last: { readonly id: IdWords; readonly heartbeat: number; readonly incarnation: number } | undefined

  /** `self` and `selfAddress` (packed): those of the node that is tried, for messages about itself. */
  constructor(seed: number, self: IdWords, selfAddress: Uint8Array) {
    const dice = new Dice(seed)
    this.dice = dice
    this.#self = selfAddress
    // Few, so that they are met again: as members, suspects, tombstones, twice in one message.
    this.#ids = [self, ...Array.from({ length: 60 }, (): IdWords => [dice.u32(), dice.u32()])]
  }

  /** Any bytes. Half of them look like a message from outside. */
  noise(): Uint8Array {
    const { dice } = this
    const length = dice.oneIn(4) ? dice.pick(lengths) : dice.oneIn(50) ? dice.below(9000) : dice.below(1500)
    const bytes = dice.bytes(length)
    if (dice.oneIn(2) || length < HeaderLength) return bytes
    if (!dice.oneIn(8)) bytes[0] = 1
    if (!dice.oneIn(8)) bytes[1] = dice.pick(kinds)
    return repair(bytes, !dice.oneIn(8))
  }

  /** A valid message, of the node's own making or recorded. */
  valid(): Uint8Array {
    const { dice } = this
    if (dice.oneIn(16)) return dice.pick(recorded).slice()
    const writer = this.#writer
    const { header } = writer
    const kind = dice.pick(kinds)
    // Who speaks again is heard: a goodbye of somebody who never spoke from there would count for nothing.
    const again = dice.oneIn(2) ? this.#last : undefined
    const id = again?.id ?? this.#id()
    const [idHi, idLo] = id
    header.idHi = idHi
    header.idLo = idLo
    header.heartbeat = again === undefined ? this.#counter() : (again.heartbeat + 1) >>> 0
    header.incarnation = again?.incarnation ?? this.#counter()
    header.level = dice.oneIn(3) ? dice.below(256) : 0
    this.#last = { id, heartbeat: header.heartbeat, incarnation: header.incarnation }
    const flags = dice.oneIn(4) ? dice.below(256) : dice.below(4)
    if (kind === Kind.AntiEntropy) {
      const total = dice.oneIn(4) ? dice.below(0x10000) : dice.below(4)
      const index = dice.oneIn(4) ? dice.below(0x10000) : dice.below(Math.max(1, total))
      writer.beginChunk(dice.oneIn(2) ? dice.below(8) : dice.u32() * 0x200000, index, total)
    } else writer.begin(kind, flags)
    if (kind === Kind.PingReq) {
      const [hi, lo] = this.#id()
      writer.target(hi, lo, this.#anAddress(), 0)
    } else if (kind !== Kind.Leave) {
      const count = dice.oneIn(8) ? dice.below(80) : dice.below(6)
      if (dice.oneIn(2)) this.#entry(idHi, idLo)
      // Now and then everybody is said to be dead.
      const status = count > 20 && dice.oneIn(2) ? Claim.Dead : undefined
      for (let i = 0; i < count; i++) if (!this.#entry(...this.#id(), status)) break
    }
    return writer.finish()
  }

  #entry(idHi: number, idLo: number, given?: number): boolean {
    const { dice } = this
    const status = given ?? (dice.oneIn(32) ? dice.below(256) : dice.below(3))
    return this.#writer.entry(idHi, idLo, this.#counter(), this.#counter(), status, this.#anAddress(), 0)
  }

  #id(): IdWords {
    const { dice } = this
    return dice.oneIn(12) ? [dice.u32(), dice.u32()] : dice.oneIn(16) ? this.#ids[0]! : dice.pick(this.#ids)
  }

  /** Mostly small, so that claims about one node compete. */
  #counter(): number {
    const { dice } = this
    return dice.oneIn(6) ? dice.pick(edges) : dice.oneIn(12) ? dice.u32() : dice.below(8)
  }

  /** On loopback, as a rule, so that the node can send there and nobody else hears of it. */
  #anAddress(): Uint8Array {
    const { dice } = this
    const address = this.#address
    if (dice.oneIn(16)) address.set(this.#self)
    else if (dice.oneIn(12)) {
      address.set(dice.bytes(address.length))
      address[0] = 6
      if (dice.oneIn(2)) address.fill(0, 1, 17)
      if (dice.oneIn(2)) address.set([0xff, 0xff, 127], 11)
      if (dice.oneIn(2)) address[16] = 1
    } else if (dice.oneIn(24)) {
      address.set(dice.bytes(address.length))
      address[0] = 4
    } else {
      address.set(dice.bytes(address.length))
      address.set([4, 127, 2, dice.below(4)])
    }
    return address
  }

  /** A valid message: one in four as it is, the others changed in one to four places; half of the changed ones get the checksum that goes with it. */
  mutated(): Uint8Array {
    const { dice } = this
    let bytes = this.valid()
    if (dice.oneIn(4)) return bytes
    for (let i = dice.below(4); i >= 0; i--) bytes = this.mutate(bytes)
    return dice.oneIn(2) ? repair(bytes, !dice.oneIn(4)) : bytes
  }

  /** Changes bytes in one place: their values, their number, or their order. */
  mutate(bytes: Uint8Array): Uint8Array {
    const { dice } = this
    const at = dice.below(Math.max(1, dice.oneIn(2) ? Math.min(bytes.length, HeaderLength) : bytes.length))
    switch (dice.below(8)) {
      case 0:
        bytes[at] = bytes[at]! ^ (1 << dice.below(8))
        return bytes
      case 1:
        bytes[at] = dice.u32()
        return bytes
      case 2:
        bytes.set(dice.bytes(Math.min(4, bytes.length - at)), at)
        return bytes
      case 3:
        return bytes.slice(0, dice.below(bytes.length + 1))
      case 4: {
        const longer = dice.bytes(bytes.length + 1 + dice.below(dice.oneIn(8) ? MaxMessage : 40))
        longer.set(bytes)
        return longer
      }
      case 5: {
        const other = this.valid()
        const from = dice.below(other.length)
        const spliced = new Uint8Array(at + other.length - from)
        spliced.set(bytes.subarray(0, at))
        spliced.set(other.subarray(from), at)
        return spliced
      }
      case 6:
        return cut(bytes, at, at + 1 + dice.below(8))
      default:
        // Kind and version: bytes that every check turns on.
        bytes[dice.below(2)] = dice.below(8)
        return bytes
    }
  }
}

/** `bytes` without those in [from, to). */
const cut = (bytes: Uint8Array, from: number, to: number): Uint8Array => {
  const end = Math.min(to, bytes.length)
  const rest = new Uint8Array(bytes.length - (end - from))
  rest.set(bytes.subarray(0, from))
  rest.set(bytes.subarray(end), from)
  return rest
}
