import { DateTime } from "effect"
import { describe, expect, it } from "vitest"
import * as DemoState from "../../../src/cli/demo/DemoState.ts"
import { id, member, startedAt, stateOf } from "./States.ts"

describe("the state", () => {
  it("knows the last node that noticed something, once all reachable nodes have", () => {
    const dead = (state: DemoState.DemoState, observer: number, after: number) =>
      DemoState.withView(state, id(observer), [{ ...member(3, "dead"), since: DateTime.makeUnsafe(startedAt + after) }])
    const isDead = (cell: DemoState.Cell) => cell.status === "dead"
    let state = DemoState.withCondition(stateOf(4), id(3), "killed")
    state = dead(dead(state, 1, 700), 2, 500)
    expect(DemoState.lastToSee(state, id(3), isDead)).toBeUndefined()
    expect(DemoState.lastToSee(dead(state, 4, 600), id(3), isDead)).toEqual({ observer: id(1), at: startedAt + 700 })
    expect(DemoState.lastToSee(DemoState.withCondition(state, id(4), "cut"), id(3), isDead)?.observer).toBe(id(1))
  })

  it("is the same object when a view has not changed", () => {
    const state = stateOf(2)
    expect(DemoState.withView(state, id(1), [member(1, "alive"), member(2, "alive")])).toBe(state)
    expect(DemoState.withView(state, id(1), [member(1, "alive")])).not.toBe(state)
  })

  it("removes nodes that are gone once no node lists them", () => {
    let state = DemoState.withCondition(stateOf(2), id(2), "killed")
    expect(DemoState.withoutForgotten(state)).toBe(state)
    state = DemoState.withView(state, id(1), [member(1, "alive")])
    expect(DemoState.withoutForgotten(state).nodes.map(({ id }) => id)).toEqual([id(1)])
  })

  it("keeps a thousand events", () => {
    let state = stateOf(1)
    for (let n = 1; n <= 1001; n++) state = DemoState.withEvent(state, { _tag: "Done", at: startedAt, text: `${n}` })
    expect(state.events).toHaveLength(1000)
    expect(state.events.at(-1)).toMatchObject({ text: "1001" })
  })
})
