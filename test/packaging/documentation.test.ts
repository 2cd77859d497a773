/** The examples in the documentation of public symbols, in the README and in the documents compile. */
import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { type PublicSymbol, publicSymbols } from "./PublicApi.ts"

const root = join(import.meta.dirname, "../..")
const symbols = publicSymbols()

/** The `ts` fences of a comment. */
const examplesIn = ({ comment }: PublicSymbol): ReadonlyArray<string> =>
  [...comment.matchAll(/^ \* ```ts$\n([\s\S]*?)^ \* ```$/gm)].map(([, code = ""]) => code.replace(/^ \* ?/gm, ""))

/** The `ts` fences of the README and of the documents, by file and position. */
const examplesOfDocuments = (): ReadonlyArray<readonly [name: string, code: string]> =>
  ["README.md", ...readdirSync(join(root, "docs")).flatMap((name) => (name.endsWith(".md") ? [`docs/${name}`] : []))]
    .map((file) => [file, readFileSync(join(root, file), "utf8")] as const)
    .flatMap(([file, text]) =>
      [...text.matchAll(/^```ts$\n([\s\S]*?)^```$/gm)].map(
        ([, code = ""], i) => [`${file.replaceAll("/", "-")}.${i}`, code] as const
      )
    )

describe("the public API", () => {
  it("has examples", () => {
    expect(symbols.flatMap(examplesIn).length).toBeGreaterThan(10)
  })

  it("is shown by the README", () => {
    expect(examplesOfDocuments().filter(([name]) => name.startsWith("README"))).toHaveLength(4)
  })

  it("has examples that compile, in comments, the README and the documents", { timeout: 600_000 }, async () => {
    // In the checkout, so that examples find its packages.
    const directory = mkdtempSync(join(root, "examples-of-comments-"))
    try {
      for (const symbol of symbols) {
        for (const [i, code] of examplesIn(symbol).entries()) {
          const name = `${symbol.file.replaceAll("/", "-").replace(/\.ts$/, "")}.${symbol.name}.${i}.ts`
          writeFileSync(join(directory, name), `${code}\nexport {}\n`)
        }
      }
      for (const [name, code] of examplesOfDocuments()) {
        writeFileSync(join(directory, `${name}.ts`), `${code}\nexport {}\n`)
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
