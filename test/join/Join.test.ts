import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Dns } from "effect/net"
import { countsOf, Lab, type LabNode, parts, pass, scenario } from "../cluster/Lab.ts"

/** Nothing but what joining takes. */
const quiet = { probes: { interval: 600_000, timeout: 300_000 }, gossip: { antiEntropyInterval: 0 } } as const

const isJoined = (node: LabNode): boolean => parts(node).joinState.isJoined()

describe("the join state", () => {
  scenario("is joined at once without peers", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      assert.isTrue(isJoined(yield* lab.start(1, quiet)))
    })
  )

  scenario("is joined at once when the only peer is the node's own address", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      assert.isTrue(isJoined(yield* lab.start(1, { ...quiet, peers: ["10.0.0.1:7946"] })))
    })
  )

  scenario("is joined when the only peer turns out to be another address of the node", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const host = lab.network.host("n1", ["10.0.0.1", "10.9.9.1"])
      const options = { ...quiet, bind: "0.0.0.0:7946", advertise: "10.0.0.1:7946", nodeId: "1" }
      const node = yield* lab.startAt("n1", host, { ...options, peers: ["10.9.9.1:7946"] })
      assert.isFalse(isJoined(node))
      yield* pass(10)
      assert.isTrue(isJoined(node))
    })
  )

  scenario("is joined when a peer answers, and not before", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const node = yield* lab.start(1, { ...quiet, peers: ["10.0.0.2:7946", "10.0.0.3:7946"] })
      const waiting = yield* Effect.forkChild(parts(node).joinState.awaitJoined, { startImmediately: true })
      yield* pass(30_000)
      assert.isFalse(isJoined(node))
      assert.isUndefined(waiting.pollUnsafe())
      yield* lab.start(2, quiet)
      yield* pass(10_000)
      assert.isTrue(isJoined(node))
      yield* Fiber.join(waiting)
    })
  )

  scenario("is joined when a node that is no peer makes contact", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const node = yield* lab.start(1, { ...quiet, peers: ["10.0.0.9:7946"] })
      yield* lab.start(2, { ...quiet, peers: [node.address] })
      yield* pass(10)
      assert.isTrue(isJoined(node))
    })
  )

  scenario("waits for a name that cannot be looked up, and is joined when the name stands for the node alone", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const node = yield* Effect.provideService(
        lab.start(1, { ...quiet, peers: ["seed.example:7946"] }),
        Dns.Dns,
        lab.network.dns
      )
      yield* pass(5000)
      assert.isFalse(isJoined(node))
      lab.network.names.set("seed.example", { addresses: ["10.0.0.1"] })
      yield* pass(10_000)
      assert.isTrue(isJoined(node))
      // It is the first of its service, and goes on looking for others.
      assert.strictEqual(parts(node).join.peers.waiting, 1)
    })
  )
})

describe("Join.contact", () => {
  scenario("joins the cluster of a peer that was not configured", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, quiet)
      const b = yield* lab.start(2, { ...quiet, peers: [a.address] })
      const c = yield* lab.start(3, quiet)
      yield* pass(5000)
      assert.strictEqual((yield* countsOf(c)).alive, 1)
      yield* parts(c).join.contact([a.address])
      yield* pass(5000)
      for (const node of [a, b, c]) assert.strictEqual((yield* countsOf(node)).alive, 3)
    })
  )

  scenario("unites two clusters, and asks for the table again", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const gossip = { antiEntropyInterval: 10_000 }
      const options = { ...quiet, gossip }
      const nodes: Array<LabNode> = []
      for (const number of [1, 2, 3, 4]) {
        nodes.push(
          yield* lab.start(number, { ...options, peers: number % 2 === 0 ? [`10.0.0.${number - 1}:7946`] : [] })
        )
      }
      yield* pass(60_000)
      for (const node of nodes) assert.strictEqual((yield* countsOf(node)).alive, 2)
      const from = lab.now
      yield* parts(nodes[0]!).join.contact([nodes[2]!.address])
      yield* pass(10)
      assert.strictEqual((yield* countsOf(nodes[0]!)).alive, 4)
      const tables = lab.sent(({ from, message }) => from === "n1" && message._tag === "AntiEntropy", from)
      assert.isNotEmpty(tables)
      yield* pass(60_000)
      for (const node of nodes) assert.strictEqual((yield* countsOf(node)).alive, 4)
    })
  )

  scenario("contacts a peer by name with the same back-off as a configured one", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const node = yield* Effect.provideService(lab.start(1, quiet), Dns.Dns, lab.network.dns)
      yield* pass(1000)
      yield* parts(node).join.contact(["seed.example:7946", "10.0.0.7:7946"])
      yield* pass(3500)
      assert.strictEqual(parts(node).join.counters.lookups, 4)
      assert.deepStrictEqual(
        lab.sent(({ to }) => to === "10.0.0.7").map(({ at }) => at),
        [1000, 1500, 2500, 4500]
      )
      assert.strictEqual(parts(node).join.peers.waiting, 2)
    })
  )

  scenario("fails with what is wrong, and then contacts nobody", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const node = yield* lab.start(1, quiet)
      const error = yield* Effect.flip(parts(node).join.contact(["10.0.0.2:7946", "10.0.0.3", "[fd00::1]:1"]))
      assert.strictEqual(error._tag, "ContactError")
      yield* pass(60_000)
      assert.deepStrictEqual(lab.seen, [])
      assert.strictEqual(parts(node).join.peers.size, 0)
    })
  )

  scenario("sends nothing once the node leaves", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const node = yield* lab.start(1, quiet)
      yield* lab.stop(node)
      yield* parts(node).join.contact(["10.0.0.2:7946"])
      yield* pass(60_000)
      assert.deepStrictEqual(lab.seen, [])
    })
  )
})
