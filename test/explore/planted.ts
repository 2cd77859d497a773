/** Measures how soon the explorer finds planted mistakes: `npm run explore -- --planted`. */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { type Mistake, mistakes, withMistake } from "./Mistakes.ts"
import * as Recording from "./Recording.ts"

interface Result {
  readonly mistake: Mistake
  /** The recordings of the plan as drawn and as made smaller; `undefined` if nothing was found in time. */
  readonly found: { readonly drawn: Recording.Recording; readonly small: Recording.Recording } | undefined
  readonly seconds: number
}

const newest = (folder: string, suffix: RegExp): string | undefined =>
  fs.existsSync(folder) ? fs.readdirSync(folder).find((name) => suffix.test(name)) : undefined

/** Runs the explorer in a copy of the project with a mistake. */
const hunt = (mistake: Mistake, seed: number, minutes: number, shrinkSeconds: number): Promise<Result> =>
  withMistake(mistake, async (folder) => {
    const start = performance.now()
    const options = ["--seed", seed, "--minutes", minutes, "--shrink-seconds", shrinkSeconds, "--out", "found-here"]
    const child = spawn(process.execPath, ["test/explore/main.ts", ...options.map(String)], {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
      // A plan in progress may finish, but a child that hangs is killed.
      timeout: (minutes * 60 + 2 * shrinkSeconds + 240) * 1000
    })
    await new Promise((resolve) => child.on("close", resolve))
    const seconds = (performance.now() - start) / 1000
    const out = path.join(folder, "found-here")
    const drawn = newest(out, /-as-drawn\.json$/)
    const small = newest(out, /-\d+\.json$/)
    if (drawn === undefined || small === undefined) return { mistake, found: undefined, seconds }
    const read = (name: string) => Recording.read(path.join(out, name))
    return { mistake, found: { drawn: read(drawn), small: read(small) }, seconds }
  })

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

const size = ({ draft, violation }: Recording.Recording): string =>
  `${draft.nodes} nodes, ${draft.step?.length ?? 0} steps, ${((violation?.at ?? 0) / 1000).toFixed(1)} s`

const rowOf = ({ found, mistake, seconds }: Result): string => {
  if (found === undefined) return row([mistake.words, `not found in ${seconds.toFixed(0)} s`, "", "", ""])
  const { drawn, small } = found
  return row([
    mistake.words,
    `${drawn.found?.plans ?? "?"} plans, ${drawn.found?.seconds.toFixed(0) ?? "?"} s`,
    `\`${drawn.violation?.rule ?? "?"}\``,
    size(drawn),
    size(small)
  ])
}

/**
 * Explores with each mistake for at most `minutes`, with the same seed, and prints a table. Findings are kept in `out`.
 * The exit code is 1 if a mistake was not found.
 */
export const planted = async (seed: number, minutes: number, shrinkSeconds: number, out: string): Promise<void> => {
  const results: Array<Result> = []
  for (const mistake of mistakes) {
    console.error(`--- ${mistake.name}: ${mistake.words}`)
    const result = await hunt(mistake, seed, minutes, shrinkSeconds)
    results.push(result)
    if (result.found === undefined) process.exitCode = 1
    else console.error(`kept as ${Recording.keep(out, mistake.name, result.found.small)}`)
  }
  console.log(`seed ${seed}`)
  console.log(row(["mistake", "found after", "by", "as drawn", "made smaller"]))
  console.log(row(["---", "---", "---", "---", "---"]))
  for (const result of results) console.log(rowOf(result))
}
