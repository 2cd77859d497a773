/** The log of a node to which somebody invents members. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { NetAddress } from "effect/net"
import { Burst } from "../../src/cli/LineBudget.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { makePeer } from "../integration/HandMadePeer.ts"
import * as InProcess from "./InProcess.ts"

const PerDatagram = 20

describe("gossip run", () => {
  it.live(
    "logs a bounded number of lines about members that are invented, and summarises the others",
    () =>
      Effect.gen(function* () {
        const node = yield* InProcess.running()
        const peer = yield* makePeer()
        let invented = 0
        const invent = Effect.suspend(() => {
          const entries = Array.from({ length: PerDatagram }, () => ({
            nodeId: NodeId.fromWords(0xbad, ++invented),
            heartbeat: 1,
            incarnation: 0,
            status: "Alive" as const,
            address: NetAddress.inetAddressFromIpStringUnsafe("127.1.2.3", 1 + invented)
          }))
          return peer.send({ _tag: "Gossip", entries }, node.address)
        })
        // Slower than the bound on datagrams of one source.
        const flood = yield* Effect.forkScoped(Effect.forever(Effect.andThen(invent, Effect.sleep("30 millis"))))
        yield* InProcess.line(node, /WARN {2}\d+ more changes without a line each: (\d+ \w+, )*\d+ joined/)
        yield* Fiber.interrupt(flood)
        yield* node.signal("SIGTERM")
        assert.strictEqual(yield* InProcess.ended(node), 0)
        const lines = node.stdout().match(/INFO {2}joined {2}/g)?.length ?? 0
        assert.isAtLeast(lines, Burst / 2)
        assert.isBelow(lines, invented)
      }),
    InProcess.timeout
  )
})
