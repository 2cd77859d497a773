import { describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Result } from "effect"
import * as fc from "fast-check"
import { InvariantBroken } from "../../../src/simulation/SimulationError.ts"
import type { AnyNode } from "../../../src/simulation/SimNode.ts"
import * as Plan from "../../../src/simulation/plan/Plan.ts"
import * as PlanFile from "../../../src/simulation/plan/PlanFile.ts"
import * as PlanRunner from "../../../src/simulation/plan/PlanRunner.ts"
import { NanosPerMilli } from "../../../src/simulation/time/Timeline.ts"
import type { TraceRecord } from "../../../src/simulation/report/Trace.ts"
import type { Verbs } from "../../../src/simulation/Verbs.ts"
import { Beginning } from "../../../src/simulation/time/VirtualClock.ts"
import * as Plans from "./Plans.ts"

const seconds = Duration.seconds

/** Six nodes for ten seconds, with steps. */
const planOf = (steps: ReadonlyArray<Plan.Step>, more: Partial<Plan.Plan> = {}): Plan.Plan =>
  Plan.make({ nodes: 6, duration: seconds(10), ...more, steps })

/** Carries a plan out, and calls `look` at some instants of virtual time, in ms. */
const looks = <A>(plan: Plan.Plan, at: ReadonlyArray<number>, look: (verbs: Verbs) => A) =>
  Effect.gen(function* () {
    const seen: Array<A> = []
    const result = yield* PlanRunner.run(plan, {
      onSimulation: (verbs) => {
        for (const ms of at) verbs.timeline.at(ms * NanosPerMilli, () => seen.push(look(verbs)))
      }
    })
    return { ...result, seen }
  })

const nodeIn = ({ nodes }: Verbs, number: number): AnyNode => {
  const node = nodes[number - 1]
  if (node === undefined) throw new RangeError(`no node ${number}`)
  return node
}

/** The conditions of all nodes, in order. */
const conditions = ({ nodes }: Verbs) => nodes.map(({ condition }) => condition).join(" ")

const texts = ({ report }: PlanRunner.PlanResult, pattern: RegExp) =>
  report.events.filter(({ text }) => pattern.test(text)).map(({ at, text }) => `${at} ${text}`)

/** The nodes in the events of a verb. */
const named = ({ report }: PlanRunner.PlanResult, verb: string) =>
  report.events.flatMap(({ kind, text }) =>
    kind === "verb" && text.startsWith(`${verb} `) ? text.split(" ").slice(1) : []
  )

describe("steps", () => {
  it.effect("kill ends processes, and nodes do not leave", () =>
    Effect.gen(function* () {
      const plan = planOf([{ do: "kill", at: seconds(2), nodes: ["n3", "n5"] }])
      const { report, seen } = yield* looks(plan, [1999, 2001], conditions)
      expect(seen).toEqual(["up up up up up up", "up up killed up killed up"])
      expect(report.nodes[2]?.lives).toEqual([{ from: 0, to: 2000, end: "killed" }])
      expect(report.summary.up).toBe(4)
      expect(report.summary.suspected?.first).toBeGreaterThan(0)
    })
  )

  it.effect("crash ends machines, which are silent, where a killed process leaves one that refuses", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "crash", at: seconds(2), nodes: ["n3"] },
        { do: "kill", at: seconds(2), nodes: ["n5"] },
        { do: "restart", at: seconds(8), nodes: ["n3"] }
      ])
      const { report, seen } = yield* looks(plan, [2001, 8001], conditions)
      expect(seen).toEqual(["up up crashed up killed up", "up up up up killed up"])
      expect(report.nodes[2]?.lives).toEqual([
        { from: 0, to: 2000, end: "crashed" },
        { from: 8000, to: undefined, end: undefined }
      ])
      // Datagrams to the crashed node are dropped because it is unplugged, those to the killed one for want of a socket.
      expect(report.summary.dropped).toMatchObject({ unplugged: expect.any(Number), unbound: expect.any(Number) })
      expect(Object.values(report.summary.dropped).filter((count) => count > 0)).toHaveLength(2)
      expect(report.summary.suspected?.first).toBeGreaterThan(0)
    })
  )

  it.effect("stop lets nodes leave", () =>
    Effect.gen(function* () {
      const plan = planOf([{ do: "stop", at: seconds(2), nodes: ["n3"] }])
      const { report, seen } = yield* looks(plan, [2000.5, 3000], conditions)
      expect(seen).toEqual(["up up leaving up up up", "up up left up up up"])
      expect(report.nodes[2]?.verdicts.at(-1)).toBe("L")
    })
  )

  it.effect("a node that is killed while it leaves does not delay the plan", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "stop", at: seconds(2), nodes: ["n3"] },
        { do: "kill", at: Duration.millis(2000.5), nodes: ["n3"] }
      ])
      const { report, seen } = yield* looks(plan, [2000.25, 3000], conditions)
      expect(seen).toEqual(["up up leaving up up up", "up up killed up up up"])
      expect(report.duration).toBe(10_000)
    })
  )

  it.effect("restart starts a node again, with its id or a new one, and with a clock that is behind", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "kill", at: seconds(2), nodes: ["n2", "n3"] },
        { do: "restart", at: seconds(3), nodes: ["n2"] },
        { do: "restart", at: seconds(3), nodes: ["n3"], identity: "new", clockBehind: seconds(100) },
        { do: "restart", at: seconds(3), nodes: ["n4"] }
      ])
      const { report, seen } = yield* looks(plan, [2500, 3001], (verbs) =>
        [2, 3, 4].map((number) => {
          const { clock, condition, id, life } = nodeIn(verbs, number)
          const behind = Math.round((Beginning + verbs.now() - clock.currentTimeMillisUnsafe()) / 1000)
          return [condition, life, Number(id), behind]
        })
      )
      expect(seen).toEqual([
        [
          ["killed", 1, 2, 0],
          ["killed", 1, 3, 0],
          ["up", 1, 4, 0]
        ],
        [
          ["up", 2, 2, 0],
          ["up", 2, 7, 100],
          ["up", 2, 4, 0]
        ]
      ])
      expect(report.nodes[3]?.lives.map(({ end, from }) => [from, end])).toEqual([
        [0, "killed"],
        [3000, undefined]
      ])
    })
  )

  it.effect("freeze stops processes, for some time or for ever", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "freeze", at: seconds(2), nodes: ["n3"], for: seconds(3) },
        { do: "freeze", at: seconds(2), nodes: ["n5"] }
      ])
      const { seen } = yield* looks(plan, [2001, 4999, 5001, 9999], conditions)
      expect(seen).toEqual([
        "up up frozen up frozen up",
        "up up frozen up frozen up",
        "up up up up frozen up",
        "up up up up frozen up"
      ])
    })
  )

  it.effect("a step that ends is undone before another one begins at that instant", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "freeze", at: seconds(4), nodes: ["n3"], for: seconds(2) },
        { do: "freeze", at: seconds(2), nodes: ["n3"], for: seconds(2) },
        { do: "kill", at: Duration.zero, nodes: ["n6"] }
      ])
      const result = yield* looks(plan, [1, 3999, 4001, 6001], (verbs) => conditions(verbs).split(" ").slice(2))
      expect(result.seen).toEqual([
        ["up", "up", "up", "killed"],
        ["frozen", "up", "up", "killed"],
        ["frozen", "up", "up", "killed"],
        ["up", "up", "up", "killed"]
      ])
      expect(texts(result, /^skip/)).toEqual([])
    })
  )

  it.effect("the end of a freeze does not thaw a later life of the node", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "freeze", at: seconds(2), nodes: ["n3"], for: seconds(4) },
        { do: "restart", at: seconds(3), nodes: ["n3"] },
        { do: "freeze", at: seconds(4), nodes: ["n3"] }
      ])
      const { seen } = yield* looks(plan, [3500, 4500, 7000], conditions)
      expect(seen).toEqual(["up up up up up up", "up up frozen up up up", "up up frozen up up up"])
    })
  )

  it.effect("block_io makes datagrams wait, and a thaw does not end it", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "block_io", at: seconds(2), nodes: ["n3"], for: seconds(4) },
        { do: "freeze", at: seconds(3), nodes: ["n3"], for: seconds(1) },
        { do: "block_io", at: seconds(7), nodes: ["n3"] },
        { do: "block_io", at: seconds(2), nodes: ["n4"] }
      ])
      const { seen } = yield* looks(plan, [2001, 5999, 6001, 7001], (verbs) =>
        [3, 4].map((number) => {
          const { condition, host } = nodeIn(verbs, number)
          return [condition, host.holding, host.held > 0]
        })
      )
      expect(seen[0]?.map(([, holding]) => holding)).toEqual([true, true])
      expect(seen[1]).toEqual([
        ["up", true, true],
        ["up", true, true]
      ])
      expect(seen[2]).toEqual([
        ["up", false, false],
        ["up", true, true]
      ])
      expect(seen[3]?.map(([, holding]) => holding)).toEqual([true, true])
    })
  )

  const reach = (verbs: Verbs) => {
    const { network, nodes } = verbs
    return nodes.map(({ name }) => nodes.map((other) => (network.reaches(name, other.name) ? "+" : "-")).join(""))
  }
  const everybody = Array.from({ length: 6 }, () => "++++++")

  it.effect("partition separates groups, and its end restores the previous one", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "partition", at: seconds(2), groups: [["n1", "n2"], ["n3"]], for: seconds(6) },
        { do: "partition", at: seconds(4), groups: [["n1"]], for: seconds(2) }
      ])
      const first = ["++----", "++----", "--+---", "---+++", "---+++", "---+++"]
      const second = ["+-----", ...Array.from({ length: 5 }, () => "-+++++")]
      const result = yield* looks(plan, [1999, 2001, 4001, 6001, 8001], reach)
      expect(result.seen).toEqual([everybody, first, second, first, everybody])
      expect(texts(result, /^(partition|heal)/)).toEqual([
        "2000 partition n1 n2 | n3",
        "4000 partition n1",
        "6000 heal the partition",
        "8000 heal the partition"
      ])
    })
  )

  it.effect("partition separates a fraction of the nodes, without the first", () =>
    Effect.gen(function* () {
      for (const seed of [1, 2, 3, 4, 5]) {
        const plan = planOf([{ do: "partition", at: seconds(2), part: 0.5 }], { seed })
        const result = yield* looks(plan, [2001], reach)
        const apart = named(result, "partition")
        expect(apart).toHaveLength(3)
        expect(apart).not.toContain("n1")
        expect(result.seen[0]?.map((row) => row.replaceAll("-", "").length)).toEqual([3, 3, 3, 3, 3, 3])
      }
    })
  )

  it.effect("partition names a limited number of nodes in the report, and all in the trace", () =>
    Effect.gen(function* () {
      const parts: Array<TraceRecord> = []
      const plan = planOf([{ do: "partition", at: seconds(1), part: 0.5 }], { nodes: 60, duration: seconds(2) })
      const result = yield* PlanRunner.run(plan, {
        trace: (record) => {
          if (record.event === "partition") parts.push(record)
        }
      })
      expect(texts(result, /^partition/)).toEqual([expect.stringMatching(/^1000 partition( n\d+){23} and 7 more$/)])
      expect(parts.map(({ detail }) => String(detail).split(" ").length)).toEqual([30])
    })
  )

  it.effect("cut delivers nothing in one direction or both, as long as any step cuts the link", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "cut", at: seconds(2), from: ["n1"], to: ["n2", "n3"], for: seconds(4) },
        { do: "cut", at: seconds(3), from: ["n2"], to: ["n1"], bothWays: true, for: seconds(2) }
      ])
      const result = yield* looks(plan, [2001, 3001, 5001, 6001], reach)
      const one = ["+--+++", ...everybody.slice(1)]
      const both = ["+--+++", "-+++++", ...everybody.slice(2)]
      expect(result.seen).toEqual([one, both, one, everybody])
      expect(texts(result, /^(cut|heal)/)).toEqual([
        "2000 cut from n1 to n2 n3",
        "3000 cut between n2 and n1",
        "5000 heal between n2 and n1",
        "6000 heal from n1 to n2 n3"
      ])
    })
  )

  it.effect("heal ends partitions, cuts and rejections early, and their ends have no effect then", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "partition", at: seconds(2), groups: [["n1"]], for: seconds(4) },
        { do: "cut", at: seconds(2), from: ["n2"], to: ["n3"], for: seconds(4) },
        { do: "network", at: seconds(2), from: ["n5"], to: ["n6"], reject: 1, for: seconds(4) },
        { do: "network", at: seconds(2), inbound: ["n6"], reject: 1 },
        { do: "heal", at: seconds(3) },
        // Neither another change to the link nor the end of another partition restores them.
        { do: "network", at: Duration.millis(3500), loss: 0.01 },
        { do: "partition", at: Duration.millis(3500), groups: [["n4"]], for: seconds(1) },
        { do: "cut", at: seconds(5), from: ["n2"], to: ["n3"] },
        { do: "partition", at: seconds(5), groups: [["n1"]] }
      ])
      const result = yield* looks(plan, [2001, 3001, 4501, 5001, 7000], reach)
      const rejected = ["+-----", "-+-++-", ...Array.from({ length: 3 }, () => "-++++-"), "-+++++"]
      const apart = ["+-----", "-+-+++", ...Array.from({ length: 4 }, () => "-+++++")]
      expect(result.seen).toEqual([rejected, everybody, everybody, apart, apart])
      expect(texts(result, /^heal/)).toEqual(["3000 heal", "4500 heal the partition"])
    })
  )

  it.effect("slow delays everything in each direction, also in the next life of a machine", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "slow", at: seconds(2), nodes: ["n3"], by: Duration.millis(300), for: seconds(6) },
        { do: "slow", at: seconds(3), nodes: ["n3"], by: Duration.millis(700), for: seconds(2) },
        { do: "restart", at: seconds(6), nodes: ["n3"] },
        { do: "slow", at: seconds(7), nodes: ["n3"], by: Duration.millis(900), for: seconds(2) }
      ])
      const { seen } = yield* looks(plan, [2001, 3001, 5001, 6001, 8001, 9001], (verbs) => {
        const { host } = nodeIn(verbs, 3)
        return [host.ingress().latency, host.egress().latency]
      })
      expect(seen).toEqual([
        [300, 300],
        [700, 700],
        [300, 300],
        [300, 300],
        [900, 900],
        [0, 0]
      ])
    })
  )

  it.effect("skew changes the rate of clocks, also in the next life of a machine", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "skew", at: seconds(2), nodes: ["n3"], rate: 1.5, for: seconds(6) },
        { do: "skew", at: seconds(3), nodes: ["n3"], rate: 0.5, for: seconds(2) },
        { do: "restart", at: seconds(6), nodes: ["n3"] },
        { do: "skew", at: seconds(7), nodes: ["n3"], rate: 0.75, for: seconds(2) },
        { do: "skew", at: seconds(2), nodes: ["n4"], rate: 2 }
      ])
      const { seen } = yield* looks(plan, [1999, 2001, 3001, 5001, 6001, 8001, 9001], (verbs) =>
        [3, 4].map((number) => nodeIn(verbs, number).clock.rate)
      )
      expect(seen).toEqual([
        [1, 1],
        [1.5, 2],
        [0.5, 2],
        [1.5, 2],
        [1.5, 2],
        [0.75, 2],
        [1, 2]
      ])
    })
  )

  it.effect("network changes all links, also links that were cut, and restores the former conditions", () =>
    Effect.gen(function* () {
      const plan = planOf(
        [
          { do: "cut", at: seconds(1), from: ["n1"], to: ["n2"], for: seconds(2) },
          { do: "network", at: seconds(2), loss: 0.5, for: seconds(4) },
          { do: "network", at: seconds(3), loss: 0.25, latency: Duration.millis(20), for: seconds(2) },
          { do: "network", at: seconds(4), from: ["n3"], to: ["n4"], corrupt: 1, bothWays: true, for: seconds(3) }
        ],
        { network: { latency: Duration.millis(5), loss: 0.01, bandwidth: 1_000_000 } }
      )
      const { seen } = yield* looks(plan, [1999, 2001, 3001, 4001, 5001, 6001, 7001], ({ network }) =>
        [network.defaults, network.link("n1", "n2"), network.link("n3", "n4"), network.link("n4", "n3")].map(
          ({ corrupt, cut, latency, loss }) => [latency, loss, corrupt, cut]
        )
      )
      // A link that is changed before any step has conditions of its own.
      const plain = (latency: number, loss: number) => [latency, loss, 0, false]
      const corrupted = (latency: number, loss: number) => [latency, loss, 1, false]
      expect(seen.map(([all]) => all)).toEqual([
        plain(5, 0.01),
        plain(5, 0.5),
        plain(20, 0.25),
        plain(20, 0.25),
        plain(5, 0.5),
        plain(5, 0.01),
        plain(5, 0.01)
      ])
      expect(seen.map(([, cutOnce]) => cutOnce)).toEqual([
        [5, 0.01, 0, true],
        [5, 0.5, 0, true],
        plain(20, 0.25),
        plain(20, 0.25),
        plain(5, 0.5),
        plain(5, 0.01),
        plain(5, 0.01)
      ])
      for (const link of [2, 3]) {
        expect(seen.slice(3).map((all) => all[link])).toEqual([
          corrupted(20, 0.25),
          corrupted(5, 0.5),
          corrupted(5, 0.01),
          plain(5, 0.01)
        ])
      }
    })
  )

  it.effect("network changes the conditions where datagrams arrive at nodes and leave them", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "network", at: seconds(2), inbound: ["n3"], outbound: ["n4"], loss: 1, for: seconds(2) }
      ])
      const result = yield* looks(plan, [1999, 2001, 4001], (verbs) =>
        [3, 4].map((number) => {
          const { host } = nodeIn(verbs, number)
          return [host.ingress().loss, host.egress().loss]
        })
      )
      const same = [
        [0, 0],
        [0, 0]
      ]
      const changed = [
        [1, 0],
        [0, 1]
      ]
      expect(result.seen).toEqual([same, changed, same])
      expect(texts(result, /^network/)).toEqual([
        "2000 network to n3: loss 1",
        "2000 network from n4: loss 1",
        "4000 network to n3: as before",
        "4000 network from n4: as before"
      ])
    })
  )

  it.effect("start makes more nodes join", () =>
    Effect.gen(function* () {
      const result = yield* PlanRunner.run(planOf([{ do: "start", at: seconds(2), count: 2 }]))
      expect(result.report.nodes.map(({ lives, name }) => [name, lives[0]?.from]).slice(5)).toEqual([
        ["n6", 0],
        ["n7", 2000],
        ["n8", 2000]
      ])
      expect(result.report.summary).toMatchObject({ up: 8, disagreements: [] })
      expect(texts(result, /^join/)).toEqual(["2000 join n7 n8"])
    })
  )

  it.effect("replay sends the datagrams of nodes again, later", () =>
    Effect.gen(function* () {
      const records: Array<TraceRecord> = []
      const plan = planOf([{ do: "replay", at: seconds(2), nodes: ["n3"], for: seconds(1), after: seconds(4) }])
      yield* PlanRunner.run(plan, { trace: (record) => records.push(record) })
      const sent = records.filter(({ event }) => event === "sent")
      const own = sent.filter(({ at, forged, from }) => from === "n3" && forged !== true && at >= 2000 && at < 3000)
      const again = sent.filter(({ forged }) => forged === true)
      expect(own.length).toBeGreaterThan(0)
      expect(again.map(({ at, bytes, message, to }) => [Math.round(at), to, message, bytes])).toEqual(
        own.map(({ at, bytes, message, to }) => [Math.round(at + 4000), to, message, bytes])
      )
      expect(new Set(again.map(({ from }) => from))).toEqual(new Set(["10.0.0.3"]))
    })
  )

  it.effect("forge sends nodes a claim that no node made", () =>
    Effect.gen(function* () {
      const plan = planOf([
        { do: "forge", at: seconds(2), nodes: ["n2"], about: "n4", status: "suspect", incarnationAhead: 3 }
      ])
      const { report, seen } = yield* looks(plan, [1999, 2002, 4000], (verbs) => {
        const about = nodeIn(verbs, 4)
        const { view } = about.kind === "node" ? about : { view: undefined }
        return [nodeIn(verbs, 2).statusOf(about.id), view?.incarnation]
      })
      const own = Number(seen[0]?.[1])
      expect(seen[0]?.[0]).toBe("alive")
      expect(seen[1]?.[0]).toBe("suspect")
      // Only the node itself can refute it.
      expect(seen[2]).toEqual(["alive", own + 4])
      expect(texts({ report, hash: "", broken: undefined }, /^forge/)).toEqual([
        "2000 forge Gossip from 192.0.2.1:7946 to 10.0.0.2:7946"
      ])
    })
  )
})

describe("the selection of nodes", () => {
  const kill = (nodes: Plan.NodeSelection, at = 2): Plan.Step => ({ do: "kill", at: seconds(at), nodes })
  const killed = (steps: ReadonlyArray<Plan.Step>, more: Partial<Plan.Plan> = {}) =>
    Effect.map(PlanRunner.run(planOf(steps, { nodes: 20, duration: seconds(5), ...more })), (result) =>
      named(result, "kill")
    )

  it.effect("is drawn by the seed", () =>
    Effect.gen(function* () {
      const first = yield* killed([kill(5)])
      expect(first).toHaveLength(5)
      expect(yield* killed([kill(5)])).toEqual(first)
      expect(yield* killed([kill(5)], { seed: 2 })).not.toEqual(first)
    })
  )

  it.effect("does not depend on random choices of nodes or of other steps", () =>
    Effect.gen(function* () {
      const first = yield* killed([kill(5)])
      expect(yield* killed([kill(5)], { config: { gossip: { interval_ms: 100 } }, network: { loss: 0.3 } })).toEqual(
        first
      )
      const slow: Plan.Step = { do: "slow", at: seconds(1), nodes: 3, by: seconds(1) }
      expect(yield* killed([slow, kill(5)])).toEqual(first)
    })
  )

  it.effect("is drawn again for a second step of the same kind and time", () =>
    Effect.gen(function* () {
      const slow: Plan.Step = { do: "slow", at: seconds(1), nodes: 3, by: seconds(1) }
      const result = yield* PlanRunner.run(planOf([slow, slow], { nodes: 20 }))
      const drawn = new Set(named(result, "slow").filter((word) => /^n\d+$/.test(word)))
      expect(drawn.size).toBeGreaterThan(3)
    })
  )

  it.effect("has the first node only if no other is left", () =>
    Effect.gen(function* () {
      expect(yield* killed([kill(19)])).not.toContain("n1")
      expect(yield* killed([kill(20)])).toContain("n1")
    })
  )

  it.effect("has all nodes if there are too few, and reports how many are missing", () =>
    Effect.gen(function* () {
      const result = yield* PlanRunner.run(planOf([kill(9)]))
      expect(named(result, "kill")).toHaveLength(6)
      expect(texts(result, /^skip/)).toEqual(["2000 skip kill 3 of 9: there are no more nodes for it"])
    })
  )

  it.effect("has the nodes that have ended first for a restart", () =>
    Effect.gen(function* () {
      const result = yield* PlanRunner.run(
        planOf([
          kill(["n2", "n4"]),
          { do: "restart", at: seconds(3), nodes: 2 },
          { do: "restart", at: seconds(4), nodes: 5 }
        ])
      )
      expect(texts(result, /^restart/)).toEqual([
        "3000 restart n2",
        "3000 restart n4",
        "4000 restart n2",
        "4000 restart n3",
        "4000 restart n4",
        "4000 restart n5",
        "4000 restart n6"
      ])
    })
  )

  it.effect("skips nodes in the wrong condition, and reports that", () =>
    Effect.gen(function* () {
      const at = seconds(3)
      const result = yield* PlanRunner.run(
        planOf(
          [
            kill(["n2"]),
            { do: "freeze", at: seconds(2), nodes: ["n3"] },
            { do: "block_io", at: seconds(2.5), nodes: ["n4"] },
            kill(["n2"], 3),
            { do: "stop", at, nodes: ["n2", "n3"] },
            { do: "freeze", at, nodes: ["n2", "n3"] },
            { do: "block_io", at, nodes: ["n3", "n4"] },
            { do: "slow", at, nodes: ["n2"], by: seconds(1) },
            { do: "skew", at, nodes: ["n2"], rate: 2 },
            { do: "network", at, inbound: ["n2"], loss: 1 },
            { do: "replay", at, nodes: ["n2"], for: seconds(1), after: seconds(1) },
            { do: "forge", at, nodes: ["n2"], about: "n1", status: "dead" },
            { do: "forge", at, nodes: ["n1"], about: "n6", status: "dead" },
            kill(["n6"], 3)
          ],
          { joinOver: seconds(4) }
        )
      )
      expect(texts(result, /^skip/)).toEqual([
        "3000 skip kill n2: it is killed",
        "3000 skip stop n2: it is killed",
        "3000 skip stop n3: it is frozen",
        "3000 skip freeze n2: it is killed",
        "3000 skip freeze n3: it is frozen",
        "3000 skip block_io n3: it is frozen",
        "3000 skip block_io n4: its datagrams wait already",
        "3000 skip slow n2: it is killed",
        "3000 skip skew n2: it is killed",
        "3000 skip network n2: it is killed",
        "3000 skip replay n2: it is killed",
        "3000 skip forge n2: it is killed",
        "3000 skip forge about n6: it has not started yet",
        "3000 skip kill n6: it has not started yet"
      ])
    })
  )
})

describe("the beginning", () => {
  it.effect("starts all nodes at once, or spread over a time", () =>
    Effect.gen(function* () {
      const from = (joinOver: Duration.Duration) =>
        Effect.map(PlanRunner.run(planOf([], { joinOver })), ({ report }) =>
          report.nodes.map(({ lives }) => lives[0]?.from)
        )
      expect(yield* from(Duration.zero)).toEqual([0, 0, 0, 0, 0, 0])
      expect(yield* from(seconds(5))).toEqual([0, 1000, 2000, 3000, 4000, 5000])
    })
  )

  it.effect("gives all nodes the first ones as bootstrap peers", () =>
    Effect.gen(function* () {
      const peers = (peers: number) =>
        Effect.map(
          looks(planOf([], { peers, duration: seconds(1) }), [1], ({ nodes }) =>
            nodes.map((node) => (node.kind === "node" ? node.config.network.peers.length : -1))
          ),
          ({ seen }) => seen[0]
        )
      expect(yield* peers(1)).toEqual([0, 1, 1, 1, 1, 1])
      expect(yield* peers(3)).toEqual([2, 2, 2, 3, 3, 3])
      // Also nodes that start later, although the first one has ended.
      const later = planOf(
        [
          { do: "kill", at: seconds(1), nodes: ["n1"] },
          { do: "start", at: seconds(2), count: 1 }
        ],
        { peers: 2 }
      )
      const { report } = yield* PlanRunner.run(later)
      expect(report.nodes[6]?.members.at(-1)).toBeGreaterThan(1)
    })
  )

  it.effect("starts level 0 nodes among the others", () =>
    Effect.gen(function* () {
      const { report, seen } = yield* looks(planOf([], { oldNodes: 2 }), [1], ({ nodes }) =>
        nodes.map(({ kind }) => kind)
      )
      expect(seen).toEqual([["node", "node", "level0", "node", "node", "level0"]])
      expect(report.summary).toMatchObject({ up: 6, disagreements: [] })
    })
  )

  it.effect("encrypts if the plan says so", () =>
    Effect.gen(function* () {
      const messages = (encrypt: boolean) =>
        Effect.gen(function* () {
          const found = new Set<unknown>()
          const plan = planOf([], { encrypt, duration: seconds(3) })
          const { report } = yield* PlanRunner.run(plan, {
            trace: ({ event, message }) => {
              if (event === "sent") found.add(message)
            }
          })
          expect(report.summary.disagreements).toEqual([])
          return [...found]
        })
      expect(yield* messages(true)).toEqual(["sealed"])
      expect(yield* messages(false)).not.toContain("sealed")
    })
  )

  it.effect("gives all nodes the configuration", () =>
    Effect.gen(function* () {
      const plan = planOf([], { config: { gossip: { fanout: 7 } }, duration: seconds(1) })
      const { seen } = yield* looks(plan, [1], ({ nodes }) =>
        nodes.map((node) => (node.kind === "node" ? node.config.gossip.fanout : -1))
      )
      expect(seen).toEqual([[7, 7, 7, 7, 7, 7]])
    })
  )
})

describe("a run", () => {
  const eventful = planOf(
    [
      { do: "kill", at: seconds(2), nodes: 1 },
      { do: "partition", at: seconds(3), part: 0.5, for: seconds(2) },
      { do: "restart", at: seconds(6), nodes: 1 }
    ],
    { nodes: 8, network: { loss: 0.05, jitter: Duration.millis(5) }, encrypt: true }
  )

  it.effect("has the same history every time, and another one with another seed", () =>
    Effect.gen(function* () {
      const first = yield* PlanRunner.run(eventful)
      expect(yield* PlanRunner.run(eventful)).toEqual(first)
      expect((yield* PlanRunner.run({ ...eventful, seed: 2 })).hash).not.toBe(first.hash)
    })
  )

  it.effect("has the same history with and without trace and invariants", () =>
    Effect.gen(function* () {
      const { hash, report } = yield* PlanRunner.run(eventful)
      let records = 0
      const traced = yield* PlanRunner.run(eventful, { trace: () => records++ })
      expect(traced.report).toEqual(report)
      expect(records).toBeGreaterThan(100)
      const invariants = yield* PlanRunner.run(eventful, { invariants: false })
      expect(invariants.hash).toBe(hash)
      // The observers did get something.
      expect(invariants.report.summary.events).toBeLessThan(report.summary.events)
    })
  )

  it.live("reports its progress, which does not change the history", () =>
    Effect.gen(function* () {
      const long = { ...eventful, nodes: 20, duration: seconds(20), encrypt: false }
      const { report } = yield* PlanRunner.run(long)
      const told: Array<number> = []
      const onProgress = (ms: number) => Effect.sync(() => told.push(ms))
      expect((yield* PlanRunner.run(long, { onProgress })).report).toEqual(report)
      expect(told.length).toBeGreaterThan(0)
      expect(told).toEqual([...told].sort((a, b) => a - b))
      expect(Math.max(...told)).toBeLessThanOrEqual(20_000)
    })
  )

  it.effect("is sampled 240 times, or at the given period, until the end", () =>
    Effect.gen(function* () {
      const times = (plan: Plan.Plan, options?: PlanRunner.PlanOptions) =>
        Effect.map(PlanRunner.run(plan, options), ({ report }) => report.samples.times)
      const all = yield* times(planOf([], { duration: seconds(24) }))
      expect(all).toHaveLength(240)
      expect(all.at(-1)).toBe(24_000)
      expect(yield* times(planOf([]), { sampleEvery: "2 seconds" })).toEqual([2000, 4000, 6000, 8000, 10_000])
      expect(yield* times(planOf([], { duration: Duration.millis(50) }))).toEqual([10, 20, 30, 40, 50])
    })
  )

  it.effect("ends at the event that breaks an invariant, with the report up to then", () =>
    Effect.gen(function* () {
      const whole = yield* PlanRunner.run(eventful)
      let events = 0
      const { broken, report } = yield* PlanRunner.run(eventful, {
        onSimulation: (verbs) => {
          verbs.timeline.at(4500 * NanosPerMilli, () => {
            events = verbs.timeline.events
            verbs.fail(
              new InvariantBroken({
                invariant: "bounds",
                node: "n1",
                detail: "as a test",
                at: verbs.now(),
                event: events
              })
            )
          })
        }
      })
      expect(broken).toMatchObject({ invariant: "bounds", at: 4500, event: events })
      expect(report.duration).toBe(4500)
      expect(report.summary.events).toBe(events)
      expect(report.summary.up).toBe(7)
      expect(report.events).toEqual(whole.report.events.filter(({ at }) => at < 4500))
      expect(report.nodes.map(({ lives }) => lives.length)).toEqual(Array.from({ length: 8 }, () => 1))
    })
  )

  it.effect("is refused if the plan cannot be carried out", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(PlanRunner.run(planOf([{ do: "kill", at: seconds(2), nodes: ["n7"] }])))
      expect(error._tag).toBe("PlanError")
    })
  )

  it.effect("ends for every random plan", () =>
    Effect.gen(function* () {
      for (const raw of fc.sample(Plans.raw, 25)) {
        const plan = Result.getOrThrow(PlanFile.decode(raw))
        const { broken, report } = yield* PlanRunner.run(plan, { invariants: false })
        expect({ raw, broken, duration: report.duration }).toEqual({ raw, broken: undefined, duration: 8000 })
      }
    })
  )
})
