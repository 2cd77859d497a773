import { assert, describe } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Metric, Result, Scope } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import { NetAddress } from "effect/net"
import { expect } from "vitest"
import * as AntiEntropy from "../../src/anti-entropy/AntiEntropy.ts"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { CurrentConfig } from "../../src/config/CurrentConfig.ts"
import * as ReliableDelivery from "../../src/delivery/ReliableDelivery.ts"
import * as FailureDetector from "../../src/failure-detector/FailureDetector.ts"
import * as Gossip from "../../src/gossip/Gossip.ts"
import * as Events from "../../src/events/Events.ts"
import * as Queries from "../../src/queries/Queries.ts"
import * as Join from "../../src/join/Join.ts"
import * as ChangeFeed from "../../src/membership/ChangeFeed.ts"
import * as LocalView from "../../src/membership/LocalView.ts"
import * as Membership from "../../src/membership/Membership.ts"
import * as Outbox from "../../src/outbox/Outbox.ts"
import * as Transport from "../../src/transport/Transport.ts"
import { families, histograms } from "../../src/metrics/Families.ts"
import * as VirtualNetwork from "../../src/simulation/network/VirtualNetwork.ts"
import { layerNone, Metrics } from "../../src/metrics/Metrics.ts"
import type * as Message from "../../src/wire/Message.ts"
import { bytesOf, claim, Lab, type LabNode, parts, sender, pass, scenario } from "../cluster/Lab.ts"
import { parse, valuesOf } from "./PrometheusText.ts"

const metricsOf = (node: LabNode) => Context.get(node.context, Metrics)

const scrape = (node: LabNode) => Effect.map(metricsOf(node).prometheus, valuesOf)

/** The sum of all series of each metric. That of a histogram is its number of values. */
const totals = (node: LabNode) =>
  Effect.map(metricsOf(node).json, (json) => {
    const totals = new Map<string, number>()
    for (const [name, metric] of Object.entries(json)) {
      const values =
        metric.type === "histogram" ? metric.series.map(({ count }) => count) : metric.series.map(({ value }) => value)
      totals.set(
        name,
        values.reduce((sum, value) => sum + value, 0)
      )
    }
    return totals
  })

/** Runs an effect and returns how much each series changed. Series that did not change are left out. */
const changes = Effect.fnUntraced(function* <E, R>(node: LabNode, happen: Effect.Effect<unknown, E, R>) {
  const before = yield* scrape(node)
  yield* happen
  const changed: Record<string, number> = {}
  for (const [name, value] of yield* scrape(node)) {
    const change = value - (before.get(name) ?? NaN)
    if (change !== 0) changed[name] = change
  }
  return changed
})

/** The names that dashboards rely on. */
const promised = [
  "swim_gossip_rounds_total",
  "swim_gossip_sent_total",
  "swim_gossip_recv_total",
  "swim_pings_sent_total",
  "swim_pings_recv_total",
  "swim_acks_sent_total",
  "swim_acks_recv_total",
  "swim_ping_reqs_sent_total",
  "swim_ping_reqs_recv_total",
  "swim_probe_direct_timeouts_total",
  "swim_probe_failures_total",
  "swim_merges_new_total",
  "swim_merges_updated_total",
  "swim_merges_stale_total",
  "swim_anti_entropy_sent_total",
  "swim_rate_limited_total",
  "swim_reliable_retries_total",
  "swim_reliable_exhausted_total",
  "swim_members_alive",
  "swim_members_suspect",
  "swim_members_dead"
]

/** A node that does nothing of its own accord for an hour. */
const quiet = {
  probes: { interval: "1 hour", timeout: "30 minutes", suspectTimeout: "2 hours" },
  gossip: { antiEntropyInterval: 0, healInterval: "1 hour" }
} as const

const started = Effect.fnUntraced(function* (lab: Lab, count: number, options: ClusterConfig.ClusterOptions = {}) {
  const nodes: Array<LabNode> = [yield* lab.start(1, options)]
  for (let i = 2; i <= count; i++) nodes.push(yield* lab.start(i, { peers: [nodes[0]!.address], ...options }))
  yield* pass(5000)
  return nodes
})

describe("the metrics of a node", () => {
  scenario("exist from the start, at 0, with help text and type", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const node = yield* lab.start(1)
      const text = parse(yield* metricsOf(node).prometheus)
      expect([...text.keys()]).toEqual(expect.arrayContaining(promised))
      const all = [...Object.values(families), ...Object.values(histograms)]
      expect([...text.keys()].toSorted()).toEqual(all.map(({ name }) => name).toSorted())
      for (const { help, label, name, type } of all) {
        const family = text.get(name)
        expect(family).toMatchObject({ help, type })
        for (const { labels, name: sample, value } of family?.samples ?? []) {
          expect(Object.keys(labels).filter((key) => key !== "le")).toEqual(label === undefined ? [] : [label])
          const atOne = name === "swim_build_info" || name === "swim_members_alive"
          if (name !== "swim_table_limit") expect([sample, value]).toEqual([sample, atOne ? 1 : 0])
        }
      }
    })
  )

  scenario("have a series for each value that a label can have, from the start on", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a, b] = yield* started(lab, 3)
      const valuesOfLabel = (name: string) =>
        Effect.map(metricsOf(a!).json, (json) => json[name]?.series.flatMap(({ labels }) => Object.values(labels)))
      const kinds = ["gossip", "ping", "ping_req", "ack", "leave", "anti_entropy"]
      expect(yield* valuesOfLabel("swim_datagrams_in_total")).toEqual([...kinds, "unread"])
      expect(yield* valuesOfLabel("swim_bytes_in_total")).toEqual([...kinds, "unread"])
      expect(yield* valuesOfLabel("swim_datagrams_out_total")).toEqual(kinds)
      expect(yield* valuesOfLabel("swim_bytes_out_total")).toEqual(kinds)
      expect((yield* valuesOfLabel("swim_dropped_total"))?.length).toBe(
        Object.keys(parts(a!).transport.counters.dropped).length
      )
      const tables = yield* valuesOfLabel("swim_table_size")
      expect(tables).toEqual(yield* valuesOfLabel("swim_table_limit"))
      expect(tables).toEqual(
        expect.arrayContaining([
          "members",
          "tombstones",
          "heal_list",
          "assemblies",
          "bootstrap_peers",
          "event_buffer",
          "send_queue"
        ])
      )

      const names = [...(yield* scrape(a!)).keys()]
      yield* lab.kill(b!)
      yield* lab
        .puppet(99)
        .pipe(Effect.flatMap((liar) => liar.send({ _tag: "Gossip", ...sender(99), entries: [] }, a!)))
      yield* pass("1 minute")
      expect([...(yield* scrape(a!)).keys()]).toEqual(names)
    })
  )

  scenario("are read at the moment of the scrape", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a] = yield* started(lab, 2)
      expect(yield* changes(a!, Effect.void)).toEqual({})
      yield* pass(1000)
      const { counters } = parts(a!).detector
      expect((yield* scrape(a!)).get("swim_probes_total")).toBe(counters.pings)
      counters.pings++
      expect((yield* scrape(a!)).get("swim_probes_total")).toBe(counters.pings)
      assert.isAbove(counters.pings, 1)
    })
  )

  scenario("belong to one node, not to another one and not to the program", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a, b] = yield* started(lab, 2)
      const alone = yield* lab.start(9)
      yield* pass(10_000)
      const [one, other, third] = [yield* scrape(a!), yield* scrape(b!), yield* scrape(alone)]
      const names = [
        "swim_members_alive",
        "swim_merges_new_total",
        "swim_pings_sent_total",
        "swim_probe_rtt_seconds_count"
      ]
      const rows = [one, other, third].map((values) => names.map((name) => values.get(name) ?? -1))
      expect(rows[2]).toEqual([1, 0, 0, 0])
      for (const row of rows.slice(0, 2)) {
        expect(row.slice(0, 2)).toEqual([2, 1])
        assert.isAtLeast(row[2]!, 10)
        assert.isAtLeast(row[3]!, 10)
      }
      expect((yield* Metric.snapshot).filter(({ id }) => id.startsWith("swim_"))).toEqual([])
      const own = yield* Effect.provideService(Metric.snapshot, Metric.MetricRegistry, metricsOf(a!).registry)
      expect(own.filter(({ id }) => id === "swim_members_alive").map(({ state }) => state)).toEqual([{ value: 2 }])
    })
  )

  scenario("belong to one node, also when two nodes are side by side or one inside the other", () =>
    Effect.gen(function* () {
      class First extends Context.Service<First, Metrics["Service"]>()("test/First") {}
      class Second extends Context.Service<Second, Metrics["Service"]>()("test/Second") {}
      const network = yield* VirtualNetwork.make()
      const host = network.host("n1", ["10.0.0.1"]).layer
      const config = Result.getOrThrow(ClusterConfig.make({ bind: "10.0.0.1:0" }))
      const first = Layer.effect(First, Metrics)
      const second = Layer.provide(Layer.effect(Second, Metrics), Cluster.layer(config))
      const layers = [
        Layer.mergeAll(Layer.provide(first, Cluster.layer(config)), second).pipe(Layer.provide(host)),
        Layer.mergeAll(first, second).pipe(Layer.provide(Cluster.layer(config)), Layer.provide(host))
      ]
      for (const layer of layers) {
        const both = yield* Layer.build(layer)
        const registries = [Context.get(both, First), Context.get(both, Second)].map(({ registry }) => registry)
        expect(registries[0]).not.toBe(registries[1])
        registries[0]!.clear()
        assert.isAbove(registries[1]!.size, 100)
      }
    })
  )

  scenario("have the same values as text and as JSON", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a] = yield* started(lab, 3)
      const text = parse(yield* metricsOf(a!).prometheus)
      const json = yield* metricsOf(a!).json
      expect(Object.keys(json)).toEqual([...text.keys()])
      for (const [name, { series, type, help }] of Object.entries(json)) {
        const family = text.get(name)
        expect(family).toMatchObject({ type, help })
        const values = series.flatMap((one) => ("value" in one ? [one.value] : [one.count]))
        const samples = family?.samples.filter(({ name: sample }) => sample === name || sample === `${name}_count`)
        expect(samples?.map(({ value }) => value)).toEqual(values)
      }
    })
  )
})

describe("a metric moves when", () => {
  scenario("nodes join and exchange messages", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      const before = yield* totals(a)
      const b = yield* lab.start(2, { peers: [a.address] })
      // Two nodes have nothing to tell each other by gossip.
      const c = yield* lab.start(3, { peers: [a.address] })
      yield* pass(30_000)
      for (const node of [a, b, c]) {
        const now = yield* totals(node)
        for (const kind of ["anti_entropy", "pings", "acks"]) {
          for (const way of ["sent", "recv"]) assert.isAbove(now.get(`swim_${kind}_${way}_total`) ?? 0, 0, kind)
        }
        for (const name of ["anti_entropy_rounds_total", "anti_entropy_completed_total"]) {
          assert.isAbove(now.get(`swim_${name}`) ?? 0, 0, name)
        }
        expect(now.get("swim_merges_new_total")).toBe(2)
        expect(now.get("swim_members_alive")).toBe(3)
        assert.isAtLeast(now.get("swim_probe_rtt_seconds") ?? 0, 25)
      }
      // Not every one of three has news for another when its round comes.
      const all = yield* Effect.forEach([a, b, c], totals)
      for (const name of ["gossip_sent", "gossip_recv", "gossip_rounds"]) {
        assert.isTrue(
          all.some((values) => (values.get(`swim_${name}_total`) ?? 0) > 0),
          name
        )
      }
      expect(before.get("swim_gossip_sent_total")).toBe(0)
      const values = yield* scrape(a)
      // 1 ms there and 1 ms back.
      const rtt = (what: string) => values.get(`swim_probe_rtt_seconds_${what}`)
      expect([rtt(`bucket{le="0.001"}`), rtt(`bucket{le="0.0025"}`)]).toEqual([0, rtt("count")])
      expect(rtt("sum")).toBeCloseTo(0.002 * (rtt("count") ?? 0))
      expect(values.get(`swim_table_size{table="members"}`)).toBe(2)
    })
  )

  scenario("members accuse one whose host refuses, and find their tables equal", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [victim, ...others] = yield* started(lab, 8, { extensions: {}, gossip: { antiEntropyInterval: 1000 } })
      yield* pass(10_000)
      victim!.node.control.kill()
      yield* pass(6000)
      const all = yield* Effect.forEach(others, scrape)
      const sum = (name: string) => all.reduce((total, values) => total + (values.get(name) ?? NaN), 0)
      for (const way of ["sent", "recv"]) {
        expect(sum(`swim_accusations_${way}_total{evidence="refused"}`)).toBeGreaterThan(1)
        expect(sum(`swim_accusations_${way}_total{evidence="replaced"}`)).toBe(0)
      }
      for (const name of ["nacks_recv", "second_opinions"]) expect(sum(`swim_${name}_total`)).toBeGreaterThan(0)
      // Some heard of the death before they had proof themselves. Nobody has refuted.
      expect(sum("swim_proofs_total")).toBeGreaterThan(others.length / 2)
      expect(sum("swim_suspicions_damped_total")).toBe(0)
      expect(sum(`swim_anti_entropy_digests_total{result="equal"}`)).toBeGreaterThan(20)
      // Only one has heard of a member, and tells nobody.
      const { outbox, view } = parts(others[0]!)
      const entries = [claim("Alive", 71, "10.0.0.71:7946")]
      yield* lab.forge(bytesOf({ _tag: "Gossip", ...sender(3), entries }), "10.0.0.3:7946", others[0]!)
      yield* pass(2)
      outbox.queue.remove(view.table.index.get(0, 71))
      yield* pass(10_000)
      const afterwards = yield* Effect.forEach(others, scrape)
      const different = `swim_anti_entropy_digests_total{result="different"}`
      const counted = afterwards.reduce((total, values) => total + (values.get(different) ?? NaN), 0)
      expect(counted).toBeGreaterThan(sum(different))
    })
  )

  scenario("a member that has refuted is suspected again", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a, b] = yield* started(lab, 2, { extensions: {} })
      const { view } = parts(a!)
      for (const damped of [0, 1]) {
        view.suspect(view.slotOf(b!.node.id), { _tag: "ProbeFailed", relays: [] }, lab.now)
        yield* pass(2000)
        expect((yield* scrape(a!)).get("swim_suspicions_damped_total")).toBe(damped)
      }
    })
  )

  scenario("datagrams are sent and received, by kind and to the byte", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a, b] = yield* started(lab, 2)
      yield* pass(10_000)
      yield* lab.stop(b!)
      yield* pass(10_000)
      const values = yield* scrape(a!)
      const tags = {
        gossip: "Gossip",
        ping: "Ping",
        ping_req: "PingReq",
        ack: "Ack",
        leave: "Leave",
        anti_entropy: "AntiEntropy"
      }
      for (const [kind, tag] of Object.entries(tags)) {
        for (const [way, name] of [
          ["in", "to"],
          ["out", "from"]
        ] as const) {
          const seen = lab.sent(
            (seen) => (seen[name] === a!.name || seen[name] === "10.0.0.1") && seen.message._tag === tag
          )
          expect([way, kind, values.get(`swim_datagrams_${way}_total{kind="${kind}"}`)]).toEqual([
            way,
            kind,
            seen.length
          ])
          expect([way, kind, values.get(`swim_bytes_${way}_total{kind="${kind}"}`)]).toEqual([
            way,
            kind,
            seen.reduce((sum, { bytes }) => sum + bytes, 0)
          ])
        }
      }
      expect(values.get(`swim_datagrams_in_total{kind="leave"}`)).toBe(1)
      expect(values.get("swim_leaves_total")).toBe(1)
      expect(values.get("swim_members_left")).toBe(1)
      expect(values.get("swim_members_dead")).toBe(0)
    })
  )

  scenario("a link is cut, and relays answer the probes", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a, b, c] = yield* started(lab, 3)
      lab.network.separate([a!.name], [b!.name], true)
      yield* pass(20_000)
      const [one, helper] = [yield* totals(a!), yield* totals(c!)]
      const saved = one.get("swim_relays_saved_total") ?? 0
      assert.isAbove(saved, 5)
      for (const name of ["probe_direct_timeouts_total", "ping_reqs_sent_total", "relays_asked_total"]) {
        expect([name, one.get(`swim_${name}`)]).toEqual([name, saved])
      }
      expect(one.get("swim_probe_failures_total")).toBe(0)
      expect(helper.get("swim_ping_reqs_recv_total")).toBe(helper.get("swim_relays_served_total"))
      assert.isAtLeast(helper.get("swim_relays_served_total") ?? 0, saved)
    })
  )

  scenario("a member fails: suspicion, death, their durations, and attempts to heal", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a, b] = yield* started(lab, 2)
      const killed = lab.now
      yield* lab.kill(b!)
      const suspected = yield* changes(a!, pass(2500))
      expect(suspected).toMatchObject({
        swim_members_alive: -1,
        swim_members_suspect: 1,
        swim_merges_updated_total: 1,
        [`swim_suspicions_total{cause="probe_failed"}`]: 1
      })
      assert.isAtLeast(suspected["swim_probe_failures_total"] ?? 0, 1)
      assert.isAtLeast(suspected["swim_local_health_score"] ?? 0, 1)
      const died = yield* changes(a!, pass(27_500))
      expect(died).toMatchObject({
        swim_members_suspect: -1,
        [`swim_deaths_total{cause="suspicion_expired"}`]: 1,
        [`swim_suspicion_duration_seconds_count{outcome="died"}`]: 1,
        swim_detection_seconds_count: 1,
        [`swim_table_size{table="heal_list"}`]: 1,
        [`swim_table_size{table="tombstones"}`]: 1
      })
      // One every 7.5 to 12.5 s since the death.
      assert.oneOf(died["swim_heals_tried_total"], [2, 3])
      const values = yield* scrape(a!)
      const [suspicion, death] = a!.changes.filter(({ ms }) => ms > killed)
      expect([suspicion?._tag, death?._tag]).toEqual(["Suspected", "Died"])
      expect(values.get(`swim_suspicion_duration_seconds_sum{outcome="died"}`)).toBeCloseTo(
        (death!.ms - suspicion!.ms) / 1000
      )
      // The last sign of life was in the second before, or on the way.
      const detection = (values.get("swim_detection_seconds_sum") ?? 0) - (death!.ms - killed) / 1000
      assert.isAtLeast(detection, -0.0011)
      assert.isAtMost(detection, 1)
    })
  )

  scenario("others suspect a member, which refutes, and then a claimed death is confirmed", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a, b] = yield* started(lab, 3, quiet)
      const liar = yield* lab.puppet(99)
      // A replay of the third node: its entries are merged, and its header is ignored.
      const say = (status: "Suspect" | "Dead" | "Alive", incarnation: number, heartbeat = 0) =>
        liar.send(
          {
            _tag: "Gossip",
            ...sender(3),
            entries: [claim(status, b!.id, b!.address, incarnation, heartbeat)]
          },
          a!
        )
      const { incarnation } = parts(b!).view
      const suspect = say("Suspect", incarnation + 1).pipe(Effect.andThen(pass(2)))
      expect(yield* changes(a!, suspect)).toMatchObject({
        swim_members_suspect: 1,
        [`swim_suspicions_total{cause="claimed"}`]: 1
      })
      const refuted = yield* changes(b!, pass(3000))
      expect(refuted).toMatchObject({ swim_refutations_total: 1 })
      expect((yield* scrape(a!)).get("swim_members_suspect")).toBe(0)
      const values = yield* scrape(a!)
      expect(values.get("swim_recoveries_total")).toBe(1)
      expect(values.get(`swim_suspicion_duration_seconds_count{outcome="recovered"}`)).toBe(1)

      const stale = say("Alive", 0).pipe(Effect.andThen(pass(2)))
      expect(yield* changes(a!, stale)).toMatchObject({ swim_merges_stale_total: 1 })

      lab.network.separate([b!.name], [a!.name, "n3"], true)
      const later = parts(b!).view.incarnation + 1
      const checked = yield* changes(a!, say("Dead", later).pipe(Effect.andThen(pass(100))))
      expect(checked).toMatchObject({ [`swim_table_size{table="death_checks"}`]: 1 })
      expect(yield* changes(a!, pass(3000))).toMatchObject({
        swim_members_dead: 1,
        [`swim_deaths_total{cause="death_confirmed"}`]: 1,
        [`swim_table_size{table="death_checks"}`]: -1,
        swim_detection_seconds_count: 1
      })
    })
  )

  scenario("a suspect is claimed to be dead, and is asked first", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a, b] = yield* started(lab, 3, quiet)
      const liar = yield* lab.puppet(99)
      const { incarnation } = parts(b!).view
      lab.network.separate([b!.name], [a!.name, "n3"], true)
      const say = (status: "Suspect" | "Dead") =>
        liar
          .send({ _tag: "Gossip", ...sender(3), entries: [claim(status, b!.id, b!.address, incarnation, 2 ** 22)] }, a!)
          .pipe(Effect.andThen(pass(2)))
      yield* say("Suspect")
      yield* pass(1000)
      const asked = yield* changes(a!, say("Dead"))
      expect(asked).toMatchObject({ swim_pings_sent_total: 1 })
      expect(asked["swim_members_dead"]).toBeUndefined()
    })
  )

  scenario("another node has our id or our address", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a] = yield* started(lab, 2, quiet)
      const other = yield* lab.puppet(99)
      const gossip = (entry: Message.MessageEntry) =>
        other.send({ _tag: "Gossip", ...sender(50), entries: [entry] }, a!).pipe(Effect.andThen(pass(2)))
      const { incarnation } = parts(a!).view
      expect(yield* changes(a!, gossip(claim("Alive", a!.id, "10.0.0.77:1", incarnation + 1)))).toMatchObject({
        [`swim_conflicts_total{kind="same_id"}`]: 1
      })
      expect(yield* changes(a!, gossip(claim("Alive", 50, a!.address, 1, 1)))).toMatchObject({
        // One for the entry, and one for the header that confirms it.
        [`swim_conflicts_total{kind="same_address"}`]: 2
      })
    })
  )

  scenario("a node leaves and nobody answers", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [a, b] = yield* started(lab, 2)
      lab.network.separate([a!.name], [b!.name], true)
      const left = Effect.andThen(
        Effect.forkChild(Context.get(a!.context, Cluster.Cluster).leave, { startImmediately: true }),
        pass(2500)
      )
      expect(yield* changes(a!, left)).toMatchObject({
        swim_members_alive: -1,
        swim_members_left: 1,
        swim_reliable_retries_total: 3,
        swim_reliable_exhausted_total: 1,
        [`swim_datagrams_out_total{kind="leave"}`]: 4
      })
    })
  )

  scenario("a table is full, or a peer does not answer", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, { limits: { members: 1, relays: 1 }, peers: ["10.0.0.66:1"] })
      yield* lab.start(2, { peers: [a.address] })
      yield* pass(3000)
      yield* lab.start(3, { peers: [a.address] })
      yield* pass(3000)
      const values = yield* scrape(a)
      expect(values.get("swim_peers_waiting")).toBe(1)
      expect(values.get(`swim_table_limit{table="members"}`)).toBe(1)
      expect(values.get(`swim_table_size{table="members"}`)).toBe(1)
      assert.isAtLeast(values.get(`swim_table_refused_total{table="members"}`) ?? 0, 1)
    })
  )

  scenario("sending fails: errors that the socket does not distinguish are counted together", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      const { counters } = parts(a).transport
      const fail = Effect.sync(() => {
        counters.writeErrors["ConnectionRefused"] = 3
        counters.writeErrors["Unknown"] = 2
        counters.writeErrors["AddressInUse"] = 1
        counters.reopened++
        counters.overflow += 4
      })
      expect(yield* changes(a, fail)).toEqual({
        [`swim_write_errors_total{kind="connection_refused"}`]: 3,
        [`swim_write_errors_total{kind="unknown"}`]: 3,
        swim_socket_reopened_total: 1,
        swim_send_queue_overflow_total: 4
      })
    })
  )

  scenario("the process pauses, or a loop of the node ends", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      const { clock } = parts(a)
      const pause = Effect.sync(() => clock.watch.fired(lab.now, lab.now + 1000))
      expect(yield* changes(a, pause)).toEqual({ swim_pauses_total: 1 })
      const die = clock.fork("test", Effect.die("on purpose")).pipe(Effect.andThen(pass(1)))
      expect(yield* changes(a, Effect.provideService(die, Logger.CurrentLoggers, new Set<never>()))).toEqual({
        swim_dead_loops: 1
      })
    })
  )
})

describe("datagrams that are dropped", () => {
  scenario("are counted by reason, and as unread until their kind is known", () =>
    Effect.gen(function* () {
      const network = yield* VirtualNetwork.make()
      const host = network.host("n1", ["10.0.0.1"])
      const config = Result.getOrThrow(
        ClusterConfig.make({ bind: "10.0.0.1:7946", nodeId: "1", inboundPeerCapacity: 100 })
      )
      const scope = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
      const context = yield* Layer.buildWithScope(Layer.provide(Cluster.layer(config), host.layer), scope)
      const metrics = Context.get(context, Metrics)
      const socket = yield* network
        .host("n2", ["10.0.0.2"])
        .network.socket(NetAddress.inetAddressFromStringUnsafe("10.0.0.2:1"))
      yield* socket.reader
      const writer = yield* socket.writer
      const garbage = (bytes: Uint8Array, times: number) =>
        Effect.forEach(
          Array.from({ length: times }),
          () => writer.write({ payload: bytes, address: NetAddress.inetAddressFromStringUnsafe("10.0.0.1:7946") }),
          { discard: true }
        )
      yield* garbage(new Uint8Array(3), 2)
      yield* garbage(new Uint8Array(24), 300)
      yield* pass(10)
      const values = valuesOf(yield* metrics.prometheus)
      expect(values.get(`swim_dropped_total{reason="truncated"}`)).toBe(2)
      // A source may send 100 at once.
      expect(values.get(`swim_dropped_total{reason="unsupported_version"}`)).toBe(98)
      expect(values.get(`swim_dropped_total{reason="source_limit"}`)).toBe(202)
      expect(values.get("swim_rate_limited_total")).toBe(202)
      expect(values.get(`swim_datagrams_in_total{kind="unread"}`)).toBe(302)
      expect(values.get(`swim_bytes_in_total{kind="unread"}`)).toBe(2 * 3 + 300 * 24)
      expect(values.get(`swim_table_size{table="stranger_sources"}`)).toBe(1)
    })
  )
})

describe("a node without metrics", () => {
  scenario("runs, and layerNone has none", () =>
    Effect.gen(function* () {
      const network = yield* VirtualNetwork.make()
      const config = Result.getOrThrow(ClusterConfig.make({ bind: "10.0.0.1:7946" }))
      const components = Layer.mergeAll(
        FailureDetector.layer,
        Gossip.layer,
        Join.layer,
        AntiEntropy.layer,
        ReliableDelivery.layer,
        Events.layer,
        Queries.layer
      )
      const node = yield* Layer.build(
        Cluster.layerNode.pipe(
          Layer.provideMerge(components),
          Layer.provideMerge(Layer.mergeAll(Outbox.layer, Membership.layer)),
          Layer.provideMerge(ChangeFeed.layer),
          Layer.provideMerge(LocalView.layer),
          Layer.provideMerge(Transport.layer),
          Layer.provideMerge(Cluster.layerBase),
          Layer.provideMerge(Layer.succeed(CurrentConfig, config)),
          Layer.provide([network.host("n1", ["10.0.0.1"]).layer, Kdf.layerWebCrypto, SecureRandom.layerWebCrypto])
        )
      )
      const { alive } = Context.get(node, Membership.Membership)
      expect((yield* alive).length).toBe(1)

      const none = Context.get(yield* Layer.build(layerNone), Metrics)
      expect([yield* none.prometheus, yield* none.json, none.bounds, none.registry.size]).toEqual(["", {}, [], 0])
    })
  )
})
