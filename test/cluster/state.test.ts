/** Nodes that keep a state come back as themselves. */
import { assert, describe } from "@effect/vitest"
import { Context, Effect, Layer, Option, Result, Schema, Stream } from "effect"
import * as Cluster from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import * as ClusterEvent from "../../src/events/ClusterEvent.ts"
import { Events } from "../../src/events/Events.ts"
import * as NodeState from "../../src/state/NodeState.ts"
import { claim, Lab, type LabNode, membersOf, parts, pass, scenarioAt, sender, story } from "./Lab.ts"

/** 2026-01-01 UTC, in ms since 1970. */
const scenario = scenarioAt(Date.UTC(2026, 0, 1))

/** Starts a node that keeps its state in `store`, on a machine of its own; it has no configured id. */
const startWith = (
  lab: Lab,
  store: NodeState.Store<never>,
  name: string,
  { at, ...options }: ClusterConfig.ClusterOptions & { readonly at: string }
) => {
  const config = { bind: `${at}:7946`, ...options }
  const kept = Layer.orDie(NodeState.layer(store, Result.getOrThrow(ClusterConfig.make(config))))
  return lab.startAt(name, lab.network.host(name, [at]), config, { parts: Layer.provide(Cluster.layerParts, kept) })
}

/** Ends nodes and their machines, so that others can have their addresses. */
const crash = (lab: Lab, ...nodes: ReadonlyArray<LabNode>) =>
  Effect.andThen(
    Effect.forEach(nodes, (node) => lab.kill(node)),
    pass(1)
  )

/** Nodes that do not look for the dead, so that these must find them. */
const forgetful = { gossip: { healTimeout: 0 } }

const aliveIn = (node: LabNode) =>
  Effect.map(membersOf(node), (members) =>
    members
      .filter(({ status }) => status === "alive")
      .map(({ address }) => String(address).replace(":7946", ""))
      .sort()
  )

const troubleIn = (node: LabNode, from: number) =>
  story(node, from).filter(([, what]) => /Conflict|Died|Suspected/.test(what))

const joined = (node: LabNode) => parts(node).joinState.isJoined()

describe("a node that keeps its state", () => {
  for (const [where, address] of [
    ["the same address", "10.0.0.3"],
    ["a new address", "10.0.0.33"]
  ] as const) {
    for (const extensions of [undefined, {}] as const) {
      const rules = extensions === undefined ? "version 1" : "level 1"
      scenario(`comes back at ${where} after a crash as itself, and is nobody's conflict, by ${rules}`, () =>
        Effect.gen(function* () {
          const options = extensions === undefined ? {} : { extensions }
          const lab = yield* Lab.make()
          const store = NodeState.storeMemory()
          const a = yield* lab.start(1, options)
          const b = yield* lab.start(2, { peers: [a.address], ...options })
          const c = yield* startWith(lab, store, "n3", { at: "10.0.0.3", peers: [a.address], ...options })
          yield* pass(5500)
          yield* crash(lab, c)
          yield* pass(200)
          const from = lab.now
          const back = yield* startWith(lab, store, "n33", { at: address, peers: [a.address], ...options })
          assert.strictEqual(back.id, c.id)
          assert.isAbove(back.node.firstIncarnation, parts(c).view.incarnation)
          yield* pass(20_000)
          for (const node of [a, b, back]) {
            assert.deepStrictEqual(troubleIn(node, from), [])
            assert.deepStrictEqual(yield* aliveIn(node), ["10.0.0.1", "10.0.0.2", address].sort())
            const member = (yield* membersOf(node)).find(({ id }) => id === c.id)
            assert.strictEqual(member?.incarnation, back.node.firstIncarnation)
          }
        })
      )
    }
  }

  scenario("rejoins through members that it remembers when every bootstrap peer is gone", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const store = NodeState.storeMemory()
      const a = yield* lab.start(1)
      const b = yield* lab.start(2, { peers: [a.address], ...forgetful })
      const options = { at: "10.0.0.3", peers: [a.address] }
      const c = yield* startWith(lab, store, "n3", options)
      yield* pass(12_000)
      yield* crash(lab, a, c)
      yield* pass(60_000)
      assert.deepStrictEqual(yield* aliveIn(b), ["10.0.0.2"])
      const back = yield* startWith(lab, store, "n33", options)
      yield* pass(3000)
      assert.isTrue(joined(back))
      assert.include(yield* aliveIn(b), "10.0.0.3")
      assert.include(yield* aliveIn(back), "10.0.0.2")
      // One that keeps nothing finds nobody.
      yield* crash(lab, back)
      yield* pass(60_000)
      const stranger = yield* lab.startAt("n333", lab.network.host("n333", ["10.0.0.3"]), {
        bind: "10.0.0.3:7946",
        peers: [a.address]
      })
      yield* pass(3000)
      assert.isFalse(joined(stranger))
    })
  )

  scenario("gets the table of members from one that it remembers", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const store = NodeState.storeMemory()
      const a = yield* lab.start(1)
      const options = { peers: [a.address], ...forgetful }
      for (const number of [2, 4, 5, 6]) yield* lab.start(number, options)
      const c = yield* startWith(lab, store, "n3", { at: "10.0.0.3", peers: [a.address] })
      yield* pass(12_000)
      yield* crash(lab, a, c)
      yield* pass(60_000)
      const { members, ...state } = Option.getOrThrow(yield* store.load)
      assert.strictEqual(members.length, 5)
      yield* store.save({ ...state, members: members.filter((address) => String(address) === "10.0.0.2:7946") })
      const back = yield* startWith(lab, store, "n33", { at: "10.0.0.3" })
      yield* pass(100)
      assert.deepStrictEqual(
        yield* aliveIn(back),
        [2, 3, 4, 5, 6].map((number) => `10.0.0.${number}`)
      )
    })
  )

  scenario("finds its cluster again although it is a bootstrap peer itself and names none", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const store = NodeState.storeMemory()
      const seed = yield* startWith(lab, store, "n1", { at: "10.0.0.1" })
      const options = { peers: [seed.address], ...forgetful }
      const others = [yield* lab.start(2, options), yield* lab.start(3, options)]
      yield* pass(12_000)
      yield* crash(lab, seed)
      yield* pass(60_000)
      const back = yield* startWith(lab, store, "n11", { at: "10.0.0.1" })
      // It is ready at once, as a node without peers is.
      assert.isTrue(joined(back))
      yield* pass(1000)
      assert.deepStrictEqual(yield* aliveIn(back), ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
      for (const node of others) assert.include(yield* aliveIn(node), "10.0.0.1")
    })
  )

  scenario("does not wait for members that are gone, and keeps their addresses", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const store = NodeState.storeMemory()
      const seed = yield* startWith(lab, store, "n1", { at: "10.0.0.1" })
      const other = yield* lab.start(2, { peers: [seed.address] })
      yield* pass(12_000)
      yield* crash(lab, seed, other)
      const back = yield* startWith(lab, store, "n11", { at: "10.0.0.1" })
      assert.isTrue(joined(back))
      yield* pass(600_000)
      const contacts = lab.sent(({ from }) => from === "n11", lab.now - 300_000)
      assert.isAtLeast(contacts.length, 4)
      assert.isAtMost(contacts.length, 10)
      assert.strictEqual(Option.getOrThrow(yield* store.load).members.length, 1)
      // Who starts there is found, although neither names the other.
      yield* lab.startAt("n22", lab.network.host("n22", ["10.0.0.2"]), { bind: "10.0.0.2:7946", nodeId: "22" })
      yield* pass(70_000)
      assert.deepStrictEqual(yield* aliveIn(back), ["10.0.0.1", "10.0.0.2"])
    })
  )

  scenario("keeps the addresses of members that answered, and of no invented one", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const store = NodeState.storeMemory()
      const a = yield* lab.start(1)
      yield* lab.start(2, { peers: [a.address] })
      const c = yield* startWith(lab, store, "n3", { at: "10.0.0.3", peers: [a.address] })
      const liar = yield* lab.puppet(9)
      yield* pass(9000)
      yield* liar.send({ _tag: "Gossip", ...sender(9), entries: [claim("Alive", 77, "10.0.0.77:7946")] }, c)
      yield* pass(5000)
      const { members } = Option.getOrThrow(yield* store.load)
      assert.deepStrictEqual(members.map(String).sort(), ["10.0.0.1:7946", "10.0.0.2:7946"])
    })
  )

  scenario("events after a restart within the same second are no duplicates of those before", () =>
    Effect.gen(function* () {
      const Deploy = ClusterEvent.make("deploy", { payload: Schema.Struct({ version: Schema.Int }) })
      const lab = yield* Lab.make()
      const store = NodeState.storeMemory()
      const options = { extensions: {}, probes: { suspectTimeout: 500 } }
      const a = yield* lab.start(1, options)
      const versions: Array<number> = []
      yield* a.node
        .run(
          Stream.runForEach(Context.get(a.context, Events).stream(Deploy), ({ payload }) =>
            Effect.sync(() => versions.push(payload.version))
          )
        )
        .pipe(Effect.forkScoped({ startImmediately: true }))
      for (const version of [1, 2]) {
        const c = yield* startWith(lab, store, `n3${version}`, { at: "10.0.0.3", peers: [a.address], ...options })
        yield* pass(300)
        yield* Effect.orDie(Context.get(c.context, Events).publish(Deploy, { version }))
        yield* pass(100)
        yield* crash(lab, c)
      }
      yield* pass(1000)
      assert.deepStrictEqual(versions, [1, 2])
    })
  )
})
