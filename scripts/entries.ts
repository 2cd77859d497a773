/**
 * Bundles the entries of the package for Node.js, which takes a millisecond for each file that it loads: an import of the
 * package loads a few files, not some two hundred. Bundlers, by the condition `module`, take the modules as they are, one
 * by one, and leave out what a program does not use. What other packages give stays outside: a program and this package
 * must share one Effect.
 *
 * An index is a bundle, with what several of them need in common files. A module that an index exports as a namespace is a
 * short file that takes its exports from there, so that each of them exists once, however it is imported.
 */
import { build, type BuildOptions } from "esbuild"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { dirname, join, posix } from "node:path"

const root = join(import.meta.dirname, "..")
const directory = "dist/bundle"

/** Modules with exports of their own, by the path of the module below `src`, without its ending. */
const indexes = ["index", "testing", "node/index", "node/NodeAdmin", "admin/index", "effect-cluster/index"]

const options = {
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node22.19",
  external: ["effect", "effect/*", "@effect/*", "@noble/*", "sodium-native"],
  legalComments: "none",
  logLevel: "warning"
} satisfies BuildOptions

const sourceOf = (module: string): string => `./src/${module}.ts`

/** A module that an index exports as a namespace. */
interface Namespace {
  readonly index: string
  readonly name: string
  readonly module: string
}

const namespaces: ReadonlyArray<Namespace> = (
  await Promise.all(
    indexes.map(async (index) =>
      [...(await readFile(join(root, sourceOf(index)), "utf8")).matchAll(/^export \* as (\w+) from "(.+)\.ts"$/gm)].map(
        ([, name = "", path = ""]) => ({ index, name, module: posix.join(posix.dirname(index), path) })
      )
    )
  )
).flat()

const named = (modules: ReadonlyArray<string>): Record<string, string> =>
  Object.fromEntries(modules.map((module) => [module, sourceOf(module)]))

await build({
  ...options,
  entryPoints: named(indexes),
  outdir: directory,
  chunkNames: "common/[hash]",
  // The maps carry their sources: src is not published, because bin/gossip.js takes its presence for a checkout.
  sourcemap: true
})

const { metafile } = await build({
  ...options,
  entryPoints: named(namespaces.map(({ module }) => module)),
  outdir: directory,
  write: false,
  metafile: true
})

/** The code of a module that takes its exports from an index. A module of types alone has none. */
const taking = ({ index, module, name }: Namespace): string => {
  const output = metafile.outputs[`${directory}/${module}.js`]
  if (output === undefined) throw new Error(`there is no ${module}`)
  if (output.exports.length === 0) return "export {}\n"
  const path = posix.relative(posix.dirname(module), index)
  return [
    `import { ${name} as namespace } from "${path.startsWith(".") ? path : `./${path}`}.js"`,
    ...output.exports.map((exported) => `export const ${exported} = namespace.${exported}`),
    ""
  ].join("\n")
}

for (const namespace of namespaces) {
  const file = join(root, directory, `${namespace.module}.js`)
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, taking(namespace))
}
