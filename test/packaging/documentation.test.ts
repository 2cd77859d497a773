/** Every public symbol is documented, its signature names public symbols only, and its examples compile. */
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { type PublicSymbol, publicSymbols } from "./PublicApi.ts"

// These modules are being rewritten, and are checked once that is done.
const pending: ReadonlyArray<RegExp> = [
  /^src\/admin\//,
  /^src\/config\//,
  /^src\/failure-detector\//,
  /^src\/outbox\//,
  /^src\/simulation\//
]

const root = join(import.meta.dirname, "../..")
const symbols = publicSymbols()
const checked = symbols.filter(({ file }) => !pending.some((pattern) => pattern.test(file)))

const summaryOf = (comment: string): string =>
  comment
    .split("\n")
    .map((line) => line.replace(/^\s*(\/\*\*|\*\/|\*)\s?/, "").trim())
    .find((line) => line !== "" && line !== "/") ?? ""

const faultsOf = ({ comment, unnameable }: PublicSymbol): ReadonlyArray<string> => {
  const names = unnameable.map((name) => `its signature names ${name}, which is not exported`)
  if (!comment.startsWith("/**")) return [...names, "it has no documentation"]
  return [
    ...names,
    ...(/^[A-Z`]/.test(summaryOf(comment)) ? [] : ["its documentation does not begin with a sentence"]),
    ...(/^ \* @since \d+\.\d+\.\d+$/m.test(comment) ? [] : ["it has no @since"]),
    ...(/^ \* @category \S/m.test(comment) ? [] : ["it has no @category"])
  ]
}

/** The `ts` fences of a comment. */
const examplesIn = ({ comment }: PublicSymbol): ReadonlyArray<string> =>
  [...comment.matchAll(/^ \* ```ts$\n([\s\S]*?)^ \* ```$/gm)].map(([, code = ""]) => code.replace(/^ \* ?/gm, ""))

describe("the public API", () => {
  it("is found", () => {
    expect(symbols.length).toBeGreaterThan(300)
    expect(checked.map(({ name }) => name)).toEqual(expect.arrayContaining(["Cluster", "Transport", "KeyRing"]))
  })

  it("is documented, and its signatures name public symbols only", () => {
    const faults = checked.flatMap((symbol) =>
      faultsOf(symbol).map((fault) => `${symbol.file}:${symbol.line} ${symbol.name}: ${fault}`)
    )
    expect(faults).toEqual([])
  })

  it("has examples that compile", { timeout: 120_000 }, async () => {
    // In the checkout, so that examples find its packages.
    const directory = mkdtempSync(join(root, "examples-of-comments-"))
    try {
      for (const symbol of checked) {
        for (const [i, code] of examplesIn(symbol).entries()) {
          const name = `${symbol.file.replaceAll("/", "-").replace(/\.ts$/, "")}.${symbol.name}.${i}.ts`
          writeFileSync(join(directory, name), `${code}\nexport {}\n`)
        }
      }
      const config = {
        extends: "../tsconfig.json",
        compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
        include: ["*.ts"]
      }
      writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config))
      const compiler = join(root, "node_modules/typescript/bin/tsc")
      const run = promisify(execFile)(process.execPath, [compiler, "-p", directory, "--pretty", "false"])
      const output = await run.then(
        ({ stdout }) => stdout,
        (error: { readonly stdout?: string }) => error.stdout ?? String(error)
      )
      expect(output.replaceAll(/^.*\/|^examples-of-comments-[^/]*\//gm, "")).toBe("")
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
