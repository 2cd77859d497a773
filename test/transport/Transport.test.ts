/** Sending: the queue, and when it is empty. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Layer } from "effect"
import { NetAddress } from "effect/net"
import { DatagramSocket } from "effect/socket"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { CurrentConfig } from "../../src/config/CurrentConfig.ts"
import * as NodeClock from "../../src/time/NodeClock.ts"
import * as Keys from "../../src/transport/Keys.ts"
import { Network } from "../../src/transport/Network.ts"
import * as Transport from "../../src/transport/Transport.ts"

const address = NetAddress.inetAddressFromStringUnsafe("10.0.0.1:7946")
const message = Uint8Array.from([1, 1])

const closed = new DatagramSocket.DatagramSocketError({
  reason: new DatagramSocket.DatagramSocketOpenError({ kind: "AddressInUse", cause: "the test refuses it" })
})

/** A transport on a socket whose writes take until `finish` is done, and whose reader fails once `fail` is done. */
const slow = Effect.gen(function* () {
  const finish = yield* Deferred.make<void>()
  const fail = yield* Deferred.make<never, DatagramSocket.DatagramSocketError>()
  const written: Array<number> = []
  let opened = 0
  const network = Network.of({
    interfaces: Effect.succeed([]),
    socket: () =>
      Effect.suspend(() =>
        opened++ > 0
          ? Effect.succeed(DatagramSocket.make({ reader: Effect.fail(closed), writer: Effect.never }))
          : Effect.succeed(
              DatagramSocket.make({
                reader: Effect.succeed({
                  address,
                  dropped: () => 0,
                  joinMulticast: () => Effect.void,
                  pull: Deferred.await(fail)
                }),
                writer: Effect.succeed({
                  write: () => Effect.void,
                  writeAll: (datagrams) =>
                    Effect.andThen(
                      Deferred.await(finish),
                      Effect.sync(() => written.push(datagrams.length))
                    )
                })
              })
            )
      )
  })
  const context = yield* Layer.build(
    Transport.layer.pipe(
      Layer.provide([
        Layer.succeed(Network, network),
        Layer.succeed(CurrentConfig, ClusterConfig.defaults),
        Keys.layerNone,
        NodeClock.layer({ pauseThreshold: 250 })
      ])
    )
  )
  const transport = yield* Effect.provide(Transport.Transport, context)
  return { transport, finish, fail, written }
})

describe("flushed", () => {
  it.effect("succeeds at once when nothing was sent", () =>
    Effect.gen(function* () {
      const { transport } = yield* slow
      yield* transport.flushed
    })
  )

  it.effect("waits until the socket has taken every message", () =>
    Effect.gen(function* () {
      const { finish, transport, written } = yield* slow
      for (let i = 0; i < 100; i++) transport.send(message, address, false)
      const flushed = yield* Effect.forkChild(transport.flushed, { startImmediately: true })
      for (let i = 0; i < 20; i++) yield* Effect.yieldNow
      assert.deepStrictEqual([flushed.pollUnsafe(), written], [undefined, []])
      yield* Deferred.succeed(finish, undefined)
      for (let i = 0; i < 20; i++) yield* Effect.yieldNow
      assert.isDefined(flushed.pollUnsafe())
      // At most 64 are given to the socket at once.
      assert.isAtMost(Math.max(...written), 64)
      assert.strictEqual(
        written.reduce((sum, count) => sum + count, 0),
        100
      )
    })
  )

  it.effect("does not wait for a socket that broke", () =>
    Effect.gen(function* () {
      const { fail, transport } = yield* slow
      yield* Effect.forkChild(
        transport.run(() => {}),
        { startImmediately: true }
      )
      transport.send(message, address, false)
      const flushed = yield* Effect.forkChild(transport.flushed, { startImmediately: true })
      yield* Deferred.fail(fail, closed)
      for (let i = 0; i < 20; i++) yield* Effect.yieldNow
      assert.isDefined(flushed.pollUnsafe())
    })
  )
})

describe("a write that fails", () => {
  it.effect("is counted by its kind, and what is sent later goes out", () =>
    Effect.gen(function* () {
      const written: Array<number> = []
      let failure: DatagramSocket.IoErrorKind | undefined
      const network = Network.of({
        interfaces: Effect.succeed([]),
        socket: () =>
          Effect.succeed(
            DatagramSocket.make({
              reader: Effect.succeed({
                address,
                dropped: () => 0,
                joinMulticast: () => Effect.void,
                pull: Effect.never
              }),
              writer: Effect.succeed({
                write: () => Effect.void,
                writeAll: (datagrams) =>
                  Effect.suspend(() => {
                    if (failure === undefined) return Effect.sync(() => void written.push(datagrams.length))
                    const reason = new DatagramSocket.DatagramSocketWriteError({ kind: failure, cause: "the test" })
                    return Effect.fail(new DatagramSocket.DatagramSocketError({ reason }))
                  })
              })
            })
          )
      })
      const context = yield* Layer.build(
        Transport.layer.pipe(
          Layer.provide([
            Layer.succeed(Network, network),
            Layer.succeed(CurrentConfig, ClusterConfig.defaults),
            Keys.layerNone,
            NodeClock.layer({ pauseThreshold: 250 })
          ])
        )
      )
      const { counters, flushed, send } = yield* Effect.provide(Transport.Transport, context)
      // ENOBUFS and everything else without a word of its own is unknown.
      for (const kind of [
        "MessageTooLarge",
        "Unreachable",
        "ConnectionRefused",
        "PermissionDenied",
        "Unknown"
      ] as const) {
        failure = kind
        for (let n = 0; n < 2; n++) {
          send(message, address, false)
          yield* flushed
        }
        assert.strictEqual(counters.writeErrors[kind], 2)
        failure = undefined
        send(message, address, false)
        yield* flushed
      }
      assert.deepStrictEqual(written, [1, 1, 1, 1, 1])
    })
  )
})
