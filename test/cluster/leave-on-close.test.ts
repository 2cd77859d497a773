/** What a node says when its layer closes, and that closing needs no clock. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Result, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { Membership } from "../../src/membership/Membership.ts"
import * as VirtualNetwork from "../../src/simulation/network/VirtualNetwork.ts"
import { Kind } from "../../src/wire/Header.ts"

const network = Effect.gen(function* () {
  const network = yield* VirtualNetwork.make()
  const leaves: Array<string> = []
  network.observe({
    sent: ({ from, payload, to }) => {
      if (payload[1] === Kind.Leave) leaves.push(`${from} to ${to}`)
    }
  })
  const node = (number: number, peers: ReadonlyArray<string>, options?: Cluster.LayerOptions) => {
    const config = Result.getOrThrow(ClusterConfig.make({ bind: `10.0.0.${number}:7946`, peers }))
    return Layer.provide(Cluster.layer(config, options), network.host(`n${number}`, [`10.0.0.${number}`]).layer)
  }
  return { leaves, network, node }
})

const statuses = (context: Context.Context<Membership>) =>
  Effect.map(Context.get(context, Membership).members, (members) => members.map(({ status }) => status))

/** Starts two nodes that know each other, closes the second, and lets 3 s pass. */
const closeSecond = (
  options?: Cluster.LayerOptions,
  prepare: (network: VirtualNetwork.VirtualNetwork) => void = () => {}
) =>
  Effect.gen(function* () {
    const { leaves, network: net, node } = yield* network
    const first = yield* Layer.build(node(1, []))
    const scope = yield* Scope.make()
    yield* Layer.buildWithScope(node(2, ["10.0.0.1:7946"], options), scope)
    yield* TestClock.adjust("5 seconds")
    assert.deepStrictEqual(yield* statuses(first), ["alive", "alive"])
    prepare(net)
    yield* Scope.close(scope, Exit.void)
    yield* TestClock.adjust(1)
    return { leaves, statuses: yield* statuses(first) }
  })

describe("closing the layer of a node", () => {
  it.effect("ends by itself under TestClock, with two healthy nodes of one scope", () =>
    Effect.gen(function* () {
      const { node } = yield* network
      const first = yield* Layer.build(node(1, []))
      yield* Layer.build(node(2, ["10.0.0.1:7946"]))
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(yield* statuses(first), ["alive", "alive"])
    })
  )

  it.effect("sends LEAVE once by default, and the other member shows the node as left", () =>
    Effect.gen(function* () {
      const { leaves, statuses } = yield* closeSecond()
      assert.deepStrictEqual(leaves, ["n2 to n1"])
      assert.deepStrictEqual(statuses, ["alive", "left"])
    })
  )

  it.effect("sends LEAVE once and waits for nobody even when nobody can be reached", () =>
    Effect.gen(function* () {
      const { leaves, statuses } = yield* closeSecond({ leave: "announced" }, (net) => {
        net.link("n2", "n1").cut = true
      })
      assert.deepStrictEqual(leaves, ["n2 to n1"])
      assert.deepStrictEqual(statuses, ["alive", "alive"])
    })
  )

  it.effect("sends nothing with `none`", () =>
    Effect.gen(function* () {
      const { leaves, statuses } = yield* closeSecond({ leave: "none" })
      assert.deepStrictEqual(leaves, [])
      assert.deepStrictEqual(statuses, ["alive", "alive"])
    })
  )

  it.effect("sends nothing more after `leave`", () =>
    Effect.gen(function* () {
      const { leaves, node } = yield* network
      yield* Layer.build(node(1, []))
      const scope = yield* Scope.make()
      const second = yield* Layer.buildWithScope(node(2, ["10.0.0.1:7946"]), scope)
      yield* TestClock.adjust("5 seconds")
      const leaving = yield* Effect.forkChild(Context.get(second, Cluster.Cluster).leave, { startImmediately: true })
      yield* TestClock.adjust(2)
      assert.isDefined(leaving.pollUnsafe())
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(leaves, ["n2 to n1"])
    })
  )
})
