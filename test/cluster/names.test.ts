import { assert, describe } from "@effect/vitest"
import { Effect, Logger, References } from "effect"
import type * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { countsOf, Lab, type LabNode, parts, pass, scenario } from "./Lab.ts"

/** Nothing but what joining takes. */
const quiet = { probes: { interval: 600_000, timeout: 300_000 }, gossip: { antiEntropyInterval: 0 } } as const

const seed = "seed.example:7946"

const start = (lab: Lab, number: number, options: ClusterConfig.ClusterOptions) => lab.start(number, options)

/** Another node on the address of one that is gone. */
const startAs = (lab: Lab, name: string, number: number, at: number, options: ClusterConfig.ClusterOptions) =>
  lab.startAt(name, lab.network.host(name, [`10.0.0.${at}`]), {
    bind: `10.0.0.${at}:7946`,
    nodeId: String(number),
    ...options
  })

const name = (lab: Lab, ...numbers: ReadonlyArray<number>) =>
  lab.network.names.set("seed.example", { addresses: numbers.map((n) => `10.0.0.${n}`) })

const pings = (lab: Lab, from: string, to: string, since = 0) =>
  lab
    .sent((seen) => seen.from === from && seen.to === to && seen.message._tag === "Ping", since)
    .map(({ at }) => at - since)

const assertAlive = (nodes: ReadonlyArray<LabNode>, alive: number) =>
  Effect.forEach(nodes, (node) => Effect.map(countsOf(node), (counts) => assert.strictEqual(counts.alive, alive)))

/** Runs an effect, and returns what it logs, by level. */
const logged = <A, E, R>(use: (lines: Array<string>) => Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
      const text = Array.isArray(message) ? message.join(" ") : String(message)
      // The reminder that a node waits for its peers is not about names.
      if (!text.startsWith("no answer from")) lines.push(`${logLevel} ${text}`)
    })
    return use(lines).pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "Info")
    )
  })

describe("peers by name", () => {
  scenario("a node sends a PING to all addresses of a name at once, and one answer is enough to join", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* start(lab, 1, quiet)
      const b = yield* start(lab, 2, { ...quiet, peers: [a.address] })
      yield* pass(5000)
      const from = lab.now
      name(lab, 1, 2, 9)
      const c = yield* start(lab, 3, { ...quiet, peers: [seed] })
      yield* pass(60_000)
      // The answer to the first PING proves the address of who sends it a table.
      assert.deepStrictEqual(pings(lab, "n3", "n1", from), [0])
      // It also proves the address of the other, which asks for that of the newcomer.
      assert.deepStrictEqual(pings(lab, "n3", "n2", from), [0, 2])
      assert.deepStrictEqual(pings(lab, "n3", "10.0.0.9", from), [0])
      assert.deepStrictEqual(lab.network.asked, ["seed.example"])
      yield* assertAlive([a, b, c], 3)
      assert.strictEqual(parts(c).join.peers.waiting, 0)
    })
  )

  scenario("a name that does not resolve yet is looked up again, after waits that double from 500 ms to 10 s", () =>
    logged((lines) =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const a = yield* start(lab, 1, quiet)
        const b = yield* start(lab, 2, { ...quiet, peers: [seed] })
        const { counters } = parts(b).join
        const lookups: Array<number> = []
        for (const wait of [0, 499, 1, 999, 1, 1999, 1, 3999, 1, 7999, 1, 9999, 1]) {
          yield* pass(wait)
          lookups.push(counters.lookups)
        }
        assert.deepStrictEqual(lookups, [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7])
        assert.strictEqual(counters.lookupsFailed, 7)
        assert.deepStrictEqual(lab.seen, [])
        name(lab, 1)
        yield* pass(10_010)
        yield* assertAlive([a, b], 2)
        assert.deepStrictEqual(pings(lab, "n2", "n1"), [35_500])
        assert.deepStrictEqual(lines, [
          "Warn cannot look up the peer seed.example:7946: there is no such name, or it has no addresses; keeps trying",
          "Info found the peer seed.example:7946: 10.0.0.1:7946"
        ])
      })
    )
  )

  scenario("the nodes of a service find each other by one name that also has their own addresses", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const nodes: Array<LabNode> = []
      for (const number of [1, 2, 3, 4]) {
        name(lab, ...Array.from({ length: number }, (_, i) => i + 1))
        nodes.push(yield* start(lab, number, { ...quiet, peers: [seed] }))
        yield* pass(number === 1 ? 100 : 2000)
      }
      yield* pass(30_000)
      yield* assertAlive(nodes, 4)
      assert.deepStrictEqual(
        lab.seen.filter(({ from, to }) => from === to),
        []
      )
      for (const node of nodes) assert.strictEqual(parts(node).join.peers.waiting, 0)
    })
  )

  scenario("a node without members looks names up again, and finds a peer that restarted at another address", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      name(lab, 1)
      const a = yield* start(lab, 1, {})
      const b = yield* start(lab, 2, { peers: [seed], gossip: { healTimeout: 0 } })
      yield* pass(5000)
      yield* assertAlive([a, b], 2)
      assert.deepStrictEqual(lab.network.asked, ["seed.example"])
      yield* lab.kill(a)
      yield* pass(20_000)
      yield* assertAlive([b], 1)
      const died = b.changes.find(({ _tag }) => _tag === "Died")!.ms
      // At once, and with back-off: at 0, 0.5, 1.5, 3.5 and 7.5 s.
      assert.deepStrictEqual(
        pings(lab, "n2", "n1", died).filter((ms) => ms <= 7500),
        [0, 500, 1500, 3500, 7500]
      )
      name(lab, 3)
      const back = yield* startAs(lab, "n3", 1, 3, {})
      yield* pass(10_010)
      yield* assertAlive([b, back], 2)
      assert.strictEqual(parts(b).join.peers.waiting, 0)
    })
  )

  scenario("healing looks a name up again when no live member has one of its addresses", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      name(lab, 1)
      const options = { gossip: { healTimeout: 0 } }
      const a = yield* start(lab, 1, options)
      const b = yield* start(lab, 2, { ...options, peers: [seed] })
      const c = yield* start(lab, 3, { ...options, peers: [b.address] })
      yield* pass(5000)
      yield* assertAlive([a, b, c], 3)
      yield* lab.kill(a)
      yield* pass(60_000)
      yield* assertAlive([b, c], 2)
      const asked = lab.network.asked.length
      assert.isAtLeast(asked, 4)
      // Another node without members has the name now.
      name(lab, 9)
      const other = yield* start(lab, 9, options)
      yield* pass(12_600)
      yield* assertAlive([b, c, other], 3)
      const settled = lab.network.asked.length
      yield* pass(60_000)
      assert.strictEqual(lab.network.asked.length, settled)
    })
  )

  scenario("a service has the addresses of all its hosts with their ports, ordered by priority", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const { names } = lab.network
      names.set("_gossip._udp.example", {
        services: [
          { target: "b.example", port: 7002, priority: 20 },
          { target: "gone.example", port: 7009, priority: 15 },
          { target: "a.example", port: 7001, priority: 10 }
        ]
      })
      names.set("a.example", { addresses: ["10.0.0.1"] })
      names.set("b.example", { addresses: ["10.0.0.2", "fd00::2"] })
      const a = yield* start(lab, 1, { ...quiet, bind: "10.0.0.1:7001" })
      const b = yield* start(lab, 2, { ...quiet, bind: "10.0.0.2:7002" })
      const c = yield* start(lab, 3, { ...quiet, peers: ["dns+srv://_gossip._udp.example"] })
      yield* pass(60_000)
      const first = lab.seen.filter(({ from }) => from === "n3").slice(0, 2)
      // Its socket is one of IPv4, and the third host is not there.
      assert.deepStrictEqual(
        first.map(({ at, to }) => [at, to]),
        [
          [0, "n1"],
          [0, "n2"]
        ]
      )
      assert.strictEqual((yield* countsOf(c)).alive, 3)
      yield* assertAlive([a, b], 3)
      assert.strictEqual(parts(c).join.counters.lookups, 1)
    })
  )

  scenario(
    "a host of a service that does not resolve within 3 s is skipped; if none resolves, the service is not found",
    () =>
      logged((lines) =>
        Effect.gen(function* () {
          const lab = yield* Lab.make()
          const { names } = lab.network
          const services = ["slow.example", "a.example"].map((target) => ({ target, port: 7946 }))
          names.set("_gossip._udp.example", { services })
          names.set("a.example", { addresses: ["10.0.0.1"] })
          names.set("slow.example", "hangs")
          names.set("_none._udp.example", { services: [{ target: ".", port: 0 }] })
          const a = yield* start(lab, 1, quiet)
          const b = yield* start(lab, 2, { ...quiet, peers: ["dns+srv://_gossip._udp.example"] })
          const c = yield* start(lab, 3, { ...quiet, peers: ["dns+srv://_none._udp.example"] })
          yield* pass(2999)
          yield* assertAlive([a, b, c], 1)
          yield* pass(11)
          yield* assertAlive([a, b], 2)
          assert.deepStrictEqual(pings(lab, "n2", "n1").slice(0, 1), [3000])
          assert.deepStrictEqual(lines, [
            "Warn cannot look up the peer dns+srv://_none._udp.example: its records say that there is no service; keeps trying"
          ])
        })
      )
  )

  scenario("a resolver that fails or hangs is logged once, and the node continues", () =>
    logged((lines) =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const { names } = lab.network
        names.set("seed.example", { fails: "ServerFailure" })
        names.set("slow.example", "hangs")
        const a = yield* start(lab, 1, quiet)
        const b = yield* start(lab, 2, { ...quiet, peers: [seed, "slow.example:1", a.address] })
        yield* pass(100)
        yield* assertAlive([a, b], 2)
        yield* pass(60_000)
        assert.deepStrictEqual(lines, [
          "Warn cannot look up the peer seed.example:7946: the name server has a failure; keeps trying",
          "Warn cannot look up the peer slow.example:1: no answer within 5 s; keeps trying"
        ])
        // Each takes 5 s, and the waits begin then: at 0, 5.5, 11.5, 18.5, 27.5, 40.5 and 55.5 s.
        assert.deepStrictEqual(lab.network.asked.filter((asked) => asked === "slow.example").length, 7)
        lines.length = 0
        names.set("seed.example", "hangs")
        yield* pass(20_000)
        assert.deepStrictEqual(lines, [
          "Warn cannot look up the peer seed.example:7946: no answer within 5 s; keeps trying"
        ])
        names.set("slow.example", { addresses: ["10.0.0.1"] })
        yield* pass(20_000)
        assert.strictEqual(lines[1], "Info found the peer slow.example:1: 10.0.0.1:1")
      })
    )
  )

  scenario("addresses of the other family, and addresses outside `network.allow`, are ignored", () =>
    logged((lines) =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        lab.network.names.set("seed.example", { addresses: ["fd00::1", "192.0.2.1"] })
        const options = { ...quiet, peers: [seed], allow: ["10.0.0.0/8"] }
        yield* start(lab, 1, options)
        yield* pass(1000)
        assert.deepStrictEqual(lab.seen, [])
        assert.deepStrictEqual(lines, [
          "Warn cannot look up the peer seed.example:7946: the socket bound to 10.0.0.1:7946 cannot reach " +
            "[fd00::1]:7946, 192.0.2.1:7946, or `allow` excludes it; keeps trying"
        ])
      })
    )
  )

  scenario("a leaving node makes no more lookups", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* start(lab, 1, { ...quiet, peers: [seed] })
      yield* pass(1000)
      yield* lab.stop(a)
      const asked = lab.network.asked.length
      yield* pass(60_000)
      assert.strictEqual(lab.network.asked.length, asked)
    })
  )
})
