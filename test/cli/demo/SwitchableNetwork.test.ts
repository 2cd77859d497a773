import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import * as SwitchableNetwork from "../../../src/cli/demo/SwitchableNetwork.ts"
import { Network } from "../../../src/transport/Network.ts"

const target = NetAddress.inetAddressFromStringUnsafe("10.0.0.2:7946")
const probe = { target, payload: new Uint8Array(1), timeout: 1000 }

const underneath: Network["Service"] = {
  socket: () => Effect.die("no socket is opened"),
  interfaces: Effect.succeed([]),
  probePort: () => Effect.succeed({ _tag: "Refused" })
}

describe("a switchable network", () => {
  it.effect("passes port probes on, and loses them while it is cut", () =>
    Effect.gen(function* () {
      const { cut, heal, network } = yield* Effect.provideService(SwitchableNetwork.make, Network, underneath)
      const ask = network.probePort?.(probe) ?? Effect.die("it cannot probe ports")
      assert.deepStrictEqual(yield* ask, { _tag: "Refused" })
      yield* cut
      const lost = yield* Effect.forkChild(ask, { startImmediately: true })
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(lost.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(lost.pollUnsafe()?._tag, "Success")
      yield* heal
      assert.deepStrictEqual(yield* ask, { _tag: "Refused" })
    })
  )

  it.effect("cannot probe ports if the network underneath cannot", () =>
    Effect.gen(function* () {
      const { interfaces, socket } = underneath
      const { network } = yield* Effect.provideService(SwitchableNetwork.make, Network, { interfaces, socket })
      assert.isUndefined(network.probePort)
    })
  )
})
