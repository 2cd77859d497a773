import { describe, expect, it } from "@effect/vitest"
import { FirstPause, RoundTimes } from "../../src/anti-entropy/RoundTimes.ts"

/** The pauses before the next rounds. */
const pauses = (times: RoundTimes, count: number, from: number): ReadonlyArray<number> => {
  let previous = from
  return Array.from({ length: count }, () => {
    const pause = times.next - previous
    previous = times.next
    times.began(times.next)
    return pause
  })
}

describe("RoundTimes", () => {
  it("come soon after the start, and then less and less often up to the longest pause", () => {
    const times = new RoundTimes(3000, true, 100)
    expect(pauses(times, 7, 100)).toEqual([500, 750, 1125, 1687.5, 2531.25, 3000, 3000])
    expect(FirstPause).toBe(500)
  })

  it("start again when tables are likely to differ", () => {
    const times = new RoundTimes(3000, true, 0)
    pauses(times, 7, 0)
    times.restart(50_000)
    expect(pauses(times, 2, 50_000)).toEqual([500, 750])
  })

  it("are never quicker than the longest pause that is asked for", () => {
    expect(pauses(new RoundTimes(200, true, 0), 3, 0)).toEqual([200, 200, 200])
  })

  it("are all as far apart where a round is no small message", () => {
    const times = new RoundTimes(3000, false, 0)
    expect(pauses(times, 2, 0)).toEqual([3000, 3000])
    times.restart(7000)
    expect(times.next).toBe(10_000)
  })

  it("never come with a pause of 0", () => {
    const times = new RoundTimes(0, true, 0)
    times.restart(10)
    expect(times.next).toBe(Infinity)
  })
})
