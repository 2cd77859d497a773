import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { Probe } from "../../src/failure-detector/Probe.ts"
import { Probes } from "../../src/failure-detector/Probes.ts"

/** A probe that is sent at a time, and waits 400 ms for a direct ACK and 600 ms more for one through relays. */
const sentAt = (target: number, at: number) => ({
  target,
  incarnation: 7,
  sentAt: at,
  askRelaysAt: at + 400,
  failsAt: at + 1000
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
})
