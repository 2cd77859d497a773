import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import type * as Message from "../../src/wire/Message.ts"
import { claim, Lab, sender } from "../cluster/Lab.ts"

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
    it.effect(`says after ${expected} ms that it has no answer to a requester that waits for ${waitMs} ms`, () =>
      Effect.gen(function* () {
        const lab = yield* Lab.make()
        const node = yield* lab.start(1, { extensions: {}, probes: { interval: 10_000, timeout: 500 } })
        const requester = yield* lab.puppet(50)
        lab.network.host("target", ["10.0.0.60"]).detach()
        yield* requester.send({ _tag: "Gossip", ...speaker(50, 1), entries: [own(50), own(60)] }, node)
        yield* TestClock.adjust(10)
        const { targetAddress, targetId } = { targetAddress: own(60).address, targetId: own(60).nodeId }
        const probe = { sequence: 7, waitMs, targetAddress, targetId }
        const from = lab.now
        yield* requester.send({ _tag: "PingReq1", ...speaker(50, 2), probe }, node)
        yield* TestClock.adjust(2000)
        const nacks = requester.received.filter(({ message }) => message._tag === "Ack1" && message.nack !== undefined)
        assert.deepStrictEqual(
          nacks.map(({ at, message }) => [at - from, message._tag === "Ack1" && message.nack?.sequence]),
          // A millisecond there and one back.
          [[expected + 2, 7]]
        )
      })
    )
  }
})
