/** A cluster changes its key while it runs. */
import { assert, describe } from "@effect/vitest"
import { Context, Effect, Option } from "effect"
import * as fc from "fast-check"
import { Cluster } from "../../src/cluster/Cluster.ts"
import { keyOf, Lab, type LabNode, membersOf, parts, story, pass, scenario } from "../cluster/Lab.ts"

const Size = 3

/** The ring of a node. */
const ringOf = (node: LabNode) => Option.getOrThrow(Context.get(node.context, Cluster).keyRing)

const started = Effect.fnUntraced(function* (size = Size) {
  const lab = yield* Lab.make()
  lab.rings.push(yield* Lab.ring([keyOf(1), keyOf(2)]))
  const nodes: Array<LabNode> = []
  for (let i = 1; i <= size; i++) {
    nodes.push(yield* lab.start(i, { clusterKey: keyOf(1), peers: nodes.slice(0, 1).map(({ address }) => address) }))
  }
  yield* pass(3000)
  return { lab, nodes }
})

const fingerprintOf = (n: number) =>
  Effect.flatMap(Lab.ring([keyOf(n)]), (ring) => Effect.map(ring.list, ([key]) => key!.fingerprint))

const assertTogether = Effect.fnUntraced(function* (nodes: ReadonlyArray<LabNode>, when = "") {
  for (const node of nodes) {
    const members = yield* membersOf(node)
    assert.sameMembers(
      members.map(({ id, status }) => `${id} ${status}`),
      nodes.map(({ id }) => `${id} alive`),
      when
    )
  }
})

/** All changes except the joins. */
const troubles = (nodes: ReadonlyArray<LabNode>) =>
  nodes.flatMap((node) => story(node).filter(([, what]) => !what.startsWith("Joined")))

const unopened = (nodes: ReadonlyArray<LabNode>) =>
  nodes.reduce((sum, node) => sum + parts(node).transport.counters.dropped.NotOpened, 0)

type Step = { readonly node: number; readonly what: "add" | "use" | "remove" }

/** Every order in which each phase goes over the nodes. */
const permutations = (n: number): ReadonlyArray<ReadonlyArray<number>> =>
  n === 0
    ? [[]]
    : permutations(n - 1).flatMap((rest) =>
        Array.from({ length: n }, (_, at) => [...rest.slice(0, at), n - 1, ...rest.slice(at)])
      )

const apply = Effect.fnUntraced(function* (nodes: ReadonlyArray<LabNode>, step: Step) {
  const ring = ringOf(nodes[step.node]!)
  if (step.what === "add") yield* ring.add(keyOf(2))
  else if (step.what === "use") yield* ring.use(yield* fingerprintOf(2))
  else yield* ring.remove(yield* fingerprintOf(1))
})

const rotate = Effect.fnUntraced(function* (steps: ReadonlyArray<Step>) {
  const { lab, nodes } = yield* started()
  for (const step of steps) {
    yield* apply(nodes, step)
    // Traffic of all with all, between each step and the next.
    yield* pass(2 * Size * 1000)
  }
  yield* assertTogether(nodes)
  assert.deepStrictEqual(troubles(nodes), [])
  assert.strictEqual(unopened(nodes), 0)
  for (const node of nodes) {
    assert.deepStrictEqual(yield* ringOf(node).list, [{ fingerprint: yield* fingerprintOf(2), primary: true }])
  }
  assert.deepStrictEqual(lab.unread, [])
})

describe("a rotation", () => {
  const orders = permutations(Size)
  for (const [i, order] of orders.entries()) {
    scenario(
      `in the order ${order.map((node) => `n${node + 1}`).join(", ")} in one of the phases causes no suspicion`,
      () =>
        Effect.gen(function* () {
          // Each order of a phase with some order of each other phase.
          const use = orders[(i + 2) % orders.length]!
          const remove = orders[(i + 5) % orders.length]!
          yield* rotate([
            ...order.map((node): Step => ({ node, what: "add" })),
            ...use.map((node): Step => ({ node, what: "use" })),
            ...remove.map((node): Step => ({ node, what: "remove" }))
          ])
        })
    )
  }

  scenario("in any order that keeps the rules causes no suspicion", () =>
    Effect.gen(function* () {
      // Adds in any order; a node uses the key once all have it, and drops the old one once none uses that.
      const [adds, uses, removes] = fc.sample(
        fc.tuple(
          fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
          fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
          fc.shuffledSubarray([0, 1, 2], { minLength: 3 })
        ),
        { numRuns: 1, seed: 11 }
      )[0]!
      const { nodes } = yield* started()
      const steps: ReadonlyArray<Step> = [
        ...adds.map((node): Step => ({ node, what: "add" })),
        ...uses.map((node): Step => ({ node, what: "use" })),
        ...removes.map((node): Step => ({ node, what: "remove" }))
      ]
      // At once, while datagrams of the phase before are under way.
      for (const step of steps) {
        if (step.what !== "add" && step === steps.find(({ what }) => what === step.what)) yield* pass(10)
        yield* apply(nodes, step)
      }
      yield* pass(20_000)
      yield* assertTogether(nodes)
      assert.deepStrictEqual(troubles(nodes), [])
      assert.strictEqual(unopened(nodes), 0)
    })
  )

  scenario("of ten nodes that come and go loses no change of membership", () =>
    Effect.gen(function* () {
      const { lab, nodes } = yield* started(10)
      const two = yield* fingerprintOf(2)
      const one = yield* fingerprintOf(1)
      let next = 20
      /** A node joins with the present keys, and another leaves. */
      const churn = Effect.fnUntraced(function* (key: number, also: number) {
        const node = yield* lab.start(next++, { clusterKey: keyOf(key), peers: [nodes[0]!.address] })
        yield* ringOf(node).add(keyOf(also))
        nodes.push(node)
        yield* pass(1500)
        yield* lab.stop(nodes.splice(3, 1)[0]!)
        yield* pass(1500)
      })
      const founders = nodes.slice()
      for (const node of founders) yield* ringOf(node).add(keyOf(2))
      for (const node of founders) {
        yield* ringOf(node).use(two)
        yield* churn(2, 1)
      }
      for (const node of nodes) yield* ringOf(node).use(two)
      yield* pass(10)
      for (const node of nodes) yield* ringOf(node).remove(one)
      yield* pass(20_000)
      yield* assertTogether(nodes, "after all")
      assert.deepStrictEqual(
        troubles(nodes).filter(([, what]) => !/^(Left|Removed)/.test(what)),
        []
      )
    })
  )

  scenario("that one node misses is reported by the others, and the node returns when it gets the key", () =>
    Effect.gen(function* () {
      const { lab, nodes } = yield* started()
      const [a, b, late] = [nodes[0]!, nodes[1]!, nodes[2]!]
      const two = yield* fingerprintOf(2)
      const from = lab.now
      for (const node of [a, b]) yield* ringOf(node).add(keyOf(2))
      for (const node of [a, b]) yield* ringOf(node).use(two)
      // What was sealed before is under way for a moment.
      yield* pass(5)
      for (const node of [a, b]) yield* ringOf(node).remove(yield* fingerprintOf(1))
      yield* pass(30_000)
      for (const [node, others] of [
        [a, ["3"]],
        [b, ["3"]],
        [late, ["1", "2"]]
      ] as const) {
        const reported = story(node, from).filter(([, what]) => what.startsWith("Unreadable OtherKey"))
        assert.sameMembers(
          reported.map(([, what]) => what.split(" ")[2]!),
          [...others],
          node.name
        )
        // At the first message, long before it is declared dead.
        for (const [at] of reported) assert.isBelow(at, 3000)
        for (const other of others) assert.notStrictEqual(yield* lab.status(node, BigInt(other)), "alive")
      }
      assert.strictEqual(yield* lab.status(a, b), "alive")
      yield* ringOf(late).add(keyOf(2))
      yield* ringOf(late).use(two)
      yield* pass(30_000)
      yield* assertTogether(nodes, "after it got the key")
    })
  )

  scenario(
    "that the key ring refuses changes nothing: an unknown key cannot be used, and the primary key cannot be removed",
    () =>
      Effect.gen(function* () {
        const { nodes } = yield* started()
        const ring = ringOf(nodes[0]!)
        const before = yield* ring.list
        assert.strictEqual((yield* Effect.flip(ring.use("00000000")))._tag, "UnknownKey")
        assert.strictEqual((yield* Effect.flip(ring.remove(yield* fingerprintOf(1))))._tag, "PrimaryKey")
        assert.deepStrictEqual(yield* ring.list, before)
        yield* pass(10_000)
        yield* assertTogether(nodes)
        assert.deepStrictEqual(troubles(nodes), [])
      })
  )
})
