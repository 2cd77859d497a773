/** The examples in the documentation of public symbols compile. */
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { type PublicSymbol, publicSymbols } from "./PublicApi.ts"

const root = join(import.meta.dirname, "../..")
const symbols = publicSymbols()

/** The `ts` fences of a comment. */
const examplesIn = ({ comment }: PublicSymbol): ReadonlyArray<string> =>
  [...comment.matchAll(/^ \* ```ts$\n([\s\S]*?)^ \* ```$/gm)].map(([, code = ""]) => code.replace(/^ \* ?/gm, ""))

describe("the public API", () => {
  it("has examples", () => {
    expect(symbols.flatMap(examplesIn).length).toBeGreaterThan(10)
  })

  it("has examples that compile", { timeout: 120_000 }, async () => {
    // In the checkout, so that examples find its packages.
    const directory = mkdtempSync(join(root, "examples-of-comments-"))
    try {
      for (const symbol of symbols) {
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
