/** Sockets that send and collect text, on a virtual network on the test's clock. */
import { Effect, Exit, Scope } from "effect"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import type { Conditions } from "../../../src/simulation/network/Conditions.ts"
import type { Host } from "../../../src/simulation/network/Host.ts"
import * as VirtualNetwork from "../../../src/simulation/network/VirtualNetwork.ts"
import * as MonotonicTime from "../../../src/time/MonotonicTime.ts"

const inet = NetAddress.inetAddressFromStringUnsafe

interface Arrival {
  readonly ms: number
  readonly from: string
  readonly text: string
}

/** A socket that sends text and collects what it receives. */
export const open = (host: Host, at: string) =>
  Effect.gen(function* () {
    const clock = yield* TestClock.testClockWith(Effect.succeed)
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const socket = yield* host.network.socket(inet(at))
    const reader = yield* Scope.provide(socket.reader, scope)
    const writer = yield* Scope.provide(socket.writer, scope)
    const got: Array<Arrival> = []
    yield* reader.pull.pipe(
      Effect.map((batch) => {
        for (const { address, payload } of batch) {
          got.push({
            ms: MonotonicTime.millis(clock),
            from: NetAddress.formatInet(address),
            text: new TextDecoder().decode(payload)
          })
        }
      }),
      Effect.forever,
      Effect.ignore,
      Effect.forkIn(scope, { startImmediately: true })
    )
    return {
      got,
      address: NetAddress.formatInet(reader.address),
      send: (text: string, to: string) => writer.write({ payload: text, address: inet(to) }),
      close: Scope.close(scope, Exit.void)
    }
  })

/** A datagram with its fate, which is "carried" until it is dropped. */
interface Sighting {
  readonly number: number
  readonly from: string
  readonly to: string
  fate: string
}

/** Two hosts, `a` and `b` at 10.0.0.1 and 10.0.0.2, port 1. */
export const duo = (conditions: Partial<Conditions> = {}) =>
  Effect.gen(function* () {
    const network = yield* VirtualNetwork.make(conditions)
    const seen: Array<Sighting> = []
    network.observe({
      sent: ({ from, number, to }) => seen.push({ number, from, to, fate: "carried" }),
      dropped: ({ number }, reason) => {
        for (const sighting of seen) if (sighting.number === number) sighting.fate = reason
      }
    })
    const hosts = [network.host("a", ["10.0.0.1"]), network.host("b", ["10.0.0.2"])] as const
    const a = yield* open(hosts[0], "10.0.0.1:1")
    const b = yield* open(hosts[1], "10.0.0.2:1")
    return { network, seen, hosts, a, b }
  })
