/** Two nodes with one id that started in the same instant, so that nothing but their addresses tells their claims apart. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Lab, type LabNode, pass, virtual } from "./Lab.ts"

const isConflict = (node: LabNode) =>
  node.changes.some((change) => change._tag === "Conflict" && change.kind === "SameId")

describe("two nodes with one id in lockstep", () => {
  for (const [name, options] of [
    ["level 1", { extensions: {} }],
    ["version 1", {}]
  ] as const) {
    for (const [how, seconds] of [
      ["the same instant", 0],
      ["a second", 1]
    ] as const) {
      it.effect(`see their conflict, as all others do, within half a minute of starts in ${how} (${name})`, () =>
        virtual(
          Effect.gen(function* () {
            const lab = yield* Lab.make()
            const nodes: Array<LabNode> = []
            for (let i = 1; i <= 4; i++) {
              nodes.push(yield* lab.start(i, { ...options, peers: nodes.slice(0, 1).map(({ address }) => address) }))
            }
            yield* pass(20_000)
            const clash = (number: number) => lab.start(number, { ...options, nodeId: "77", peers: ["10.0.0.1:7946"] })
            const first = yield* clash(8)
            if (seconds > 0) yield* pass(seconds * 1000)
            const second = yield* clash(9)
            yield* pass(30_000)
            for (const node of [...nodes, first, second]) assert.isTrue(isConflict(node), node.name)
          }),
          { wallClock: 1_700_000_000_000 }
        )
      )
    }
  }
})
