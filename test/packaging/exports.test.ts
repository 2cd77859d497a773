/** What the package exports, by name, and how much of it an import loads. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { build as buildByEsbuild } from "esbuild"
import { build as buildByVite } from "vite"
import { describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(root, file), "utf8")
const manifest: { readonly exports: Record<string, unknown>; readonly sideEffects: boolean } = JSON.parse(
  read("package.json")
)

/** The modules that a file exports as namespaces, as entries of `exports`. */
const namespacesOf = (file: string, prefix: string): ReadonlyArray<readonly [string, string]> =>
  [...read(file).matchAll(/^export \* as (\w+) from "\.\/(.+)\.ts"$/gm)].map(([, name = "", path = ""]) => [
    `${prefix}/${name}`,
    `./${join("dist", file, "..", path).replace("dist/src", "dist")}.js`
  ])

/** Where an entry leads: types and modules one by one for tools, and for Node.js a bundle, see scripts/entries.ts. */
const entryOf = (file: string): unknown => ({
  types: file.replace(/\.js$/, ".d.ts"),
  module: file,
  default: file.replace("./dist/", "./dist/bundle/")
})

describe("package.json", () => {
  it("exports every public module under its own name, and nothing else", () => {
    const modules = [
      [".", "./dist/index.js"] as const,
      ["./testing", "./dist/testing.js"] as const,
      ["./node", "./dist/node/index.js"] as const,
      ["./admin", "./dist/admin/index.js"] as const,
      ["./cluster", "./dist/effect-cluster/index.js"] as const,
      ...namespacesOf("src/index.ts", "."),
      ...namespacesOf("src/testing.ts", "./testing"),
      ...namespacesOf("src/node/index.ts", "./node"),
      // Not in the index, which would load an HTTP server with every node.
      ["./node/NodeAdmin", "./dist/node/NodeAdmin.js"] as const,
      ...namespacesOf("src/admin/index.ts", "./admin"),
      ...namespacesOf("src/effect-cluster/index.ts", "./cluster")
    ]
    expect(manifest.exports).toEqual({
      ...Object.fromEntries(modules.map(([name, file]) => [name, entryOf(file)])),
      "./package.json": "./package.json"
    })
  })
})

/**
 * The modules of this package, and the bytes of code, that a bundle of a statement loads at once. What is imported
 * dynamically is loaded later.
 */
const bundle = async (statement: string) => {
  const { metafile } = await buildByEsbuild({
    stdin: { contents: statement, resolveDir: root, loader: "ts" },
    bundle: true,
    splitting: true,
    minify: true,
    write: false,
    outdir: "bundle",
    format: "esm",
    platform: "node",
    metafile: true,
    external: ["effect", "@effect/*", "@noble/*"]
  })
  const { outputs } = metafile
  const [first] = Object.entries(outputs).flatMap(([name, { entryPoint }]) => (entryPoint === "<stdin>" ? [name] : []))
  const loaded = new Set<string>()
  const load = (name: string | undefined): void => {
    const output = outputs[name ?? ""]
    if (name === undefined || output === undefined || loaded.has(name)) return
    loaded.add(name)
    for (const { kind, path } of output.imports) if (kind === "import-statement") load(path)
  }
  load(first)
  const files = [...loaded].flatMap((name) => outputs[name] ?? [])
  const inputs = files.flatMap(({ inputs }) => Object.entries(inputs))
  return {
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    modules: inputs
      .flatMap(([name, { bytesInOutput }]) => (name.startsWith("src/") && bytesInOutput > 0 ? [name] : []))
      .toSorted()
  }
}

describe("importing one name", () => {
  it("loads nothing of the node for the tag of Membership", async () => {
    const { bytes, modules } = await bundle(`export { Membership } from "./src/membership/Membership.ts"`)
    expect(modules).toEqual(["src/membership/Membership.ts"])
    expect(bytes).toBeLessThan(512)
  })

  it("loads nothing of the node for the tag of Membership from the index, in bundlers that follow namespaces", async () => {
    const entry = "entry.ts"
    const result = await buildByVite({
      configFile: false,
      logLevel: "silent",
      plugins: [
        {
          name: "entry",
          resolveId: (id) => (id.endsWith(entry) ? join(root, entry) : undefined),
          load: (id) =>
            id.endsWith(entry)
              ? `import { Membership } from "./src/index.ts"\nexport const tag = Membership.Membership`
              : undefined
        }
      ],
      build: {
        write: false,
        minify: false,
        lib: { entry, formats: ["es"] },
        rolldownOptions: { external: [/^effect(\/|$)/, /^@effect\//, /^@noble\//] }
      }
    })
    const [output] = Array.isArray(result) ? result : []
    const chunk = output?.output[0]
    expect(chunk?.type).toBe("chunk")
    if (chunk?.type !== "chunk") return
    const modules = Object.entries(chunk.modules).filter(([, { renderedLength }]) => renderedLength > 0)
    expect(modules.map(([name]) => name.replace(`${root}/`, "")).toSorted()).toEqual([
      "entry.ts",
      "src/membership/Membership.ts"
    ])
  })

  it("loads no HTTP server and no simulator for a node", async () => {
    const { modules } = await bundle(`export { layer } from "./src/node/NodeCluster.ts"`)
    expect(modules).toContain("src/cluster/Cluster.ts")
    expect(modules.filter((name) => /^src\/(admin|simulation|cli)\//.test(name))).toEqual([])
  })
})
