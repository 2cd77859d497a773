/** The code blocks of documents. */
import { readFileSync } from "node:fs"

const blocksIn = (file: string, language: string): ReadonlyArray<string> =>
  [
    ...readFileSync(new URL(`../../${file}`, import.meta.url), "utf8").matchAll(
      new RegExp(`^\`\`\`${language}$\n([\\s\\S]*?)^\`\`\`$`, "gm")
    )
  ].map(([, code = ""]) => code)

/** The programs of the README in TypeScript. */
export const programs = blocksIn("README.md", "ts")

/** The lines of the shell in a document, without comments. */
export const commandsIn = (file: string): ReadonlyArray<string> =>
  blocksIn(file, "sh").flatMap((block) =>
    block
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/ +#.*$/, ""))
  )
