import { describe, expect, it } from "@effect/vitest"
import * as NodeId from "../../src/domain/NodeId.ts"
import { disagreements, type MemberView } from "../../src/simulation/Agreement.ts"
import type { KnownStatus } from "../../src/simulation/NodeBase.ts"

/** Nodes with these opinions of each other, a row for each; what is left out is `alive`. */
const minds = (
  count: number,
  opinions: Readonly<Record<string, Readonly<Record<string, KnownStatus>>>> = {}
): Array<MemberView> => {
  const names = [...Array(count).keys()].map((i) => `n${i + 1}`)
  const ids = names.map((_, i) => NodeId.fromWords(0, i + 1))
  return names.map((name, i) => {
    const row = names.map((other): KnownStatus => opinions[name]?.[other] ?? "alive")
    // What a node has for others that are not among these.
    const strangers = Object.entries(opinions[name] ?? {}).filter(([other]) => !names.includes(other))
    const all = [...row, ...strangers.map(([, known]) => known)]
    return {
      name,
      id: ids[i]!,
      statusOf: (id) => row[ids.indexOf(id)] ?? "unknown",
      liveCounts: () => ({
        alive: all.filter((known) => known === "alive").length,
        suspect: all.filter((known) => known === "suspect").length
      })
    }
  })
}

describe("agreement", () => {
  it("is there when everybody holds everybody alive and nobody else, and among none and one", () => {
    for (const count of [0, 1, 2, 20]) expect(disagreements(minds(count))).toEqual([])
    expect(disagreements(minds(3, { n1: { stranger: "dead" }, n2: { stranger: "left" } }))).toEqual([])
  })

  it("is not there when somebody is missing, suspected, or one too many", () => {
    expect(disagreements(minds(3, { n2: { n3: "unknown" } }))).toEqual(["n2 sees 2 of 3 alive and 0 suspect"])
    expect(disagreements(minds(3, { n3: { n1: "suspect" }, n1: { n3: "dead" } }))).toEqual([
      "n1 sees 2 of 3 alive and 0 suspect",
      "n3 sees 2 of 3 alive and 1 suspect"
    ])
    expect(disagreements(minds(2, { n1: { stranger: "alive" } }))).toEqual(["n1 sees 3 of 2 alive and 0 suspect"])
    expect(disagreements(minds(2, { n1: { stranger: "suspect" } }))).toEqual(["n1 sees 2 of 2 alive and 1 suspect"])
  })

  it("is not there when the numbers are right and the nodes are not", () => {
    expect(
      disagreements(
        minds(3, {
          n1: { n2: "dead", stranger: "alive" },
          n3: { n1: "left", another: "alive" }
        })
      )
    ).toEqual(["n1 sees n2 dead", "n3 sees n1 left"])
  })

  it("asks no node of itself", () => {
    // What its own table says of it is for `live` to tell.
    expect(disagreements(minds(2, { n1: { n1: "unknown", stranger: "alive" } }))).toEqual([])
  })

  it("tells only so many", () => {
    const nobody = Object.fromEntries(
      [...Array(30).keys()].map((i) => [`n${i + 1}`, { n1: "dead", x: "alive" }] as const)
    )
    expect(disagreements(minds(30, nobody)).length).toBe(10)
    expect(disagreements(minds(30, nobody), 3)).toEqual(["n2 sees n1 dead", "n3 sees n1 dead", "n4 sees n1 dead"])
    const lonely = Object.fromEntries([...Array(30).keys()].map((i) => [`n${i + 1}`, { n30: "dead" }] as const))
    expect(disagreements(minds(30, lonely), 1)).toEqual(["n1 sees 29 of 30 alive and 0 suspect"])
    expect(disagreements(minds(30, lonely)).length).toBe(10)
  })
})
