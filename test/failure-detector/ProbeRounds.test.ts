import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { ProbeRounds } from "../../src/failure-detector/ProbeRounds.ts"

const roundsFrom = (first: number) => new ProbeRounds({ interval: 1000, timeout: 400, first, memberlist: false })

describe("ProbeRounds", () => {
  it("begin an interval apart, and a probe waits for the timeout and then for the rest of its round", () => {
    const rounds = roundsFrom(5000)
    expect(rounds.next).toBe(5000)
    expect(rounds.begin(5000, 0)).toEqual({ mayFailAt: 5400, failsAt: 6000, scale: 1 })
    expect(rounds.next).toBe(6000)
    expect(rounds.begin(6000, 0)).toEqual({ mayFailAt: 6400, failsAt: 7000, scale: 1 })
    expect(rounds.next).toBe(7000)
  })

  it("never begin if the first is never due", () => {
    const rounds = roundsFrom(Infinity)
    expect(rounds.next).toBe(Infinity)
    rounds.resume(1000)
    expect(rounds.next).toBe(Infinity)
  })

  it.each<[score: number, mayFailAt: number, failsAt: number]>([
    [0, 400, 1000],
    [1, 800, 2000],
    [2, 1200, 3000],
    [8, 3600, 9000]
  ])(
    "are longer by local health: with a score of %i the timeout ends after %i ms and the probe fails after %i ms",
    (score, mayFailAt, failsAt) => {
      const rounds = roundsFrom(0)
      expect(rounds.begin(0, score)).toEqual({ mayFailAt, failsAt, scale: score + 1 })
      expect(rounds.next).toBe(failsAt)
    }
  )

  it.each<[score: number, mayFailAt: number, failsAt: number]>([
    [0, 400, 1000],
    [1, 400, 2000],
    [7, 400, 8000]
  ])("by memberlist's rules keep their timeout: with a score of %i", (score, mayFailAt, failsAt) => {
    const rounds = new ProbeRounds({ interval: 1000, timeout: 400, first: 0, memberlist: true })
    expect(rounds.begin(0, score)).toEqual({ mayFailAt, failsAt, scale: score + 1 })
    rounds.resume(failsAt)
    expect(rounds.next).toBe(failsAt + failsAt - mayFailAt)
  })

  it("keep their places if one begins late by no more than the timeout, and otherwise begin again from there", () => {
    const late = roundsFrom(1000)
    expect(late.begin(1400, 0)).toEqual({ mayFailAt: 1400, failsAt: 2000, scale: 1 })
    const tooLate = roundsFrom(1000)
    expect(tooLate.begin(1401, 0)).toEqual({ mayFailAt: 1801, failsAt: 2401, scale: 1 })
    // A longer timeout tolerates more.
    const slow = roundsFrom(1000)
    expect(slow.begin(1401, 1)).toEqual({ mayFailAt: 1800, failsAt: 3000, scale: 2 })
  })

  it("wait after a pause for as long as an ACK through relays may take, and for no longer if the round ends later", () => {
    const rounds = roundsFrom(0)
    rounds.begin(0, 0)
    rounds.resume(300)
    expect(rounds.next).toBe(1000)
    rounds.resume(900)
    expect(rounds.next).toBe(1500)
    rounds.begin(1500, 1)
    expect(rounds.next).toBe(3500)
    rounds.resume(9000)
    expect(rounds.next).toBe(9000 + 2 * 600)
  })

  it("always give a probe the wait for relays in full, and end when its probe fails, however late timers are", () => {
    const step = fc.record({ late: fc.nat(3000), score: fc.nat(8), paused: fc.nat(2) })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        const rounds = roundsFrom(1000)
        for (const { late, paused, score } of steps) {
          const now = rounds.next + late
          const { failsAt, mayFailAt } = rounds.begin(now, score)
          expect(mayFailAt).toBeGreaterThanOrEqual(now)
          expect(failsAt - mayFailAt).toBe(600 * (score + 1))
          expect(rounds.next).toBe(failsAt)
          if (paused > 0) rounds.resume(now + 500 * paused)
          expect(rounds.next).toBeGreaterThanOrEqual(failsAt)
        }
      })
    )
  })
})
