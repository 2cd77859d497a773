import { describe, expect, it } from "@effect/vitest"
import { Prober } from "../../src/failure-detector/Prober.ts"

const Interval = 1000
const Timeout = 400

/** A prober among members whose incarnations and liveness the test sets, and what it did, with the time. */
const make = ({ first = Interval, indirectK = 2, members = [3] } = {}) => {
  const incarnation = new Uint32Array(100)
  const dead = new Set<number>()
  const did: Array<string> = []
  let now = 0
  const counters = { pings: 0, pingReqs: 0, directTimeouts: 0, failures: 0, savedByRelay: 0, voided: 0 }
  const prober = new Prober(
    { interval: Interval, timeout: Timeout, first, indirectK },
    {
      counters,
      // The members stay in the order in which they were added.
      random: () => 0,
      table: {
        incarnation,
        isLive: (slot) => !dead.has(slot),
        drawAlive: (count, except, _, into) => {
          into.length = 0
          for (let slot = 91; into.length < count; slot++) if (slot !== except) into.push(slot)
          return into.length
        }
      },
      actions: {
        ping: (target, at) => did.push(`${at} ping ${target}`),
        askRelay: (relay, target) => did.push(`${now} ask ${relay} about ${target}`),
        suspect: (target, relays, at) => did.push(`${at} suspect ${target}, asked ${relays.join(" ")}`)
      }
    }
  )
  for (const member of members) prober.add(member)
  return {
    counters,
    dead,
    incarnation,
    prober,
    /** Lets time pass, and returns what was done meanwhile. */
    until: (time: number) => {
      did.length = 0
      while (prober.next <= time) {
        now = prober.next
        prober.due(now, now - 0.4)
      }
      now = time
      return [...did]
    }
  }
}

describe("Prober", () => {
  it("sends a PING each round, and nothing else while ACKs come", () => {
    const { counters, prober, until } = make()
    expect(until(999)).toEqual([])
    for (let round = 1; round <= 5; round++) {
      expect(until(Interval * round)).toEqual([`${Interval * round} ping 3`])
      expect(prober.waiting).toBe(true)
      expect(prober.answered(3, Interval * round + 5)).toBeCloseTo(5.4, 9)
      expect(prober.waiting).toBe(false)
      expect(until(Interval * (round + 1) - 1)).toEqual([])
    }
    expect(counters).toEqual({ pings: 5, pingReqs: 0, directTimeouts: 0, failures: 0, savedByRelay: 0, voided: 0 })
    expect(prober.health.score).toBe(0)
  })

  it("asks relays after the timeout and suspects at the end of the round, before the next begins", () => {
    const { counters, prober, until } = make()
    expect(until(2000)).toEqual([
      "1000 ping 3",
      "1400 ask 91 about 3",
      "1400 ask 92 about 3",
      "2000 suspect 3, asked 91 92",
      "2000 ping 3"
    ])
    expect(counters).toEqual({ pings: 2, pingReqs: 2, directTimeouts: 1, failures: 1, savedByRelay: 0, voided: 0 })
    expect(prober.health.score).toBe(1)
    // The round that began with that score is twice as long.
    expect(until(4000)).toEqual([
      "2800 ask 91 about 3",
      "2800 ask 92 about 3",
      "4000 suspect 3, asked 91 92",
      "4000 ping 3"
    ])
  })

  it("probes nobody while there are no members, and goes on with its rounds", () => {
    const { counters, prober, until } = make({ members: [] })
    expect(until(3500)).toEqual([])
    prober.add(5)
    expect(until(4399)).toEqual(["4000 ping 5"])
    prober.remove(5)
    prober.answered(5, 4399)
    expect(until(10_000)).toEqual([])
    expect(counters.pings).toBe(1)
  })

  it("takes a late ACK of the target itself until the round ends", () => {
    const { counters, prober, until } = make()
    until(1999)
    expect(prober.answered(3, 1999)).toBeCloseTo(999.4, 9)
    expect(until(2000)).toEqual(["2000 ping 3"])
    expect(counters).toMatchObject({ directTimeouts: 1, failures: 0 })
  })

  it("takes an ACK through a relay that it asked, and counts it", () => {
    const { counters, prober, until } = make()
    until(1399)
    prober.answeredThrough(91, 3)
    expect(prober.waiting).toBe(true)
    until(1400)
    prober.answeredThrough(93, 3)
    expect(prober.waiting).toBe(true)
    prober.answeredThrough(92, 3)
    prober.answeredThrough(91, 3)
    expect(prober.waiting).toBe(false)
    expect(until(2000)).toEqual(["2000 ping 3"])
    expect(counters).toMatchObject({ savedByRelay: 1, failures: 0 })
  })

  it("takes no ACK of a member that is not being probed", () => {
    const { prober, until } = make()
    until(1000)
    expect(prober.answered(4, 1001)).toBeUndefined()
    expect(prober.waiting).toBe(true)
  })

  it.each<[what: string, change: (made: ReturnType<typeof make>) => void, asks: number]>([
    ["died or left", ({ dead }) => dead.add(3), 0],
    ["refuted or restarted", ({ incarnation }) => (incarnation[3] = 1), 2],
    ["gave its slot to another node", ({ prober }) => prober.forget(3), 0]
  ])("concludes nothing about a member that %s meanwhile", (_, change, asks) => {
    const made = make()
    made.until(1000)
    change(made)
    const did = made.until(1999)
    expect(did.length).toBe(asks)
    expect(made.until(2000)).toEqual(["2000 ping 3"])
    expect(made.counters).toMatchObject({ failures: 0 })
    expect(made.prober.health.score).toBe(0)
  })

  it("asks no relays if none are wanted", () => {
    const { until } = make({ indirectK: 0 })
    expect(until(2000)).toEqual(["1000 ping 3", "2000 suspect 3, asked ", "2000 ping 3"])
  })

  it("lengthens each round by one interval per failure, up to nine, and shortens it by one per success", () => {
    const { prober, until } = make({ indirectK: 0 })
    const begins: Array<number> = []
    const roundsUntil = (count: number, answer: boolean) => {
      while (begins.length < count) {
        const at = prober.next
        const pinged = until(at).some((did) => did.includes("ping"))
        if (!pinged) continue
        begins.push(at)
        if (answer) prober.answered(3, at + 1)
      }
    }
    roundsUntil(11, false)
    const lengths = () => begins.slice(1).map((at, i) => (at - begins[i]!) / Interval)
    expect(lengths()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 9])
    roundsUntil(22, true)
    // The last failure is that of the probe that was in flight.
    expect(lengths().slice(10)).toEqual([9, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1])
  })

  it("counts a success for local health when its round ends", () => {
    const { prober, until } = make()
    until(1000)
    prober.answered(3, 1001)
    prober.health.worsen()
    expect(prober.health.score).toBe(1)
    until(2000)
    expect(prober.health.score).toBe(0)
    expect(prober.next).toBe(2000 + Timeout)
  })

  it("makes probes in flight void after a pause, and lets the datagrams of the pause be handled before the next round", () => {
    const { counters, prober, until } = make()
    until(1000)
    prober.resume(1900)
    expect(counters.voided).toBe(1)
    expect(prober.answered(3, 1901)).toBeUndefined()
    expect(until(2499)).toEqual([])
    expect(until(2500)).toEqual(["2500 ping 3"])
    expect(counters).toMatchObject({ failures: 0, pings: 2 })
    // A probe that had its ACK is not void, and does not count for local health.
    prober.answered(3, 2501)
    prober.health.worsen()
    prober.resume(2600)
    until(prober.next)
    expect(counters.voided).toBe(1)
    expect(prober.health.score).toBe(1)
  })

  it("never begins a round if the first is never due", () => {
    const { prober, until } = make({ first: Infinity })
    expect(until(1e9)).toEqual([])
    expect(prober.next).toBe(Infinity)
  })
})
