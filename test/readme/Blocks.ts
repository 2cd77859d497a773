/** The code blocks of the README. */
import { readFileSync } from "node:fs"

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8")

const blocksIn = (language: string): ReadonlyArray<string> =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}$\n([\\s\\S]*?)^\`\`\`$`, "gm"))].map(([, code = ""]) => code)

/** The programs in TypeScript. */
export const programs = blocksIn("ts")

/** The lines of the shell, without comments. */
export const commands = blocksIn("sh").flatMap((block) =>
  block
    .trimEnd()
    .split("\n")
    .map((line) => line.replace(/ +#.*$/, ""))
)
