/** Port probes on this machine's loopback: whether a closed port refuses. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import * as NodeNetwork from "../../src/node/NodeNetwork.ts"
import { Network } from "../../src/transport/Network.ts"
import type { PortProbe } from "../../src/transport/PortProbe.ts"

const payload = Uint8Array.of(1, 2, 3)

const at = (host: string, port: number) => NetAddress.inetAddressFromIpStringUnsafe(host, port)

/** Far more than the loopback needs: under `TestClock` it passes only when a test lets it. */
const timeout = "1 minute"

const probePort = (probe: Pick<PortProbe, "target"> & Partial<PortProbe>) =>
  Effect.flatMap(Network, ({ probePort }) =>
    probePort === undefined ? Effect.die("no port probes") : probePort({ payload, timeout, ...probe })
  )

/** A socket on a free port, with the first datagram that it gets. */
const bound = (host: string, answer: (socket: Socket, from: RemoteInfo) => void) =>
  Effect.gen(function* () {
    const got = yield* Deferred.make<{ readonly bytes: Uint8Array; readonly from: RemoteInfo }>()
    const socket = yield* Effect.acquireRelease(
      Effect.callback<Socket>((resume) => {
        const socket = createSocket(host.includes(":") ? "udp6" : "udp4")
        socket.on("message", (bytes, from) => {
          Deferred.doneUnsafe(got, Effect.succeed({ bytes, from }))
          answer(socket, from)
        })
        socket.bind(0, host, () => resume(Effect.succeed(socket)))
      }),
      (socket) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
    )
    return { got: Deferred.await(got), port: socket.address().port }
  })

const silent = () => {}

const closedPort = (host: string) => Effect.scoped(Effect.map(bound(host, silent), ({ port }) => port))

const provided = Effect.provide(Layer.orDie(NodeNetwork.layer))

describe("a port probe", () => {
  it.effect.each(["127.0.0.1", "::1", "::ffff:127.0.0.1"])("is refused by a closed port of %s", (host) =>
    Effect.gen(function* () {
      const port = yield* closedPort(host === "::1" ? host : "127.0.0.1")
      assert.deepStrictEqual(yield* probePort({ target: at(host, port) }), { _tag: "Refused" })
    }).pipe(provided)
  )

  it.effect.each(["127.0.0.1", "::1"])("gets the reply of an open port of %s, and then closes its socket", (host) =>
    Effect.gen(function* () {
      const { got, port } = yield* bound(host, (socket, from) => socket.send("pong", from.port, from.address))
      const answer = yield* probePort({ target: at(host, port), source: NetAddress.ipFromStringUnsafe(host) })
      assert.strictEqual(answer._tag, "Replied")
      if (answer._tag === "Replied") assert.strictEqual(new TextDecoder().decode(answer.payload), "pong")
      const { bytes, from } = yield* got
      assert.deepStrictEqual([...bytes], [...payload])
      assert.strictEqual(from.address, host)
      assert.deepStrictEqual(yield* probePort({ target: at(host, from.port) }), { _tag: "Refused" })
    }).pipe(Effect.scoped, provided)
  )

  it.effect("hears silence until its time is over", () =>
    Effect.gen(function* () {
      const { got, port } = yield* bound("127.0.0.1", silent)
      const probe = yield* Effect.forkChild(probePort({ target: at("127.0.0.1", port), timeout: 500 }))
      yield* got
      yield* TestClock.adjust(499)
      assert.isUndefined(probe.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* Fiber.join(probe), { _tag: "Silent" })
    }).pipe(Effect.scoped, provided)
  )

  it.effect("is silent at once if the datagram cannot be sent", () =>
    Effect.gen(function* () {
      const { port } = yield* bound("127.0.0.1", silent)
      const answer = yield* probePort({ target: at("127.0.0.1", port), payload: new Uint8Array(70_000) })
      assert.deepStrictEqual(answer, { _tag: "Silent" })
    }).pipe(Effect.scoped, provided)
  )

  it.effect.each(["0.0.0.0", "::", "::1"])("chooses a local address itself if it is given %s for IPv4", (source) =>
    Effect.gen(function* () {
      const port = yield* closedPort("127.0.0.1")
      const probe = { target: at("127.0.0.1", port), source: NetAddress.ipFromStringUnsafe(source) }
      assert.deepStrictEqual(yield* probePort(probe), { _tag: "Refused" })
    }).pipe(provided)
  )
})
