import { assert, describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as NodeId from "../../src/domain/NodeId.ts"
import { UnprovedTries, HealList, MaxCandidates } from "../../src/join/HealList.ts"
import type { MemberClaim } from "../../src/outbox/MemberClaim.ts"

const id = (n: number) => NodeId.fromWords(n, n)
const claim = (n: number, incarnation = 0): MemberClaim => ({
  idHi: n,
  idLo: n,
  incarnation,
  heartbeat: 0,
  address: new Uint8Array(19)
})
const free = () => false
const idsOf = (list: HealList, upTo: number) => Array.from({ length: upTo }, (_, n) => n).filter((n) => list.has(id(n)))

const n = fc.nat(20)
const command = fc.oneof(
  fc.record({ kind: fc.constant("add" as const), n, incarnation: fc.nat(5) }),
  fc.record({ kind: fc.constant("remove" as const), n }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.nat(60) }),
  fc.record({
    kind: fc.constant("pick" as const),
    draws: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 30, maxLength: 30 }),
    taken: fc.uniqueArray(n, { maxLength: 5 })
  })
)

describe("the heal list", () => {
  it("holds each dead member until it is removed, is too old, or its address is taken", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 100 }), fc.integer({ min: 1, max: 300 }), (commands, timeout) => {
        const list = new HealList(timeout)
        const model = new Map<number, { readonly claim: MemberClaim; readonly diedAt: number }>()
        let now = 0
        for (const command of commands) {
          switch (command.kind) {
            case "add": {
              const added = claim(command.n, command.incarnation)
              list.add(id(command.n), added, now, true)
              model.set(command.n, { claim: added, diedAt: now })
              break
            }
            case "remove":
              list.remove(id(command.n))
              model.delete(command.n)
              break
            case "wait":
              now += command.ms
              break
            case "pick": {
              let drawn = 0
              const draw = () => command.draws[drawn++ % 30]!
              const picked = list.pick(draw, now, ({ idHi }) => command.taken.includes(idHi))
              const fit = [...model].filter(([n, { diedAt }]) => now - diedAt < timeout && !command.taken.includes(n))
              if (picked === undefined) assert.deepStrictEqual(fit, [])
              else {
                assert.strictEqual(model.get(picked.idHi)?.claim, picked)
                assert.isTrue(fit.some(([n]) => n === picked.idHi))
              }
              // Candidates that must not be tried any more may be gone, and no others.
              for (const n of model.keys()) {
                if (list.has(id(n))) continue
                assert.isFalse(fit.some(([other]) => other === n))
                model.delete(n)
              }
              if (picked === undefined) assert.strictEqual(list.size, 0)
            }
          }
          assert.deepStrictEqual(
            idsOf(list, 21),
            [...model.keys()].toSorted((a, b) => a - b)
          )
          assert.strictEqual(list.size, model.size)
        }
      }),
      { numRuns: 200 }
    )
  })

  it("picks all candidates with the same probability", () => {
    const list = new HealList(1000)
    for (let i = 0; i < 4; i++) list.add(id(i), claim(i), 0, true)
    const picked = [0, 0.24, 0.25, 0.49, 0.5, 0.74, 0.75, 0.999].map((draw) => list.pick(() => draw, 0, free)?.idHi)
    assert.deepStrictEqual(picked, [0, 0, 1, 1, 2, 2, 3, 3])
  })

  it("tries a candidate before the timeout and not at it, and never with a timeout of 0", () => {
    const list = new HealList(1000)
    list.add(id(1), claim(1), 500, true)
    assert.strictEqual(list.pick(() => 0, 1499, free)?.idHi, 1)
    assert.isUndefined(list.pick(() => 0, 1500, free))
    assert.strictEqual(list.size, 0)
    const never = new HealList(0)
    never.add(id(1), claim(1), 0, true)
    assert.isUndefined(never.pick(() => 0, 0, free))
  })

  it("holds 1024 candidates, and drops the oldest death for a new one", () => {
    const list = new HealList(Infinity)
    // Added in another order than that of their deaths.
    for (let i = 0; i < MaxCandidates; i++) list.add(id(i), claim(i), 10_000 - ((i * 7) % MaxCandidates), true)
    const oldest = Array.from({ length: MaxCandidates }, (_, i) => i).find((i) => (i * 7) % MaxCandidates === 1023)!
    assert.isTrue(list.has(id(oldest)))
    list.add(id(5000), claim(5000), 20_000, true)
    assert.strictEqual(list.size, MaxCandidates)
    assert.isFalse(list.has(id(oldest)))
    assert.isTrue(list.has(id(5000)))
    // A candidate that dies again replaces itself.
    list.add(id(5000), claim(5000), 20_001, true)
    assert.strictEqual(list.size, MaxCandidates)
    assert.strictEqual(idsOf(list, MaxCandidates).length, MaxCandidates - 1)
  })

  it("lets a candidate that never answered rest after ten tries, each time for as long as it has been dead", () => {
    const list = new HealList(Infinity)
    const pick = (now: number) => list.pick(() => 0, now, free)
    const Death = 500
    list.add(id(1), claim(1), Death, false)
    for (let i = 1; i <= UnprovedTries; i++) expect(pick(Death + 10 * i)).toBeDefined()
    for (const since of [100, 200, 400, 800]) {
      expect([list.countReady(Death + 2 * since - 1), pick(Death + 2 * since - 1)]).toEqual([0, undefined])
      expect(list.countReady(Death + 2 * since)).toBe(1)
      expect(pick(Death + 2 * since)).toBeDefined()
    }
    expect(list.size).toBe(1)
  })

  it("tries a candidate that once answered without end", () => {
    const list = new HealList(Infinity)
    list.add(id(2), claim(2), 0, true)
    for (let i = 0; i < 10 * UnprovedTries; i++) expect(list.pick(() => 0, i, free)).toBeDefined()
  })

  it("drops candidates that never answered before all that did, whatever their age", () => {
    const list = new HealList(Infinity)
    list.add(id(1), claim(1), 0, true)
    list.add(id(2), claim(2), 100, false)
    for (let i = 3; i <= MaxCandidates + 1; i++) list.add(id(i), claim(i), 200, true)
    expect(list.size).toBe(MaxCandidates)
    expect(list.has(id(1))).toBe(true)
    expect(list.has(id(2))).toBe(false)
  })
})
