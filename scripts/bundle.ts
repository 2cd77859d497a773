/**
 * Bundles the program for the package: the code of `gossip` and of the parts of Effect that it uses, split by command, and
 * once more for `gossip run` alone, which loads two files and not twenty-four.
 * The program so starts in a fraction of the time that it takes to load some hundred modules one by one, and in less
 * memory. Library entry points stay modules of their own, because a program that uses them must share one Effect.
 */
import { build, type Plugin } from "esbuild"
import { copyFile, readFile, rm } from "node:fs/promises"
import { isBuiltin } from "node:module"
import { join } from "node:path"

const directory = "dist/bin"

/**
 * Modules that the program never runs, but that others import: the browsers of OpenAPI documents, the HTTP client of
 * undici, and WebSockets. Each is replaced by an empty module.
 */
const unused: Plugin = {
  name: "unused",
  setup({ onLoad, onResolve }) {
    const filter = /(\/internal\/httpApi(Scalar|Swagger)\.js|\/Undici\.js|^ws)$/
    onResolve({ filter }, ({ path }) => ({ path, namespace: "unused" }))
    onLoad({ filter: /.*/, namespace: "unused" }, () => ({ contents: "module.exports = {}", loader: "js" }))
  }
}

/** Modules of Node.js that the program needs late or never, and that take milliseconds and memory to load. */
const late = new Set(["child_process", "crypto", "http", "https", "readline", "tls", "zlib"])

/**
 * Modules of Node.js, loaded without the wrapper that an `import` makes: it reads every export, and some of them load
 * what the program does not need, such as `fs.promises` or the HTTP client in `node:http`.
 */
const builtins: Plugin = {
  name: "builtins",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^(node:)?[a-z_/]+$/ }, ({ path }) =>
      isBuiltin(path) ? { path: path.replace(/^node:/, ""), namespace: "builtin", sideEffects: false } : undefined
    )
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => {
      const load = `process.getBuiltinModule("node:${path}")`
      // An object that has no names of its own is not copied; its prototype finds each name when it is used.
      const lazy = `Object.create(new Proxy({}, { get: (_, name) => ${load}[name] }))`
      return { contents: `module.exports = ${late.has(path) ? lazy : load}`, loader: "js" }
    })
  }
}

/** Text is split into graphemes only to align help and tables; a splitter takes 12 ms to make. */
const lateSegmenter: Plugin = {
  name: "late-segmenter",
  setup({ onLoad }) {
    onLoad({ filter: /effect\/dist\/cli\/CliOutput\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8")
      const contents = source
        .replace(
          /const graphemeSegmenter = ([^;]+);/,
          "let segmenter; const graphemeSegmenter = () => (segmenter ??= $1);"
        )
        .replace("graphemeSegmenter.segment(", "graphemeSegmenter().segment(")
      if (contents.split("graphemeSegmenter()").length !== 2) throw new Error(`${path} has no such segmenter any more`)
      return { contents, loader: "js" }
    })
  }
}

/** The program without other commands than `gossip run`. */
const onlyRun: Plugin = {
  name: "only-run",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.\/cli\/gossip\.ts$/ }, () => ({
      path: join(import.meta.dirname, "../src/cli/onlyRun.ts")
    }))
  }
}

const bundle = (name: string, plugins: ReadonlyArray<Plugin>) =>
  build({
    entryPoints: { [name]: "src/node/main.ts" },
    outdir: directory,
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node22.19",
    minify: true,
    legalComments: "none",
    external: ["sodium-native"],
    plugins: [unused, builtins, lateSegmenter, ...plugins],
    metafile: true,
    logLevel: "warning"
  })

await rm(directory, { recursive: true, force: true })
const bundles = [await bundle("gossip", []), await bundle("run", [onlyRun])]
await copyFile("node_modules/effect/LICENSE", `${directory}/effect.LICENSE`)
await copyFile("node_modules/@noble/ciphers/LICENSE", `${directory}/noble-ciphers.LICENSE`)

if (process.argv.includes("--sizes")) {
  for (const { metafile } of bundles) {
    for (const [file, { bytes }] of Object.entries(metafile.outputs)) console.log(`${bytes}\t${file}`)
  }
}
