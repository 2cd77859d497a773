import { assert, describe } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { RequestAck } from "../../src/wire/Header.ts"
import { claim, entriesOf, Lab, type LabNode, parts, sender, story, pass, scenario } from "./Lab.ts"

const quiet = { probes: { interval: 600_000, timeout: 300_000 }, gossip: { antiEntropyInterval: 0 } } as const

const cluster = (lab: Lab, size: number, options: Parameters<Lab["start"]>[1] = {}) =>
  Effect.gen(function* () {
    const nodes: Array<LabNode> = []
    for (let i = 1; i <= size; i++) {
      nodes.push(yield* lab.start(i, { ...options, peers: i === 1 ? [] : ["10.0.0.1:7946"] }))
    }
    // Between ticks, so that nothing else is under way.
    yield* pass(20_100)
    return nodes
  })

const leaves = (lab: Lab, from: number) => lab.sent(({ message }) => message._tag === "Leave", from)

/** Members that exist only in messages. */
const tellOf = (lab: Lab, node: LabNode, count: number) =>
  Effect.gen(function* () {
    const teller = yield* lab.puppet(99)
    const told = Array.from({ length: count }, (_, i) => claim("Alive", 1000 + i, `10.1.${i >> 8}.${i & 255}:7946`))
    for (let at = 0; at < count; at += 50) {
      yield* teller.send({ _tag: "Gossip", ...sender(2), entries: told.slice(at, at + 50) }, node)
    }
    yield* pass(1)
  })

describe("leaving", () => {
  scenario(
    "every member gets one LEAVE, acknowledges it with the Dead entry of the leaving node, and shows it as left at once",
    () =>
      Effect.gen(function* () {
        const lab = yield* Lab.believing()
        const nodes = yield* cluster(lab, 6)
        const [leaver, ...others] = nodes
        const from = lab.now
        const stopping = yield* lab.stop(leaver!)
        yield* pass(1)
        for (const other of others) {
          assert.strictEqual(yield* lab.status(other, leaver!), "left")
          assert.deepStrictEqual(story(other, from), [[1, "Left 1: LeaveReceived"]])
        }
        yield* pass(1)
        // It is over as soon as the last acknowledgement is there.
        yield* Fiber.join(stopping)
        const said = leaves(lab, from)
        assert.deepStrictEqual(
          said.map(({ at, from: by, message, to }) => [at - from, by, to, message.flags]).toSorted(),
          others.map(({ name }) => [0, "n1", name, RequestAck])
        )
        const acks = lab.sent(({ message, to }) => to === "n1" && message._tag === "Ack", from)
        assert.strictEqual(acks.length, 5)
        for (const ack of acks) {
          const [about] = entriesOf(ack.message)
          assert.deepStrictEqual([ack.at - from, about!.nodeId, about!.status], [1, leaver!.id, "Dead"])
        }
      })
  )

  scenario("nobody tries to heal a member that left, and a member that leaves and returns is never shown as dead", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const nodes = yield* cluster(lab, 4)
      const leaver = nodes.pop()
      const others = nodes
      const from = lab.now
      yield* lab.stop(leaver!)
      yield* pass(15_000 + 2)
      for (const other of others) {
        assert.deepStrictEqual(story(other, from), [
          [1, "Left 4: LeaveReceived"],
          [15_001, "Removed 4: RetentionExpired"]
        ])
        assert.strictEqual(yield* lab.status(other, leaver!), "unknown")
      }
      yield* pass(300_000)
      assert.deepStrictEqual(
        lab.sent(({ to }) => to === "n4", from + 3),
        []
      )
      assert.deepStrictEqual(
        others.map((other) => parts(other).join.healList.size),
        [0, 0, 0]
      )
    })
  )

  scenario(
    "a LEAVE without an acknowledgement is sent again three times, 500 ms apart, and leaving ends after 2000 ms",
    () =>
      Effect.gen(function* () {
        const lab = yield* Lab.believing()
        const [leaver, deaf] = yield* cluster(lab, 3)
        lab.network.link("n1", "n2").cut = true
        const from = lab.now
        const stopping = yield* lab.stop(leaver!)
        yield* pass(1999)
        assert.isUndefined(stopping.pollUnsafe())
        yield* pass(1)
        yield* Fiber.join(stopping)
        assert.deepStrictEqual(
          leaves(lab, from)
            .filter(({ to }) => to === deaf!.name)
            .map(({ at }) => at - from),
          [0, 500, 1000, 1500]
        )
        assert.strictEqual(leaves(lab, from).filter(({ to }) => to === "n3").length, 1)
        // It hears of the departure from the third: as a death, which it checks.
        yield* pass(10_000)
        assert.include(["dead", "unknown"], yield* lab.status(deaf!, leaver!))
      })
  )

  scenario("after a lost acknowledgement LEAVE is sent once more, and acknowledged again", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const [leaver, other] = yield* cluster(lab, 2, quiet)
      lab.network.link("n2", "n1").cut = true
      const from = lab.now
      const stopping = yield* lab.stop(leaver!)
      yield* pass(100)
      lab.network.link("n2", "n1").cut = false
      yield* pass(402)
      yield* Fiber.join(stopping)
      assert.deepStrictEqual(
        leaves(lab, from).map(({ at }) => at - from),
        [0, 500]
      )
      assert.deepStrictEqual(story(other!, from), [[1, "Left 1: LeaveReceived"]])
    })
  )

  scenario("a leaving node sends LEAVE to all members of a cluster of 64", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const [leaver] = yield* cluster(lab, 2, quiet)
      yield* tellOf(lab, leaver!, 62)
      const from = lab.now
      const stopping = yield* lab.stop(leaver!)
      yield* pass(2000)
      yield* Fiber.join(stopping)
      assert.strictEqual(new Set(leaves(lab, from).map(({ to }) => to)).size, 63)
      // One answers; the others do not exist, and each gets all four.
      assert.strictEqual(leaves(lab, from).length, 1 + 62 * 4)
    })
  )

  scenario("a leaving node sends LEAVE to 64 members of a larger cluster", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const [leaver] = yield* cluster(lab, 2, quiet)
      yield* tellOf(lab, leaver!, 200)
      const from = lab.now
      const stopping = yield* lab.stop(leaver!)
      yield* pass(2000)
      yield* Fiber.join(stopping)
      assert.strictEqual(new Set(leaves(lab, from).map(({ to }) => to)).size, 64)
    })
  )

  scenario("a leaving node does not probe, gossip or refute, and still answers PINGs", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const [leaver] = yield* cluster(lab, 3)
      lab.network.link("n1", "n2").cut = true
      const teller = yield* lab.puppet(99)
      const from = lab.now
      yield* lab.stop(leaver!)
      yield* pass(1)
      for (const status of ["Suspect", "Dead"] as const) {
        yield* teller.send(
          { _tag: "Ping", ...sender(98), entries: [claim(status, 1, "10.0.0.1:7946", 3, 2 ** 20)] },
          leaver!
        )
      }
      yield* pass(1990)
      assert.deepStrictEqual(
        teller.received.map(({ message }) => [message._tag, message.incarnation]),
        [
          ["Ack", 0],
          ["Ack", 0]
        ]
      )
      const said = lab.sent((seen) => seen.from === "n1", from)
      assert.isTrue(said.every(({ message }) => message._tag === "Leave" || message._tag === "Ack"))
      assert.isTrue(said.every(({ message }) => message.incarnation === 0))
    })
  )

  scenario("two nodes that leave at the same time do not wait for each other", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const [a, b] = yield* cluster(lab, 3, quiet)
      // The first hears the second's LEAVE, and what it says itself is lost on the way.
      lab.network.link("n1", "n2").cut = true
      const from = lab.now
      const first = yield* lab.stop(a!)
      const second = yield* lab.stop(b!)
      yield* pass(2)
      yield* Fiber.join(first)
      assert.deepStrictEqual(leaves(lab, from).filter(({ from }) => from === "n1").length, 2)
      yield* pass(1997)
      assert.isUndefined(second.pollUnsafe())
      yield* pass(1)
      yield* Fiber.join(second)
    })
  )

  scenario("a replayed LEAVE has no effect after the member has returned", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const [leaver, ...others] = yield* cluster(lab, 3)
      yield* lab.stop(leaver!)
      yield* pass(2000)
      const recorded = leaves(lab, 0)[0]!.message
      // It returns at another address, and the one that recorded its LEAVE has its former address.
      const thief = yield* lab.puppet(1)
      const back = yield* lab.startAt("n11", lab.network.host("n11", ["10.0.0.11"]), {
        bind: "10.0.0.11:7946",
        nodeId: "1",
        peers: ["10.0.0.2:7946"]
      })
      yield* pass(5000)
      for (const other of others) assert.strictEqual(yield* lab.status(other, back), "alive")
      const from = lab.now
      for (const other of others) yield* thief.send(recorded, other)
      yield* pass(10_000)
      for (const other of others) {
        assert.strictEqual(yield* lab.status(other, back), "alive")
        assert.deepStrictEqual(story(other, from), [])
      }
    })
  )
})
