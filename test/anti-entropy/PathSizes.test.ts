import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { AckWait, MaxWaiting, PathSizes, SmallFor } from "../../src/anti-entropy/PathSizes.ts"
import { RequestAck } from "../../src/wire/Header.ts"
import { journal, Lab, type LabNode, membersOf, parts, pass, scenario } from "../cluster/Lab.ts"

const opened = () => {
  const small: Array<readonly [slot: number, small: boolean]> = []
  const sent: Array<boolean> = []
  const paths = new PathSizes({ setSmall: (slot, isSmall) => small.push([slot, isSmall]) })
  return { paths, small, sent, again: (short: boolean) => void sent.push(short) }
}

describe("a path", () => {
  it("that carries the first long chunk, or the second, is not asked about again", () => {
    for (const lost of [0, 1]) {
      const { again, paths, sent, small } = opened()
      assert.isTrue(paths.isOpen(3))
      paths.sent(3, again, 0)
      for (let i = 1; i <= lost; i++) paths.due(i * AckWait)
      paths.acknowledged(3, lost * AckWait + 10)
      assert.deepStrictEqual(
        sent,
        Array.from({ length: lost }, () => false)
      )
      assert.deepStrictEqual([small, paths.isOpen(3), paths.next], [[], false, Infinity])
      paths.forget(3)
      assert.isTrue(paths.isOpen(3))
    }
  })

  it("that carries only short ones is small for ten minutes", () => {
    const { again, paths, sent, small } = opened()
    paths.sent(3, again, 0)
    paths.due(AckWait)
    paths.due(2 * AckWait)
    assert.deepStrictEqual(sent, [false, true])
    paths.acknowledged(3, 2500)
    assert.deepStrictEqual(small, [[3, true]])
    assert.strictEqual(paths.next, 2500 + SmallFor)
    paths.due(2500 + SmallFor)
    assert.deepStrictEqual(small, [
      [3, true],
      [3, false]
    ])
    assert.isTrue(paths.isOpen(3))
  })

  it("that carries nothing stays unknown, and no more than 256 are asked about", () => {
    const { again, paths, sent, small } = opened()
    for (let slot = 1; slot <= MaxWaiting; slot++) paths.sent(slot, again, 0)
    assert.isFalse(paths.isOpen(MaxWaiting + 1))
    for (let i = 1; i <= 3; i++) paths.due(i * AckWait)
    assert.deepStrictEqual([sent.length, small, paths.next], [2 * MaxWaiting, [], Infinity])
    assert.isTrue(paths.isOpen(1))
  })
})

const Size = 60

/** Nodes that know each other but for the last, which joins through the first over a path of its own. */
const newcomer = (mtu: number) =>
  Effect.gen(function* () {
    const lab = yield* Lab.make()
    const nodes: Array<LabNode> = []
    const { layer, lines } = journal()
    for (let i = 1; i < Size; i++) {
      const start = lab.start(i, { extensions: {}, peers: nodes.slice(0, 1).map(({ address }) => address) })
      nodes.push(yield* i === 1 ? start.pipe(Effect.provide(layer)) : start)
    }
    yield* pass(20_000)
    lab.seen.length = 0
    for (const { name } of nodes) {
      lab.network.link(name, `n${Size}`).mtu = mtu
      lab.network.link(`n${Size}`, name).mtu = mtu
    }
    const last = yield* lab.start(Size, { extensions: {}, peers: [nodes[0]!.address] })
    const from = lab.now
    while ((yield* membersOf(last)).length < Size && lab.now - from < 60_000) yield* pass(50)
    return { lab, nodes, last, took: lab.now - from, lines }
  })

describe("a newcomer", () => {
  scenario("behind a path that carries 1000 bytes gets the table in short chunks, and the log says so once", () =>
    Effect.gen(function* () {
      const { lab, last, lines, nodes, took } = yield* newcomer(1000)
      assert.isAtMost(took, 4 * AckWait)
      assert.strictEqual(lines.filter((line) => line.includes("may carry no long datagrams")).length, 1)
      yield* pass(60_000)
      assert.strictEqual(lines.filter((line) => line.includes("may carry no long datagrams")).length, 1)
      for (const node of nodes) assert.strictEqual(yield* lab.status(node, last), "alive")
      assert.strictEqual(parts(nodes[0]!).detector.counters.failures, 0)
    })
  )

  scenario("behind a common path gets the table at once, and acknowledges its first chunk", () =>
    Effect.gen(function* () {
      const { lab, lines, took } = yield* newcomer(1500)
      assert.isAtMost(took, 100)
      assert.deepStrictEqual(
        lines.filter((line) => line.includes("may carry no long datagrams")),
        []
      )
      const asking = lab.sent(({ message, to }) => to === `n${Size}` && (message.flags & RequestAck) !== 0)
      assert.strictEqual(asking.length, 1)
    })
  )
})
