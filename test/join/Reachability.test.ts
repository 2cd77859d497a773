import { describe, expect, it } from "@effect/vitest"
import { FirstRepeat, LookEvery, Reachability, Silence } from "../../src/join/Reachability.ts"

/** Looks every second, and refutes every `refutes` ms; `pings` tells how many PINGs have arrived by a time. */
const run = (until: number, refutes: number, pings: (now: number) => number) => {
  const reachability = new Reachability()
  const found: Array<readonly [number, string]> = []
  for (let now = 0; now <= until; now += LookEvery) {
    if (now % refutes === 0) reachability.refuted(now, pings(now))
    if (reachability.next > now) continue
    const finding = reachability.look(now, pings(now))
    if (finding !== undefined) found.push([now, finding])
  }
  return { found, lost: reachability.lost, next: reachability.next }
}

describe("a node that refutes again and again", () => {
  it("is not reached if no PING arrives, which it says again at growing intervals", () => {
    const { found, lost } = run(600_000, 4000, () => 7)
    expect(lost).toBe(true)
    expect(found).toEqual([
      [Silence, "Lost"],
      [Silence + FirstRepeat, "StillLost"],
      [Silence + 3 * FirstRepeat, "StillLost"],
      [Silence + 7 * FirstRepeat, "StillLost"]
    ])
  })

  it("is reached if PINGs arrive, and again once one does", () => {
    expect(run(600_000, 4000, (now) => Math.floor(now / 10_000)).found).toEqual([])
    const { found, lost } = run(120_000, 4000, (now) => (now < 50_000 ? 0 : Math.floor(now / 5000)))
    expect(found).toEqual([
      [Silence, "Lost"],
      [50_000, "Found"]
    ])
    expect(lost).toBe(false)
  })

  it("is not judged by single refutations, and looks at nothing when there are none", () => {
    const { found, lost, next } = run(600_000, 40_000, () => 0)
    expect([found, lost]).toEqual([[], false])
    expect(next).toBeLessThan(Infinity)
    const once = new Reachability()
    expect(once.next).toBe(Infinity)
    once.refuted(0, 0)
    for (let now = LookEvery; now <= 60_000; now += LookEvery) once.look(now, 0)
    expect(once.next).toBe(Infinity)
  })

  it("gets the benefit of the doubt when it has another address", () => {
    const reachability = new Reachability()
    for (const now of [0, 1000, 2000]) reachability.refuted(now, 0)
    expect(reachability.look(Silence, 0)).toBe("Lost")
    reachability.moved()
    expect(reachability.look(Silence + LookEvery, 0)).toBe("Found")
  })
})
