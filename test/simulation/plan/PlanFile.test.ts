import { describe, expect, it } from "@effect/vitest"
import { Duration, Result } from "effect"
import { Toml } from "effect/encoding"
import * as fc from "fast-check"
import * as Plan from "../../../src/simulation/plan/Plan.ts"
import * as PlanFile from "../../../src/simulation/plan/PlanFile.ts"
import * as Plans from "./Plans.ts"

const parse = (text: string, path = "p.toml") => Result.getOrThrow(PlanFile.parse({ path, text }))

/** The problems of a file, one line each. */
const wrong = (text: string, path = "p.toml") =>
  Result.match(PlanFile.parse({ path, text }), {
    onFailure: ({ message }) => message.split("\n"),
    onSuccess: () => []
  })

const head = "nodes = 10\nduration_ms = 10000\n"
const step = (text: string) => `${head}[[step]]\n${text}`

describe("a plan as a file", () => {
  it("is read as the same plan again, in TOML and in JSON", () => {
    fc.assert(
      fc.property(Plans.raw, (raw) => {
        const plan = Result.getOrThrow(PlanFile.decode(raw))
        for (const format of ["toml", "json"] as const) {
          const text = Result.getOrThrow(PlanFile.format(plan, format))
          expect(parse(text, `p.${format}`)).toEqual(plan)
        }
      })
    )
  })

  it("is read in the form in which people write it", () => {
    const plan = parse(`
      nodes = 20
      seed = 7
      duration_ms = 60000

      [network]
      loss = 0.05

      [config.gossip]
      interval_ms = 100

      [[step]]
      at_ms = 10000
      do = "freeze"
      nodes = ["n3", "n7"]
      for_ms = 5000

      [[step]]
      at_ms = 12000.5
      do = "partition"
      groups = [["n1", "n2"], ["n3"]]
    `)
    expect(plan).toEqual(
      Plan.make({
        nodes: 20,
        seed: 7,
        duration: Duration.seconds(60),
        network: { loss: 0.05 },
        config: { gossip: { interval_ms: 100 } },
        steps: [
          { do: "freeze", at: Duration.seconds(10), for: Duration.seconds(5), nodes: ["n3", "n7"] },
          { do: "partition", at: Duration.micros(12_000_500n), groups: [["n1", "n2"], ["n3"]] }
        ]
      })
    )
  })

  it("is written in a readable form", () => {
    const plan = Plan.make({
      nodes: 2,
      seed: 'a "b"\\\u007f\n',
      duration: Duration.seconds(2),
      network: { loss: 0.5, latency: Duration.millis(2) },
      config: { gossip: { interval_ms: 100 }, network: { allow: ["10.0.0.0/8"] } },
      steps: [{ do: "partition", at: Duration.seconds(1), groups: [["n1"], ["n2"]] }]
    })
    expect(Result.getOrThrow(PlanFile.format(plan, "toml"))).toBe(
      [
        "nodes = 2",
        "old_nodes = 0",
        'seed = "a \\"b\\"\\\\\\u007f\\n"',
        "duration_ms = 2000",
        "join_over_ms = 0",
        "peers = 1",
        "encrypt = false",
        "",
        "[network]",
        "latency_ms = 2",
        "loss = 0.5",
        "",
        "[config.gossip]",
        "interval_ms = 100",
        "",
        "[config.network]",
        'allow = ["10.0.0.0/8"]',
        "",
        "[[step]]",
        'do = "partition"',
        "at_ms = 1000",
        'groups = [["n1"], ["n2"]]',
        ""
      ].join("\n")
    )
    for (const seed of [2 ** 53, 1e20, 1e300, -1e20]) {
      const text = Result.getOrThrow(PlanFile.format({ ...plan, seed }, "toml"))
      expect(Toml.parse(text)).toMatchObject({ success: { seed } })
    }
  })

  it("is not written if the plan is invalid", () => {
    const plan = Plan.make({ nodes: 0, duration: Duration.seconds(2) })
    expect(Result.isFailure(PlanFile.format(plan, "toml"))).toBe(true)
  })
})

describe("a wrong file", () => {
  it("is not TOML, or not JSON", () => {
    expect(wrong("nodes = ")).toEqual(["p.toml: Expected a value at line 1, column 9"])
    expect(wrong("{", "p.json")).toEqual(["p.json is not JSON; a plan in TOML is in a file named .toml"])
    expect(wrong("[]", "p.JSON")).toEqual([
      "the plan in p.JSON is []; expected an object with `nodes` and `duration_ms`"
    ])
  })

  it("lacks required keys", () => {
    expect(wrong("")).toEqual([
      "`nodes` in p.toml is missing; expected a whole number from 1 to 10000",
      "`duration_ms` in p.toml is missing; expected a number of milliseconds from 0.001 to 2592000000"
    ])
    expect(wrong(step('do = "cut"\nfor_ms = 3'))).toEqual([
      "`at_ms` of step 1 (cut) in p.toml is missing; expected a number of milliseconds from 0 to 2592000000",
      '`from` of step 1 (cut) in p.toml is missing; expected a list of names of nodes, such as ["n3", "n7"]',
      '`to` of step 1 (cut) in p.toml is missing; expected a list of names of nodes, such as ["n3", "n7"]'
    ])
  })

  it("has unknown keys", () => {
    expect(wrong(`${head}node = 3\nzzzzz = 3\n[network]\nlos = 1\nzzzzz = 3`)).toEqual([
      "unknown key `node` in p.toml; did you mean `nodes`?",
      "unknown key `zzzzz` in p.toml; the keys of a plan are `nodes`, `old_nodes`, `seed`, `duration_ms`, `join_over_ms`, `peers`, `encrypt`, `network`, `config`, `step`",
      "unknown key `network.los` in p.toml; did you mean `loss`?",
      "unknown key `network.zzzzz` in p.toml; the keys of `network` are `latency_ms`, `jitter_ms`, `loss`, `duplicate`, `corrupt`, `reorder`, `reorder_by_ms`, `reject`, `bandwidth`, `queue`, `mtu`"
    ])
    expect(wrong(step('do = "kill"\nat_ms = 1\nnodes = 1\nfor_ms = 3\nnode = 1'))).toEqual([
      'unknown key `for_ms` of step 1 (kill) in p.toml; the keys of a step that is "kill" are `do`, `at_ms`, `nodes`',
      "unknown key `node` of step 1 (kill) in p.toml; did you mean `nodes`?"
    ])
  })

  it("has steps without a known kind", () => {
    expect(wrong(`${step('do = "kil"')}\n[[step]]\nat_ms = 3\n[[step]]\ndo = 3\n`)).toEqual([
      '`do` of step 1 in p.toml is "kil"; did you mean "kill"?',
      '`do` of step 2 in p.toml is missing; expected one of "kill", "crash", "stop", "restart", "freeze", "block_io", "partition", "cut", "heal", "slow", "skew", "network", "start", "replay", "forge"',
      '`do` of step 3 in p.toml is 3; expected one of "kill", "crash", "stop", "restart", "freeze", "block_io", "partition", "cut", "heal", "slow", "skew", "network", "start", "replay", "forge"'
    ])
    expect(wrong('{"nodes": 1, "duration_ms": 1, "step": [3]}', "p.json")).toEqual([
      "step 1 in p.json is 3; expected a table with `at_ms` and `do`"
    ])
    expect(wrong(`step = 3\n${head}`)).toEqual(["`step` in p.toml is 3; expected a list of steps, each `[[step]]`"])
  })

  it("has wrong values", () => {
    const text = `
      nodes = 0
      old_nodes = -1
      seed = true
      duration_ms = 0
      join_over_ms = "x"
      peers = 1.5
      encrypt = 1
      [network]
      latency_ms = -1
      jitter_ms = 2592000001
      loss = 1.1
      bandwidth = 0
      queue = -1
      mtu = 0
    `
    expect(wrong(text)).toEqual([
      "`nodes` in p.toml is 0; expected a whole number from 1 to 10000",
      "`old_nodes` in p.toml is -1; expected a whole number from 0 to 10000",
      "`seed` in p.toml is true; expected a number or a text",
      "`duration_ms` in p.toml is 0; expected a number of milliseconds from 0.001 to 2592000000",
      '`join_over_ms` in p.toml is "x"; expected a number of milliseconds from 0 to 2592000000',
      "`peers` in p.toml is 1.5; expected a whole number from 1 to 10000",
      "`encrypt` in p.toml is 1; expected true or false",
      "`network.latency_ms` in p.toml is -1; expected a number of milliseconds from 0 to 2592000000",
      "`network.jitter_ms` in p.toml is 2592000001; expected a number of milliseconds from 0 to 2592000000",
      "`network.loss` in p.toml is 1.1; expected a number from 0 to 1",
      "`network.bandwidth` in p.toml is 0; expected a number of bytes per second above 0; left out, there is no limit",
      "`network.queue` in p.toml is -1; expected a number of bytes, at least 0; left out, there is no limit",
      "`network.mtu` in p.toml is 0; expected a number of bytes above 0; left out, there is no limit"
    ])
  })

  it("has wrong values in steps", () => {
    const names = 'a list of names of nodes, such as ["n3", "n7"]'
    const cases: ReadonlyArray<readonly [kind: string, values: string, key: string, shown: string, expected: string]> =
      [
        ["kill", "nodes = 0", "nodes", "0", `a number of nodes, which the seed draws, or ${names}`],
        ["kill", 'nodes = "n3"', "nodes", '"n3"', `a number of nodes, which the seed draws, or ${names}`],
        ["kill", 'nodes = ["m3"]', "nodes", '["m3"]', `a number of nodes, which the seed draws, or ${names}`],
        ["kill", "nodes = []", "nodes", "[]", `a number of nodes, which the seed draws, or ${names}`],
        ["cut", 'from = ["n1"]\nto = ["3"]', "to", '["3"]', names],
        ["restart", 'nodes = 1\nidentity = "old"', "identity", '"old"', '"same" or "new"'],
        ["skew", "nodes = 1\nrate = 0", "rate", "0", "a number from 0.01 to 100, such as 1.05 for 5 % fast"],
        ["start", "count = 0", "count", "0", "a whole number from 1 to 10000"],
        ["partition", "part = 2", "part", "2", "a number from 0 to 1"],
        [
          "partition",
          "groups = [3]",
          "groups",
          "[3]",
          'a list of lists of names of nodes, such as [["n1", "n2"], ["n3"]]'
        ],
        ["heal", "at_ms = -1", "at_ms", "-1", "a number of milliseconds from 0 to 2592000000"],
        ["freeze", "nodes = 1\nfor_ms = 0", "for_ms", "0", "a number of milliseconds from 0.001 to 2592000000"],
        ["forge", 'nodes = 1\nabout = "n"\nstatus = "dead"', "about", '"n"', 'the name of a node, such as "n3"'],
        ["forge", 'nodes = 1\nabout = "n1"\nstatus = "left"', "status", '"left"', '"alive", "suspect" or "dead"']
      ]
    for (const [kind, values, key, shown, expected] of cases) {
      const at = values.startsWith("at_ms") ? "" : "at_ms = 1\n"
      expect(wrong(step(`do = "${kind}"\n${at}${values}`))).toEqual([
        `\`${key}\` of step 1 (${kind}) in p.toml is ${shown}; expected ${expected}`
      ])
    }
  })

  it("has an invalid configuration of the nodes", () => {
    expect(wrong(`${head}[config]\ngossip = 3`)).toEqual([
      "`config.gossip` in p.toml is 3; expected a section, `[config.gossip]`"
    ])
    expect(wrong(`${head}[config.gossip]\nfanout = {}`)).toEqual([
      "`config.gossip.fanout` in p.toml is a table; expected a text, a number, true, false, or a list of texts"
    ])
    expect(wrong(`${head}[config.gossip]\nfanuot = 3`)).toEqual([
      "unknown key `config.gossip.fanuot` in p.toml; did you mean `config.gossip.fanout`?"
    ])
  })

  it("names nodes that never exist", () => {
    expect(wrong(step('do = "kill"\nat_ms = 1\nnodes = ["n11"]'))).toEqual([
      "`nodes` of step 1 (kill) in p.toml names n11, and there are only the nodes n1 to n10; name one of them, or raise `nodes`"
    ])
  })
})

describe("a recorded plan", () => {
  const plan = Plan.make({ nodes: 3, duration: Duration.seconds(1) })
  const broken: PlanFile.Broken = { invariant: "refutation", node: "n3", event: 17 }

  it("contains a plan and the broken invariant", () => {
    for (const what of [undefined, broken]) {
      const text = Result.getOrThrow(PlanFile.formatReplay(plan, what))
      expect(Result.getOrThrow(PlanFile.parseReplay({ path: "r.json", text }))).toEqual({ plan, broken: what })
    }
  })

  it("is refused if it is invalid", () => {
    const messageOf = (text: string) =>
      Result.match(PlanFile.parseReplay({ path: "r.json", text }), {
        onFailure: ({ message }) => message,
        onSuccess: () => ""
      })
    const none =
      "r.json is no recorded plan; expected a JSON object with `plan`, and `broken` with `invariant`, `node` and `event` if something broke"
    expect(messageOf("{}")).toBe(none)
    expect(messageOf('{"plan": {}, "broken": {}}')).toBe(none)
    expect(messageOf('{"plan": {"nodes": 3, "duration_ms": -1}}')).toBe(
      "`duration_ms` in r.json is -1; expected a number of milliseconds from 0.001 to 2592000000"
    )
  })
})
