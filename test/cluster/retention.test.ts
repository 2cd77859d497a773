import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import {
  claim,
  entriesOf,
  Lab,
  type LabNode,
  membersOf,
  parts,
  type Seen,
  sender,
  story,
  pass,
  scenario
} from "./Lab.ts"

const Retention = 15_000
const Tombstone = 10 * Retention

const names =
  (node: LabNode) =>
  ({ message }: Seen): boolean =>
    entriesOf(message).some((entry) => entry.nodeId === node.id)

/** Three nodes; the third is killed, and time has come to the instant at which the first declares it dead. */
const bereaved = Effect.gen(function* () {
  const lab = yield* Lab.make()
  const a = yield* lab.start(1)
  const b = yield* lab.start(2, { peers: [a.address] })
  const c = yield* lab.start(3, { peers: [a.address] })
  const teller = yield* lab.puppet(99)
  yield* pass(5000)
  yield* lab.kill(c)
  while ((yield* lab.status(a, c)) !== "dead") yield* pass(1)
  /** Somebody, who is known as the second node, passes on an Alive or Dead claim about the third. */
  const passOn = (status: "Alive" | "Dead", incarnation = 0) =>
    teller.send({ _tag: "Gossip", ...sender(2), entries: [claim(status, c.id, c.address, incarnation, 2 ** 19)] }, a)
  return { lab, a, b, c, teller, passOn, diedAt: a.changes.at(-1)!.ms }
})

describe("a dead member", () => {
  scenario("stays listed for dead_retention, to the millisecond, and is then removed from the list", () =>
    Effect.gen(function* () {
      const { a, c, diedAt, lab } = yield* bereaved
      const until = diedAt + Retention
      yield* pass(Math.ceil(until - lab.now) - 1)
      assert.strictEqual(yield* lab.status(a, c), "dead")
      const from = lab.now
      yield* pass(1)
      assert.strictEqual(yield* lab.status(a, c), "unknown")
      assert.strictEqual((yield* membersOf(a)).length, 2)
      assert.strictEqual(parts(a).view.table.tombstones.length, 1)
      yield* pass(Tombstone)
      assert.deepStrictEqual(story(a, from), [[1, "Removed 3: RetentionExpired"]])
    })
  )

  scenario("is passed on as often as any change, and is then named only by heal PINGs", () =>
    Effect.gen(function* () {
      const { a, b, c, lab } = yield* bereaved
      // Both know by then, and have passed it on: 4 x ceil(log2 3) sendings each.
      yield* pass(5000)
      assert.deepStrictEqual([parts(a).outbox.queue.size, parts(b).outbox.queue.size], [0, 0])
      const settled = lab.now
      // Listed as dead it still stands in snapshots; as a tombstone in nothing.
      yield* pass(Retention)
      const buried = lab.now
      yield* pass(2 * Tombstone)
      const inSnapshots = lab.sent((seen) => names(c)(seen) && seen.message._tag === "AntiEntropy", settled)
      assert.isTrue(inSnapshots.every(({ at }) => at < buried))
      const others = lab.sent((seen) => names(c)(seen) && seen.message._tag !== "AntiEntropy", settled)
      assert.isNotEmpty(others)
      for (const { message, to } of others) {
        assert.deepStrictEqual([message._tag, to], ["Ping", "n3"])
        const [first] = entriesOf(message)
        assert.deepStrictEqual([first!.nodeId, first!.status], [c.id, "Dead"])
      }
    })
  )

  scenario(
    "leaves a tombstone that refuses old Alive claims and answers with the Dead entry, at most once a second",
    () =>
      Effect.gen(function* () {
        const { a, c, lab, passOn, teller } = yield* bereaved
        yield* pass(Retention + 1)
        const from = lab.now
        for (const wait of [400, 400, 199, 1, 1000]) {
          yield* passOn("Alive")
          yield* pass(wait)
        }
        // Claims came at 1, 401, 801, 1000 and 1001 ms; two are a second apart.
        assert.deepStrictEqual(
          teller.received.map(({ at, message }) => [at - from, message._tag]),
          [
            [2, "Gossip"],
            [1002, "Gossip"]
          ]
        )
        for (const { message } of teller.received) {
          assert.deepStrictEqual(
            entriesOf(message).map(({ nodeId, status }) => [nodeId, status]),
            [
              [c.id, "Dead"],
              [a.id, "Alive"]
            ]
          )
        }
        assert.strictEqual(yield* lab.status(a, c), "unknown")
        // A Dead claim is not refused, so it is not answered either.
        teller.received.length = 0
        yield* passOn("Dead")
        yield* pass(3000)
        assert.deepStrictEqual(teller.received, [])
        // A higher incarnation is a new life.
        yield* passOn("Alive", 1)
        yield* pass(1)
        assert.strictEqual(yield* lab.status(a, c), "alive")
        assert.deepStrictEqual(story(a, from), [[5001, "Joined 3: Claimed by 2"]])
      })
  )

  scenario("leaves a tombstone that lasts ten times dead_retention", () =>
    Effect.gen(function* () {
      const { a, c, diedAt, lab, passOn } = yield* bereaved
      yield* pass(Math.ceil(diedAt + Retention + Tombstone - lab.now) - 10)
      // A Dead claim does not renew it.
      yield* passOn("Dead")
      yield* pass(9)
      assert.strictEqual(parts(a).view.table.tombstones.length, 1)
      yield* pass(1)
      assert.strictEqual(parts(a).view.table.tombstones.length, 0)
      assert.strictEqual(parts(a).view.slotOf(claim("Dead", c.id, c.address).nodeId), -1)
    })
  )

  scenario("leaves a tombstone that is renewed by a refused Alive claim and not by a Dead claim", () =>
    Effect.gen(function* () {
      const { a, diedAt, lab, passOn } = yield* bereaved
      const { tombstones } = parts(a).view.table
      yield* pass(Math.floor(diedAt + Retention + Tombstone - 1000 - lab.now))
      yield* passOn("Alive")
      yield* pass(1)
      const renewed = lab.now
      yield* pass(Tombstone - 1000)
      yield* passOn("Dead")
      yield* pass(999)
      assert.deepStrictEqual([lab.now - renewed, tombstones.length], [Tombstone - 1, 1])
      yield* pass(1)
      assert.strictEqual(tombstones.length, 0)
    })
  )

  scenario("that was never listed becomes a tombstone and no member", () =>
    Effect.gen(function* () {
      const { a, lab, teller } = yield* bereaved
      const from = lab.now
      const about = (status: "Alive" | "Dead", incarnation: number) =>
        teller.send({ _tag: "Gossip", ...sender(2), entries: [claim(status, 50, "10.0.0.50:1", incarnation)] }, a)
      yield* about("Dead", 3)
      yield* pass(1)
      yield* about("Alive", 3)
      yield* pass(2)
      assert.strictEqual(yield* lab.status(a, 50n), "unknown")
      assert.deepStrictEqual(story(a, from + 1), [])
      assert.deepStrictEqual(
        teller.received.map(({ message }) => entriesOf(message).map(({ nodeId, status }) => [nodeId, status])),
        [
          [
            [50n, "Dead"],
            [1n, "Alive"]
          ]
        ]
      )
      yield* about("Alive", 4)
      yield* pass(1)
      assert.strictEqual(yield* lab.status(a, 50n), "alive")
    })
  )
})
