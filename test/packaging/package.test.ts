/** The package as a user gets it. Only the long form has this file, since it packs, installs and starts programs. */
import { execFile, spawn } from "node:child_process"
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { documentsIn, faultsOf } from "../documents/Links.ts"

const root = join(import.meta.dirname, "../..")
const node = process.execPath
const folder = mkdtempSync(join(tmpdir(), "gossip-package-"))

/** Runs a program to its end, and gives what it wrote. */
const run = async (program: string, args: ReadonlyArray<string>, cwd = root): Promise<string> => {
  const ended = promisify(execFile)(program, args, { cwd, encoding: "utf8", maxBuffer: 2 ** 26 })
  const { stderr, stdout } = await ended.catch((error: { readonly stdout?: string; readonly stderr?: string }) => {
    throw new Error(`${program} ${args.join(" ")}\n${error.stdout ?? ""}${error.stderr ?? ""}`, { cause: error })
  })
  return stdout + stderr
}

/** Runs a program of an example until it writes what is expected, or ends. */
const runUntil = (args: ReadonlyArray<string>, expected: RegExp): Promise<string> =>
  new Promise((resolve) => {
    const child = spawn(node, args, { cwd: folder })
    let text = ""
    const more = (data: Buffer): void => {
      text += data.toString()
      if (expected.test(text)) child.kill("SIGTERM")
    }
    child.stdout.on("data", more)
    child.stderr.on("data", more)
    const limit = setTimeout(() => child.kill("SIGKILL"), 400_000)
    child.on("close", () => {
      clearTimeout(limit)
      resolve(text)
    })
  })

const locked: { readonly packages: Readonly<Record<string, { readonly version?: string }>> } = JSON.parse(
  readFileSync(join(root, "package-lock.json"), "utf8")
)
const peer = (name: string): string => `${name}@${locked.packages[`node_modules/${name}`]?.version}`
let tarball = ""

beforeAll(async () => {
  await run("npm", ["ci", "--prefix", "tools", "--no-audit", "--no-fund"])
  const [packed] = JSON.parse(
    (await run("npm", ["pack", "--json", "--silent", "--pack-destination", folder])).replace(/^[^[]*/, "")
  )
  tarball = join(folder, packed.filename)
  writeFileSync(join(folder, "package.json"), `{ "private": true, "type": "module" }\n`)
  await run(
    "npm",
    ["install", "--no-audit", "--no-fund", tarball, peer("effect"), peer("@effect/platform-node")],
    folder
  )
  // Node.js strips no types below node_modules.
  cpSync(join(folder, "node_modules/effect-gossip/examples"), join(folder, "examples"), { recursive: true })
}, 600_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe("the packed package", () => {
  it("is what publint and Are the types wrong? want", async () => {
    expect(await run(node, ["tools/node_modules/publint/src/cli.js", "run", tarball, "--strict"])).toContain("All good")
    await run(node, ["tools/node_modules/@arethetypeswrong/cli/dist/index.js", tarball, "--profile", "esm-only"])
  })

  it("is no larger than the table in docs/PERFORMANCE.md says", () => {
    expect(statSync(tarball).size).toBeLessThan(2_800_000)
  })

  it("has the documents, whose links lead somewhere but for pictures and test vectors", () => {
    const installed = join(folder, "node_modules/effect-gossip")
    const documents = documentsIn(installed)
    expect(documents.length).toBeGreaterThan(14)
    const faults = documents.flatMap((file) => faultsOf(installed, file))
    expect(faults.filter((fault) => !/^(docs\/pictures|\.\.\/test\/vectors)\//.test(fault))).toEqual([])
  })

  it("gives the same names from few files as from its modules, and each thing once", async () => {
    const script = `
      import { registerHooks } from "node:module"
      import { readFileSync } from "node:fs"
      const files = new Set()
      registerHooks({
        load: (url, context, next) => {
          if (url.includes("/effect-gossip/")) files.add(url)
          return next(url, context)
        }
      })
      const index = await import("effect-gossip")
      const node = await import("effect-gossip/node")
      const loaded = files.size
      const { Membership } = await import("effect-gossip/Membership")
      const { layer } = await import("effect-gossip/node/NodeCluster")
      const once = index.Membership.Membership === Membership && node.NodeCluster.layer === layer
      const { exports } = JSON.parse(readFileSync("node_modules/effect-gossip/package.json", "utf8"))
      const different = []
      for (const [name, { module }] of Object.entries(exports)) {
        if (module === undefined) continue
        const names = Object.keys(await import(name.replace(".", "effect-gossip")))
        const modules = Object.keys(await import(new URL("node_modules/effect-gossip/" + module, import.meta.url)))
        if (JSON.stringify(names) !== JSON.stringify(modules)) different.push(name)
      }
      console.log(JSON.stringify({ loaded, once, different }))`
    writeFileSync(join(folder, "entries.js"), script)
    const { different, loaded, once } = JSON.parse(await run(node, ["--no-warnings", "entries.js"], folder))
    expect(different).toEqual([])
    expect(once).toBe(true)
    expect(loaded).toBeLessThan(10)
  })

  it("starts its program, which accepts the example file", async () => {
    const gossip = join(folder, "node_modules/effect-gossip/bin/gossip.js")
    expect(await run(node, [gossip, "--version"])).toMatch(/^gossip \d/)
    const example = join(folder, "node_modules/effect-gossip/gossip.example.toml")
    await run(node, [gossip, "config", "check", example], folder)
  })

  it("starts a node from a bundle of its own, which leaves the other commands to the program", async () => {
    const gossip = join(folder, "node_modules/effect-gossip/bin/gossip.js")
    const log = await runUntil([gossip, "run", "--bind", "127.0.0.1:0"], / is bound to /)
    expect(log).toMatch(/ is bound to /)
    expect(log).toMatch(/ left the cluster after /)
    expect(await run(node, [gossip, "run", "--completions", "bash"])).toContain("members")
    expect(await run(node, [gossip, "run", "--help"])).toContain("gossip run --peers")
  })

  it.each([
    [["hash-ring/main.ts"], /user-42 belongs to /],
    [["leader-job/main.ts", "127.0.0.1:0"], /cleaning up/],
    [["cache-invalidation/main.ts", "127.0.0.1:0"], /loading 42/],
    [["service-discovery/main.ts", "0", "127.0.0.1:0"], /Listening|NoMember/],
    [["admin-routes/main.ts"], /Listening|EADDRINUSE/],
    [["effect-cluster/main.ts"], /others answer for its entities after/]
  ])("runs the example %s", async ([file = "", ...args], expected) => {
    expect(await runUntil([join("examples", file), ...args], expected)).toMatch(expected)
  })
})

describe("the site", () => {
  // TypeDoc takes minutes on a busy machine. A warning, such as a link that leads nowhere, is an error to it.
  it("is built, with every page and the API", { timeout: 1_200_000 }, async () => {
    const site = join(folder, "site")
    await run(node, ["tools/node_modules/typedoc/bin/typedoc", "--options", "tools/typedoc.json", "--out", site])
    expect(readdirSync(join(site, "documents")).length).toBeGreaterThan(10)
    expect(readdirSync(join(site, "modules")).length).toBeGreaterThan(60)
  })
})

describe("the manifest for Kubernetes", () => {
  it("is valid", async () => {
    const output = await run(node, ["tools/validate-kubernetes.js", "observability/kubernetes.yml"])
    expect(output.trim().split("\n")).toHaveLength(4)
  })
})
