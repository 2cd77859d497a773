import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  claim,
  countsOf,
  entriesOf,
  Lab,
  type LabNode,
  parts,
  sender,
  pass,
  scenario,
  virtual
} from "../cluster/Lab.ts"

/** Only changes are sent: no heartbeats, no snapshots, and no probe during the test. */
const changesOnly = {
  probes: { interval: 600_000, timeout: 300_000, suspectTimeout: 600_000 },
  gossip: { antiEntropyInterval: 0, piggybackMax: 0 }
} as const

const cluster = (lab: Lab, size: number, options: Parameters<Lab["start"]>[1] = {}) =>
  Effect.gen(function* () {
    const nodes: Array<LabNode> = []
    for (let i = 1; i <= size; i++) {
      nodes.push(yield* lab.start(i, { ...options, peers: i === 1 ? [] : ["10.0.0.1:7946"] }))
    }
    yield* pass(30_100)
    for (const node of nodes) assert.strictEqual((yield* countsOf(node)).alive, size)
    return nodes
  })

/** How many messages of a node contain an entry of another. */
const namings = (lab: Lab, by: string, id: number, from: number) =>
  lab.sent((seen) => seen.from === by && entriesOf(seen.message).some(({ nodeId }) => nodeId === BigInt(id)), from)
    .length

const gossips = (lab: Lab, from: number) => lab.sent(({ message }) => message._tag === "Gossip", from)

describe("dissemination", () => {
  it.effect(
    "a quiet cluster sends no GOSSIP: one PING and one ACK per node and probe interval, whatever its size",
    () =>
      Effect.gen(function* () {
        for (const size of [2, 5, 12]) {
          yield* virtual(
            Effect.gen(function* () {
              const lab = yield* Lab.believing()
              yield* cluster(lab, size, { gossip: { antiEntropyInterval: 0 } })
              const from = lab.now
              yield* pass(20_000)
              const counts: Record<string, number> = {}
              for (const { message } of lab.sent(() => true, from))
                counts[message._tag] = (counts[message._tag] ?? 0) + 1
              assert.deepStrictEqual(counts, { Ping: 20 * size, Ack: 20 * size })
            })
          )
        }
      })
  )

  it.effect("each node sends a change retransmit_multiplier x ceil(log10(n + 1)) times, and not once more", () =>
    Effect.gen(function* () {
      for (const [size, retransmitMultiplier] of [
        [2, 4],
        [5, 4],
        [9, 4]
      ] as const) {
        yield* virtual(
          Effect.gen(function* () {
            const lab = yield* Lab.believing()
            const nodes = yield* cluster(lab, size, {
              ...changesOnly,
              gossip: { ...changesOnly.gossip, retransmitMultiplier }
            })
            const teller = yield* lab.puppet(99)
            const from = lab.now
            assert.deepStrictEqual(gossips(lab, from - 10_000), [])
            yield* teller.send(
              { _tag: "Gossip", ...sender(2), entries: [claim("Alive", 77, "10.0.0.77:1")] },
              nodes[0]!
            )
            yield* pass(60_000)
            // The node that was announced counts as live too.
            const times = retransmitMultiplier * Math.ceil(Math.log10(size + 2))
            for (const node of nodes) {
              assert.strictEqual(yield* lab.status(node, 77n), "alive")
              assert.strictEqual(namings(lab, node.name, 77, from), times)
              assert.strictEqual(parts(node).outbox.queue.size, 0)
            }
            const last = gossips(lab, from).at(-1)!
            assert.isAtMost(last.at - from, 200 * (times + 5))
          })
        )
      }
    })
  )

  it.effect(
    "a round goes to max_sends members, times ceil(log2 n) with adaptive targets, at every gossip interval",
    () =>
      Effect.gen(function* () {
        for (const [maxSends, adaptiveTargets, expected] of [
          [1, false, 1],
          [3, false, 3],
          [1, true, 4],
          [2, true, 8]
        ] as const) {
          yield* virtual(
            Effect.gen(function* () {
              const lab = yield* Lab.believing()
              const gossip = { ...changesOnly.gossip, maxSends, adaptiveTargets, retransmitMultiplier: 40 }
              const [first] = yield* cluster(lab, 8, { ...changesOnly, gossip })
              const teller = yield* lab.puppet(99)
              const from = lab.now
              // Two, so that there is news for everybody: nobody is told that it is alive itself.
              const entries = [claim("Alive", 77, "10.0.0.77:1"), claim("Alive", 78, "10.0.0.78:1")]
              yield* teller.send({ _tag: "Gossip", ...sender(2), entries }, first!)
              yield* pass(550)
              const rounds = new Map<number, Array<string>>()
              for (const { at, to } of gossips(lab, from).filter(({ from, to }) => from === "n1" && to !== "n99")) {
                rounds.set(at - from, [...(rounds.get(at - from) ?? []), to])
              }
              assert.deepStrictEqual([...rounds.keys()], [100, 300, 500])
              for (const targets of rounds.values()) {
                assert.strictEqual(targets.length, expected)
                assert.strictEqual(new Set(targets).size, targets.length)
              }
            })
          )
        }
      })
  )

  it.effect("a claim that wins over a queued one starts its count again only with another status or incarnation", () =>
    Effect.gen(function* () {
      const address = "10.0.0.77:1"
      for (const [next, renews] of [
        [claim("Alive", 77, address, 5, 2), false],
        [claim("Alive", 77, "10.0.0.78:1", 5, 2), false],
        [claim("Alive", 77, address, 6, 1), true],
        [claim("Suspect", 77, address, 5, 1), true],
        [claim("Alive", 77, address, 4, 9), false]
      ] as const) {
        yield* virtual(
          Effect.gen(function* () {
            const lab = yield* Lab.believing()
            const gossip = { ...changesOnly.gossip, maxSends: 1, adaptiveTargets: false }
            const [first] = yield* cluster(lab, 2, { ...changesOnly, gossip })
            const teller = yield* lab.puppet(99)
            const from = lab.now
            const tell = (entry: typeof next) => teller.send({ _tag: "Gossip", ...sender(2), entries: [entry] }, first!)
            yield* tell(claim("Alive", 77, address, 5, 1))
            // Rounds send it once each, except to node 77 itself: three times so far, of 4 x ceil(log10 4).
            for (let rounds = 0; rounds < 20 && namings(lab, "n1", 77, from) < 3; rounds++) yield* pass(200)
            assert.strictEqual(namings(lab, "n1", 77, from), 3)
            yield* tell(next)
            yield* pass(10_000)
            assert.strictEqual(namings(lab, "n1", 77, from), renews ? 3 + 4 : 4)
          })
        )
      }
    })
  )

  scenario("a message carries the claim that is held when it is sent", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const [first] = yield* cluster(lab, 2, changesOnly)
      const teller = yield* lab.puppet(99)
      const from = lab.now
      for (const [status, heartbeat] of [
        ["Alive", 1],
        ["Suspect", 9]
      ] as const) {
        yield* teller.send(
          { _tag: "Gossip", ...sender(2), entries: [claim(status, 77, "10.0.0.77:1", 5, heartbeat)] },
          first!
        )
        yield* pass(1)
      }
      yield* pass(5000)
      const said = gossips(lab, from).flatMap(({ message }) =>
        entriesOf(message).filter(({ nodeId }) => nodeId === 77n)
      )
      assert.isNotEmpty(said)
      assert.deepStrictEqual(
        new Set(said.slice(2).map(({ heartbeat, status }) => `${status} ${heartbeat}`)),
        new Set(["Suspect 9"])
      )
    })
  )

  scenario("our own new incarnation comes first in a message, after what the receiver is told about itself", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const [first] = yield* cluster(lab, 3, { gossip: { antiEntropyInterval: 0 } })
      const teller = yield* lab.puppet(99)
      const from = lab.now
      yield* teller.send({ _tag: "Gossip", ...sender(2), entries: [claim("Suspect", 1, first!.address, 3, 9)] }, first!)
      yield* pass(3000)
      const said = lab.sent(
        ({ from, message, to }) => from === "n1" && to !== "n99" && message._tag !== "PingReq",
        from + 1
      )
      assert.isNotEmpty(said)
      for (const { message } of said) {
        const [entry] = entriesOf(message)
        assert.deepStrictEqual([message.incarnation, entry!.nodeId, entry!.incarnation], [4, 1n, 4])
      }
    })
  )
})
