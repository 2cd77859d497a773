import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Option, Scope } from "effect"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { Block } from "../../src/state/IncarnationReserve.ts"
import * as NodeState from "../../src/state/NodeState.ts"
import { Result } from "effect"

const config = (options: ClusterConfig.ClusterOptions = {}) => Result.getOrThrow(ClusterConfig.make(options))

/** 2026-01-01 UTC, in ms since 1970. */
const Today = Date.UTC(2026, 0, 1)
const secondsSince2020 = (Today - Date.UTC(2020, 0, 1)) / 1000

/** A store that fails, or does not end, when the test says so, and what it saved. */
const makeStore = () => {
  const memory = NodeState.storeMemory()
  const saved: Array<NodeState.SavedState> = []
  let failure: NodeState.SaveError | undefined
  let gate: Effect.Effect<void> = Effect.void
  const store: NodeState.Store = {
    where: "memory",
    load: memory.load,
    save: (state) =>
      Effect.gen(function* () {
        yield* gate
        if (failure !== undefined) return yield* failure
        yield* memory.save(state)
        saved.push(state)
      })
  }
  return {
    store,
    saved,
    failWith: (reason: string | undefined, lasting = false) => {
      failure = reason === undefined ? undefined : new NodeState.SaveError({ reason, lasting })
    },
    hold: (until: Effect.Effect<void>) => (gate = until)
  }
}

/** One run of a node with a store, until `end` or the end of the test; `lines` is what it logs. */
const run = (store: NodeState.Store<never>, options: ClusterConfig.ClusterOptions = {}) =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel}: ${String(message)}`))
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const kept = yield* Effect.provide(
      Effect.gen(function* () {
        return Option.getOrThrow(yield* NodeState.NodeState)
      }),
      yield* Layer.buildWithScope(
        Layer.provideMerge(NodeState.layer(store, config(options)), Logger.layer([logger])),
        scope
      )
    )
    return { kept, lines, end: Scope.close(scope, Exit.void) }
  })

const addresses = (count: number) =>
  Array.from({ length: count }, (_, i) => NetAddress.inetAddressFromStringUnsafe(`10.0.0.1:${i + 1}`))

const test = (title: string, body: () => Effect.Effect<void, unknown, Scope.Scope>) =>
  it.effect(title, () => Effect.andThen(TestClock.setTime(Today), Effect.suspend(body)))

describe("the state of a node", () => {
  test("begins at the seconds since 2020, and saves a limit above that before anybody has it", () =>
    Effect.gen(function* () {
      const { saved, store } = makeStore()
      const { kept, lines } = yield* run(store)
      assert.strictEqual(kept.incarnation, secondsSince2020)
      assert.deepStrictEqual(saved, [
        { cluster: "", id: kept.id, incarnation: secondsSince2020 + Block, tagVersion: 1, saves: 1, members: [] }
      ])
      assert.deepStrictEqual(lines, [`Info: node ${kept.id} keeps its state in memory`])
    }))

  test("after a crash it has the same id, higher numbers, and the members, also within the same second", () =>
    Effect.gen(function* () {
      const { store } = makeStore()
      const first = yield* run(store)
      first.kept.remember(5, addresses(2))
      yield* TestClock.adjust(1)
      const second = yield* run(store)
      assert.strictEqual(second.kept.id, first.kept.id)
      assert.strictEqual(second.kept.incarnation, first.kept.incarnation + Block + 1)
      assert.strictEqual(second.kept.tagVersion, 6)
      assert.deepStrictEqual(second.kept.members.map(NetAddress.formatInet), ["10.0.0.1:1", "10.0.0.1:2"])
      assert.include(second.lines[0], `node ${first.kept.id} is back from memory, with incarnation`)
      assert.include(second.lines[0], "addresses of 2 members")
    }))

  test("after an orderly end it does not skip incarnations", () =>
    Effect.gen(function* () {
      const { saved, store } = makeStore()
      const first = yield* run(store)
      for (let n = 1; n <= 3; n++) assert.isTrue(first.kept.incarnations.take(first.kept.incarnation + n))
      yield* first.end
      assert.strictEqual(saved.at(-1)?.incarnation, first.kept.incarnation + 3)
      const second = yield* run(store)
      assert.strictEqual(second.kept.incarnation, first.kept.incarnation + 4)
    }))

  test("saves a higher limit long before it is reached, and gives no incarnation above what is saved", () =>
    Effect.gen(function* () {
      const { saved, store } = makeStore()
      const { kept } = yield* run(store)
      let granted = 0
      kept.incarnations.onGranted(() => granted++)
      for (let n = 1; n <= 10 * Block; n++) {
        const incarnation = kept.incarnation + n
        assert.isTrue(kept.incarnations.take(incarnation))
        assert.isAtLeast(saved.at(-1)!.incarnation, incarnation)
        yield* TestClock.adjust(10)
      }
      assert.isAbove(granted, 10)
      assert.isBelow(saved.length, 25)
    }))

  test("a claim far ahead is refuted when that is saved", () =>
    Effect.gen(function* () {
      const { hold, saved, store } = makeStore()
      const { kept } = yield* run(store)
      const disk = yield* Deferred.make<void>()
      hold(Deferred.await(disk))
      const far = kept.incarnation + 1_000_000
      let granted = false
      kept.incarnations.onGranted(() => (granted = kept.incarnations.take(far)))
      assert.isFalse(kept.incarnations.take(far))
      yield* TestClock.adjust(900)
      assert.isFalse(granted)
      assert.strictEqual(saved.length, 1)
      yield* Deferred.succeed(disk, undefined)
      yield* TestClock.adjust(1)
      assert.isTrue(granted)
      assert.strictEqual(saved.at(-1)?.incarnation, far + Block)
      assert.isUndefined(kept.trouble())
    }))

  test("a save that had begun before a claim came does not count for it", () =>
    Effect.gen(function* () {
      const { hold, saved, store } = makeStore()
      const { kept } = yield* run(store)
      const first = yield* Deferred.make<void>()
      const later = yield* Deferred.make<void>()
      let begun = 0
      hold(Effect.suspend(() => Deferred.await(begun++ === 0 ? first : later)))
      kept.remember(2, [])
      yield* TestClock.adjust(1)
      const far = kept.incarnation + 1_000_000
      let granted = false
      kept.incarnations.onGranted(() => (granted = kept.incarnations.take(far)))
      assert.isFalse(kept.incarnations.take(far))
      yield* Deferred.succeed(first, undefined)
      yield* TestClock.adjust(100)
      assert.strictEqual(saved.length, 2)
      assert.isBelow(saved.at(-1)!.incarnation, far)
      assert.isFalse(granted)
      yield* Deferred.succeed(later, undefined)
      yield* TestClock.adjust(1)
      assert.isTrue(granted)
      assert.isAtLeast(saved.at(-1)!.incarnation, far)
    }))

  test("a slow disk is no trouble any more when it has saved what is new too", () =>
    Effect.gen(function* () {
      const { hold, saved, store } = makeStore()
      const { kept } = yield* run(store)
      const first = yield* Deferred.make<void>()
      const later = yield* Deferred.make<void>()
      let begun = 0
      hold(Effect.suspend(() => Deferred.await(begun++ === 0 ? first : later)))
      kept.remember(2, [])
      yield* TestClock.adjust("2 seconds")
      assert.include(kept.trouble(), "the disk does not answer")
      assert.isTrue(kept.incarnations.take(kept.incarnation + 1_000_000))
      yield* Deferred.succeed(first, undefined)
      yield* TestClock.adjust(1)
      assert.strictEqual(saved.length, 2)
      assert.isDefined(kept.trouble())
      yield* Deferred.succeed(later, undefined)
      yield* TestClock.adjust("2 seconds")
      assert.isUndefined(kept.trouble())
      assert.isAbove(saved.at(-1)!.incarnation, kept.incarnation + 1_000_000)
    }))

  test("on a full disk it goes on, says so once, tries again, and says when it works again", () =>
    Effect.gen(function* () {
      const { failWith, saved, store } = makeStore()
      const { kept, lines } = yield* run(store)
      failWith("the disk is full")
      kept.remember(2, addresses(1))
      yield* TestClock.adjust(1)
      const text =
        "cannot save the state of this node in memory: the disk is full; keeps trying; until then a crash may bring " +
        "this node back with an incarnation that it has used"
      assert.deepStrictEqual(lines.slice(1), [`Warn: ${text}`])
      assert.strictEqual(kept.trouble(), "cannot save the state of this node in memory: the disk is full")
      // Nothing waits for the disk now.
      assert.isTrue(kept.incarnations.take(kept.incarnation + 1_000_000))
      yield* TestClock.adjust("10 minutes")
      const { failed } = kept.counters
      assert.isAtLeast(failed, 20)
      assert.isAtMost(failed, 30)
      failWith(undefined)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(lines.slice(2), ["Info: the state of this node is saved in memory again"])
      assert.isUndefined(kept.trouble())
      assert.strictEqual(saved.at(-1)?.incarnation, kept.incarnation + 1_000_000 + Block)
      assert.strictEqual(saved.at(-1)?.members.length, 1)
      const { length } = saved
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(saved.length, length)
    }))

  test("starts on a full disk, with the identity that it has", () =>
    Effect.gen(function* () {
      const { failWith, saved, store } = makeStore()
      const first = yield* run(store)
      yield* first.end
      failWith("the disk is full")
      const second = yield* run(store)
      assert.strictEqual(second.kept.id, first.kept.id)
      assert.strictEqual(second.kept.incarnation, first.kept.incarnation + 1)
      assert.isDefined(second.kept.trouble())
      failWith(undefined)
      yield* TestClock.adjust("1 second")
      assert.isUndefined(second.kept.trouble())
      assert.strictEqual(saved.at(-1)?.incarnation, first.kept.incarnation + 1 + Block)
    }))

  test("does not start where only a person can mend what is wrong", () =>
    Effect.gen(function* () {
      const { failWith, store } = makeStore()
      failWith("permission denied", true)
      const error = yield* Effect.flip(Effect.scoped(run(store)))
      assert.strictEqual(error.message, "state of this node in memory: permission denied")
    }))

  test("a disk that does not answer holds up the node for a second, and never its end", () =>
    Effect.gen(function* () {
      const { hold, saved, store } = makeStore()
      const { end, kept, lines } = yield* run(store)
      hold(Effect.never)
      const far = kept.incarnation + 1_000_000
      let granted = false
      kept.incarnations.onGranted(() => (granted = kept.incarnations.take(far)))
      assert.isFalse(kept.incarnations.take(far))
      yield* TestClock.adjust(999)
      assert.isFalse(granted)
      yield* TestClock.adjust(1)
      assert.isTrue(granted)
      assert.include(lines.at(-1), "the disk does not answer; keeps trying")
      const ending = yield* Effect.forkChild(end)
      yield* TestClock.adjust(1000)
      assert.isDefined(ending.pollUnsafe())
      assert.strictEqual(saved.length, 1)
    }))

  test("a disk that does not answer when the state is read ends the start after ten seconds, with what to do", () =>
    Effect.gen(function* () {
      const { store } = makeStore()
      const starting = yield* Effect.forkChild(
        Effect.flip(Effect.scoped(run({ ...store, load: Effect.never, where: "/state" })))
      )
      yield* TestClock.adjust(9999)
      assert.isUndefined(starting.pollUnsafe())
      yield* TestClock.adjust(1)
      const { message } = yield* Fiber.join(starting)
      assert.strictEqual(
        message,
        "state of this node in /state: the disk does not answer for 10 s; mend it, or start the node with another " +
          "directory, as another node"
      )
    }))

  test("a disk that does not take the first state holds up the start for ten seconds, and saves it once it can", () =>
    Effect.gen(function* () {
      const { hold, saved, store } = makeStore()
      const answers = yield* Deferred.make<void>()
      hold(Deferred.await(answers))
      const starting = yield* Effect.forkScoped(run(store))
      yield* TestClock.adjust(9999)
      assert.isUndefined(starting.pollUnsafe())
      yield* TestClock.adjust(1)
      const { end, kept } = yield* Fiber.join(starting)
      assert.include(kept.trouble(), "the disk does not answer")
      assert.isTrue(kept.incarnations.take(kept.incarnation + 1))
      kept.remember(7, [])
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(saved, [])
      yield* Deferred.succeed(answers, undefined)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(saved.at(-1)?.tagVersion, 7)
      assert.isUndefined(kept.trouble())
      yield* end
    }))

  test("saves at most once in 50 ms, whatever happens", () =>
    Effect.gen(function* () {
      const { saved, store } = makeStore()
      const { kept } = yield* run(store)
      for (let at = 0; at < 1000; at++) {
        kept.remember(at, [])
        yield* TestClock.adjust(1)
      }
      assert.isAtMost(saved.length, 22)
      yield* TestClock.adjust(50)
      assert.strictEqual(saved.at(-1)?.tagVersion, 999)
    }))

  test("keeps an id that is configured, and refuses another one or another cluster", () =>
    Effect.gen(function* () {
      const { store } = makeStore()
      const first = yield* run(store, { nodeId: "42", cluster: "prod" })
      assert.strictEqual(first.kept.id, 42n)
      yield* first.end
      yield* (yield* run(store, { cluster: "prod" })).end
      const otherId = yield* Effect.flip(Effect.scoped(run(store, { nodeId: "7", cluster: "prod" })))
      assert.strictEqual(
        otherId.message,
        "state of this node in memory: it is that of node 42, and `network.node_id` is 7; leave out " +
          "`network.node_id`, or give each node a directory of its own"
      )
      const otherCluster = yield* Effect.flip(Effect.scoped(run(store, { cluster: "test" })))
      assert.strictEqual(
        otherCluster.message,
        `state of this node in memory: it belongs to the cluster "prod", and this node to "test"; give each cluster a ` +
          "directory of its own, or correct `network.cluster`"
      )
    }))

  test("keeps at most 128 addresses", () =>
    Effect.gen(function* () {
      const { saved, store } = makeStore()
      const { kept } = yield* run(store)
      kept.remember(1, addresses(500))
      yield* TestClock.adjust(1)
      assert.strictEqual(saved.at(-1)?.members.length, 128)
    }))
})
