import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import type * as Message from "../../src/wire/Message.ts"
import {
  claim,
  countsOf,
  entriesOf,
  Lab,
  type LabNode,
  parts,
  type Puppet,
  sender,
  story,
  pass,
  scenario
} from "./Lab.ts"

const Interval = 10_000
/** Anti-entropy only: no gossip does part of its work. */
const alone = {
  probes: { interval: 6_000_000, timeout: 500, suspectTimeout: 6_000_000 },
  gossip: { interval: 6_000_000, heartbeatInterval: 600_000 }
} as const

const snapshots = (lab: Lab, from = 0) => lab.sent(({ message }) => message._tag === "AntiEntropy", from)
const gossip = (lab: Lab, from = 0) => lab.sent(({ message }) => message._tag === "Gossip", from)
const named = (message: Message.Message) => entriesOf(message).map(({ nodeId, status }) => `${nodeId} ${status}`)

const pair = Effect.gen(function* () {
  const lab = yield* Lab.make()
  const a = yield* lab.start(1, alone)
  const b = yield* lab.start(2, { ...alone, peers: [a.address] })
  const teller = yield* lab.puppet(99)
  yield* pass(100)
  assert.strictEqual((yield* countsOf(b)).alive, 2)
  /** Sends something to a node in the name of a member that is silent. */
  const tell = (node: LabNode, ...entries: ReadonlyArray<Message.MessageEntry>) =>
    teller.send({ _tag: "Gossip", ...sender(node === a ? 2 : 1), entries }, node)
  return { lab, a, b, teller, tell }
})

/** A puppet that a node has PINGed and whose address is proved. */
const proved = (lab: Lab, node: LabNode) =>
  Effect.gen(function* () {
    const puppet = yield* lab.puppet(50)
    const own = claim("Alive", 50, "10.0.0.50:7946")
    yield* puppet.send({ _tag: "AntiEntropy", ...sender(50), ...chunk(0, 1, 1), entries: [own] }, node)
    yield* pass(10)
    yield* puppet.send({ _tag: "Ack", ...sender(50), entries: [own] }, node)
    yield* pass(10)
    return { puppet, own }
  })

const chunk = (index: number, total: number, version: number) => ({
  tableVersion: BigInt(version),
  chunkIndex: index,
  totalChunks: total
})

const addressOf = (i: number) => `10.1.${i >> 8}.${i & 255}:7946`

const tellMany = (node: LabNode, teller: Puppet, count: number) =>
  Effect.gen(function* () {
    const told = Array.from({ length: count }, (_, i) => claim("Alive", 1000 + i, addressOf(i)))
    for (let at = 0; at < count; at += 50) {
      yield* teller.send({ _tag: "Gossip", ...sender(2), entries: told.slice(at, at + 50) }, node)
    }
    yield* pass(1)
    assert.isAtLeast((yield* countsOf(node)).alive, count)
  })

describe("anti-entropy", () => {
  scenario("every interval each node sends its table to one member", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      for (let i = 2; i <= 5; i++) yield* lab.start(i, { peers: [a.address] })
      yield* pass(60_500)
      const sent = snapshots(lab, 1000)
      for (let i = 1; i <= 5; i++) {
        const own = sent.filter(({ from }) => from === `n${i}`)
        assert.deepStrictEqual(
          own.map(({ at }) => at),
          [1, 2, 3, 4, 5, 6].map((round) => round * Interval)
        )
        for (const { message } of own) {
          assert.deepStrictEqual(named(message).toSorted(), ["1 Alive", "2 Alive", "3 Alive", "4 Alive", "5 Alive"])
        }
      }
      // Equal tables need no answer.
      assert.deepStrictEqual(gossip(lab, 5000), [])
    })
  )

  scenario("an interval of 0 turns the rounds off, and a newcomer still gets the table", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const off = { gossip: { antiEntropyInterval: 0 } }
      const a = yield* lab.start(1, off)
      yield* lab.start(2, { ...off, peers: [a.address] })
      yield* pass(1000)
      const from = lab.now
      const c = yield* lab.start(3, { ...off, peers: [a.address] })
      yield* pass(6)
      assert.strictEqual((yield* countsOf(c)).alive, 3)
      yield* pass(120_000)
      assert.deepStrictEqual(snapshots(lab, from + 100), [])
    })
  )

  scenario("a member learns what it missed from the next snapshot", () =>
    Effect.gen(function* () {
      const { a, b, lab, tell } = yield* pair
      yield* tell(a, claim("Suspect", 77, "10.0.0.77:7946", 3, 2 ** 20))
      yield* pass(1)
      assert.strictEqual(yield* lab.status(b, 77n), "unknown")
      // The other node must not send first, and the round must not go to the address without a node.
      lab.network.link("n2", "n1").cut = true
      yield* pass(10 * Interval)
      const first = snapshots(lab).find(({ message, to }) => to === "n2" && named(message).includes("77 Suspect"))!
      assert.strictEqual(first.at % Interval, 0)
      assert.deepStrictEqual(story(b, first.at), [[1, "Joined 77: Claimed by 1"]])
      assert.strictEqual(yield* lab.status(b, 77n), "suspect")
    })
  )

  scenario("the answer to a snapshot has newer entries, and live members that the snapshot lacks", () =>
    Effect.gen(function* () {
      const { a, lab, tell } = yield* pair
      const { own, puppet } = yield* proved(lab, a)
      yield* tell(
        a,
        claim("Alive", 60, addressOf(60), 5),
        claim("Alive", 61, addressOf(61), 5),
        claim("Suspect", 62, addressOf(62), 5),
        claim("Alive", 63, addressOf(63), 5, 100),
        claim("Alive", 64, addressOf(64), 5),
        claim("Suspect", 65, addressOf(65), 5),
        claim("Dead", 66, addressOf(66), 5)
      )
      yield* pass(1100)
      yield* tell(a, claim("Dead", 65, addressOf(65), 5))
      // The claim is checked first.
      yield* pass(1000)
      puppet.received.length = 0
      const from = lab.now
      yield* puppet.send(
        {
          _tag: "AntiEntropy",
          ...sender(50, 0, 1),
          ...chunk(0, 1, 2),
          entries: [
            { ...own, heartbeat: 1 },
            claim("Alive", 1, a.address),
            claim("Alive", 2, "10.0.0.2:7946"),
            // Of a lower incarnation.
            claim("Alive", 60, addressOf(60), 4, 1000),
            // The same.
            claim("Alive", 61, addressOf(61), 5),
            // Less severe.
            claim("Alive", 62, addressOf(62), 5),
            // Heartbeats do not count.
            claim("Alive", 63, addressOf(63), 5, 1),
            // 64 is missing; 65 is missing too, but dead; 66 is a tombstone that refuses.
            claim("Alive", 66, addressOf(66), 5)
          ]
        },
        a
      )
      yield* pass(50)
      const answers = puppet.received.filter(({ message }) => message._tag === "Gossip")
      assert.isTrue(answers.every(({ at }) => at === from + 2))
      const told = new Set(answers.flatMap(({ message }) => named(message)))
      assert.deepStrictEqual([...told].toSorted(), ["1 Alive", "60 Alive", "62 Suspect", "64 Alive", "66 Dead"])
    })
  )

  scenario("each chunk is merged when it arrives, so a lost chunk does not affect the others", () =>
    Effect.gen(function* () {
      const { a, b, lab, teller } = yield* pair
      yield* tellMany(a, teller, 150)
      // 48 IPv4 entries fit a chunk, so there are four; the second one sent to B is lost.
      lab.network.observe({
        sent: ({ from, payload, to }) => {
          if (from === "n1" && to === "n2") {
            lab.network.link("n1", "n2").loss = payload[1] === 6 && payload[33] === 1 ? 1 : 0
          }
        }
      })
      const toB = () => snapshots(lab, 1000).filter(({ to }) => to === "n2")
      lab.network.link("n2", "n1").cut = true
      for (let rounds = 0; toB().length === 0 && rounds < 500; rounds++) yield* pass(Interval)
      yield* pass(1)
      assert.deepStrictEqual(
        toB().map(({ bytes, fate, message }) => [fate, bytes, entriesOf(message).length]),
        [
          ["carried", 36 + 48 * 24, 48],
          ["lost", 36 + 48 * 24, 48],
          ["carried", 36 + 48 * 24, 48],
          ["carried", 36 + 8 * 24, 8]
        ]
      )
      assert.strictEqual((yield* countsOf(b)).alive, 152 - 48)
      assert.strictEqual(parts(b).antiEntropy.assemblies.size, 1)
      assert.strictEqual(parts(b).antiEntropy.counters.answersSent, 0)
    })
  )

  scenario("a snapshot with a lost chunk gets no answer", () =>
    Effect.gen(function* () {
      const { a, lab, teller } = yield* pair
      yield* tellMany(a, teller, 20)
      const { own, puppet } = yield* proved(lab, a)
      yield* pass(1500)
      const { counters } = parts(a).antiEntropy
      const answered = counters.answersSent
      const say = (index: number, total: number, version: number) =>
        puppet.send(
          {
            _tag: "AntiEntropy",
            ...sender(50, 0, version),
            ...chunk(index, total, version),
            entries: [own, claim("Alive", 2, "10.0.0.2:7946")]
          },
          a
        )
      yield* say(0, 3, 5)
      yield* say(2, 3, 5)
      yield* pass(100)
      assert.strictEqual(counters.answersSent, answered)
      yield* say(1, 3, 5)
      yield* pass(1)
      assert.strictEqual(counters.answersSent, answered + 1)
    })
  )

  scenario("a chunk with an inconsistent header is merged and counted, and does not become part of a snapshot", () =>
    Effect.gen(function* () {
      const { a, lab } = yield* pair
      const { own, puppet } = yield* proved(lab, a)
      yield* pass(1500)
      const { assemblies, counters } = parts(a).antiEntropy
      const completed = counters.snapshotsCompleted
      const cases: ReadonlyArray<readonly [number, number]> = [
        [0, 0],
        [2, 2],
        [0, 65_535],
        [0, 3],
        [1, 4]
      ]
      for (const [i, [index, total]] of cases.entries()) {
        yield* puppet.send(
          {
            _tag: "AntiEntropy",
            ...sender(50, 0, 3),
            ...chunk(index, total, 3),
            entries: [own, claim("Alive", 80 + i, addressOf(i))]
          },
          a
        )
        yield* pass(1)
        assert.strictEqual(yield* lab.status(a, BigInt(80 + i)), "alive")
      }
      // The first three contradict themselves, the last the one before it, which stands.
      assert.strictEqual(assemblies.inconsistent, 4)
      assert.strictEqual(assemblies.size, 1)
      assert.strictEqual(counters.snapshotsCompleted, completed)
    })
  )

  scenario("answers are sent in batches of eight datagrams, 20 ms apart", () =>
    Effect.gen(function* () {
      const { a, lab, teller } = yield* pair
      yield* tellMany(a, teller, 1000)
      const { own, puppet } = yield* proved(lab, a)
      yield* pass(1500)
      const burst = (kind: string, from: number) => {
        const times = lab
          .sent(({ message, to }) => to === "n50" && message._tag === kind, from)
          .map(({ at }) => at - from)
        return [...new Set(times)].map((at) => [at, times.filter((other) => other === at).length])
      }
      puppet.received.length = 0
      const from = lab.now
      // It knows nobody but itself and one other: it lacks 1000, of which 49 fit a message of 1232 bytes beside our own entry.
      yield* puppet.send(
        {
          _tag: "AntiEntropy",
          ...sender(50, 0, 1),
          ...chunk(0, 1, 2),
          entries: [own, claim("Alive", 1, a.address), claim("Alive", 2, "10.0.0.2:7946")]
        },
        a
      )
      yield* pass(1200)
      const answers = Math.ceil(1000 / 49)
      assert.deepStrictEqual(burst("Gossip", from), [
        [1, 8],
        [21, 8],
        [41, answers - 16]
      ])
      const names = new Set(puppet.received.flatMap(({ message }) => entriesOf(message).map(({ nodeId }) => nodeId)))
      assert.strictEqual(names.size, 1001)

      // A table of 1003 in chunks of 48 likewise.
      const again = lab.now
      yield* puppet.send({ _tag: "AntiEntropy", ...sender(50, 0, 2), ...chunk(0, 1, 3), entries: [own] }, a)
      yield* pass(1000)
      // 1000 changes wait here, as when a crowd joins, so the table goes out a little later.
      assert.deepStrictEqual(burst("AntiEntropy", again), [
        [51, 8],
        [71, 8],
        [91, Math.ceil(1003 / 48) - 16]
      ])
    })
  )
})
