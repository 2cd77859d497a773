/** The program as a user has it: what the package contains, in a directory without the sources. */
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../../", import.meta.url))

/** Copies the built package until the process ends. Returns the path of its program. */
export const install = (): string => {
  if (!existsSync(join(root, "dist/bin/gossip.js"))) throw new Error("run `npm run build` first")
  const directory = mkdtempSync(join(tmpdir(), "effect-gossip-"))
  for (const part of ["bin", "dist", "package.json"])
    cpSync(join(root, part), join(directory, part), { recursive: true })
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }))
  return join(directory, "bin/gossip.js")
}
