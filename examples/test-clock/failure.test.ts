// A node that fails is suspected and then declared dead, in virtual time.
import { assert, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Cluster, Membership } from "effect-gossip"
import { VirtualNetwork } from "effect-gossip/testing"

it.effect("a node that is unplugged is suspected, and dies when it does not refute that", () =>
  Effect.gen(function* () {
    const network = yield* VirtualNetwork.make()
    const start = (address: string) => {
      const host = network.host(address, [address])
      const options = { bind: `${address}:7946`, peers: ["10.0.0.1:7946"] }
      const node = Cluster.layerOptions(options).pipe(Layer.provide(host.layer), Layer.build)
      return Effect.map(node, (services) => ({ host, membership: Context.get(services, Membership.Membership) }))
    }
    const observer = yield* start("10.0.0.1")
    const failing = yield* start("10.0.0.2")
    yield* TestClock.adjust("5 seconds")
    assert.strictEqual((yield* observer.membership.counts).alive, 2)

    const changes = yield* observer.membership.changes.pipe(
      Stream.take(2),
      Stream.runCollect,
      Effect.forkChild({ startImmediately: true })
    )
    failing.host.detach()
    yield* TestClock.adjust("10 seconds")
    const causes = (yield* Fiber.join(changes)).map(({ cause }) => cause._tag)
    assert.deepStrictEqual(causes, ["ProbeFailed", "SuspicionExpired"])
  })
)
