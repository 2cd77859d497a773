/** `gossip sim` in this process: which plan it makes of flags and files, and what it refuses. */
import { execFileSync } from "node:child_process"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, FileSystem } from "effect"
import { type CliError, Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { sim } from "../../src/cli/sim.ts"
import * as SimPlan from "../../src/cli/SimPlan.ts"
import { layerHost } from "./InProcess.ts"

const run = (args: ReadonlyArray<string>) =>
  Effect.provide(Command.runWith(sim, { version: "0" })(args), [NodeServices.layer, layerHost()])

/** What a command prints on standard output. */
const outputOf = (args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const before = (yield* TestConsole.logLines).length
    yield* run(args)
    return (yield* TestConsole.logLines).slice(before).map(String).join("\n")
  })

/** The plan that flags make, as a file has it. */
const planOf = (args: ReadonlyArray<string>) =>
  Effect.map(outputOf([...args, "--print-plan=json"]), (text): unknown => JSON.parse(text))

/** What is wrong, a line each. */
const wrong = (args: ReadonlyArray<string>) =>
  Effect.map(Effect.flip(run(args)), (error: CliError.CliError) =>
    error._tag === "UserError" ? (error.userMessage ?? "").split("\n") : [error._tag]
  )

/** A file with this text, until the end of the test. */
const file = (name: string, text: string) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const path = `${yield* files.makeTempDirectoryScoped()}/${name}`
    yield* files.writeFileString(path, text)
    return path
  }).pipe(Effect.provide(NodeServices.layer))

/** A plan of ten nodes for a minute, as it is without flags. */
const plain = {
  nodes: 10,
  old_nodes: 0,
  seed: 1,
  duration_ms: 60_000,
  join_over_ms: 0,
  peers: 1,
  encrypt: false,
  network: {},
  config: {},
  step: []
}

describe("the plan of gossip sim", () => {
  it.effect("is ten nodes for a minute", () =>
    Effect.gen(function* () {
      expect(yield* planOf([])).toEqual(plain)
    })
  )

  it.effect("has what flags say", () =>
    Effect.gen(function* () {
      const flags =
        "--nodes 12 --old-nodes 3 --seconds 30.5 --seed 7 --loss 0.25 --latency 5ms --jitter 0.5s " +
        "--cut n1:n2,n3@10s+20s --cut n2:n1 --partition 0.5@20s+500ms --partition n1,n2|n3 --freeze 2@10s+5s " +
        "--restart 3@20s --stop n4 --kill 10@1s --crash n5 --kill 1"
      expect(yield* planOf(flags.split(" "))).toEqual({
        ...plain,
        nodes: 12,
        old_nodes: 3,
        seed: 7,
        duration_ms: 30_500,
        network: { loss: 0.25, latency_ms: 5, jitter_ms: 500 },
        step: [
          { do: "kill", at_ms: 1000, nodes: 10 },
          { do: "kill", at_ms: 15_250, nodes: 1 },
          { do: "crash", at_ms: 15_250, nodes: ["n5"] },
          { do: "stop", at_ms: 15_250, nodes: ["n4"] },
          { do: "restart", at_ms: 20_000, nodes: 3 },
          { do: "freeze", at_ms: 10_000, for_ms: 5000, nodes: 2 },
          { do: "partition", at_ms: 20_000, for_ms: 500, part: 0.5 },
          { do: "partition", at_ms: 15_250, groups: [["n1", "n2"], ["n3"]] },
          { do: "cut", at_ms: 10_000, for_ms: 20_000, from: ["n1"], to: ["n2", "n3"] },
          { do: "cut", at_ms: 15_250, from: ["n2"], to: ["n1"] }
        ]
      })
      expect(yield* planOf(["--encrypt", "--seed", "07"])).toEqual({ ...plain, encrypt: true, seed: "07" })
    })
  )

  it.effect("is that of a file but for what flags say, whose events come on top", () =>
    Effect.gen(function* () {
      const plan = yield* file(
        "plan.toml",
        `nodes = 3
        seed = "file"
        duration_ms = 9000
        peers = 2
        [network]
        loss = 0.5
        corrupt = 0.1
        [config.gossip]
        fanout = 5
        interval_ms = 100
        [[step]]
        do = "kill"
        at_ms = 8000
        nodes = ["n5"]`
      )
      const config = yield* file("node.toml", "[gossip]\nfanout = 7\n[probes]\ninterval_ms = 800\n")
      const flags = ["--nodes", "6", "--seconds", "10", "--seed", "flag", "--loss", "0.1", "--latency", "2ms"]
      const expected = {
        ...plain,
        nodes: 6,
        seed: "flag",
        duration_ms: 10_000,
        peers: 2,
        network: { loss: 0.1, corrupt: 0.1, latency_ms: 2 },
        config: { gossip: { fanout: 7, interval_ms: 100 }, probes: { interval_ms: 800 } },
        step: [
          { do: "kill", at_ms: 8000, nodes: ["n5"] },
          { do: "stop", at_ms: 5000, nodes: 1 }
        ]
      }
      for (const from of [[plan], ["--scenario", plan]]) {
        expect(yield* planOf([...from, ...flags, "--config", config, "--stop", "1"])).toEqual(expected)
      }
      expect(yield* planOf([plan, "--nodes", "5"])).toMatchObject({ nodes: 5, duration_ms: 9000, seed: "file" })
      // It is judged only then: without the flag it names a node that is not there.
      expect(yield* wrong([plan])).toEqual([
        `\`nodes\` of step 1 (kill) in ${plan} names n5, and there are only the nodes n1 to n3; name one of them, or raise \`nodes\``
      ])
    }).pipe(Effect.scoped)
  )

  it.effect("is printed as TOML too", () =>
    Effect.gen(function* () {
      const text = yield* outputOf(["--kill", "n2", "--print-plan"])
      expect(text).toContain("nodes = 10\n")
      expect(text).toMatch(/\[\[step\]\]\ndo = "kill"\nat_ms = 30000\nnodes = \["n2"\]$/)
      const path = yield* file("plan.toml", text)
      expect(yield* planOf([path])).toEqual(yield* planOf(["--kill", "n2"]))
    }).pipe(Effect.scoped)
  )
})

describe("the events of flags", () => {
  it.each([
    ["kill", "1", { do: "kill", at: Duration.seconds(5), nodes: 1 }],
    ["crash", "n2@3s", { do: "crash", at: Duration.seconds(3), nodes: ["n2"] }],
    ["stop", "n3,n4@0ms", { do: "stop", at: Duration.zero, nodes: ["n3", "n4"] }],
    ["freeze", "1+1.5m", { do: "freeze", at: Duration.seconds(5), for: Duration.seconds(90), nodes: 1 }],
    ["partition", "0@1h", { do: "partition", at: Duration.hours(1), part: 0 }]
  ] as const)("--%s %s", (flag, text, expected) => {
    expect(SimPlan.stepOf(flag, text, Duration.seconds(5))).toMatchObject({ _tag: "Success", success: expected })
  })

  it.each([
    ["kill", "0", '"0" selects no nodes; expected a number from 1 to 10000, or names such as n3 or n3,n7'],
    ["kill", "n0", '"n0" selects no nodes; expected a number from 1 to 10000, or names such as n3 or n3,n7'],
    ["kill", "1.5", '"1.5" selects no nodes; expected a number from 1 to 10000, or names such as n3 or n3,n7'],
    ["stop", "1+3s", "it takes no duration; expected NODES[@WHEN]"],
    ["restart", "@3s", "expected NODES[@WHEN]"],
    ["restart", "", "expected NODES[@WHEN]"],
    ["kill", "1@3s@4s", "expected NODES[@WHEN]"],
    ["freeze", "1+3s@4s", "expected NODES[@WHEN][+HOW_LONG]"],
    ["freeze", "1@3", '"3" is no time; expected a time with its unit, such as 5ms, 30s, 2m or 1h'],
    ["freeze", "1@", '"" is no time; expected a time with its unit, such as 5ms, 30s, 2m or 1h'],
    ["freeze", "1@999999h", '"999999h" is no time; expected a time with its unit, such as 5ms, 30s, 2m or 1h'],
    ["freeze", "1+0s", "its duration must be above 0"],
    ["partition", "2", '"2" is no fraction of the nodes; expected a number from 0 to 1, or groups such as n1,n2|n3'],
    ["partition", "n1|2", '"2" is no list of nodes; expected names such as n3 or n3,n7'],
    ["cut", "n1", "expected FROM:TO[@WHEN][+HOW_LONG], such as n1:n2 or n1,n2:n3"],
    ["cut", "n1:n2:n3", "expected FROM:TO[@WHEN][+HOW_LONG], such as n1:n2 or n1,n2:n3"],
    ["cut", "n1:2", '"2" is no list of nodes; expected names such as n3 or n3,n7']
  ] as const)("not --%s %j", (flag, text, failure) => {
    expect(SimPlan.stepOf(flag, text, Duration.seconds(5))).toMatchObject({ _tag: "Failure", failure })
  })
})

describe("gossip sim refuses", () => {
  it.effect("flags that say nothing, all at once", () =>
    Effect.gen(function* () {
      const flags = "--nodes 0 --old-nodes -1 --seconds 3s --loss 5% --latency 5 --jitter 1d --kill 0"
      expect(yield* wrong(flags.split(" "))).toEqual([
        '--nodes is "0"; expected a whole number from 1 to 10000',
        '--old-nodes is "-1"; expected a whole number from 0 to 10000',
        '--seconds is "3s"; expected a number of seconds from 0.001 to 2592000',
        '--loss is "5%"; expected a number from 0 to 1',
        '--latency is "5"; expected a time with its unit, such as 5ms, 30s, 2m or 1h',
        '--jitter is "1d"; expected a time with its unit, such as 5ms, 30s, 2m or 1h',
        '--kill "0": "0" selects no nodes; expected a number from 1 to 10000, or names such as n3 or n3,n7'
      ])
      expect(yield* wrong(["--seconds", "0"])).toEqual([
        '--seconds is "0"; expected a number of seconds from 0.001 to 2592000'
      ])
      expect(yield* wrong(["--seconds", "2592001"])).toEqual([
        '--seconds is "2592001"; expected a number of seconds from 0.001 to 2592000'
      ])
    })
  )

  it.effect("events that cannot be, by the flag that wants them", () =>
    Effect.gen(function* () {
      expect(yield* wrong(["--kill", "n11", "--stop", "1@60s"])).toEqual([
        "`nodes` of --kill n11 names n11, and there are only the nodes n1 to n10; name one of them, or raise `nodes`",
        "`at_ms` of --stop 1@60s is 60000, and the plan ends at 60000 ms; choose an earlier time, or raise `duration_ms`"
      ])
    })
  )

  it.effect("files that are not there, or wrong", () =>
    Effect.gen(function* () {
      expect(yield* wrong(["/no/plan.toml"])).toEqual(["cannot read /no/plan.toml: there is no such file"])
      const plan = yield* file("plan.toml", 'nodes = 5\nduration_ms = 5\n[[step]]\ndo = "kil"')
      expect(yield* wrong([plan])).toEqual([`\`do\` of step 1 in ${plan} is "kil"; did you mean "kill"?`])
      expect(yield* wrong([plan, "--scenario", plan])).toEqual([
        "--scenario and SCENARIO are the same; give one of them"
      ])
      // A pipe would be waited for.
      const pipe = `${plan}.pipe`
      yield* Effect.sync(() => execFileSync("mkfifo", [pipe]))
      for (const flag of ["--trace", "--report"]) {
        expect(yield* wrong([flag, "/no/file"])).toEqual(["cannot write /no/file: its directory does not exist"])
        for (const path of ["/", "/dev/zero", pipe]) {
          expect(yield* wrong([flag, path])).toEqual([`cannot write ${path}: it is not a regular file`])
        }
      }
    }).pipe(Effect.scoped)
  )

  it.effect("a configuration of one node, or a wrong one", () =>
    Effect.gen(function* () {
      const own = yield* file(
        "node.toml",
        '[network]\nbind = "0.0.0.0:7946"\ncluster_key_file = "k"\n[admin]\nsocket = "s"'
      )
      expect(yield* wrong(["--config", own])).toEqual([
        `\`network.bind\` in ${own} is not for a simulation: the simulation gives each node its own`,
        `\`network.cluster_key_file\` in ${own} is not for a simulation: a plan holds no secrets; \`encrypt = true\` encrypts with a key that the seed draws`,
        `\`admin.socket\` in ${own} is not for a simulation: a simulated node has no admin interface`
      ])
      const bad = yield* file("node.toml", "[gossip]\nfanuot = 3\ninterval_ms = 0")
      expect(yield* wrong(["--config", bad])).toEqual([
        `unknown key \`gossip.fanuot\`; did you mean \`gossip.fanout\`? (${bad})`,
        `\`gossip.interval_ms\` in ${bad} is 0; expected a number of milliseconds from 0.001 to 2147483647`
      ])
      const closed = yield* file("node.toml", '[network]\nencryption = "required"')
      expect(yield* wrong(["--config", closed])).toEqual([
        '`config.network.encryption` is "required", and there is no key; set `encrypt = true`, so that the seed draws one'
      ])
      expect(yield* planOf(["--config", closed, "--encrypt"])).toMatchObject({
        config: { network: { encryption: "required" } }
      })
    }).pipe(Effect.scoped)
  )

  it.effect("another plan besides a recorded one, and what is no recording", () =>
    Effect.gen(function* () {
      const recording = yield* file("r.json", JSON.stringify({ plan: { nodes: 3, duration_ms: 2000 } }))
      const others = "--nodes 3 --kill 1 --old-nodes 1 --encrypt"
      expect(yield* wrong([recording, "--replay", recording, ...others.split(" ")])).toEqual([
        `--replay carries a plan out as it is; leave out --kill, --nodes, --old-nodes, --encrypt, "${recording}"`
      ])
      const none = yield* file("r.json", "[]")
      expect(yield* wrong(["--replay", none])).toEqual([
        `${none} is no recorded plan; expected a JSON object with \`plan\`, and \`broken\` with \`invariant\`, \`node\` and \`event\` if something broke`
      ])
    }).pipe(Effect.scoped)
  )
})
