import { describe, expect, it } from "@effect/vitest"
import { DateTime } from "effect"
import * as fc from "fast-check"
import { keepMajority, keepOldest, staticQuorum } from "../../src/coordination/Quorum.ts"
import { QuorumRules, type Strategy } from "../../src/coordination/QuorumRules.ts"
import { type Member, MemberStatus } from "../../src/domain/Member.ts"
import { member, since } from "./Members.ts"

const StableAfter = 10_000
const ForgetAfter = 60_000
const times = { stableAfter: StableAfter, forgetAfter: ForgetAfter }
/** Members 1 to n; those that `others` names have another status. */
const cluster = (n: number, others: Readonly<Record<number, Member["status"]>> = {}) =>
  Array.from({ length: n }, (_, index) => member(index + 1, others[index + 1]))

const idsOf = (rules: QuorumRules) => rules.members().map(({ id }) => Number(id))

/** Rules that have been active in a cluster of n members since before `StableAfter`. */
const settled = (strategy: Strategy, n: number) => {
  const rules = new QuorumRules(strategy, times)
  rules.update(cluster(n), true, 0)
  rules.update(cluster(n), true, StableAfter)
  expect(rules.active).toBe(true)
  return rules
}

describe("a quorum", () => {
  it("is held for its time before the node is active", () => {
    const rules = new QuorumRules(staticQuorum(3), times)
    rules.update(cluster(2), true, 0)
    expect([rules.active, rules.reason]).toEqual([false, "Starting"])
    rules.update(cluster(3), true, 1000)
    rules.update(cluster(3), true, 1000 + StableAfter - 1)
    expect(rules.active).toBe(false)
    rules.update(cluster(3), true, 1000 + StableAfter)
    expect(rules.active).toBe(true)
  })

  it("that is lost for a moment has to be held again for the whole time", () => {
    const rules = new QuorumRules(staticQuorum(3), times)
    rules.update(cluster(3), true, 0)
    rules.update(cluster(3, { 3: "suspect" }), true, 5000)
    rules.update(cluster(3), true, 5100)
    rules.update(cluster(3), true, StableAfter + 1)
    expect(rules.active).toBe(false)
    rules.update(cluster(3), true, 5100 + StableAfter)
    expect(rules.active).toBe(true)
  })

  it("is lost at once by suspicions, by doubt about oneself and by a pause", () => {
    const suspicion = settled(keepMajority, 5)
    suspicion.update(cluster(5, { 2: "suspect", 3: "suspect", 4: "suspect" }), true, 20_000)
    expect([suspicion.active, suspicion.reason]).toEqual([false, "TooFew"])
    const doubt = settled(keepMajority, 5)
    doubt.update(cluster(5), false, 20_000)
    expect([doubt.active, doubt.reason]).toEqual([false, "CannotTell"])
    const pause = settled(keepMajority, 5)
    pause.paused()
    pause.update(cluster(5), true, 20_000)
    expect([pause.active, pause.reason]).toEqual([false, "WasPaused"])
    pause.update(cluster(5), true, 20_000 + StableAfter)
    expect(pause.active).toBe(true)
  })

  it("of one node needs no other to tell", () => {
    const rules = settled(staticQuorum(1), 1)
    rules.update(cluster(1), false, 20_000)
    expect(rules.active).toBe(true)
  })

  it("knows a dead member until it has been dead for its time, and one that left no longer", () => {
    const rules = settled(keepMajority, 5)
    const dead = cluster(5, { 4: "dead", 5: "left" })
    rules.update(dead, true, 20_000)
    expect(idsOf(rules)).toEqual([1, 2, 3, 4])
    // Its retention is over before that time.
    rules.update(cluster(3), true, 25_000)
    rules.update(cluster(3), true, 20_000 + StableAfter - 1)
    expect(idsOf(rules)).toEqual([1, 2, 3, 4])
    rules.update(cluster(3), true, 20_000 + StableAfter)
    expect(idsOf(rules)).toEqual([1, 2, 3])
    expect(rules.active).toBe(true)
  })

  it("does not count who was dead before it was heard of", () => {
    const rules = settled(keepMajority, 3)
    rules.update([...cluster(3), member(9, "dead")], true, 20_000)
    expect(idsOf(rules)).toEqual([1, 2, 3])
  })

  it("is counted from the dead too, for their time, and from nobody that was replaced", () => {
    const crashed = (status: Member["status"]) => cluster(7, { 5: status, 6: status, 7: status })
    const rules = settled(keepMajority, 7)
    rules.update(crashed("dead"), true, 20_000)
    rules.update(cluster(4), true, 40_000)
    expect([rules.active, idsOf(rules)]).toEqual([true, [1, 2, 3, 4]])
    // Three of seven are too few, although they are most of those that may still act.
    rules.update(cluster(4, { 4: "suspect" }), true, 41_000)
    expect(rules.active).toBe(false)
    rules.update(cluster(4), true, 42_000)
    for (let at = 43_000; at <= 42_000 + ForgetAfter; at += 1000) rules.update(cluster(4), true, at)
    rules.update(cluster(4, { 4: "suspect" }), true, 43_000 + ForgetAfter)
    expect(rules.active).toBe(true)

    for (const same of [{ address: member(7).address }, { name: "seventh" }]) {
      const replaced = settled(keepMajority, 4)
      const seventh = { ...member(7), name: "seventh" }
      replaced.update([...cluster(4), seventh], true, 20_000)
      replaced.update([...cluster(4), { ...seventh, status: "dead" }], true, 21_000)
      replaced.update([...cluster(4), { ...member(8), ...same }], true, 22_000)
      expect(idsOf(replaced)).toEqual([1, 2, 3, 4, 8])
    }
  })

  it("remembers when a member started, whose tags arrive after it is back", () => {
    const rules = settled(keepMajority, 3)
    const startedAt = DateTime.makeUnsafe(5)
    rules.update([...cluster(2), { ...member(3), startedAt }], true, 20_000)
    rules.update(cluster(3, { 3: "dead" }), true, 21_000)
    rules.update(cluster(3), true, 22_000)
    expect(rules.members().at(-1)).toMatchObject({ id: member(3).id, startedAt })
  })

  it("never forgets the others while it is a minority", () => {
    const rules = settled(keepMajority, 5)
    const cutOff = cluster(5, { 3: "dead", 4: "dead", 5: "dead" })
    for (let at = 20_000; at < 600_000; at += 5000) rules.update(at < 40_000 ? cutOff : cluster(2), true, at)
    expect(idsOf(rules)).toEqual([1, 2, 3, 4, 5])
    expect(rules.active).toBe(false)
    // Healed: what was gone long ago counts anew from now on.
    rules.update(cluster(4), true, 600_000)
    rules.update(cluster(4), true, 600_000 + StableAfter)
    expect([rules.active, idsOf(rules)]).toEqual([true, [1, 2, 3, 4]])
    // The fifth still counts: two are half of four with the lowest id, but not of five.
    rules.update(cluster(4, { 3: "suspect", 4: "suspect" }), true, 601_000 + StableAfter)
    expect(rules.active).toBe(false)
  })
})

describe("strategies", () => {
  const view = (known: number, reachable: ReadonlyArray<number>) => ({
    known: cluster(known),
    reachable: reachable.map((id) => member(id))
  })

  it("staticQuorum counts what is reachable, and refuses a cluster in which two parts could be large enough", () => {
    expect(staticQuorum(3).isMet(view(5, [1, 2, 3]))).toBe(true)
    expect(staticQuorum(3).isMet(view(5, [1, 2]))).toBe(false)
    expect(staticQuorum(3).isMet(view(6, [1, 2, 3]))).toBe(false)
  })

  it("keepMajority needs more than half, or the half with the lowest id", () => {
    expect(keepMajority.isMet(view(5, [3, 4, 5]))).toBe(true)
    expect(keepMajority.isMet(view(5, [1, 2]))).toBe(false)
    expect(keepMajority.isMet(view(4, [1, 4]))).toBe(true)
    expect(keepMajority.isMet(view(4, [2, 3]))).toBe(false)
  })

  it("keepOldest needs the oldest with another, or all but the oldest", () => {
    // They started at once, so the lowest id is the oldest.
    expect(keepOldest.isMet(view(1, [1]))).toBe(true)
    expect(keepOldest.isMet(view(5, [1, 5]))).toBe(true)
    expect(keepOldest.isMet(view(5, [1]))).toBe(false)
    expect(keepOldest.isMet(view(5, [2, 3, 4, 5]))).toBe(true)
    expect(keepOldest.isMet(view(5, [2, 3, 4]))).toBe(false)
    const elder = { ...member(9), startedAt: DateTime.makeUnsafe(-1) }
    const known = [...cluster(3).map((one) => ({ ...one, startedAt: since })), elder]
    expect(keepOldest.isMet({ known, reachable: [member(1), elder] })).toBe(true)
    expect(keepOldest.isMet({ known, reachable: [member(1), member(2)] })).toBe(false)
  })

  it("are met by at most one of two parts of one cluster", () => {
    const parts = fc
      .integer({ min: 1, max: 12 })
      .chain((n) => fc.tuple(fc.constant(n), fc.array(fc.boolean(), { minLength: n, maxLength: n })))
    fc.assert(
      fc.property(parts, fc.integer({ min: 1, max: 12 }), ([n, sides], size) => {
        const ids = sides.map((_, index) => index + 1)
        const one = ids.filter((id) => sides[id - 1])
        const other = ids.filter((id) => !sides[id - 1])
        for (const strategy of [staticQuorum(size), keepMajority, keepOldest]) {
          expect(strategy.isMet(view(n, one)) && strategy.isMet(view(n, other))).toBe(false)
        }
      })
    )
  })
})

describe("any history of statuses", () => {
  it("leaves out nobody who is alive, and acts only after the quorum was held for its time", () => {
    const statuses = fc.array(fc.constantFrom(...MemberStatus.literals), { minLength: 4, maxLength: 4 })
    const steps = fc.array(fc.record({ statuses, canTell: fc.boolean(), after: fc.integer({ min: 1, max: 8000 }) }))
    fc.assert(
      fc.property(steps, (steps) => {
        const rules = new QuorumRules(staticQuorum(3), times)
        let now = 0
        let held: number | undefined
        for (const { after, canTell, statuses } of steps) {
          now += after
          const members = [member(1), ...statuses.map((status, index) => member(index + 2, status))]
          rules.update(members, canTell, now)
          const reachable = members.filter(({ status }) => status === "alive").length
          held = reachable >= 3 && canTell ? (held ?? now) : undefined
          expect(rules.active).toBe(held !== undefined && now - held >= StableAfter)
          const alive = members.filter(({ status }) => status === "alive").map(({ id }) => Number(id))
          expect(idsOf(rules)).toEqual(expect.arrayContaining(alive))
        }
      })
    )
  })
})
