import { assert, it } from "@effect/vitest"
import { Effect, Layer, Logger } from "effect"
import { NetAddress } from "effect/net"
import { DatagramSocket } from "effect/socket"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { CurrentConfig } from "../../src/config/CurrentConfig.ts"
import * as NodeClock from "../../src/time/NodeClock.ts"
import * as Keys from "../../src/transport/Keys.ts"
import { Network } from "../../src/transport/Network.ts"
import { noLimitWarning } from "../../src/transport/RateLimiter.ts"
import * as Transport from "../../src/transport/Transport.ts"

const silent = Network.of({
  interfaces: Effect.succeed([]),
  socket: () =>
    Effect.succeed(
      DatagramSocket.make({
        reader: Effect.succeed({
          address: NetAddress.inetAddressFromStringUnsafe("127.0.0.1:7946"),
          dropped: () => 0,
          joinMulticast: () => Effect.void,
          pull: Effect.never
        }),
        writer: Effect.succeed({ write: () => Effect.void, writeAll: () => Effect.void })
      })
    )
})

/** What a transport with this rate logs when it starts. */
const logged = Effect.fnUntraced(function* (maxInboundRate: number) {
  const messages: Array<string> = []
  const logger = Logger.make(({ message }) => messages.push(String(message)))
  const config = yield* Effect.fromResult(ClusterConfig.make({ maxInboundRate }))
  yield* Layer.build(
    Transport.layer.pipe(
      Layer.provide([
        Layer.succeed(Network, silent),
        Layer.succeed(CurrentConfig, config),
        Keys.layerNone,
        NodeClock.layer({ pauseThreshold: 250 })
      ])
    )
  ).pipe(Effect.provide(Logger.layer([logger])))
  return messages
})

it.effect("a node without a limit of its inbound rate warns when it starts", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* logged(0), [noLimitWarning])
    assert.deepStrictEqual(yield* logged(1), [])
  })
)
