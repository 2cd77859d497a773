/** Clusters in the clear that have different names, or of which only one has a name. */
import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { clusterSalt } from "../../src/wire/ClusterSalt.ts"
import { addSalt } from "../../src/wire/Header.ts"
import { bytesOf, journal, keyOf, Lab, type LabNode, membersOf, parts, pass, scenario, sender } from "../cluster/Lab.ts"

const assertTogether = Effect.fnUntraced(function* (nodes: ReadonlyArray<LabNode>) {
  for (const node of nodes) {
    assert.sameMembers(
      (yield* membersOf(node)).map(({ id, status }) => `${id} ${status}`),
      nodes.map(({ id }) => `${id} alive`)
    )
  }
})

const dropped = (node: LabNode) => parts(node).transport.counters.dropped

describe("clusters in the clear", () => {
  scenario("of other names, and of none, never merge, and say once why", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      lab.watching = false
      const { layer, lines } = journal()
      const x1 = yield* lab.start(1, { cluster: "X" }).pipe(Effect.provide(layer))
      const x2 = yield* lab.start(2, { cluster: "X", peers: [x1.address] })
      const y1 = yield* lab.start(11, { cluster: "Y", peers: [x1.address] })
      const y2 = yield* lab.start(12, { cluster: "Y", peers: [y1.address, x2.address] })
      const nameless = yield* lab.start(21, { peers: [x1.address, y1.address] })
      yield* pass(50_000)
      yield* assertTogether([x1, x2])
      yield* assertTogether([y1, y2])
      yield* assertTogether([nameless])
      const from = (number: number) => lines.filter((line) => line.includes(`10.0.0.${number}:7946`))
      for (const number of [11, 21]) {
        assert.strictEqual(from(number).length, 1)
        assert.include(from(number)[0], `node ${number}: they have another cluster name, or are damaged`)
      }
      assert.isAbove(dropped(x1).OtherCluster, 5)
    })
  )

  scenario("do not merge when a node of one starts at the address of a dead member of the other", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      lab.watching = false
      const x = [yield* lab.start(1, { cluster: "X" })]
      x.push(yield* lab.start(2, { cluster: "X", peers: [x[0]!.address] }))
      const dying = yield* lab.start(3, { cluster: "X", peers: [x[0]!.address] })
      const y1 = yield* lab.start(11, { cluster: "Y" })
      yield* pass(10_000)
      yield* lab.kill(dying)
      yield* pass(15_000)
      const y2 = yield* lab.startAt("n12", lab.network.host("n12", ["10.0.0.3"]), {
        cluster: "Y",
        bind: dying.address,
        nodeId: "12",
        peers: [y1.address]
      })
      yield* pass(120_000)
      yield* assertTogether(x)
      yield* assertTogether([y1, y2])
      // Healing looks for the dead member.
      assert.isAbove(dropped(y2).OtherCluster, 1)
    })
  )

  scenario("count a damaged datagram apart, and warn of it too", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      lab.watching = false
      const { layer, lines } = journal()
      const node = yield* lab.start(1, { cluster: "X" }).pipe(Effect.provide(layer))
      const stranger = yield* lab.puppet(9)
      const message = bytesOf({ _tag: "Ping", ...sender(9), entries: [] })
      addSalt(message, clusterSalt("X"))
      message[12] = message[12]! ^ 4
      yield* stranger.sendBytes(message, node)
      yield* pass(10)
      assert.deepInclude(dropped(node), { ChecksumMismatch: 1, OtherCluster: 0 })
      assert.strictEqual(lines.length, 1)
      assert.include(lines[0], "they have another cluster name, or are damaged")
      // A thousand more are counted, and none is logged within the minute.
      for (let i = 0; i < 900; i++)
        yield* stranger.sendBytes(bytesOf({ _tag: "Ping", ...sender(9), entries: [] }), node)
      yield* pass(10)
      assert.strictEqual(dropped(node).OtherCluster, 900)
      assert.strictEqual(lines.length, 1)
    })
  )

  scenario("of one name become encrypted without a gap", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      lab.watching = false
      const clear = yield* lab.start(1, { cluster: "X" })
      const accepting = { cluster: "X", clusterKey: keyOf(1), encryption: "accept", peers: [clear.address] } as const
      const first = yield* lab.start(2, accepting)
      const second = yield* lab.start(3, accepting)
      const required = yield* lab.start(4, {
        cluster: "X",
        clusterKey: keyOf(1),
        encryption: "required",
        peers: [first.address]
      })
      yield* pass(5000)
      for (const node of [first, second]) {
        assert.sameMembers(
          (yield* membersOf(node)).map(({ id, status }) => `${id} ${status}`),
          [clear, first, second, required].map(({ id }) => `${id} alive`)
        )
        assert.strictEqual(dropped(node).ChecksumMismatch + dropped(node).OtherCluster, 0)
      }
      assert.isAbove(dropped(required).Plaintext, 0)
    })
  )
})
