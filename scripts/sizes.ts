/**
 * How large the package is, and how much of it a program loads: the table in docs/PERFORMANCE.md. Needs `npm run build`.
 *
 *     npm run build && node scripts/sizes.ts
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { build } from "esbuild"

const root = join(import.meta.dirname, "..")
const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`

const bundles = {
  "the tag of `Membership` alone": `export { Membership } from "effect-gossip/Membership"`,
  "the wire codec, `Message`": `export * from "effect-gossip/Message"`,
  "a whole node, `NodeCluster.layer`": `export { layer } from "effect-gossip/node/NodeCluster"`
}

const bundled = async (contents: string, external: ReadonlyArray<string>): Promise<string> => {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "node",
    external: ["sodium-native", ...external]
  })
  const [{ contents: code } = { contents: new Uint8Array() }] = outputFiles
  return `${kilobytes(code.length)} (${kilobytes(gzipSync(code).length)})`
}

const folder = mkdtempSync(join(tmpdir(), "gossip-sizes-"))
const packed: ReadonlyArray<{ readonly size: number; readonly unpackedSize: number; readonly entryCount: number }> =
  JSON.parse(
    execFileSync("npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
      cwd: root,
      encoding: "utf8"
    })
  )
rmSync(folder, { recursive: true })
for (const { entryCount, size, unpackedSize } of packed) {
  console.log(`| tarball | ${kilobytes(size)} |\n| unpacked, ${entryCount} files | ${kilobytes(unpackedSize)} |`)
}
for (const [name, code] of Object.entries(bundles)) {
  const alone = await bundled(code, ["effect", "effect/*", "@effect/*", "@noble/*"])
  const whole = await bundled(code, [])
  console.log(`| ${name} | ${alone} | ${whole} |`)
}
