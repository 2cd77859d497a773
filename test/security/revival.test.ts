/** A dead member's sealed datagrams, recorded and sent again, cannot keep it alive. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { keyOf, Lab, type LabNode, pass, scenario } from "../cluster/Lab.ts"

const required = { clusterKey: keyOf(1), extensions: {}, probes: { deadRetention: 1000 } } as const

/** The time for which any of the nodes holds a member live, in ms, within a minute. */
const liveFor = Effect.fnUntraced(function* (lab: Lab, nodes: ReadonlyArray<LabNode>, id: bigint) {
  let last = lab.now
  let live = 0
  for (let step = 0; step < 600; step++) {
    yield* pass(100)
    const statuses = yield* Effect.forEach(nodes, (node) => lab.status(node, id))
    if (statuses.some((status) => status === "alive" || status === "suspect")) live += lab.now - last
    last = lab.now
  }
  return live
})

describe("under `required`, 45 s of a member's datagrams, sent again after it was killed and forgotten,", () => {
  scenario("list it again until the next probe has failed, and answer no PING", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      lab.rings.push(yield* Lab.ring([keyOf(1)]))
      const nodes = [yield* lab.start(1, required)]
      for (const number of [2, 3, 4]) nodes.push(yield* lab.start(number, { ...required, peers: [nodes[0]!.address] }))
      yield* pass(45_000)
      const killed = nodes.pop()!
      const records = lab.sent(({ from }) => from === killed.name)
      assert.isAbove(records.length, 50)
      yield* lab.kill(killed)
      // Its tombstones live ten times as long as the dead stay listed.
      yield* pass(60_000)
      for (const node of nodes) assert.strictEqual(yield* lab.status(node, killed), "unknown")
      // The attacker has the address of the member, and answers each datagram by the next one that the member sent there.
      const next = new Map(nodes.map(({ name }) => [name, 0]))
      const answer = (node: LabNode) => {
        const own = records.filter(({ to }) => to === node.name)
        const at = next.get(node.name)!
        next.set(node.name, at + 1)
        const record = own[at]
        return record === undefined ? Effect.void : lab.forge(record.payload, killed.address, node)
      }
      for (const node of nodes) yield* answer(node)
      const began = lab.now
      const answering = Effect.gen(function* () {
        let seen = lab.seen.length
        while (lab.now - began < 59_000) {
          yield* Effect.sleep(1)
          const asked = lab.seen.slice(seen).filter(({ at, to }) => to === killed.name && at >= began)
          seen = lab.seen.length
          for (const { from } of asked) {
            const node = nodes.find(({ name }) => name === from)
            if (node !== undefined) yield* answer(node)
          }
        }
      })
      yield* Effect.forkScoped(answering)
      const live = yield* liveFor(lab, nodes, killed.id)
      assert.isAbove(
        [...next.values()].reduce((sum, count) => sum + count),
        6
      )
      // Measured: 4.2 s.
      assert.isAtMost(live, 10_000)
    })
  )
})
