/** The shell blocks of the README and of the operations guide run, in the order in which a reader would run them. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { directory, freePort, outcome, running, timeout } from "../cli/InProcess.ts"
import { reserve } from "../integration/RealNodes.ts"
import { commandsIn } from "./Blocks.ts"

// They need a network, or are what runs these tests.
const others = new Set([
  "npm ci && npm start",
  "npm ci && npm test",
  "npm install effect-gossip effect @effect/platform-node"
])

const files = /^(gossip\.toml|cluster\.key|new\.key|report\.html)$/

/** Runs the commands of a document, all in one directory. Nodes run until the end. */
const runAll = (document: string) =>
  Effect.gen(function* () {
    const folder = yield* directory
    const [address = ""] = yield* reserve(1)
    const port = yield* freePort
    writeFileSync(
      join(folder, "gossip.toml"),
      `[network]\nbind = "127.0.0.1:0"\n[node]\ntags = { zone = "a" }\n[admin]\nsocket = "${join(folder, "admin.sock")}"\n`
    )
    const argument = (word: string): string =>
      (files.test(word) ? join(folder, word) : word)
        .replace("127.0.0.1:7946", address)
        .replace(/\b9100\b/, String(port))
    const known = commandsIn(document).filter((command) => !others.has(command))
    for (const command of known) {
      const [npx, gossip, ...words] = command.split(" ")
      assert.deepStrictEqual([npx, gossip], ["npx", "gossip"], command)
      // A hundred nodes take many seconds of a processor.
      const args = words.map(argument).map((word) => (words[0] === "sim" && word === "100" ? "6" : word))
      if (args[0] === "run") yield* running(args.slice(1))
      else {
        const { end, stderr } = yield* outcome(args)
        assert.strictEqual(end, 0, `${command}\n${stderr}`)
      }
    }
    return { folder, count: known.length }
  })

describe("the shell blocks", () => {
  it.live(
    "of the README run",
    () =>
      Effect.gen(function* () {
        const { count, folder } = yield* runAll("README.md")
        assert.isAtLeast(count, 8)
        assert.isTrue(existsSync(join(folder, "report.html")))
        assert.match(readFileSync(join(folder, "cluster.key"), "utf8"), /^[0-9a-f]{64}$/m)
      }),
    timeout
  )

  it.live(
    "of the operations guide run",
    () => Effect.map(runAll("docs/OPERATIONS.md"), ({ count }) => assert.isAtLeast(count, 10)),
    timeout
  )
})
