import { describe, expect, it } from "@effect/vitest"
import { LeastWait, RoundTrips } from "../../src/failure-detector/RoundTrips.ts"

const Most = 500

describe("RoundTrips", () => {
  it("waits as long as it may while nothing was measured", () => {
    expect(new RoundTrips().wait(3, Most)).toBe(Most)
  })

  it("adds four variations to the smoothed round trip, as RFC 6298 says", () => {
    const trips = new RoundTrips()
    trips.sample(1, 100)
    // The first sample sets the variation to half of itself: 100 + 4 x 50.
    expect(trips.wait(1, Most)).toBe(300)
    trips.sample(1, 60)
    // variation = 3/4 x 50 + 1/4 x 40 = 47.5; smoothed = 7/8 x 100 + 1/8 x 60 = 95.
    expect(trips.wait(1, Most)).toBe(95 + 4 * 47.5)
  })

  it("never waits less than the least wait or more than the most", () => {
    const trips = new RoundTrips()
    trips.sample(1, 0.2)
    expect(trips.wait(1, Most)).toBe(LeastWait)
    trips.sample(2, 400)
    expect(trips.wait(2, Most)).toBe(Most)
  })

  it("gives a member without samples the median of the others", () => {
    const trips = new RoundTrips()
    for (const [slot, took] of [10, 20, 30, 40, 150].entries()) trips.sample(slot, took)
    expect(trips.wait(99, Most)).toBe(90)
  })

  it("takes the median whatever the order of the samples", () => {
    const trips = new RoundTrips()
    for (const [slot, took] of [150, 10, 40, 20, 30].entries()) trips.sample(slot, took)
    expect(trips.wait(99, Most)).toBe(90)
  })

  it("takes the median over recent samples only", () => {
    const trips = new RoundTrips()
    for (let i = 0; i < 40; i++) trips.sample(1, 100)
    for (let i = 0; i < 31; i++) trips.sample(2 + i, 10)
    expect(trips.wait(99, Most)).toBe(30)
  })

  it("forgets a member whose slot is given to another", () => {
    const trips = new RoundTrips()
    trips.sample(1, 10)
    for (const slot of [2, 3, 4]) trips.sample(slot, 30)
    expect(trips.wait(1, Most)).toBe(30)
    trips.forget(1)
    trips.forget(1000)
    // The median of the others.
    expect(trips.wait(1, Most)).toBe(90)
  })
})
