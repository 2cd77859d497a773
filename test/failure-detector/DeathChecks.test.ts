import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { DeathChecks, type EndedSuspicion, MaxChecks, ofAlive } from "../../src/failure-detector/DeathChecks.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import type { DeathClaim } from "../../src/membership/ViewObserver.ts"

const death = (slot: number, incarnation = 5): DeathClaim => ({
  slot,
  incarnation,
  heartbeat: 9,
  by: NodeId.fromWords(0, 77)
})

const ended = (slot: number): EndedSuspicion => ({ slot, incarnation: 5, heartbeat: 9, lasted: 3 })

/** Runs checks up to a time, at each deadline as an alarm does, and records what they ask for and when. */
const run = (checks: DeathChecks, until: number) => {
  const did: Array<string> = []
  while (checks.next < Infinity && checks.next <= until) {
    const now = checks.next
    checks.due(now, {
      ping: ({ slot }, at) => did.push(`${at} ping ${slot}`),
      believe: ({ slot }, _, at) => did.push(`${at} believe ${slot}`),
      declare: ({ lasted, slot }, at) => did.push(`${at} declare ${slot} after ${lasted}`)
    })
  }
  return did
}

describe("DeathChecks", () => {
  it("asks for PINGs after 0, 500 and 1000 ms, and believes the claim after 1500 ms", () => {
    expect(ofAlive).toEqual({ pings: 3, interval: 500 })
    const checks = new DeathChecks()
    expect(checks.next).toBe(Infinity)
    checks.addAboutAlive(death(4), 100)
    expect(run(checks, 1599.999)).toEqual(["100 ping 4", "600 ping 4", "1100 ping 4"])
    expect(checks.size).toBe(1)
    expect(run(checks, Infinity)).toEqual(["1600 believe 4"])
    expect(checks.size).toBe(0)
    expect(checks.next).toBe(Infinity)
  })

  it("passes the claim on unchanged", () => {
    const checks = new DeathChecks()
    const claim = death(4)
    checks.addAboutAlive(claim, 0)
    const handed: Array<DeathClaim | EndedSuspicion> = []
    const hand = (given: DeathClaim | EndedSuspicion) => handed.push(given)
    for (const now of [0, 500, 1000, 1500]) checks.due(now, { ping: hand, believe: hand, declare: hand })
    expect(handed).toEqual([claim, claim, claim, claim])
  })

  it("holds sixteen claims at once, drops more and counts them", () => {
    expect(MaxChecks).toBe(16)
    const checks = new DeathChecks()
    for (let slot = 1; slot <= 20; slot++) checks.addAboutAlive(death(slot), 0)
    expect(checks.size).toBe(16)
    expect(checks.dropped).toBe(4)
    expect(run(checks, 0)).toEqual(Array.from({ length: 16 }, (_, i) => `0 ping ${i + 1}`))
    // A claim about a member whose claim is waiting needs no place, so it is not counted as dropped.
    checks.addAboutAlive(death(16), 10)
    expect(checks.dropped).toBe(4)
    checks.cancel(3)
    checks.addAboutAlive(death(20), 20)
    expect(checks.size).toBe(16)
    expect(run(checks, 20)).toEqual(["20 ping 20"])
  })

  it("checks a claim about a suspect in the manner given, and needs none of the places of the others for it", () => {
    const checks = new DeathChecks()
    for (let slot = 1; slot <= MaxChecks; slot++) checks.addAboutAlive(death(slot), 0)
    checks.addAboutSuspect(death(40), { pings: 1, interval: 20 }, 10)
    checks.addAboutSuspect(death(41), { pings: 0, interval: 20 }, 10)
    // One about an Alive member is waiting already.
    checks.addAboutSuspect(death(3), { pings: 0, interval: 20 }, 10)
    expect([checks.size, checks.aboutAlive, checks.dropped]).toEqual([18, 16, 0])
    expect(run(checks, 499).slice(16)).toEqual(["10 ping 40", "10 believe 41", "30 believe 40"])
    expect([checks.size, checks.aboutAlive]).toEqual([16, 16])
    run(checks, Infinity)
    expect([checks.size, checks.aboutAlive]).toEqual([0, 0])
  })

  it("checks a suspicion that ended, unless the member is not suspected any more", () => {
    const checks = new DeathChecks()
    checks.addAboutSuspect(ended(4), { pings: 1, interval: 20 }, 10)
    checks.addAboutSuspect(ended(5), { pings: 1, interval: 20 }, 10)
    checks.addAboutSuspect(death(6), { pings: 1, interval: 20 }, 10)
    expect(run(checks, 10)).toEqual(["10 ping 4", "10 ping 5", "10 ping 6"])
    checks.cleared(5)
    // Another node's claim outlives a suspicion.
    checks.cleared(6)
    expect(run(checks, Infinity)).toEqual(["30 declare 4 after 3", "30 believe 6"])
  })

  it("does not begin again when a claim is repeated", () => {
    const checks = new DeathChecks()
    checks.addAboutAlive(death(4), 0)
    run(checks, 700)
    checks.addAboutAlive(death(4), 700)
    checks.addAboutAlive(death(4, 6), 800)
    expect(run(checks, Infinity)).toEqual(["1000 ping 4", "1500 believe 4"])
  })

  it("drops a claim if a higher incarnation refutes it, and no other", () => {
    const checks = new DeathChecks()
    checks.addAboutAlive(death(4, 5), 0)
    checks.addAboutAlive(death(8, 5), 0)
    checks.refuted(4, 5)
    checks.refuted(4, 4)
    checks.refuted(9, 6)
    expect(checks.size).toBe(2)
    checks.refuted(4, 6)
    expect(checks.size).toBe(1)
    expect(run(checks, Infinity)).toEqual(["0 ping 8", "500 ping 8", "1000 ping 8", "1500 believe 8"])
  })

  it("compares incarnations as serial numbers", () => {
    const checks = new DeathChecks()
    checks.addAboutAlive(death(4, 0xffff_ffff), 0)
    checks.refuted(4, 0xffff_fffe)
    expect(checks.size).toBe(1)
    checks.refuted(4, 0)
    expect(checks.size).toBe(0)
  })

  it("moves the deadlines by the length of a pause", () => {
    const checks = new DeathChecks()
    checks.addAboutAlive(death(4), 0)
    run(checks, 600)
    checks.shift(5000)
    expect(run(checks, Infinity)).toEqual(["6000 ping 4", "6500 believe 4"])
  })

  it("checks one claim at a time for each member, and none that was cancelled, whatever happens", () => {
    const step = fc.record({
      what: fc.constantFrom("add", "add", "cancel", "refute", "wait"),
      slot: fc.nat(3),
      incarnation: fc.nat(3),
      ms: fc.nat(400)
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const checks = new DeathChecks()
        const model = new Map<number, { incarnation: number; pings: number; at: number }>()
        let now = 0
        for (const { incarnation, ms, slot, what } of steps) {
          const held = model.get(slot)
          const expected: Array<readonly [number, number, string]> = []
          if (what === "add") {
            checks.addAboutAlive(death(slot, incarnation), now)
            if (held === undefined) model.set(slot, { incarnation, pings: 0, at: now })
          } else if (what === "cancel") {
            checks.cancel(slot)
            model.delete(slot)
          } else if (what === "refute") {
            checks.refuted(slot, incarnation)
            if (held !== undefined && incarnation > held.incarnation) model.delete(slot)
          } else now += ms
          for (const [slot, check] of model) {
            for (; check.at <= now && check.pings < 3; check.at += 500) {
              check.pings++
              expected.push([check.at, slot, `${check.at} ping ${slot}`])
            }
            if (check.at > now || check.pings < 3) continue
            expected.push([check.at, slot, `${check.at} believe ${slot}`])
            model.delete(slot)
          }
          const inOrder = expected.toSorted(([atA, slotA], [atB, slotB]) => atA - atB || slotA - slotB)
          expect(run(checks, now)).toEqual(inOrder.map(([, , did]) => did))
        }
      })
    )
  })
})
