/** Fuzzes the text of the configuration file: whatever it holds, it is read, or refused with words that hold no secret. */
import { readFileSync } from "node:fs"
import { Effect, Exit } from "effect"
import { load } from "../../src/config/ConfigSources.ts"
import { Dice } from "./Generator.ts"

/** A cluster key that stands in each text. Its digits stand in no message. */
const secret = "5ec7e7".padEnd(64, "0123456789abcdef")

/** The example with every key in force, also those that are comments in it. */
const lines = readFileSync(new URL("../../gossip.example.toml", import.meta.url), "utf8")
  .replaceAll(/^# (?=[a-z_]+ = )/gm, "")
  .split("\n")
  .filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith("cluster_key"))

const pieces = [
  ..."=.[]{}\"'#,\\\n\r\t\0 -+_",
  "[[",
  '"""',
  "'''",
  "true",
  "nan",
  "-inf",
  "1e400",
  "0x",
  "9223372036854775808",
  "2026-11-30T00:00:00Z",
  "\ud800",
  "\u{1f600}",
  "__proto__",
  "constructor",
  "[network]",
  "cluster_key = 1"
]

/** Lines in which the key stands where it does not belong. */
const misplaced = [`${secret} = 1`, `"${secret}" = 1`, `cluster_key = ${secret}`, `bind = "${secret}"`, `[${secret}]`]

/** A text of some lines of the example, changed in a few places, and often with the key at a wrong place. */
const textOf = (dice: Dice): string => {
  const chosen = lines.flatMap((line) => {
    if (line === "[network]") return [line, `cluster_key = "${secret}"`]
    return line.startsWith("[") || dice.oneIn(20) ? [line] : []
  })
  if (dice.oneIn(3)) chosen.push(dice.pick(lines))
  let text = chosen.join("\n")
  for (let changes = dice.below(5); changes > 0; changes--) {
    const at = dice.below(text.length + 1)
    const end = dice.oneIn(2) ? at : Math.min(text.length, at + dice.below(12))
    text = text.slice(0, at) + (dice.oneIn(4) ? "" : dice.pick(pieces)) + text.slice(end)
  }
  if (dice.oneIn(2)) {
    const changed = text.split("\n")
    text = changed.toSpliced(dice.below(changed.length + 1), 0, dice.pick(misplaced)).join("\n")
  }
  return dice.oneIn(50) ? text.replace("=", `= ${"[".repeat(1 + dice.below(20_000))}`) : text
}

/** The results of a run. */
export interface ConfigReport {
  readonly read: number
  readonly refused: number
  /** What went wrong, each with its text. */
  readonly faults: ReadonlyArray<string>
}

/** Reads that many texts. */
export const fuzzConfig = (seed: number, texts: number): ConfigReport => {
  const dice = new Dice(seed)
  let read = 0
  let refused = 0
  const faults: Array<string> = []
  for (let i = 0; i < texts && faults.length < 10; i++) {
    const text = textOf(dice)
    const exit = Effect.runSyncExit(
      Effect.match(load({ file: { path: "gossip.toml", text } }), {
        onSuccess: () => "",
        onFailure: ({ message }) => message
      })
    )
    if (Exit.isFailure(exit)) faults.push(`${String(exit.cause)}: ${text}`)
    else if (exit.value.includes(secret.slice(0, 12))) faults.push(`the message holds the key: ${text}`)
    else if (exit.value === "") read++
    else refused++
  }
  return { read, refused, faults }
}
