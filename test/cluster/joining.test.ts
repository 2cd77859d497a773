import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Stream } from "effect"
import type { ClusterOptions } from "../../src/config/ClusterConfig.ts"
import { Queries } from "../../src/queries/Queries.ts"
import { Ping } from "../../src/queries/Query.ts"
import {
  bytesOf,
  claim,
  countsOf,
  entriesOf,
  Lab,
  type LabNode,
  parts,
  type Puppet,
  type Seen,
  sender,
  story,
  pass,
  scenario,
  virtual
} from "./Lab.ts"

/** Nothing but what joining takes. */
const quiet = { probes: { interval: 600_000, timeout: 300_000 }, gossip: { antiEntropyInterval: 0 } } as const

/** Contacts of a peer that does not answer, in ms: 500 doubled up to 10 000 in between. */
const Contacts = [0, 500, 1500, 3500, 7500, 15_500, 25_500, 35_500, 45_500, 55_500]

const pings = (lab: Lab, from: string, to: string) =>
  lab.sent((seen) => seen.from === from && seen.to === to && seen.message._tag === "Ping")

const between =
  (x: string, y: string) =>
  ({ from, to }: Seen): boolean =>
    (from === x && to === y) || (from === y && to === x)

const ids = ({ message }: Pick<Seen, "message">) => entriesOf(message).map(({ nodeId }) => Number(nodeId))

/** `config`: of a large cluster, it should compare tables, since gossip alone misses a member now and then. */
const cluster = (lab: Lab, size: number, config: ClusterOptions = quiet) =>
  Effect.gen(function* () {
    const nodes: Array<LabNode> = []
    for (let i = 1; i <= size; i++) {
      nodes.push(yield* lab.start(i, { ...config, peers: i === 1 ? [] : ["10.0.0.1:7946"] }))
      yield* pass(5000)
    }
    for (const node of nodes) assert.strictEqual((yield* countsOf(node)).alive, size)
    return nodes
  })

/** Twenty nodes with default settings that have been together for a minute. */
const oldCluster = Effect.gen(function* () {
  const lab = yield* Lab.make()
  const nodes: Array<LabNode> = []
  for (let i = 1; i <= 20; i++) {
    nodes.push(yield* lab.start(i, { extensions: {}, peers: i === 1 ? [] : ["10.0.0.1:7946"] }))
  }
  yield* pass(60_000)
  return { lab, nodes }
})

describe("joining", () => {
  scenario(
    "a peer gets PINGs until it answers, after waits that double from 500 ms to 10 s, and is not listed before",
    () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const a = yield* lab.start(1, { ...quiet, peers: ["10.0.0.9:7946"] })
        yield* pass(60_000)
        const contacts = pings(lab, "n1", "10.0.0.9")
        assert.deepStrictEqual(
          contacts.map(({ at }) => at),
          Contacts
        )
        for (const contact of contacts) assert.deepStrictEqual(ids(contact), [1])
        assert.strictEqual(lab.seen.length, contacts.length)
        assert.deepStrictEqual(yield* countsOf(a), { alive: 1, suspect: 0, dead: 0, left: 0 })
        assert.deepStrictEqual(story(a), [])
      })
  )

  scenario("a peer that starts 30 s late is joined at the next attempt", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, { ...quiet, peers: ["10.0.0.2:7946"] })
      yield* pass(30_000)
      const b = yield* lab.start(2, quiet)
      yield* pass(30_000)
      assert.deepStrictEqual(
        pings(lab, "n1", "n2").map(({ at }) => at),
        [35_500]
      )
      assert.deepStrictEqual(story(b), [[35_501, "Joined 1: Heard"]])
      assert.deepStrictEqual(story(a), [[35_502, "Joined 2: Heard"]])
    })
  )

  scenario("a newcomer contacts one member, proves its address, and knows all members within 4 ms", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [seed] = yield* cluster(lab, 4)
      const from = lab.now
      const newcomer = yield* lab.start(5, { ...quiet, peers: [seed!.address] })
      yield* pass(4)
      assert.deepStrictEqual(
        lab
          .sent((seen) => between("n1", "n5")(seen) && seen.at < lab.now, from)
          .map((seen) => [seen.at - from, seen.from, seen.message._tag, ids(seen)]),
        [
          [0, "n5", "Ping", [5]],
          // A stranger learns only of the node that answers it.
          [1, "n1", "Ack", [1]],
          [1, "n1", "Ping", [1]],
          [2, "n5", "AntiEntropy", [5]],
          [2, "n5", "Ack", [5]],
          [3, "n1", "AntiEntropy", [1, 2, 3, 4, 5]]
        ]
      )
      assert.deepStrictEqual(story(newcomer, from), [
        [2, "Joined 1: Heard"],
        [4, "Joined 2: Claimed by 1"],
        [4, "Joined 3: Claimed by 1"],
        [4, "Joined 4: Claimed by 1"]
      ])
    })
  )

  scenario("only the first peer that answers is asked for its table; the others still answer the PING", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const nodes = yield* cluster(lab, 3)
      const from = lab.now
      // The first peer is further away than the second.
      lab.network.link("n5", "n1").latency = 20
      yield* lab.start(5, { ...quiet, peers: nodes.map(({ address }) => address) })
      yield* pass(100)
      const asked = lab.sent((seen) => seen.from === "n5" && seen.message._tag === "AntiEntropy", from)
      assert.deepStrictEqual(
        asked.map(({ at, to }) => [at - from, to]),
        [[2, "n2"]]
      )
      const tables = lab.sent((seen) => seen.to === "n5" && seen.message._tag === "AntiEntropy", from)
      assert.deepStrictEqual(
        tables.map(({ from }) => from),
        ["n2"]
      )
      // The answers prove the addresses, so no second PING is needed.
      assert.deepStrictEqual(
        nodes.map(({ name }) => pings(lab, "n5", name).map(({ at }) => at - from)),
        [[0], [0], [0]]
      )
    })
  )

  scenario("a node joins through the only live peer and keeps trying the others", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [seed] = yield* cluster(lab, 3)
      const from = lab.now
      const peers = ["10.0.0.21:7946", "10.0.0.22:7946", seed!.address, "10.0.0.23:7946"]
      const newcomer = yield* lab.start(5, { ...quiet, peers })
      yield* pass(16_000)
      assert.strictEqual((yield* countsOf(newcomer)).alive, 4)
      assert.isTrue(story(newcomer, from).every(([ms]) => ms <= 6))
      assert.strictEqual(parts(newcomer).join.peers.waiting, 3)
      for (const to of ["10.0.0.21", "10.0.0.22", "10.0.0.23"]) {
        assert.deepStrictEqual(
          pings(lab, "n5", to).map(({ at }) => at - from),
          [0, 500, 1500, 3500, 7500, 15_500]
        )
      }
    })
  )

  scenario("our own address among the peers is ignored", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, { ...quiet, peers: ["10.0.0.1:7946"] })
      yield* pass(60_000)
      assert.deepStrictEqual(lab.seen, [])
      assert.strictEqual(parts(a).join.peers.waiting, 0)
    })
  )

  scenario("a forged message with our id from the address of a peer does not drop the peer", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, { ...quiet, extensions: {}, peers: ["10.0.0.2:7946"] })
      const peer = lab.network.host("n2", ["10.0.0.2"])
      const probe = { sequence: 5, targetId: claim("Alive", 1, a.address).nodeId }
      const payloads = [
        bytesOf({ _tag: "Ping", ...sender(1), entries: [] }),
        bytesOf({ _tag: "Ping1", ...sender(1), level: 1, probe })
      ]
      for (const payload of payloads) {
        const from = lab.now
        yield* lab.forge(payload, "10.0.0.2:7946", a)
        yield* pass(10)
        assert.strictEqual(parts(a).join.peers.waiting, 1)
        const answers = lab.sent(({ at, from: by }) => by === "n1" && at > from, from)
        assert.isAtMost(
          answers.reduce((sum, { bytes }) => sum + bytes, 0),
          3 * payload.length
        )
      }
      const b = yield* lab.startAt("n2", peer, { ...quiet, extensions: {}, bind: "10.0.0.2:7946", nodeId: "2" })
      yield* pass(16_000)
      assert.strictEqual(yield* lab.status(a, b), "alive")
    })
  )

  scenario(
    "a peer address that turns out to be another address of this node is dropped after a PING with a number",
    () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const host = lab.network.host("n1", ["10.0.0.1", "10.9.9.1"])
        const a = yield* lab.startAt("n1", host, {
          ...quiet,
          extensions: {},
          bind: "0.0.0.0:7946",
          advertise: "10.0.0.1:7946",
          nodeId: "1",
          peers: ["10.9.9.1:7946"]
        })
        yield* pass(60_000)
        assert.deepStrictEqual(
          lab.seen.map(({ at, from, message, to }) => [at, message._tag, from, to]),
          [
            [0, "Ping", "n1", "n1"],
            [1, "Ping1", "n1", "n1"]
          ]
        )
        assert.strictEqual(parts(a).join.peers.waiting, 0)
        assert.deepStrictEqual(story(a), [])
      })
  )

  scenario("the next round of anti-entropy replaces a table that was lost", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const [seed] = yield* cluster(lab, 3)
      const from = lab.now
      const newcomer = yield* lab.start(5, {
        ...quiet,
        gossip: { antiEntropyInterval: 10_000 },
        peers: [seed!.address]
      })
      yield* pass(2)
      lab.network.link("n5", "n1").loss = 1
      yield* pass(1000)
      lab.network.link("n5", "n1").loss = 0
      yield* pass(8990)
      yield* pass(10)
      assert.isAtMost(Math.max(...story(newcomer, from).map(([ms]) => ms)), 10_006)
      assert.strictEqual((yield* countsOf(newcomer)).alive, 4)
    })
  )

  const forged = (puppet: Puppet, to: LabNode, how: "Ping" | "AntiEntropy") =>
    Effect.gen(function* () {
      const entries = [claim("Alive", 99, "10.0.0.99:7946")]
      yield* how === "Ping"
        ? puppet.send({ _tag: "Ping", ...sender(99), entries }, to)
        : puppet.send(
            { _tag: "AntiEntropy", ...sender(99), tableVersion: 1n, chunkIndex: 0, totalChunks: 1, entries },
            to
          )
      yield* pass(100)
    })

  it.effect("an address that never answered gets no table, and at most three times the bytes that came from it", () =>
    Effect.gen(function* () {
      for (const kinds of [
        ["Ping"],
        ["AntiEntropy"],
        ["Ping", "AntiEntropy"],
        ["AntiEntropy", "AntiEntropy"]
      ] as const) {
        yield* virtual(
          Effect.gen(function* () {
            const lab = yield* Lab.make()
            const [seed] = yield* cluster(lab, 8, { ...quiet, gossip: { antiEntropyInterval: 2000 } })
            const stranger = yield* lab.puppet(99)
            const from = lab.now
            for (const kind of kinds) yield* forged(stranger, seed!, kind)
            const sent = lab.sent((seen) => seen.from === "n99", from).reduce((sum, { bytes }) => sum + bytes, 0)
            const got = stranger.received.reduce((sum, { bytes }) => sum + bytes, 0)
            assert.isAtMost(got, 3 * sent)
            for (const heard of stranger.received) assert.deepStrictEqual(ids(heard), [1])
            assert.isFalse(stranger.received.some(({ message }) => message._tag === "AntiEntropy"))
          })
        )
      }
    })
  )

  scenario(
    "a newcomer and all members of an old cluster have proved their addresses to each other within seconds",
    () =>
      Effect.gen(function* () {
        const { lab, nodes } = yield* oldCluster
        const late = yield* lab.start(21, { extensions: {}, peers: ["10.0.0.1:7946"] })
        yield* pass(5000)
        const proved = (observer: LabNode, subject: LabNode) =>
          !parts(observer).outbox.isUnproved(parts(observer).view.slotOf(subject.node.id))
        for (const node of nodes) assert.isTrue(proved(node, late) && proved(late, node), node.name)
        for (const node of [...nodes, late]) {
          assert.deepStrictEqual(
            node.changes.filter(({ _tag }) => _tag === "Suspected"),
            []
          )
        }
      })
  )

  scenario(
    "a newcomer that asks all members at once gets the answers of all, also of those that know it by hearsay",
    () =>
      Effect.gen(function* () {
        const { lab, nodes } = yield* oldCluster
        const late = yield* lab.start(21, { extensions: {}, peers: ["10.0.0.1:7946"] })
        yield* pass(500)
        const strangers = nodes.filter((node) => parts(node).outbox.isUnproved(parts(node).view.slotOf(late.node.id)))
        assert.isAbove(strangers.length, 10)
        const answers = yield* Context.get(late.context, Queries).ask(Ping, undefined).pipe(Stream.runCollect)
        assert.strictEqual(answers.length, 21)
      })
  )

  scenario("members that are told of a newcomer by others leave it to the newcomer to speak to them", () =>
    Effect.gen(function* () {
      const { lab, nodes } = yield* oldCluster
      const silent = yield* lab.puppet(99)
      const entries = [claim("Alive", 99, "10.0.0.99:7946")]
      yield* silent.send({ _tag: "Ping", ...sender(99), entries }, nodes[0]!)
      yield* pass(2000)
      for (const node of nodes) {
        const { alive, suspect } = yield* countsOf(node)
        assert.strictEqual(alive + suspect, 21)
      }
      yield* pass(2000)
      const others = lab.sent(({ from, to }) => to === "n99" && from !== "n1")
      assert.isAtMost(others.length, 2)
      // One of them speaks to a second member, which then sends it a PING of its own.
      const from = lab.now
      yield* silent.send({ _tag: "Ping", ...sender(99, 0, 1), entries }, nodes[1]!)
      yield* pass(100)
      assert.deepStrictEqual(
        lab.sent(({ to }) => to === "n99", from).map(({ from, message }) => [from, message._tag]),
        [
          ["n2", "Ack"],
          ["n2", "Ping"]
        ]
      )
    })
  )
})
