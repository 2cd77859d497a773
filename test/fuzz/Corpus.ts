/**
 * Datagrams that are read in every run of the tests: `corpus/datagrams.txt`, one in hexadecimal a line, after what it
 * reaches. A datagram that once was read wrongly belongs there too. `node test/fuzz/Corpus.ts` writes the file anew, with
 * the shortest datagrams that reach each outcome, and keeps those whose line begins with `kept`.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { outcomes, read } from "./Decoder.ts"
import { Generator } from "./Generator.ts"

const file = new URL("corpus/datagrams.txt", import.meta.url)

/** A datagram, and the outcomes that it had when it was added. */
export interface Item {
  readonly reached: string
  readonly bytes: Uint8Array
}

/** The datagrams of the file. */
export const corpus = (): ReadonlyArray<Item> =>
  readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [reached = "", hex = ""] = line.split(": ")
      return { reached, bytes: Uint8Array.from(Buffer.from(hex, "hex")) }
    })

/** What reading a datagram reaches, as the file has it. */
export const reachedBy = (bytes: Uint8Array): string => {
  const reached = new Set<string>()
  const fault = read(bytes, (what) => reached.add(what))
  return fault ?? [...reached].join(", ")
}

const write = (): void => {
  const shortest = new Map<string, Uint8Array>()
  const generator = new Generator(7, [1, 2], Uint8Array.of(4, 127, 0, 0, 1, 0, 80), 3)
  for (let i = 0; i < 200_000; i++) {
    const bytes = i % 2 === 0 ? generator.noise() : generator.mutated()
    read(bytes, (what) => {
      if (bytes.length < (shortest.get(what)?.length ?? Infinity)) shortest.set(what, bytes.slice())
    })
  }
  const kept = corpus().filter(({ reached }) => reached.startsWith("kept"))
  const lines = [
    ...kept.map(({ bytes, reached }) => `${reached}: ${Buffer.from(bytes).toString("hex")}`),
    ...new Set(
      outcomes.flatMap((outcome) => {
        const bytes = shortest.get(outcome)
        return bytes === undefined ? [] : [`${reachedBy(bytes)}: ${Buffer.from(bytes).toString("hex")}`]
      })
    )
  ]
  writeFileSync(file, `${lines.join("\n")}\n`)
}

if (import.meta.main) write()
