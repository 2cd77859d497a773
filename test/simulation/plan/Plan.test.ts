import { describe, expect, it } from "@effect/vitest"
import { Duration, Redacted, Result, Schema } from "effect"
import { Hex } from "effect/encoding"
import * as fc from "fast-check"
import type { ClusterOptions } from "../../../src/config/ClusterConfig.ts"
import { entries } from "../../../src/config/ConfigTable.ts"
import type { ClusterKey } from "../../../src/crypto/ClusterKey.ts"
import * as Plan from "../../../src/simulation/plan/Plan.ts"
import * as Plans from "./Plans.ts"

const seconds = Duration.seconds
const ten = Plan.make({ nodes: 10, duration: seconds(10) })

const decode = Schema.decodeUnknownSync(Plan.Plan)
const encode = Schema.encodeSync(Plan.Plan)

/** The problems of a plan, one line each. */
const wrong = (plan: Plan.Plan, where = "") =>
  Result.match(Plan.check(plan, where), { onFailure: ({ message }) => message.split("\n"), onSuccess: () => [] })

const withStep = (step: Plan.Step) => ({ ...ten, steps: [step] })

const optionsOf = (plan: Plan.Plan): ClusterOptions => Result.getOrThrow(Plan.check(plan))

describe("a plan's schema", () => {
  it("encodes what it decoded, with the defaults", () => {
    fc.assert(
      fc.property(Plans.raw, (raw) => {
        const plan = decode(raw)
        const encoded = encode(plan)
        expect(encoded).toEqual({ ...encode(Plan.make({ nodes: raw.nodes, duration: seconds(8) })), ...raw })
        expect(decode(encoded)).toEqual(plan)
        expect(JSON.parse(JSON.stringify(encoded))).toEqual(encoded)
      })
    )
  })

  it("accepts every random plan, and so does the check", () => {
    fc.assert(
      fc.property(Plans.raw, (raw) => {
        expect(wrong(decode(raw))).toEqual([])
      })
    )
  })

  it("has durations in code and milliseconds in files", () => {
    const plan = Plan.make({
      nodes: 3,
      duration: seconds(2),
      joinOver: Duration.millis(500),
      network: { latency: Duration.micros(1500n) },
      steps: [{ do: "freeze", at: seconds(1), for: Duration.millis(10), nodes: ["n2"] }]
    })
    expect(encode(plan)).toEqual({
      nodes: 3,
      old_nodes: 0,
      seed: 1,
      duration_ms: 2000,
      join_over_ms: 500,
      peers: 1,
      encrypt: false,
      network: { latency_ms: 1.5 },
      config: {},
      step: [{ do: "freeze", at_ms: 1000, for_ms: 10, nodes: ["n2"] }]
    })
  })

  it("has the defaults of make", () => {
    expect(decode({ nodes: 10, duration_ms: 10_000 })).toEqual(ten)
  })

  it("converts conditions to the units of the network", () => {
    const all = {
      latency: Duration.seconds(1),
      jitter: Duration.micros(1500n),
      loss: 0.1,
      duplicate: 0.2,
      corrupt: 0.3,
      reorder: 0.4,
      reorderBy: Duration.millis(7),
      bandwidth: 1000,
      queue: 0,
      mtu: 500
    }
    expect(Plan.conditionsOf(all)).toEqual({ ...all, latency: 1000, jitter: 1.5, reorderBy: 7 })
    expect(Plan.conditionsOf({})).toEqual({})
  })

  it("knows the keys of files", () => {
    expect(Plan.planKeys).toEqual([
      "nodes",
      "old_nodes",
      "seed",
      "duration_ms",
      "join_over_ms",
      "peers",
      "encrypt",
      "network",
      "config",
      "step"
    ])
    expect([...Plan.stepKinds.keys()]).toEqual([
      "kill",
      "crash",
      "stop",
      "restart",
      "freeze",
      "block_io",
      "partition",
      "cut",
      "heal",
      "slow",
      "skew",
      "network",
      "start",
      "replay",
      "forge"
    ])
    expect(Plan.stepKinds.get("cut")).toEqual(["do", "at_ms", "for_ms", "from", "to", "both_ways"])
  })
})

describe("the check of a plan", () => {
  it("refuses a step after the end", () => {
    expect(wrong(withStep({ do: "heal", at: seconds(10) }), " in p.toml")).toEqual([
      "`at_ms` of step 1 (heal) in p.toml is 10000, and the plan ends at 10000 ms; choose an earlier time, or raise `duration_ms`"
    ])
    expect(wrong(withStep({ do: "heal", at: Duration.millis(9999) }))).toEqual([])
  })

  it("refuses names of nodes that never exist, in any key", () => {
    const at = seconds(1)
    const steps: ReadonlyArray<readonly [Plan.Step, string]> = [
      [{ do: "kill", at, nodes: ["n1", "n11"] }, "nodes"],
      [{ do: "partition", at, groups: [["n1"], ["n11"]] }, "groups"],
      [{ do: "cut", at, from: ["n11"], to: ["n1"] }, "from"],
      [{ do: "cut", at, from: ["n1"], to: ["n11"] }, "to"],
      [{ do: "network", at, loss: 1, inbound: ["n11"] }, "inbound"],
      [{ do: "network", at, loss: 1, outbound: ["n11"] }, "outbound"],
      [{ do: "forge", at, nodes: 1, about: "n11", status: "dead" }, "about"]
    ]
    for (const [step, key] of steps) {
      expect(wrong(withStep(step))).toEqual([
        `\`${key}\` of step 1 (${step.do}) names n11, and there are only the nodes n1 to n10; name one of them, or raise \`nodes\``
      ])
      const more: Plan.Step = { do: "start", at: seconds(2), count: 1 }
      expect(wrong({ ...ten, steps: [step, more] })).toEqual([])
    }
  })

  it("refuses a node that is named twice", () => {
    expect(wrong(withStep({ do: "kill", at: seconds(1), nodes: ["n2", "n2", "n3", "n2"] }))).toEqual([
      "`nodes` of step 1 (kill) names n2 twice; name each node once"
    ])
  })

  it("requires groups or a part in a partition", () => {
    expect(wrong(withStep({ do: "partition", at: seconds(1) }))).toEqual([
      "`groups` of step 1 (partition) and `part` are both missing; give one of them"
    ])
    expect(wrong(withStep({ do: "partition", at: seconds(1), groups: [["n1"]], part: 0.5 }))).toEqual([
      "`groups` of step 1 (partition) and `part` are both given; give one of them"
    ])
  })

  it("requires a place and a condition in a change of the network", () => {
    const at = seconds(1)
    expect(wrong(withStep({ do: "network", at, from: ["n1"] }))).toEqual([
      "`from` of step 1 (network) is given without `to`; a link needs both",
      '`do` of step 1 (network) is "network", and no condition is given; give one, such as `loss = 0.1`'
    ])
    expect(wrong(withStep({ do: "network", at, loss: 1, to: ["n1"], bothWays: true }))).toEqual([
      "`to` of step 1 (network) is given without `from`; a link needs both",
      "`both_ways` of step 1 (network) is given without `from` and `to`; give them, or leave it out"
    ])
    expect(wrong(withStep({ do: "network", at, loss: 1, from: ["n1"], to: ["n2"], inbound: 1 }))).toEqual([
      "`from` of step 1 (network) excludes `inbound` and `outbound`; use two steps"
    ])
  })

  it("starts more nodes only after the first have joined", () => {
    const plan = { ...withStep({ do: "start", at: seconds(1), count: 1 }), joinOver: seconds(2) }
    expect(wrong(plan)).toEqual([
      "`at_ms` of step 1 (start) is 1000, and the first nodes join until 2000 ms; start more nodes after that"
    ])
  })

  it("refuses numbers that contradict each other", () => {
    const step: Plan.Step = { do: "start", at: seconds(1), count: Plan.MaxNodes }
    expect(wrong({ ...ten, steps: [step] }, " in p.toml")).toEqual([
      "`nodes` in p.toml with the nodes that steps start is 10010; use at most 10000"
    ])
    expect(wrong({ ...ten, peers: 11 })).toEqual(["`peers` is 11 of 10 nodes; give at most as many as `nodes`"])
    expect(wrong({ ...ten, oldNodes: 11 })).toEqual(["`old_nodes` is 11 of 10 nodes; give at most as many as `nodes`"])
    expect(wrong({ ...ten, oldNodes: 1, encrypt: true })).toEqual([
      "`encrypt` is true, and `old_nodes` cannot encrypt in a simulation; leave one of them out"
    ])
    expect(wrong({ ...ten, joinOver: seconds(11) })).toEqual([
      "`join_over_ms` is 11000, longer than `duration_ms`; lower it"
    ])
    expect(wrong({ ...ten, nodes: 300, peers: 258 })).toEqual([
      "`peers` is 258 and `config.limits.bootstrap_peers` is 256; lower it, since one peer is enough to join, or raise the limit"
    ])
    expect(wrong({ ...ten, nodes: 300, peers: 258, config: { limits: { bootstrap_peers: 257 } } })).toEqual([])
  })
})

describe("the configuration in a plan", () => {
  it("has the sections and keys of a file", () => {
    const options = optionsOf({ ...ten, config: { gossip: { interval_ms: 100 }, network: { cluster: "blue" } } })
    expect(options.gossip?.interval).toEqual(Duration.millis(100))
    expect(options.cluster).toBe("blue")
  })

  it("is checked like any configuration, and names the place", () => {
    const config = { gossip: { fanout: 0 }, probes: { timeout_ms: 2000 } }
    expect(wrong({ ...ten, config }, " in p.toml")).toEqual([
      "`config.gossip.fanout` in p.toml is 0; expected a whole number from 1 to 65535",
      "`config.probes.timeout_ms` in p.toml is 2000 ms and `config.probes.interval_ms` is 1000 ms by default; the timeout must be less than the interval, which leaves the rest of it for indirect probes: lower the timeout or raise the interval"
    ])
  })

  it("suggests known names for unknown ones", () => {
    const keys = entries.filter(({ section }) => section === "probes").map(({ name }) => `\`${name}\``)
    expect(wrong({ ...ten, config: { gosip: {}, gossip: { fanuot: 1 }, probes: { zzz: 1 }, zzz: {} } })).toEqual([
      "unknown section `config.gosip`; did you mean `config.gossip`?",
      "unknown key `config.gossip.fanuot`; did you mean `config.gossip.fanout`?",
      `unknown key \`config.probes.zzz\`; the keys of \`config.probes\` are ${keys.join(", ")}`,
      "unknown section `config.zzz`; the sections are `network`, `node`, `gossip`, `probes`, `extensions`, `limits`"
    ])
  })

  it("refuses keys that cannot be the same for all nodes, and says why", () => {
    const config = {
      network: {
        bind: "1.2.3.4:5",
        advertise: "1.2.3.4:5",
        node_id: "3",
        peers: ["1.2.3.4:5"],
        cluster_key: "secret",
        cluster_key_file: "k"
      },
      admin: { socket: "s" },
      metrics: { server_port: 9 }
    }
    const own = "the simulation gives each node its own"
    const secret = "a plan holds no secrets; `encrypt = true` encrypts with a key that the seed draws"
    expect(wrong({ ...ten, config }, " in p.toml")).toEqual([
      `\`config.network.bind\` in p.toml cannot be given: ${own}`,
      `\`config.network.advertise\` in p.toml cannot be given: ${own}`,
      `\`config.network.node_id\` in p.toml cannot be given: ${own}`,
      "`config.network.peers` in p.toml cannot be given: the first nodes are the peers of the others; `peers` of the plan is their number",
      `\`config.network.cluster_key\` in p.toml cannot be given: ${secret}`,
      `\`config.network.cluster_key_file\` in p.toml cannot be given: ${secret}`,
      "`config.admin.socket` in p.toml cannot be given: a simulated node has no admin interface",
      "`config.metrics.server_port` in p.toml cannot be given: a simulated node does not export metrics"
    ])
  })

  it("has a key from the seed if it encrypts", () => {
    const key = (plan: Plan.Plan) => {
      const { clusterKey, encryption } = optionsOf(plan)
      if (!Redacted.isRedacted(clusterKey)) return [clusterKey, encryption]
      const value = Redacted.value<ClusterKey | string>(clusterKey)
      return [value instanceof Uint8Array ? Hex.encode(value) : value, encryption]
    }
    const encrypted = { ...ten, encrypt: true }
    expect(key(ten)).toEqual([undefined, "off"])
    expect(key(encrypted)).toEqual(key(encrypted))
    expect(key(encrypted)).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/), "required"])
    expect(new Set(String(key(encrypted)[0]).match(/.{16}/g)).size).toBe(4)
    expect(key({ ...encrypted, seed: 2 })[0]).not.toBe(key(encrypted)[0])
    expect(key({ ...encrypted, config: { network: { encryption: "accept" } } })[1]).toBe("accept")
  })

  it("has no encryption without a key", () => {
    expect(wrong({ ...ten, config: { network: { encryption: "required" } } })).toEqual([
      '`config.network.encryption` is "required", and there is no key; set `encrypt = true`, so that the seed draws one'
    ])
    expect(wrong({ ...ten, config: { network: { encryption: "off" } } })).toEqual([])
    expect(wrong({ ...ten, encrypt: true, config: { network: { encryption: "off" } } })).toEqual([
      '`config.network.encryption` is "off", and `encrypt` is true; leave one of them out'
    ])
    expect(wrong({ ...ten, config: { network: { encryption: "on" } } })).toEqual([
      '`config.network.encryption` is "on"; expected one of "off", "accept", "required", or true or false'
    ])
  })
})

describe("level 0 nodes", () => {
  it("have the given number, are evenly spread, and are not the first", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat({ max: 200 }), (nodes, asked) => {
        const oldNodes = Math.min(asked, nodes)
        const plan = { ...ten, nodes, oldNodes }
        const old = Array.from({ length: nodes }, (_, i) => i + 1).filter((number) => Plan.isLevel0(plan, number))
        expect(old).toHaveLength(oldNodes)
        expect(old.includes(1)).toBe(oldNodes === nodes)
        const gaps = old.slice(1).map((number, i) => number - old[i]!)
        expect(new Set(gaps).size).toBeLessThanOrEqual(2)
        expect(Math.max(...gaps, 0) - Math.min(...gaps, Infinity)).toBeLessThanOrEqual(1)
        expect(Plan.isLevel0(plan, nodes + 1)).toBe(false)
      })
    )
  })
})
