/** The layer of a node that waits for the join, and reminders while no peer answers. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Layer, Logger, Result } from "effect"
import { TestClock } from "effect/testing"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as JoinWait from "../../src/cluster/JoinWait.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { Membership } from "../../src/membership/Membership.ts"
import * as VirtualNetwork from "../../src/simulation/network/VirtualNetwork.ts"

const makeNode = Effect.map(
  VirtualNetwork.make(),
  (network) => (number: number, peers: ReadonlyArray<string>, options?: Cluster.LayerOptions) =>
    Layer.provide(
      Cluster.layer(Result.getOrThrow(ClusterConfig.make({ bind: `10.0.0.${number}:7946`, peers })), options),
      network.host(`n${number}`, [`10.0.0.${number}`]).layer
    )
)

const noAnswer = ["10.0.0.77:7946", "10.0.0.78:7946"]

describe("joinTimeout", () => {
  it.effect("lets the layer wait until a peer has answered", () =>
    Effect.gen(function* () {
      const node = yield* makeNode
      yield* Layer.build(node(1, []))
      const building = yield* Effect.forkChild(Layer.build(node(2, ["10.0.0.1:7946"], { joinTimeout: "10 seconds" })), {
        startImmediately: true
      })
      yield* TestClock.adjust(1)
      assert.isUndefined(building.pollUnsafe())
      // One round trip of 1 ms each way.
      yield* TestClock.adjust(1)
      const exit = building.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
      if (exit !== undefined && Exit.isSuccess(exit)) {
        assert.lengthOf(yield* Context.get(exit.value, Membership).alive, 2)
      }
    })
  )

  it.effect("does not hold up a node without peers", () =>
    Effect.gen(function* () {
      const node = yield* makeNode
      yield* Layer.build(node(1, [], { joinTimeout: "10 seconds" }))
    })
  )

  it.effect("fails with a JoinTimeout that names the peers and says what to check, and closes the node", () =>
    Effect.gen(function* () {
      const node = yield* makeNode
      const waiting = node(1, noAnswer, { joinTimeout: "10 seconds" })
      const building = yield* Effect.forkChild(Effect.flip(Layer.build(waiting)), { startImmediately: true })
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(building.pollUnsafe())
      yield* TestClock.adjust(1)
      const exit = building.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isSuccess(exit))
      if (exit === undefined || Exit.isFailure(exit)) return
      const error = exit.value
      assert.strictEqual(error._tag, "JoinTimeout")
      if (error._tag !== "JoinTimeout") return
      assert.deepStrictEqual(error.peers, noAnswer)
      assert.strictEqual(Duration.toSeconds(error.after), 10)
      assert.strictEqual(
        error.message,
        "no answer from 10.0.0.77:7946, 10.0.0.78:7946 within 10s; check that a peer runs there, that UDP gets " +
          "through in both directions, and that all nodes have the same key and cluster name"
      )
      // Its address is free for another node.
      yield* Layer.build(node(1, []))
    })
  )

  it("names at most eight peers", () => {
    const peers = Array.from({ length: 10 }, (_, i) => `10.0.0.${i}:1`)
    const { message } = new JoinWait.JoinTimeout({ peers, after: Duration.seconds(1) })
    assert.include(message, "10.0.0.7:1 and 2 more within 1s")
    assert.notInclude(message, "10.0.0.8:1")
  })
})

describe("a node whose peers do not answer", () => {
  const logging = <A, E, R>(use: (lines: Array<string>) => Effect.Effect<A, E, R>) =>
    Effect.suspend(() => {
      const lines: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => lines.push(`${logLevel} ${String(message)}`))
      return Effect.provide(use(lines), Logger.layer([logger]))
    })

  it.effect("logs a warning after 5 s, and then at intervals that double up to 10 minutes", () =>
    logging((lines) =>
      Effect.gen(function* () {
        const node = yield* makeNode
        yield* Layer.build(node(1, noAnswer))
        const seconds: Array<number> = []
        for (let second = 1; second <= 3600; second++) {
          const before = lines.length
          yield* TestClock.adjust("1 second")
          if (lines.length > before) seconds.push(second)
        }
        assert.deepStrictEqual(seconds, [5, 15, 35, 75, 155, 315, 635, 1235, 1835, 2435, 3035])
        assert.match(
          lines[1] ?? "",
          /^Warn no answer from 10\.0\.0\.77:7946, 10\.0\.0\.78:7946 for 15s; keeps trying; check that /
        )
      })
    )
  )

  it.effect("logs nothing once a peer has answered, and nothing without peers", () =>
    logging((lines) =>
      Effect.gen(function* () {
        const node = yield* makeNode
        yield* Layer.build(node(1, []))
        yield* Layer.build(node(2, ["10.0.0.1:7946"]))
        yield* TestClock.adjust("1 minute")
        assert.deepStrictEqual(lines, [])
      })
    )
  )
})
