import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type * as Message from "../../src/wire/Message.ts"
import { claim, Lab, parts, sender, pass, scenario, virtual } from "../cluster/Lab.ts"

/** The header of a message of a node that speaks extension level 1. */
const speaker = (id: number, heartbeat: number, incarnation = 0): Message.Sender => ({
  ...sender(id, incarnation, heartbeat),
  level: 1
})

const own = (id: number) => claim("Alive", id, `10.0.0.${id}:7946`)

describe("a relay", () => {
  for (const { expected, waitMs } of [
    { waitMs: 500, expected: 400 },
    { waitMs: 980, expected: 750 },
    { waitMs: 5000, expected: 750 }
  ]) {
    scenario(`says after ${expected} ms that it has no answer to a requester that waits for ${waitMs} ms`, () =>
      Effect.gen(function* () {
        const lab = yield* Lab.believing()
        const node = yield* lab.start(1, { extensions: {}, probes: { interval: 10_000, timeout: 500 } })
        const requester = yield* lab.puppet(50)
        lab.network.host("target", ["10.0.0.60"]).detach()
        yield* requester.send({ _tag: "Gossip", ...speaker(50, 1), entries: [own(50), own(60)] }, node)
        yield* pass(10)
        const { targetAddress, targetId } = { targetAddress: own(60).address, targetId: own(60).nodeId }
        const probe = { sequence: 7, waitMs, targetAddress, targetId }
        const from = lab.now
        yield* requester.send({ _tag: "PingReq1", ...speaker(50, 2), probe }, node)
        yield* pass(2000)
        const nacks = requester.received.filter(({ message }) => message._tag === "Ack1" && message.nack !== undefined)
        assert.deepStrictEqual(
          nacks.map(({ at, message }) => [at - from, message._tag === "Ack1" && message.nack?.sequence]),
          // A millisecond there and one back.
          [[expected + 2, 7]]
        )
      })
    )
  }

  it.effect("passes on the answer to its second PING, which a connected socket gets", () =>
    Effect.gen(function* () {
      for (const level of [0, 1]) {
        yield* virtual(
          Effect.gen(function* () {
            const lab = yield* Lab.believing()
            const node = yield* lab.start(1, { extensions: {}, probes: { interval: 10_000, timeout: 500 } })
            const [requester, target] = [yield* lab.puppet(50), yield* lab.puppet(60)]
            yield* requester.send({ _tag: "Gossip", ...speaker(50, 1), entries: [own(50)] }, node)
            yield* target.send({ _tag: "Gossip", ...speaker(60, 1), level, entries: [own(60)] }, node)
            yield* pass(10)
            const { address: targetAddress, nodeId: targetId } = own(60)
            const probe = { sequence: 7, waitMs: 980, targetAddress, targetId }
            yield* requester.send({ _tag: "PingReq1", ...speaker(50, 2), probe }, node)
            yield* pass(510)
            // The first PING is lost.
            const second = target.received.findLast(({ message }) => message._tag.startsWith("Ping"))!
            assert.notStrictEqual(second.from, node.address)
            const { message } = second
            yield* target.send(
              message._tag === "Ping1"
                ? { _tag: "Ack1", ...speaker(60, 4, 3), probe: { sequence: message.probe?.sequence ?? -1 } }
                : { _tag: "Ack", ...sender(60, 3, 4), entries: [own(60)] },
              second.from
            )
            yield* pass(1000)
            const answers = requester.received.flatMap((received) =>
              received.message._tag === "Ack1" ? [received.message] : []
            )
            assert.lengthOf(answers, 1)
            assert.deepInclude(answers[0], { flags: 2, probe: { sequence: 7 } })
            assert.deepInclude(answers[0]!.entries?.[0], {
              nodeId: targetId,
              incarnation: 3,
              heartbeat: 4,
              status: "Alive"
            })
            assert.strictEqual(parts(node).detector.counters.relayed, 1)
          })
        )
      }
    })
  )
})
