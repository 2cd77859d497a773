import { describe, expect, it } from "@effect/vitest"
import type { Probe } from "../../src/failure-detector/Probe.ts"
import { Prober, type ProberParts } from "../../src/failure-detector/Prober.ts"

const Interval = 1000
const Timeout = 400

/** For a prober that does nothing. */
const idle: ProberParts = {
  counters: { pings: 0, pingReqs: 0, directTimeouts: 0, failures: 0, savedByRelay: 0, voided: 0 },
  random: () => 0,
  table: { incarnation: () => 0, isLive: () => true, drawAlive: () => 0 },
  actions: { ping: () => true, askRelay: () => {}, lookForProof: () => {}, suspect: () => {} }
}

/** A prober among members whose incarnations and liveness the test sets, and what it did, with the time. */
const make = ({
  earlyFailure = false,
  first = Interval,
  indirectK = 2,
  localHealth = true,
  memberlist = false,
  members = [3],
  sequenced = false
} = {}) => {
  const incarnation = new Uint32Array(100)
  const dead = new Set<number>()
  const did: Array<string> = []
  /** The sequences of the PINGs, and of the probes for which proof was looked for. */
  const sequences: Array<number> = []
  const looks: Array<number> = []
  /** How long each relay was given, in ms. */
  const waits: Array<number> = []
  const suspected: Array<Probe> = []
  let now = 0
  const counters = { pings: 0, pingReqs: 0, directTimeouts: 0, failures: 0, savedByRelay: 0, voided: 0 }
  const prober = new Prober(
    { interval: Interval, timeout: Timeout, first, indirectK, earlyFailure, localHealth, memberlist },
    {
      counters,
      // The members stay in the order in which they were added.
      random: () => 0,
      table: {
        incarnation: (slot) => incarnation[slot]!,
        isLive: (slot) => !dead.has(slot),
        drawAlive: (count, except, _, into) => {
          into.length = 0
          for (let slot = 91; into.length < count; slot++) if (slot !== except) into.push(slot)
          return into.length
        }
      },
      actions: {
        ping: (target, sequence, at) => {
          did.push(`${at} ping ${target}`)
          sequences.push(sequence)
          return sequenced
        },
        askRelay: (relay, target, _sequence, waitMs) => {
          did.push(`${now} ask ${relay} about ${target}`)
          waits.push(waitMs)
        },
        lookForProof: ({ sequence }) => looks.push(sequence),
        suspect: (probe, at) => {
          did.push(`${at} suspect ${probe.target}, asked ${probe.relays.join(" ")}`)
          suspected.push(probe)
        }
      }
    }
  )
  for (const member of members) prober.add(member)
  return {
    counters,
    dead,
    incarnation,
    looks,
    prober,
    sequences,
    suspected,
    waits,
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

  describe("with measured round trips", () => {
    /** A prober that has measured a round trip of 10 ms, so that it expects an ACK within 30 ms. */
    const measured = () => {
      const made = make({ earlyFailure: true })
      for (let round = 1; round <= 40; round++) {
        made.until(Interval * round)
        made.prober.answered(3, Interval * round + 9.6)
      }
      expect(made.prober.roundTrips.wait(3, Timeout)).toBeCloseTo(20, 1)
      return made
    }

    it("asks relays when the expected round trip is over, and gives them the rest of the round", () => {
      const { counters, looks, sequences, until, waits } = measured()
      expect(until(41_000)).toEqual(["41000 ping 3"])
      expect(until(41_019)).toEqual([])
      expect(until(41_100).map((did) => did.replace(/^410\d\d\.?\d*/, "soon"))).toEqual([
        "soon ask 91 about 3",
        "soon ask 92 about 3"
      ])
      expect(Math.round(waits[0]!)).toBe(980)
      // Proof is looked for at the same time, with the sequence of the PING.
      expect(looks).toEqual([sequences.at(-1)])
      expect(counters.directTimeouts).toBe(1)
    })

    it("waits for the ACK as long when a round began late, and does not fail later", () => {
      const { prober, until } = measured()
      prober.due(41_300, 41_300)
      expect(until(41_319)).toEqual([])
      expect(until(41_321)).toHaveLength(2)
      expect(until(42_000)).toContain("42000 suspect 3, asked 91 92")
    })
  })

  it("takes for an answer to a PING with a sequence only an ACK with that sequence, from the target", () => {
    const { prober, sequences, until } = make({ sequenced: true })
    until(1000)
    const sequence = sequences[0]!
    expect(prober.answered(3, 1001)).toBeUndefined()
    expect(prober.answered(3, 1001, sequence + 1)).toBeUndefined()
    expect(prober.answered(4, 1001, sequence)).toBeUndefined()
    expect(prober.waiting).toBe(true)
    expect(prober.answered(3, 1001, sequence)).toBeCloseTo(1.4, 9)
    expect(prober.waiting).toBe(false)
  })

  it("counts sequences up by one from a random start, and wraps", () => {
    const sequencesFrom = (random: number) => {
      const prober = new Prober(
        {
          interval: Interval,
          timeout: Timeout,
          first: 0,
          indirectK: 0,
          earlyFailure: true,
          localHealth: true,
          memberlist: false
        },
        { ...idle, random: () => random }
      )
      return [prober.nextSequence(), prober.nextSequence()]
    }
    expect(sequencesFrom(0.5)).toEqual([0x80000001, 0x80000002])
    expect(sequencesFrom(0xffffffff / 0x100000000)).toEqual([0, 1])
  })

  it("leaves health alone with the switch of local health off", () => {
    const { prober, until } = make({ indirectK: 0, localHealth: false })
    until(5000)
    expect(prober.next).toBe(5000 + Timeout)
    expect(until(6000)).toContain("6000 ping 3")
  })

  describe("when relays have no answer", () => {
    const failed = (nacks: ReadonlyArray<number>, earlyFailure = true) => {
      const made = make({ earlyFailure })
      made.until(1400)
      for (const relay of nacks) made.prober.nacked(relay, made.sequences[0]!, undefined, 1400)
      return { ...made, did: made.until(2000) }
    }

    it("fails at the timeout if all of them say so", () => {
      expect(failed([91, 92]).did).toEqual(["1400 suspect 3, asked 91 92", "2000 ping 3"])
    })

    it("waits for the end of the round if one of them is silent, or if it never fails early", () => {
      for (const { did } of [failed([91]), failed([91, 93]), failed([91, 92], false)]) {
        expect(did).toEqual(["2000 suspect 3, asked 91 92", "2000 ping 3"])
      }
    })

    it("takes the failure for the target's, and not for a sign of its own health, if one of them says so", () => {
      expect(failed([]).prober.health.score).toBe(1)
      // It was not asked.
      expect(failed([93]).prober.health.score).toBe(1)
      for (const nacks of [[91], [91, 92]]) expect(failed(nacks).prober.health.score).toBe(0)
    })

    it("by memberlist's rules worsens local health for every nack that is missing", () => {
      for (const [nacks, score] of [
        [[], 2],
        [[91], 1],
        [[91, 92], 0]
      ] as const) {
        const { prober, sequences, until } = make({ sequenced: true, memberlist: true })
        until(1400)
        for (const relay of nacks) prober.nacked(relay, sequences[0]!, undefined, 1400)
        until(2000)
        expect(prober.health.score).toBe(score)
      }
      const withoutRelays = make({ indirectK: 0, memberlist: true })
      withoutRelays.until(2000)
      expect(withoutRelays.prober.health.score).toBe(1)
    })

    it("does not care about a nack for another probe", () => {
      const { prober, sequences, until } = make({ earlyFailure: true })
      until(1400)
      for (const relay of [91, 92]) prober.nacked(relay, sequences[0]! + 1, undefined, 1400)
      expect(until(1999)).toEqual([])
    })
  })

  describe("evidence", () => {
    const Refused = { target: 3, incarnation: 0, evidence: 1 }

    it("that a relay finds counts for its own probe, and once", () => {
      const { prober, sequences, suspected, until } = make()
      until(1400)
      prober.nacked(92, sequences[0]!, Refused, 1400)
      prober.nacked(92, sequences[0]!, Refused, 1400)
      prober.nacked(93, sequences[0]!, Refused, 1400)
      until(2000)
      expect(suspected[0]!.relayEvidence).toEqual([{ relay: 92, evidence: 1 }])
      expect(suspected[0]!.evidence).toBe(0)
    })

    it("of our own and of a relay ends the probe once no relay can bring an ACK, whichever comes last", () => {
      const early = (...finds: ReadonlyArray<"own" | 91 | 92 | "silent 92">) => {
        const { prober, sequences, until } = make({ earlyFailure: true, sequenced: true })
        prober.roundTrips.sample(3, 1)
        // Relays are asked after 20 ms.
        until(1020)
        for (const [index, find] of finds.entries()) {
          const at = 1030 + 10 * index
          if (find === "own") prober.proved(sequences[0]!, 1, at)
          else if (find === "silent 92") prober.nacked(92, sequences[0]!, undefined, at)
          else prober.nacked(find, sequences[0]!, Refused, at)
        }
        return prober.next
      }
      expect(early("own", 91, 92)).toBe(1050)
      expect(early(91, 92, "own")).toBe(1050)
      expect(early(91, "silent 92", "own")).toBe(1050)
      // Before the timeout is over, evidence of one side alone, or a relay that may still bring an ACK, changes nothing.
      expect(early(91, 92)).toBe(Timeout + 1000)
      expect(early("own", 91)).toBe(2000)
    })

    it("that a relay finds counts only for the member and the incarnation that are probed", () => {
      for (const found of [
        { ...Refused, target: 4 },
        { ...Refused, target: -1 },
        { ...Refused, incarnation: 1 }
      ]) {
        const { prober, sequences, suspected, until } = make()
        until(1400)
        prober.nacked(92, sequences[0]!, found, 1400)
        until(2000)
        expect(suspected[0]!.relayEvidence).toEqual([])
        // The relay is well all the same.
        expect(prober.health.score).toBe(0)
      }
    })

    it("of our own is kept with the probe in flight, the first that was found", () => {
      const { prober, sequences, suspected, until } = make()
      until(1400)
      prober.proved(sequences[0]! + 1, 2, 1400)
      prober.proved(sequences[0]!, 1, 1400)
      prober.proved(sequences[0]!, 2, 1400)
      until(2000)
      prober.proved(sequences[0]!, 2, 1400)
      until(4000)
      expect(suspected.map(({ evidence }) => evidence)).toEqual([1, 0])
    })

    it("is that another node answers the PING from the address of the target", () => {
      for (const elsewhere of [false, true]) {
        const { prober, sequences, suspected, until } = make({ sequenced: true })
        until(1400)
        expect(prober.answered(4, 1400, sequences[0])).toBeUndefined()
        prober.answeredByAnother(sequences[0]!, (target) => target === 3 && !elsewhere)
        prober.answeredByAnother(12_345, () => true)
        until(2000)
        expect(suspected[0]!.evidence).toBe(elsewhere ? 0 : 2)
      }
    })

    it("is nothing if the target answers the second PING, which measures no round trip", () => {
      const { prober, sequences, until } = make({ sequenced: true })
      until(1400)
      prober.answeredAgain(4, sequences[0]!)
      prober.answeredAgain(3, 12_345)
      expect(prober.waiting).toBe(true)
      prober.answeredAgain(3, sequences[0]!)
      expect(prober.waiting).toBe(false)
      expect(until(2000)).toEqual(["2000 ping 3"])
      expect(prober.health.score).toBe(0)
      expect(prober.roundTrips.wait(3, Timeout)).toBe(Timeout)
    })
  })

  describe("for second opinions", () => {
    it("probes at once, beside the rounds, and waits as long as a round does", () => {
      const { prober, until } = make({ members: [] })
      until(1500)
      expect(prober.witness(7, 1500, 1500)).toBe(true)
      expect(until(2500)).toEqual(["1900 ask 91 about 7", "1900 ask 92 about 7", "2500 suspect 7, asked 91 92"])
    })

    it("fails early like any other probe", () => {
      const { prober, sequences, until } = make({ members: [], earlyFailure: true })
      until(1500)
      prober.witness(7, 1500, 1500)
      until(1900)
      for (const relay of [91, 92]) prober.nacked(relay, sequences[0]!, undefined, 1950)
      expect(until(2400)).toEqual(["1950 suspect 7, asked 91 92"])
    })

    it("does not probe a member that is being probed", () => {
      const { counters, prober, until } = make()
      until(1000)
      expect(prober.witness(3, 1001, 1001)).toBe(false)
      prober.answered(3, 1002)
      expect([prober.witness(3, 1003, 1003), prober.witness(3, 1003, 1003)]).toEqual([true, false])
      expect(counters.pings).toBe(2)
    })

    it("runs at most 16 probes at once", () => {
      const { counters, prober, until } = make({ members: [] })
      const started = Array.from({ length: 20 }, (_, i) => prober.witness(10 + i, 1, 1))
      expect(started.filter((ran) => ran)).toHaveLength(16)
      expect(counters.pings).toBe(16)
      prober.answered(10, 2)
      expect([prober.witness(40, 3, 3), prober.witness(41, 3, 3)]).toEqual([true, false])
      until(1100)
      expect(prober.witness(41, 1100, 1100)).toBe(true)
    })

    it("says nothing of its own health, whether they succeed or fail", () => {
      const { prober, until } = make({ members: [], indirectK: 0 })
      prober.witness(7, 0, 0)
      until(1999)
      expect(prober.health.score).toBe(0)
      prober.health.worsen()
      prober.witness(7, 1999, 1999)
      prober.answered(7, 2000)
      until(6000)
      expect(prober.health.score).toBe(1)
    })

    it("waits longer in poor health", () => {
      const { prober, until } = make({ members: [] })
      prober.health.worsen()
      prober.witness(7, 10, 10)
      expect(until(5000)).toEqual(["810 ask 91 about 7", "810 ask 92 about 7", "2010 suspect 7, asked 91 92"])
    })
  })
})
