import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import type * as Message from "../../src/wire/Message.ts"
import { RequestAck } from "../../src/wire/Header.ts"
import { claim, entriesOf, Lab, type LabNode, type Puppet, sender, story, pass, scenario } from "./Lab.ts"

const Incarnation = 7
const Told = 99

/** A node, a member that can be quoted, and a puppet that the node holds `status`, at an incarnation of 7. */
const held = (status: "Suspect" | "Dead" | "tombstone") =>
  Effect.gen(function* () {
    const lab = yield* Lab.believing()
    const options = {
      probes: { interval: 600_000, timeout: 500, suspectTimeout: 600_000, deadRetention: 10_000 },
      gossip: { antiEntropyInterval: 0, healTimeout: 0 }
    }
    const a = yield* lab.start(1, options)
    yield* lab.start(2, { ...options, peers: [a.address] })
    const puppet = yield* lab.puppet(Told)
    yield* pass(1000)
    yield* say(puppet, a, gossip(1))
    yield* pass(10)
    const other = yield* lab.puppet(98)
    for (const next of status === "Suspect" ? (["Suspect"] as const) : (["Suspect", "Dead"] as const)) {
      yield* other.send(
        { _tag: "Gossip", ...sender(2), entries: [claim(next, Told, "10.0.0.99:7946", Incarnation, 2 ** 20)] },
        a
      )
      // The puppet answers no PING, so the check of its death ends within this.
      yield* pass(1000)
    }
    // Changes are passed on by then, and a tombstone is one.
    yield* pass(status === "tombstone" ? 20_000 : 8000)
    assert.strictEqual(
      yield* lab.status(a, BigInt(Told)),
      status === "tombstone" ? "unknown" : status === "Dead" ? "dead" : "suspect"
    )
    puppet.received.length = 0
    return { lab, a, puppet, from: lab.now, wire: status === "Suspect" ? "Suspect" : "Dead" }
  })

const own = (heartbeat: number, incarnation = Incarnation) => [
  claim("Alive", Told, "10.0.0.99:7946", incarnation, heartbeat)
]
const gossip = (heartbeat: number, flags = 0): Message.Message => ({
  _tag: "Gossip",
  ...sender(Told, Incarnation, heartbeat, flags),
  entries: own(heartbeat)
})
const say = (puppet: Puppet, to: LabNode, message: Message.Message) => puppet.send(message, to)

interface Heard {
  readonly kind: string
  readonly ms: number
  readonly entries: ReadonlyArray<string>
}

/** Kinds, times since `from`, and entries as `id status`. */
const heard = (puppet: Puppet, from: number): ReadonlyArray<Heard> =>
  puppet.received.map(({ at, message }) => ({
    kind: message._tag,
    ms: at - from,
    entries: entriesOf(message).map((entry) => `${entry.nodeId} ${entry.status}`)
  }))

describe("telling a node its status in our view", () => {
  for (const status of ["Suspect", "Dead", "tombstone"] as const) {
    scenario(`the ACK to a member that we hold ${status} begins with its entry, every time`, () =>
      Effect.gen(function* () {
        const { a, from, lab, puppet, wire } = yield* held(status)
        for (let i = 0; i < 3; i++) {
          yield* say(puppet, a, { _tag: "Ping", ...sender(Told, Incarnation, 10 + i), entries: own(10 + i) })
          yield* pass(100)
        }
        assert.deepStrictEqual(
          heard(puppet, from).map((said) => ({ ...said, entries: said.entries.slice(0, 2) })),
          [0, 100, 200].map((at) => ({ kind: "Ack", ms: at + 2, entries: [`99 ${wire}`, "1 Alive"] }))
        )
        assert.strictEqual(yield* lab.status(a, BigInt(Told)), status === "tombstone" ? "unknown" : wire.toLowerCase())
      })
    )

    scenario(
      `any other message of a member that we hold ${status} is answered by GOSSIP with its entry, once a second`,
      () =>
        Effect.gen(function* () {
          const { a, from, puppet, wire } = yield* held(status)
          let heartbeat = 10
          const header = () => sender(Told, Incarnation, heartbeat++)
          const target = claim("Alive", 2, "10.0.0.2:7946")
          const kinds: ReadonlyArray<() => Message.Message> = [
            () => ({ _tag: "Gossip", ...header(), entries: own(heartbeat) }),
            () => ({ _tag: "Ack", ...header(), entries: own(heartbeat) }),
            () => ({ _tag: "PingReq", ...header(), targetId: target.nodeId, targetAddress: target.address }),
            () => ({
              _tag: "AntiEntropy",
              ...header(),
              tableVersion: BigInt(heartbeat),
              chunkIndex: 0,
              totalChunks: 2,
              entries: own(heartbeat)
            })
          ]
          for (const kind of kinds) {
            // The second comes 999 ms after the first, the third a full second after it.
            yield* say(puppet, a, kind())
            yield* pass(999)
            yield* say(puppet, a, kind())
            yield* pass(1)
          }
          const told = heard(puppet, from).filter(({ kind }) => kind === "Gossip")
          assert.deepStrictEqual(
            told,
            [0, 1000, 2000, 3000].map((at) => ({ kind: "Gossip", ms: at + 2, entries: [`99 ${wire}`, "1 Alive"] }))
          )
        })
    )

    scenario(`a member with a higher incarnation than the one held ${status} is not told, and is alive`, () =>
      Effect.gen(function* () {
        const { a, from, lab, puppet } = yield* held(status)
        yield* say(puppet, a, {
          _tag: "Ping",
          ...sender(Told, Incarnation + 1, 2),
          entries: own(2, Incarnation + 1)
        })
        yield* pass(2)
        assert.strictEqual(yield* lab.status(a, BigInt(Told)), "alive")
        const { entries } = heard(puppet, from)[0]!
        assert.isFalse(entries.includes("99 Suspect") || entries.includes("99 Dead"))
        assert.deepStrictEqual(story(a, from), [[1, `${status === "tombstone" ? "Joined" : "Recovered"} 99: Heard`]])
      })
    )
  }

  scenario("with REQUEST_ACK the entry is in the ACK, and no GOSSIP is sent", () =>
    Effect.gen(function* () {
      const { a, from, puppet } = yield* held("Dead")
      yield* say(puppet, a, gossip(10, RequestAck))
      yield* pass(100)
      assert.deepStrictEqual(
        heard(puppet, from).map(({ kind, ms }) => [kind, ms]),
        [["Ack", 2]]
      )
    })
  )

  scenario(
    "a node that was declared dead while it received nothing refutes within a round trip of its first message",
    () =>
      Effect.gen(function* () {
        const lab = yield* Lab.believing()
        const a = yield* lab.start(1)
        // Its suspicions last so long that it does not declare the others dead, whose answers are lost.
        const b = yield* lab.start(2, { peers: [a.address], probes: { suspectTimeout: 600_000 } })
        yield* pass(5000)
        lab.network.link("n1", "n2").cut = true
        lab.network.link("n2", "n1").cut = true
        yield* pass(20_000)
        assert.strictEqual(yield* lab.status(a, b), "dead")
        assert.strictEqual(yield* lab.status(b, a), "suspect")
        const from = lab.now
        lab.network.separate(["n1"], ["n2"], false)
        yield* pass(12_000)
        const first = lab.sent(({ fate, from: by }) => by === "n2" && fate === "carried", from)[0]!
        const word = first.at
        // Its PING is answered with the Dead claim; what it says next, at most a round of changes later, has the new incarnation.
        assert.strictEqual(first.message._tag, "Ping")
        const answer = lab.sent(({ message, from: by }) => by === "n1" && message._tag === "Ack", word)[0]!
        assert.strictEqual(answer.at, word + 1)
        assert.deepStrictEqual(
          [entriesOf(answer.message)[0]!.nodeId, entriesOf(answer.message)[0]!.status],
          [b.id, "Dead"]
        )
        const next = lab.sent(({ from: by }) => by === "n2", word + 1)[0]!
        assert.strictEqual(next.message.incarnation, 1)
        assert.isAtMost(next.at - word, 2 + 200)
        assert.strictEqual(yield* lab.status(a, b), "alive")
        assert.strictEqual(yield* lab.status(b, a), "alive")
      })
  )
})
