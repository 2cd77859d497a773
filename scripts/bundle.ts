/**
 * Bundles the program for the package: the code of `gossip` and of the parts of Effect that it uses, split by command.
 * The program so starts in a fraction of the time that it takes to load some hundred modules one by one, and in less
 * memory. Library entry points stay modules of their own, because a program that uses them must share one Effect.
 */
import { build, type Plugin } from "esbuild"
import { copyFile, rm } from "node:fs/promises"

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

/**
 * TLS, which only the client needs, and only for https. The module of Effect loads it with the HTTP server, too.
 */
const lateTls: Plugin = {
  name: "late-tls",
  setup({ onLoad }) {
    onLoad({ filter: /platform-node\/dist\/internal\/http\.js$/ }, () => ({
      contents: `import { createRequire } from "node:module"
        const require = createRequire(import.meta.url)
        export const http = require("node:http")
        export const https = {
          get Agent() { return require("node:https").Agent },
          get request() { return require("node:https").request }
        }`,
      loader: "js"
    }))
  }
}

await rm(directory, { recursive: true, force: true })
const { metafile } = await build({
  entryPoints: { gossip: "src/node/main.ts" },
  outdir: directory,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node22.19",
  minify: true,
  legalComments: "none",
  external: ["sodium-native"],
  plugins: [unused, lateTls],
  metafile: true,
  logLevel: "warning"
})
await copyFile("node_modules/effect/LICENSE", `${directory}/effect.LICENSE`)
await copyFile("node_modules/@noble/ciphers/LICENSE", `${directory}/noble-ciphers.LICENSE`)

if (process.argv.includes("--sizes")) {
  for (const [file, { bytes }] of Object.entries(metafile.outputs)) console.log(`${bytes}\t${file}`)
}
