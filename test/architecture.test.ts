import { readdirSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { join, posix, sep } from "node:path"
import { describe, expect, it } from "vitest"
import { parseAst } from "vitest/node"
import { configurationPage, exampleFile } from "./config/ConfigTexts.ts"
import { drawing } from "./documents/Drawing.ts"
import { faultsOf, publicSymbols } from "./packaging/PublicApi.ts"

// What each folder of src may import besides itself and `effect`. Imports run one way: down this table.
const layers = new Map<string, ReadonlyArray<string>>()
const layer = (folders: ReadonlyArray<string>, below: ReadonlyArray<string>) => {
  for (const folder of folders) layers.set(folder, below)
  return [...below, ...folders]
}
layer(["domain"], [])
layer(["wire", "time"], ["domain"])
layer(["crypto"], ["domain", "wire", "time"])
const belowTransport = [...layer(["config"], ["domain", "wire", "time", "crypto"])]
const belowMembership = layer(["transport", "state"], belowTransport)
const belowOutbox = layer(["membership"], belowMembership)
const belowComponents = layer(["outbox"], belowOutbox)
const belowQueries = layer(
  ["failure-detector", "gossip", "join", "anti-entropy", "delivery", "events"],
  belowComponents
)
const belowMetrics = layer(["queries"], belowQueries)
const belowCluster = [...layer(["metrics"], belowMetrics), ...layer(["coordination"], belowMetrics)]
const belowServers = layer(["cluster"], belowCluster)
const belowNode = layer(["admin", "simulation", "effect-cluster"], belowServers)
const belowCli = layer(["node"], belowNode)
layer(["cli"], belowCli)

const entries: ReadonlyArray<string> = ["src/index.ts", "src/testing.ts"]
const isEntry = (file: string): boolean => entries.includes(file)
const entry = "src/node/main.ts"

// Packages that only some folders may import. All may import `effect`, and none may import another package.
const packages = new Map<string, ReadonlyArray<string>>([
  ["@effect/platform-node", ["node", "cli"]],
  ["@noble/ciphers", ["crypto"]]
])

const forbiddenNames = /^(utils?|helpers?|common|types)$/i

// A file that imports one of these at run time is a shell ("*" is the whole of effect), and so is a file that uses more
// of `Effect` than constructors of values, which the transformations of a schema need. Every other file is a core: plain
// data and functions.
const shellModules = new Set(["Layer", "Stream", "Scope", "Fiber", "Context", "Clock", "Random", "*"])
const plainValues = new Set(["succeed", "fail", "fromResult", "fromOption"])
// These files put shells together, and need none of these modules to do so.
const composition = /^src\/(index\.ts|testing\.ts|admin\/index\.ts|effect-cluster\/index\.ts|node\/|cli\/)/

const leavesTheRuntime = new Set([
  "promise",
  "runCallback",
  "runFork",
  "runPromise",
  "runPromiseExit",
  "runSync",
  "runSyncExit"
])

// Properties of globals that bypass the services of Effect. "*" is every property.
const bypasses = new Map<string, ReadonlyArray<string>>([
  ["Date", ["now"]],
  ["Math", ["random"]],
  ["console", ["*"]],
  ["crypto", ["getRandomValues", "randomUUID"]],
  ["globalThis", ["*"]],
  ["performance", ["*"]],
  ["process", ["*"]]
])
const timersAndQueues = new Set(["queueMicrotask", "setImmediate", "setInterval", "setTimeout"])

interface Node {
  readonly type: string
  readonly start: number
  readonly [field: string]: unknown
}

interface Import {
  readonly node: Node
  readonly specifier: string
  readonly typeOnly: boolean
  readonly names: ReadonlyArray<{ readonly imported: string; readonly local: string; readonly typeOnly: boolean }>
}

interface Parsed {
  readonly source: string
  readonly nodes: ReadonlyArray<Node>
  readonly imports: ReadonlyArray<Import>
  readonly taken: ReadonlyArray<{ readonly node: Node; readonly name: string }>
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && "start" in value

const nodeAt = (node: Node, field: string): Node | undefined => {
  const value = node[field]
  return isNode(value) ? value : undefined
}

const nodesAt = (node: Node, field: string): ReadonlyArray<Node> => {
  const value = node[field]
  return Array.isArray(value) ? value.filter(isNode) : []
}

const textAt = (node: Node | undefined, field: string): string | undefined => {
  const value = node?.[field]
  return typeof value === "string" ? value : undefined
}

const parse = (source: string): ReadonlyArray<Node> => {
  const nodes: Array<Node> = []
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (!isNode(value)) return
    nodes.push(value)
    Object.values(value).forEach(visit)
  }
  visit(parseAst(source, { lang: "ts" }))
  return nodes
}

const importsIn = (nodes: ReadonlyArray<Node>): ReadonlyArray<Import> =>
  nodes.flatMap((node) => {
    const specifier = textAt(nodeAt(node, "source"), "value")
    if (specifier === undefined) return []
    const names = nodesAt(node, "specifiers").map((name) => {
      const local = textAt(nodeAt(name, "local"), "name") ?? ""
      return {
        imported: name.type.endsWith("NamespaceSpecifier") ? "*" : (textAt(nodeAt(name, "imported"), "name") ?? local),
        local,
        typeOnly: textAt(name, "importKind") === "type" || textAt(name, "exportKind") === "type"
      }
    })
    // An import of inline `type` names only still loads the module. Only `import type` does not.
    const typeOnly =
      node.type === "TSImportType" || textAt(node, "importKind") === "type" || textAt(node, "exportKind") === "type"
    return [{ node, specifier, typeOnly, names }]
  })

// The modules of effect that an import loads, with the name that is imported ("*" is the module itself) and the local name.
const effectModules = (
  found: Import
): ReadonlyArray<{ readonly module: string; readonly name: string; readonly local: string }> => {
  if (found.typeOnly) return []
  const names = found.names.filter((name) => !name.typeOnly)
  if (found.specifier === "effect") return names.map(({ imported, local }) => ({ module: imported, name: "*", local }))
  if (!found.specifier.startsWith("effect/")) return []
  const module = found.specifier.slice(found.specifier.lastIndexOf("/") + 1)
  return names.map(({ imported, local }) => ({ module, name: imported, local }))
}

// What a file uses of `Effect`, under any local name.
const takenFromEffect = (
  nodes: ReadonlyArray<Node>,
  imports: ReadonlyArray<Import>
): ReadonlyArray<{ readonly node: Node; readonly name: string }> => {
  const locals = new Set<string>()
  const taken: Array<{ readonly node: Node; readonly name: string }> = []
  for (const found of imports) {
    for (const { module, name, local } of effectModules(found)) {
      if (module !== "Effect") continue
      if (name === "*") locals.add(local)
      else taken.push({ node: found.node, name })
    }
  }
  for (const node of nodes) {
    const object = node.type === "MemberExpression" ? textAt(nodeAt(node, "object"), "name") : undefined
    if (object !== undefined && locals.has(object)) taken.push({ node, name: propertyOf(node) })
  }
  return taken
}

// The property that a member expression names, or "*" if it is computed.
const propertyOf = (node: Node): string => {
  const key = nodeAt(node, "property")
  return (node["computed"] === true ? textAt(key, "value") : textAt(key, "name")) ?? "*"
}

const isShell = (imports: ReadonlyArray<Import>, taken: ReadonlyArray<{ readonly name: string }>): boolean =>
  imports.some((found) => effectModules(found).some(({ module }) => shellModules.has(module))) ||
  taken.some(({ name }) => !plainValues.has(name))

const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")

const folderOf = (file: string): string | undefined => {
  const [, folder, inside] = file.split("/")
  return inside === undefined ? undefined : folder
}

const brokenByPath = (file: string): ReadonlyArray<string> => {
  const folder = folderOf(file)
  const forbidden = file
    .split("/")
    .map((name) => name.replace(/\..*$/, ""))
    .filter((name) => forbiddenNames.test(name))
  if (forbidden.length > 0) {
    return forbidden.map((name) => `no file or folder is called "${name}": a name says what is in it`)
  }
  if (folder === undefined) {
    return isEntry(file) ? [] : [`only ${entries.join(" and ")} are outside of the component folders`]
  }
  return layers.has(folder) ? [] : [`folder "${folder}" is not in the table of folders`]
}

const brokenByImport = (
  file: string,
  found: Import,
  core: boolean,
  shells: ReadonlySet<string>
): ReadonlyArray<string> => {
  const folder = folderOf(file)
  if (!found.specifier.startsWith(".")) {
    const name = packageOf(found.specifier)
    if (name === "effect") return []
    if (isBuiltin(found.specifier)) {
      return folder === "node" || folder === "cli" ? [] : ["only src/node and src/cli import from Node.js"]
    }
    const users = packages.get(name) ?? []
    if (folder !== undefined && users.includes(folder)) return []
    return [`${folder ?? file} does not import the package ${name}`]
  }

  const target = posix.join(posix.dirname(file), found.specifier)
  if (isEntry(target)) return [`nothing imports ${target}`]
  const targetFolder = folderOf(target)
  if (targetFolder === undefined || !target.startsWith("src/")) return [`${target} is not in a component folder`]

  const broken: Array<string> = []
  const allowed =
    targetFolder === folder ||
    (isEntry(file) && targetFolder !== "node" && targetFolder !== "cli") ||
    (file === entry && targetFolder === "cli") ||
    (folder !== undefined && layers.get(folder)?.includes(targetFolder) === true)
  if (!allowed) broken.push(`${folder ?? file} does not import ${targetFolder}`)
  if (core && !found.typeOnly && shells.has(target)) {
    broken.push(`a core imports no shell: ${target} is one, use "import type" for its types`)
  }
  return broken
}

const brokenByCode = (file: string, node: Node): ReadonlyArray<string> => {
  const atTheEdge = folderOf(file) === "node"
  switch (node.type) {
    case "MemberExpression": {
      const object = textAt(nodeAt(node, "object"), "name")
      const property = propertyOf(node)
      if (object === undefined) return []
      const banned = bypasses.get(object)
      if (atTheEdge || banned === undefined) return []
      return banned.includes("*") || banned.includes(property)
        ? [`${object}.${property} bypasses the services of Effect`]
        : []
    }
    case "NewExpression":
    case "CallExpression": {
      const callee = textAt(nodeAt(node, "callee"), "name")
      if (atTheEdge || callee === undefined) return []
      if (timersAndQueues.has(callee)) return [`${callee} bypasses the services of Effect`]
      const readsTheClock =
        callee === "Date" && (node.type === "CallExpression" || nodesAt(node, "arguments").length === 0)
      return readsTheClock ? ["Date without an argument bypasses Effect's Clock"] : []
    }
    case "TSAsExpression": {
      const inner = nodeAt(node, "expression")
      return inner?.type === "TSAsExpression" && nodeAt(inner, "typeAnnotation")?.type === "TSUnknownKeyword"
        ? ["no cast by way of unknown"]
        : []
    }
    default:
      return []
  }
}

/** Every place where a file breaks a rule, as `file:line rule`. Takes the text of each file by path. */
const violations = (files: ReadonlyMap<string, string>): ReadonlyArray<string> => {
  const broken: Array<string> = []
  const parsed = new Map<string, Parsed>()
  for (const [file, source] of files) {
    broken.push(...brokenByPath(file).map((rule) => `${file}:1 ${rule}`))
    try {
      const nodes = parse(source)
      const imports = importsIn(nodes)
      parsed.set(file, { source, nodes, imports, taken: takenFromEffect(nodes, imports) })
    } catch (error) {
      broken.push(`${file}:1 does not parse: ${String(error)}`)
    }
  }

  const shells = new Set([...parsed].filter(([, { imports, taken }]) => isShell(imports, taken)).map(([file]) => file))
  for (const [file, { source, nodes, imports, taken }] of parsed) {
    const report = (node: Node) => (rule: string) => {
      broken.push(`${file}:${source.slice(0, node.start).split("\n").length} ${rule}`)
    }
    const core = !shells.has(file) && !composition.test(file)
    for (const found of imports) brokenByImport(file, found, core, shells).forEach(report(found.node))
    for (const node of nodes) brokenByCode(file, node).forEach(report(node))
    for (const { node, name } of taken) {
      if (!leavesTheRuntime.has(name)) continue
      report(node)(`Effect.${name} leaves the clock, the scheduler or the services of its caller`)
    }
  }
  return broken
}

const root = join(import.meta.dirname, "..")
const sources = (): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => `src/${path.split(sep).join("/")}`)
      .sort()
      .map((file) => [file, readFileSync(join(root, file), "utf8")])
  )

describe("architecture", () => {
  it("src keeps the rules", () => {
    expect(violations(sources()).join("\n")).toBe("")
  })

  it("no folder is below itself in the table", () => {
    for (const [folder, below] of layers) {
      expect(below).not.toContain(folder)
      for (const lower of below) expect(layers.get(lower), `${folder} over ${lower}`).not.toContain(folder)
    }
  })

  const shell = `import { Effect } from "effect"\nexport const run = Effect.void`

  it.each<[file: string, source: string, line: number, rule: RegExp]>([
    ["src/domain/Id.ts", `\nimport { encode } from "../wire/Codec.ts"`, 2, /domain does not import wire/],
    ["src/domain/Id.ts", `import type { Codec } from "../wire/Codec.ts"`, 1, /domain does not import wire/],
    ["src/domain/Id.ts", `export * from "../wire/Codec.ts"`, 1, /domain does not import wire/],
    ["src/domain/Id.ts", `export type C = import("../wire/Codec.ts").C`, 1, /domain does not import wire/],
    ["src/domain/Id.ts", `export const c = import("../wire/Codec.ts")`, 1, /domain does not import wire/],
    ["src/gossip/Gossip.ts", `import * as D from "../detector/D.ts"`, 1, /gossip does not import detector/],
    ["src/gossip/Gossip.ts", `import * as J from "../join/J.ts"`, 1, /gossip does not import join/],
    ["src/failure-detector/D.ts", `import * as D from "../delivery/D.ts"`, 1, /detector does not import delivery/],
    ["src/cluster/Cluster.ts", `import * as N from "../node/N.ts"`, 1, /cluster does not import node/],
    ["src/admin/Admin.ts", `import * as S from "../simulation/S.ts"`, 1, /admin does not import simulation/],
    ["src/node/Bind.ts", `import * as C from "../cli/Run.ts"`, 1, /node does not import cli/],
    ["src/index.ts", `export * as N from "./node/N.ts"`, 1, /src\/index.ts does not import node/],
    ["src/cli/Run.ts", `import { Cluster } from "../index.ts"`, 1, /nothing imports src\/index.ts/],
    ["src/cluster/Cluster.ts", `import * as fs from "node:fs"`, 1, /only src\/node and src\/cli/],
    ["src/cluster/Cluster.ts", `import * as fs from "fs"`, 1, /only src\/node and src\/cli/],
    ["src/admin/Admin.ts", `import { N } from "@effect/platform-node"`, 1, /the package @effect\/platform-node/],
    ["src/wire/Codec.ts", `import fc from "fast-check"`, 1, /the package fast-check/],
    ["src/wire/Codec.ts", `import { run } from "./Shell.ts"`, 1, /a core imports no shell/],
    ["src/wire/Codec.ts", `import { type Run } from "./Shell.ts"`, 1, /a core imports no shell/],
    ["src/wire/utils.ts", ``, 1, /no file or folder is called "utils"/],
    ["src/common/Id.ts", ``, 1, /no file or folder is called "common"/],
    ["src/storage/Disk.ts", ``, 1, /not in the table of folders/],
    ["src/Membership.ts", ``, 1, /outside of the component folders/],
    ["src/wire/Codec.ts", `\n\nexport const t = Date.now()`, 3, /Date.now/],
    ["src/wire/Codec.ts", `export const t = new Date()`, 1, /Date without an argument/],
    ["src/wire/Codec.ts", `export const t = Math["random"]()`, 1, /Math.random/],
    ["src/wire/Codec.ts", `export const t = globalThis.performance`, 1, /globalThis.performance/],
    ["src/wire/Codec.ts", `export const t = process.env`, 1, /process.env/],
    ["src/wire/Codec.ts", `console.log("x")`, 1, /console.log/],
    ["src/wire/Codec.ts", `setTimeout(() => {}, 1)`, 1, /setTimeout/],
    ["src/wire/Codec.ts", `export const t = crypto.randomUUID()`, 1, /crypto.randomUUID/],
    ["src/wire/Codec.ts", `export const t = (x: string) => x as unknown as number`, 1, /cast by way of unknown/],
    ["src/node/Run.ts", `import { Effect as E } from "effect"\nE.runSync(E.void)`, 2, /Effect.runSync/],
    ["src/node/Run.ts", `import * as Effect from "effect/Effect"\nEffect.runFork(x)`, 2, /Effect.runFork/],
    ["src/node/Run.ts", `import { promise } from "effect/Effect"`, 1, /Effect.promise/],
    ["src/wire/Codec.ts", `import { Effect } from "effect"\nimport "./Shell.ts"\nEffect.fail(1)`, 2, /no shell/],
    ["src/wire/Codec.ts", `const = `, 1, /does not parse/]
  ])("%s breaks a rule: %s", (file, source, line, rule) => {
    const found = violations(new Map([["src/wire/Shell.ts", shell]]).set(file, source))
    expect(found).toHaveLength(1)
    expect(found[0]).toMatch(rule)
    expect(found[0]?.startsWith(`${file}:${line} `)).toBe(true)
  })

  it.each<[file: string, source: string]>([
    ["src/wire/Codec.ts", `import type { Run } from "./Shell.ts"`],
    ["src/wire/Other.ts", `import { Effect } from "effect"\nimport { run } from "./Shell.ts"\nrun.pipe(Effect.asVoid)`],
    ["src/wire/Codec.ts", `import { Schema } from "effect"\nimport * as Id from "../domain/Id.ts"`],
    ["src/wire/Shell.ts", `import { Effect } from "effect"\nexport const answer = Effect.succeed(1)`],
    ["src/failure-detector/Ring.ts", `import * as Queue from "../outbox/Queue.ts"`],
    ["src/cluster/Cluster.ts", `import * as Metrics from "../metrics/Names.ts"`],
    ["src/index.ts", `export * as Run from "./wire/Shell.ts"`],
    ["src/node/main.ts", `import { command } from "../cli/Root.ts"\nprocess.exitCode = Date.now()`],
    ["src/cli/Run.ts", `import * as fs from "node:fs"\nimport { NodeRuntime } from "@effect/platform-node"`],
    ["src/wire/Codec.ts", `// process.env, Date.now()\nexport const text = "setTimeout(1)"`],
    ["src/wire/Codec.ts", `export const at = (process: { id: number }, ms: number) => new Date(ms)`],
    ["src/wire/Codec.ts", `export const x = (n: number) => n as 1\nexport const y = [1] as const`]
  ])("%s keeps the rules: %s", (file, source) => {
    expect(violations(new Map([["src/wire/Shell.ts", shell]]).set(file, source))).toEqual([])
  })
})

describe("public symbols", () => {
  const symbols = publicSymbols()

  it("are found", () => {
    expect(symbols.length).toBeGreaterThan(300)
    expect(symbols.map(({ name }) => name)).toEqual(expect.arrayContaining(["Cluster", "Transport", "VirtualNetwork"]))
  })

  it("are documented, and their signatures name public symbols only", () => {
    const faults = symbols.flatMap((symbol) =>
      faultsOf(symbol).map((fault) => `${symbol.file}:${symbol.line} ${symbol.name}: ${fault}`)
    )
    expect(faults).toEqual([])
  })

  it.each([
    ["", ["it has no documentation"]],
    ["/** Says something. */", ["it has no @since", "it has no @category"]],
    ["/**\n * @category models\n * @since 0.2.0\n */", ["its documentation does not begin with a sentence"]],
    ["/**\n * Says something.\n *\n * @category models\n * @since 0.2.0\n */", []]
  ])("with the comment %j have the faults %j", (comment, faults) => {
    expect(faultsOf({ file: "", name: "", line: 1, comment, unnameable: [] })).toEqual(faults)
  })
})

// `npx vitest run test/architecture.test.ts -u` writes them anew.
describe("what is made from the source is up to date:", () => {
  it("the example file, from the table of keys", () =>
    expect(exampleFile).toMatchFileSnapshot("../gossip.example.toml"))

  it("the page of the configuration, from the table of keys", () =>
    expect(configurationPage).toMatchFileSnapshot("../docs/CONFIGURATION.md"))

  it("the drawing of the architecture, from the imports", () =>
    expect(drawing()).toMatchFileSnapshot("../docs/architecture.svg"))
})
