import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Probe, type ProbeOptions } from "../../src/failure-detector/Probe.ts"
import { Probes } from "../../src/failure-detector/Probes.ts"

/** A probe that is sent at a time, and waits 400 ms for a direct ACK and 600 ms more for one through relays. */
const sentAt = (target: number, at: number, sequence = 0): ProbeOptions => ({
  target,
  incarnation: 7,
  sequence,
  sentAt: at,
  askRelaysAt: at + 400,
  mayFailAt: at + 400,
  failsAt: at + 1000,
  witness: false
})

/** Does what is due up to a time, and records it. Each probe asks the relays 91 and 92. */
const run = (probes: Probes, until: number) => {
  const did: Array<string> = []
  while (probes.next < Infinity && probes.next <= until) {
    probes.due(probes.next, {
      askRelays: (probe, now) => {
        probe.relays.push(91, 92)
        did.push(`${now} ask about ${probe.target}`)
      },
      fail: ({ target }, now) => did.push(`${now} fail ${target}`)
    })
  }
  return did
}

describe("Probe", () => {
  it("waits for a direct ACK, then for one through relays", () => {
    const probe = new Probe(sentAt(3, 100))
    expect([probe.target, probe.incarnation, probe.sentAt]).toEqual([3, 7, 100])
    expect([probe.step, probe.deadline]).toEqual(["AskRelays", 500])
    probe.waitForRelays()
    expect([probe.step, probe.deadline]).toEqual(["Fail", 1100])
  })
})

/** A probe of a member whose PING carried the sequence. */
const startSequenced = (probes: Probes, target: number, at: number, sequence: number) => {
  const probe = probes.start(sentAt(target, at, sequence))
  probe.sequenced = true
  return probe
}

describe("Probe", () => {
  it("is hopeless when every relay that was asked has said that it has no answer", () => {
    const probe = new Probe(sentAt(3, 0))
    expect(probe.isHopeless).toBe(false)
    probe.waitForRelays()
    // Without relays it waits for a late ACK of the target.
    expect(probe.isHopeless).toBe(false)
    probe.relays.push(91, 92)
    expect(probe.isHopeless).toBe(false)
    expect([probe.nacked(91), probe.nacked(91), probe.nacked(93)]).toEqual([true, false, false])
    expect(probe.isHopeless).toBe(false)
    expect(probe.nacked(92)).toBe(true)
    expect(probe.isHopeless).toBe(true)
  })

  it("forgets what a relay said whose slot another node may get", () => {
    const probe = new Probe(sentAt(3, 0))
    probe.relays.push(91, 92, 93)
    probe.waitForRelays()
    for (const relay of [91, 92]) {
      probe.nacked(relay)
      probe.relayEvidence.push({ relay, evidence: 1 })
    }
    probe.forgetRelay(91)
    expect([probe.relays, probe.nacks, probe.relayEvidence]).toEqual([[92, 93], [92], [{ relay: 92, evidence: 1 }]])
    expect(probe.isHopeless).toBe(false)
    probe.forgetRelay(7)
    expect(probe.relays).toEqual([92, 93])
  })
})

describe("Probes", () => {
  it("ask relays and fail at the deadlines of each probe, and have nothing due afterwards", () => {
    const probes = new Probes()
    expect([probes.size, probes.next]).toEqual([0, Infinity])
    probes.start(sentAt(3, 0))
    probes.start(sentAt(4, 250))
    expect([probes.size, probes.next]).toEqual([2, 400])
    expect(run(probes, Infinity)).toEqual(["400 ask about 3", "650 ask about 4", "1000 fail 3", "1250 fail 4"])
    expect([probes.size, probes.next]).toEqual([0, Infinity])
  })

  it("do both steps of a probe if both are overdue", () => {
    const probes = new Probes()
    probes.start(sentAt(3, 0))
    const steps: Array<string> = []
    probes.due(5000, { askRelays: () => steps.push("ask"), fail: () => steps.push("fail") })
    expect(steps).toEqual(["ask", "fail"])
  })

  it("end with a direct ACK, before relays are asked or after", () => {
    for (const at of [399, 999]) {
      const probes = new Probes()
      probes.start(sentAt(3, 0))
      const before = run(probes, at)
      expect(probes.answered(3)?.sentAt).toBe(0)
      expect(probes.answered(3)).toBeUndefined()
      expect(run(probes, Infinity)).toEqual([])
      expect(before.length).toBe(at < 400 ? 0 : 1)
    }
  })

  it("end with an ACK through a relay that was asked, and not with another", () => {
    const probes = new Probes()
    probes.start(sentAt(3, 0))
    expect(probes.answeredThrough(91, 3)).toBeUndefined()
    run(probes, 400)
    expect(probes.answeredThrough(93, 3)).toBeUndefined()
    expect(probes.answeredThrough(91, 4)).toBeUndefined()
    expect(probes.answered(4)).toBeUndefined()
    expect(probes.size).toBe(1)
    expect(probes.answeredThrough(92, 3)?.target).toBe(3)
    expect(probes.size).toBe(0)
  })

  it("of the same member are answered one at a time, the oldest first", () => {
    const probes = new Probes()
    probes.start(sentAt(3, 0))
    probes.start(sentAt(3, 100))
    expect(probes.answered(3)?.sentAt).toBe(0)
    expect(probes.answered(3)?.sentAt).toBe(100)
    expect(probes.answered(3)).toBeUndefined()
  })

  it("forget a slot as a target and as a relay", () => {
    const probes = new Probes()
    probes.start(sentAt(3, 0))
    probes.start(sentAt(91, 0))
    run(probes, 400)
    probes.forget(91)
    expect(probes.size).toBe(1)
    expect(probes.answeredThrough(91, 3)).toBeUndefined()
    expect(probes.answeredThrough(92, 3)?.target).toBe(3)
  })

  it("that a pause makes void are counted and come to nothing", () => {
    const probes = new Probes()
    probes.start(sentAt(3, 0))
    probes.start(sentAt(4, 0))
    probes.answered(3)
    expect(probes.void()).toBe(1)
    expect(probes.void()).toBe(0)
    expect(run(probes, Infinity)).toEqual([])
    expect(probes.answered(4)).toBeUndefined()
  })

  it("each have one result: an ACK, a failure, or none if they were made void", () => {
    const step = fc.record({
      what: fc.constantFrom("start", "start", "ack", "relayed", "wait", "wait", "void"),
      target: fc.nat(4),
      ms: fc.nat(500)
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const probes = new Probes()
        let now = 0
        const results = { started: 0, acknowledged: 0, failed: 0, voided: 0 }
        for (const { ms, target, what } of steps) {
          if (what === "start") {
            probes.start(sentAt(target, now))
            results.started++
          } else if (what === "ack") {
            if (probes.answered(target) !== undefined) results.acknowledged++
          } else if (what === "relayed") {
            if (probes.answeredThrough(91, target) !== undefined) results.acknowledged++
          } else if (what === "void") results.voided += probes.void()
          else {
            now += ms
            results.failed += run(probes, now).filter((did) => did.includes("fail")).length
          }
          const { acknowledged, failed, started, voided } = results
          expect(acknowledged + failed + voided + probes.size).toBe(started)
          // Nothing that is due is left, and nothing waits for longer than a probe lasts.
          expect(probes.next).toBeGreaterThan(now)
          expect(probes.next <= now + 1000).toBe(probes.size > 0)
        }
      })
    )
  })

  it("that carried a sequence end only with an ACK of the target that has it", () => {
    const probes = new Probes()
    startSequenced(probes, 3, 0, 41)
    startSequenced(probes, 3, 100, 42)
    startSequenced(probes, 4, 100, 43)
    expect(probes.answered(3)).toBeUndefined()
    // Of another probe, of nobody's, or from another member.
    expect(probes.answeredBySequence(3, 43)).toBeUndefined()
    expect(probes.answeredBySequence(3, 44)).toBeUndefined()
    expect(probes.answeredBySequence(4, 42)).toBeUndefined()
    expect(probes.size).toBe(3)
    expect(probes.answeredBySequence(3, 42)?.sentAt).toBe(100)
    expect(probes.answeredBySequence(3, 42)).toBeUndefined()
    expect(probes.answeredBySequence(3, 41)?.sentAt).toBe(0)
    expect(run(probes, Infinity)).toEqual(["500 ask about 4", "1100 fail 4"])
  })

  it("whose PING had no sequence end with an ACK without one, past those that had", () => {
    const probes = new Probes()
    startSequenced(probes, 3, 0, 41)
    probes.start(sentAt(3, 100, 42))
    expect(probes.answered(3)?.sentAt).toBe(100)
    expect(probes.answered(3)).toBeUndefined()
    expect(probes.size).toBe(1)
  })

  it("end with the ACK of a relay that names their sequence, or names none", () => {
    const probes = new Probes()
    startSequenced(probes, 3, 0, 41)
    startSequenced(probes, 3, 10, 42)
    run(probes, 410)
    expect(probes.answeredThrough(91, 3, 43)).toBeUndefined()
    expect(probes.answeredThrough(93, 3, 42)).toBeUndefined()
    expect(probes.answeredThrough(91, 3, 42)?.sentAt).toBe(10)
    // A relay of version 1 knows no sequence.
    expect(probes.answeredThrough(92, 3)?.sentAt).toBe(0)
  })

  it("are found by their sequence and by their target, while they are in flight", () => {
    const probes = new Probes()
    const probe = startSequenced(probes, 3, 0, 41)
    expect([probes.withSequence(41), probes.withSequence(42)]).toEqual([probe, undefined])
    expect([probes.has(3, 7), probes.has(3, 8), probes.has(4, 7)]).toEqual([true, false, false])
    probes.answeredBySequence(3, 41)
    expect([probes.withSequence(41), probes.has(3, 7)]).toEqual([undefined, false])
  })

  it("count those that give second opinions", () => {
    const probes = new Probes()
    for (const target of [3, 4, 5]) probes.start({ ...sentAt(target, 0), witness: true })
    probes.start(sentAt(6, 0))
    expect(probes.witnesses).toBe(3)
    probes.answered(3)
    probes.answered(6)
    expect(probes.witnesses).toBe(2)
    probes.forget(4)
    expect(probes.witnesses).toBe(1)
    run(probes, Infinity)
    expect(probes.witnesses).toBe(0)
    probes.start({ ...sentAt(3, 0), witness: true })
    probes.void()
    expect(probes.witnesses).toBe(0)
  })

  describe("that all their relays have given up", () => {
    /** A probe that may fail after 600 ms and fails after 1000 ms, and has asked the relays 91 and 92 after 400 ms. */
    const asked = () => {
      const probes = new Probes()
      const probe = probes.start({ ...sentAt(3, 0), mayFailAt: 600 })
      run(probes, 400)
      return { probes, probe }
    }

    it("fail at the end of the timeout, and not before", () => {
      const { probe, probes } = asked()
      probe.nacked(91)
      probes.hasten(450)
      expect(probes.next).toBe(1000)
      probe.nacked(92)
      probes.hasten(460)
      expect(probes.next).toBe(600)
      expect(run(probes, Infinity)).toEqual(["600 fail 3"])
    })

    it("fail at once when the timeout is over", () => {
      const { probe, probes } = asked()
      for (const relay of [91, 92]) probe.nacked(relay)
      probes.hasten(700)
      expect(run(probes, Infinity)).toEqual(["700 fail 3"])
    })

    it("do not fail later than without", () => {
      const { probe, probes } = asked()
      for (const relay of [91, 92]) probe.nacked(relay)
      probes.hasten(600)
      probes.hasten(900)
      expect(probes.next).toBe(600)
    })

    it("still end with a late ACK", () => {
      const { probe, probes } = asked()
      for (const relay of [91, 92]) probe.nacked(relay)
      probes.hasten(500)
      expect(probes.answered(3)).toBe(probe)
      expect(run(probes, Infinity)).toEqual([])
    })
  })
})
