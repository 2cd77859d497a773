import { describe, expect, it } from "@effect/vitest"
import * as NodeId from "../../src/domain/NodeId.ts"
import { disagreements, type MemberView } from "../../src/simulation/Agreement.ts"
import type { KnownStatus } from "../../src/simulation/NodeBase.ts"

/** Nodes with these views of each other, one row each; `alive` by default. */
const minds = (
  count: number,
  opinions: Readonly<Record<string, Readonly<Record<string, KnownStatus>>>> = {}
): Array<MemberView> => {
  const names = [...Array(count).keys()].map((i) => `n${i + 1}`)
  const ids = names.map((_, i) => NodeId.fromWords(0, i + 1))
  return names.map((name, i) => {
    const row = names.map((other): KnownStatus => opinions[name]?.[other] ?? "alive")
    // Members that are not among these nodes.
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
  it("exists when every node sees all of them alive and nobody else, also among one node or none", () => {
    for (const count of [0, 1, 2, 20]) expect(disagreements(minds(count))).toEqual([])
    expect(disagreements(minds(3, { n1: { stranger: "dead" }, n2: { stranger: "left" } }))).toEqual([])
  })

  it("does not exist when a node is missing, suspected, or additional", () => {
    expect(disagreements(minds(3, { n2: { n3: "unknown" } }))).toEqual(["n2 sees 2 of 3 alive and 0 suspect"])
    expect(disagreements(minds(3, { n3: { n1: "suspect" }, n1: { n3: "dead" } }))).toEqual([
      "n1 sees 2 of 3 alive and 0 suspect",
      "n3 sees 2 of 3 alive and 1 suspect"
    ])
    expect(disagreements(minds(2, { n1: { stranger: "alive" } }))).toEqual(["n1 sees 3 of 2 alive and 0 suspect"])
    expect(disagreements(minds(2, { n1: { stranger: "suspect" } }))).toEqual(["n1 sees 2 of 2 alive and 1 suspect"])
  })

  it("does not exist when the counts are right but the nodes are not", () => {
    expect(
      disagreements(
        minds(3, {
          n1: { n2: "dead", stranger: "alive" },
          n3: { n1: "left", another: "alive" }
        })
      )
    ).toEqual(["n1 sees n2 dead", "n3 sees n1 left"])
  })

  it("does not use the status of a node in its own view", () => {
    // `liveCounts` includes the node itself.
    expect(disagreements(minds(2, { n1: { n1: "unknown", stranger: "alive" } }))).toEqual([])
  })

  it("reports a limited number of disagreements", () => {
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
