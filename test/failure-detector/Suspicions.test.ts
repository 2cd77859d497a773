import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Evidence } from "../../src/failure-detector/Accusers.ts"
import { type AccusationResult, type SuspicionOptions, Suspicions } from "../../src/failure-detector/Suspicions.ts"

/** Starts a suspicion that no accuser can shorten. */
const start = (suspicions: Suspicions, slot: number, incarnation: number, timeout: number, now: number) =>
  suspicions.start({ slot, incarnation, least: timeout, most: timeout, jitter: 0, n: 10, furtherNeeded: 3 }, now)

/** Ends what is due up to a time, at each deadline as an alarm does, and records it. */
const run = (suspicions: Suspicions, until: number) => {
  const expired: Array<readonly [slot: number, timeout: number, now: number]> = []
  while (suspicions.next < Infinity && suspicions.next <= until) {
    const now = suspicions.next
    suspicions.due(now, (slot, timeout) => expired.push([slot, timeout, now]))
  }
  return expired
}

describe("Suspicions", () => {
  it("expire after their timeouts", () => {
    const suspicions = new Suspicions()
    expect([suspicions.size, suspicions.next]).toEqual([0, Infinity])
    start(suspicions, 3, 0, 5000, 100)
    start(suspicions, 4, 9, 3000.5, 200)
    expect([suspicions.size, suspicions.next]).toEqual([2, 3200.5])
    expect(run(suspicions, 5099)).toEqual([[4, 3000.5, 3200.5]])
    expect(run(suspicions, 5100)).toEqual([[3, 5000, 5100]])
    expect([suspicions.size, suspicions.next]).toEqual([0, Infinity])
  })

  it("are not restarted by a repeated claim, whatever its timeout", () => {
    const suspicions = new Suspicions()
    start(suspicions, 3, 4, 5000, 0)
    start(suspicions, 3, 4, 9000, 2000)
    start(suspicions, 3, 4, 10, 2000)
    expect(run(suspicions, Infinity)).toEqual([[3, 5000, 5000]])
  })

  it("begin anew for another incarnation, with its timeout", () => {
    const suspicions = new Suspicions()
    start(suspicions, 3, 4, 5000, 0)
    start(suspicions, 3, 5, 6000, 2000)
    expect(suspicions.size).toBe(1)
    expect(run(suspicions, Infinity)).toEqual([[3, 6000, 8000]])
  })

  it("do not expire once they are cleared, and can begin again", () => {
    const suspicions = new Suspicions()
    start(suspicions, 3, 4, 5000, 0)
    suspicions.clear(3)
    suspicions.clear(3)
    expect([suspicions.size, run(suspicions, Infinity)]).toEqual([0, []])
    start(suspicions, 3, 4, 5000, 6000)
    expect(run(suspicions, Infinity)).toEqual([[3, 5000, 11_000]])
  })

  it("last longer by each pause, and their timeout stays what it was", () => {
    const suspicions = new Suspicions()
    start(suspicions, 3, 4, 5000, 0)
    suspicions.shift(700)
    suspicions.shift(50)
    start(suspicions, 5, 4, 5000, 800)
    expect(run(suspicions, Infinity)).toEqual([
      [3, 5000, 5750],
      [5, 5000, 5800]
    ])
  })

  it("say when they end whether it is proved that the process is gone", () => {
    const suspicions = new Suspicions(50)
    start(suspicions, 3, 0, 100, 0)
    start(suspicions, 4, 0, 100, 0)
    for (const idLo of [1, 2, 3]) suspicions.accuse(4, 0, { idHi: 0, idLo, evidence: Evidence.Refused }, 10)
    const ended: Array<readonly [slot: number, lasted: number, proved: boolean]> = []
    for (const now of [60, 100]) suspicions.due(now, (...end) => ended.push(end))
    expect(ended).toEqual([
      [4, 60, true],
      [3, 100, false]
    ])
  })

  it("know whether they begin, are confirmed and are proved", () => {
    const suspicions = new Suspicions(50)
    expect([suspicions.isUnconfirmed(4), suspicions.isProved(4)]).toEqual([false, false])
    expect(start(suspicions, 4, 0, 1000, 0)).toBe(true)
    expect(start(suspicions, 4, 0, 1000, 1)).toBe(false)
    expect([suspicions.isUnconfirmed(4), suspicions.isProved(4)]).toEqual([true, false])
    suspicions.accuse(4, 0, { idHi: 0, idLo: 1, evidence: Evidence.Refused }, 10)
    expect([suspicions.isUnconfirmed(4), suspicions.isProved(4)]).toEqual([true, false])
    suspicions.accuse(4, 0, { idHi: 0, idLo: 2, evidence: Evidence.Silent }, 20)
    expect([suspicions.isUnconfirmed(4), suspicions.isProved(4)]).toEqual([false, false])
    suspicions.accuse(4, 0, { idHi: 0, idLo: 2, evidence: Evidence.Refused }, 30)
    expect([suspicions.isUnconfirmed(4), suspicions.isProved(4)]).toEqual([false, true])
    expect(start(suspicions, 4, 1, 1000, 40)).toBe(true)
    expect([suspicions.isUnconfirmed(4), suspicions.isProved(4)]).toEqual([true, false])
  })

  it("can be cleared and started while others expire", () => {
    const suspicions = new Suspicions()
    for (const slot of [1, 2, 3]) start(suspicions, slot, 0, 100, 0)
    const expired: Array<number> = []
    suspicions.due(100, (slot) => {
      expired.push(slot)
      suspicions.clear(slot)
      if (slot === 1) suspicions.clear(2)
      if (slot === 3) start(suspicions, 9, 0, 100, 100)
    })
    expect(expired).toEqual([1, 3])
    expect([suspicions.size, suspicions.next]).toEqual([1, 200])
  })

  it("end once each, at the time that a table of deadlines says, whatever happens", () => {
    const step = fc.record({
      what: fc.constantFrom("start", "start", "start", "clear", "shift", "wait", "wait"),
      slot: fc.nat(4),
      incarnation: fc.nat(2),
      ms: fc.nat(300)
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const suspicions = new Suspicions()
        const model = new Map<number, { incarnation: number; timeout: number; at: number }>()
        let now = 0
        for (const { incarnation, ms, slot, what } of steps) {
          if (what === "start") {
            start(suspicions, slot, incarnation, ms + 1, now)
            if (model.get(slot)?.incarnation !== incarnation) {
              model.set(slot, { incarnation, timeout: ms + 1, at: now + ms + 1 })
            }
          } else if (what === "clear") {
            suspicions.clear(slot)
            model.delete(slot)
          } else if (what === "shift") {
            suspicions.shift(ms)
            for (const held of model.values()) held.at += ms
          } else now += ms
          const due = [...model]
            .filter(([, { at }]) => at <= now)
            .toSorted(([slotA, a], [slotB, b]) => a.at - b.at || slotA - slotB)
          for (const [slot] of due) model.delete(slot)
          expect(run(suspicions, now)).toEqual(due.map(([slot, { at, timeout }]) => [slot, timeout, at]))
          expect(suspicions.size).toBe(model.size)
        }
      })
    )
  })
})

/** A suspicion of slot 3 in a cluster of 10, which 3 further accusers shorten from 5000 to 1000 ms. */
const ranged: SuspicionOptions = {
  slot: 3,
  incarnation: 4,
  least: 1000,
  most: 5000,
  jitter: 50,
  n: 10,
  furtherNeeded: 3
}

const accuse = (suspicions: Suspicions, id: number, now: number, evidence = 0, incarnation = 4): AccusationResult =>
  suspicions.accuse(3, incarnation, { idHi: 0, idLo: id, evidence }, now)

describe("accusations", () => {
  it("shorten a suspicion with the logarithm of the further accusers, counted from its start", () => {
    const suspicions = new Suspicions()
    suspicions.start(ranged, 100)
    const deadlines = [20, 20, 21, 22, 23, 24].map((id, i) => {
      accuse(suspicions, id, 200 + i)
      return suspicions.next - 100 - 50
    })
    expect(deadlines.map((ms) => Math.round(ms))).toEqual([5000, 5000, 3000, 1830, 1000, 1000])
    expect(run(suspicions, Infinity).map(([slot, lasted]) => [slot, Math.round(lasted)])).toEqual([[3, 1050]])
  })

  it("of one member alone give the suspect longer, where others are called to confirm", () => {
    const suspicions = new Suspicions()
    suspicions.start({ ...ranged, alone: 15_000 }, 100)
    const deadlines = [20, 20, 21, 22].map((id) => {
      accuse(suspicions, id, 200)
      return Math.round(suspicions.next) - 150
    })
    expect(deadlines).toEqual([15_000, 15_000, 3000, 1830])
  })

  it("say whether they count and are passed on", () => {
    const suspicions = new Suspicions()
    expect(accuse(suspicions, 20, 0)).toBe("Known")
    suspicions.start(ranged, 0)
    expect(accuse(suspicions, 20, 0, 0, 3)).toBe("Known")
    expect(accuse(suspicions, 20, 0, 0, 5)).toBe("Known")
    expect([20, 20, 21, 22, 23, 24, 24].map((id) => accuse(suspicions, id, 0))).toEqual([
      "First",
      "Known",
      "PassOn",
      "PassOn",
      "PassOn",
      "Counted",
      "Known"
    ])
    // Evidence of an accuser that is known is news, once.
    expect([accuse(suspicions, 20, 0, 1), accuse(suspicions, 20, 0, 2)]).toEqual(["PassOn", "Known"])
    suspicions.clear(3)
    expect(accuse(suspicions, 25, 0)).toBe("Known")
  })

  it("that come late end the suspicion at once", () => {
    const suspicions = new Suspicions()
    suspicions.start(ranged, 0)
    for (const id of [20, 21, 22]) accuse(suspicions, id, 10)
    expect(run(suspicions, 1700)).toEqual([])
    accuse(suspicions, 23, 1700)
    expect(suspicions.next).toBeCloseTo(1050, 6)
    expect(run(suspicions, 1700)).toHaveLength(1)
  })

  it("are forgotten with the incarnation that they are of", () => {
    const suspicions = new Suspicions()
    suspicions.start(ranged, 0)
    for (const id of [20, 21, 22, 23]) accuse(suspicions, id, 10)
    suspicions.start({ ...ranged, incarnation: 5 }, 500)
    expect(suspicions.next).toBe(5550)
    expect(accuse(suspicions, 20, 600, 0, 5)).toBe("First")
  })

  it("prove the death from the second accuser with evidence on, and then the suspect has little time", () => {
    const suspicions = new Suspicions(300)
    suspicions.start(ranged, 0)
    accuse(suspicions, 20, 100, 1)
    expect(suspicions.next).toBe(5050)
    accuse(suspicions, 21, 200, 0)
    expect(Math.round(suspicions.next)).toBe(3050)
    accuse(suspicions, 22, 400, 2)
    expect(suspicions.next).toBe(700)
    // Further evidence gives no further time.
    accuse(suspicions, 23, 500, 2)
    expect(run(suspicions, Infinity)).toEqual([[3, 700, 700]])
  })

  it("prove the death of a member that refuted before, which then has longer", () => {
    const suspicions = new Suspicions(300)
    suspicions.start({ ...ranged, proofTimeout: 1200 }, 0)
    for (const id of [20, 21]) accuse(suspicions, id, 100, 1)
    expect(suspicions.next).toBe(1300)
    suspicions.start({ ...ranged, incarnation: 5 }, 2000)
    for (const id of [20, 21]) accuse(suspicions, id, 2100, 1, 5)
    expect(suspicions.next).toBe(2400)
  })

  it("prove nothing where proof is off", () => {
    const suspicions = new Suspicions()
    suspicions.start(ranged, 0)
    for (const id of [20, 21]) accuse(suspicions, id, 100, 1)
    expect(Math.round(suspicions.next)).toBe(3050)
  })

  it("do not make a proved suspicion last longer than it would without the proof", () => {
    const suspicions = new Suspicions(3000)
    suspicions.start(ranged, 0)
    for (const id of [20, 21, 22, 23]) accuse(suspicions, id, 100, 1)
    expect(suspicions.next).toBeCloseTo(1050, 6)
  })

  it("and proofs count from a start that a pause moves", () => {
    const suspicions = new Suspicions(300)
    suspicions.start(ranged, 0)
    suspicions.shift(1000)
    for (const id of [20, 21, 22, 23]) accuse(suspicions, id, 1100)
    expect(suspicions.next).toBeCloseTo(2050, 6)
    for (const id of [20, 21]) accuse(suspicions, id, 1200, 1)
    suspicions.shift(100)
    expect(suspicions.next).toBe(1600)
    expect(run(suspicions, Infinity)).toEqual([[3, 500, 1600]])
  })

  it("never end a suspicion before its least time, except by proof, or after its most, and never make it longer", () => {
    const times = fc.record({ least: fc.nat(2000), more: fc.nat(5000), jitter: fc.nat(500), proof: fc.nat(3000) })
    const step = fc.record({
      what: fc.constantFrom("accuse", "accuse", "accuse", "restart", "shift"),
      id: fc.nat(8),
      evidence: fc.constantFrom(0, 0, 1, 2),
      ms: fc.nat(700)
    })
    fc.assert(
      fc.property(times, fc.integer({ min: 2, max: 40 }), fc.array(step, { maxLength: 30 }), (range, n, steps) => {
        const { jitter, least, more, proof } = range
        const most = least + more
        const suspicions = new Suspicions(proof)
        const furtherNeeded = Math.min(3, n - 2)
        suspicions.start({ slot: 3, incarnation: 4, least, most, jitter, n, furtherNeeded }, 0)
        const evidence = new Set<number>()
        let [now, start, provedAt] = [0, 0, Infinity]
        let deadline = suspicions.next
        for (const { evidence: found, id, ms, what } of steps) {
          now += ms
          if (now >= suspicions.next) break
          if (what === "accuse") {
            accuse(suspicions, id, now, found)
            if (found > 0) evidence.add(id)
            if (evidence.size >= (n < 4 ? 1 : 2)) provedAt = Math.min(provedAt, now)
          } else if (what === "restart") {
            suspicions.start({ slot: 3, incarnation: 4, least: 0, most: 9, jitter: 9, n: 3, furtherNeeded: 1 }, now)
          } else {
            suspicions.shift(ms)
            start += ms
            provedAt += ms
            deadline += ms
          }
          const { next } = suspicions
          expect(next).toBeLessThanOrEqual(deadline)
          expect(next).toBeLessThanOrEqual(Math.min(start + most + jitter, provedAt + proof))
          expect(next).toBeGreaterThanOrEqual(Math.min(start + least + jitter, provedAt + proof))
          deadline = next
        }
        const [[, lasted, at] = [0, 0, 0]] = run(suspicions, Infinity)
        expect(at).toBe(deadline)
        expect(lasted).toBeCloseTo(at - start, 6)
      })
    )
  })
})
