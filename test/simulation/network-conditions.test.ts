import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Conditions from "../../src/simulation/Conditions.ts"
import * as Distribution from "../../src/simulation/Distribution.ts"
import { withBitsFlipped } from "../../src/simulation/Packet.ts"
import { generator, pair } from "./HandAgenda.ts"

const seed = fc.integer()
const probability = fc.double({ min: 0, max: 1, noNaN: true })
const length = fc.double({ min: 0, max: 1e6, noNaN: true })

const distribution: fc.Arbitrary<Distribution.Distribution | number> = fc.oneof(
  length,
  fc.constant({ kind: "none" as const }),
  fc.record({ kind: fc.constant("uniform" as const), most: length }),
  fc.record({ kind: fc.constant("normal" as const), mean: length, deviation: length }),
  fc.record({ kind: fc.constant("exponential" as const), mean: length }),
  fc.record({
    kind: fc.constant("pareto" as const),
    scale: length,
    shape: fc.double({ min: 0, minExcluded: true, max: 100, noNaN: true })
  })
)

const conditions: fc.Arbitrary<Conditions.Conditions> = fc.record({
  latency: length,
  jitter: distribution,
  loss: probability,
  duplicate: probability,
  corrupt: probability,
  reorder: probability,
  reorderBy: length,
  cut: fc.boolean(),
  bandwidth: fc.oneof(fc.constant(Infinity), fc.double({ min: 1, max: 1e9, noNaN: true })),
  queue: fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 1e6 })),
  mtu: fc.oneof(fc.constant(Infinity), fc.integer({ min: 28, max: 65_535 }))
})

describe("the check of conditions", () => {
  it("finds no fault with neutral ones, nor with any within the bounds", () => {
    expect(Conditions.problem(Conditions.neutral)).toBeUndefined()
    fc.assert(
      fc.property(conditions, (some) => {
        expect(Conditions.problem(some)).toBeUndefined()
      })
    )
  })

  const wrong: ReadonlyArray<readonly [Partial<Conditions.Conditions>, RegExp]> = [
    ...(["latency", "reorderBy"] as const).flatMap((field) =>
      [-1, Infinity, NaN].map(
        (value) => [{ [field]: value }, new RegExp(`^${field} is ${value}: .* milliseconds, at least 0$`)] as const
      )
    ),
    ...(["loss", "duplicate", "corrupt", "reorder"] as const).flatMap((field) =>
      [-0.1, 1.1, NaN].map(
        (value) => [{ [field]: value }, new RegExp(`^${field} is ${value}: .* between 0 and 1$`)] as const
      )
    ),
    ...(["bandwidth", "mtu"] as const).flatMap((field) =>
      [0, -1, NaN].map((value) => [{ [field]: value }, new RegExp(`^${field} is ${value}: .* above 0`)] as const)
    ),
    [{ queue: -1 }, /^queue is -1: .* at least 0/],
    [{ queue: NaN }, /^queue is NaN: .* at least 0/],
    [{ jitter: -1 }, /^jitter is -1: .* at least 0$/],
    [{ jitter: NaN }, /^jitter is NaN/],
    [{ jitter: Infinity }, /^jitter is Infinity/],
    [{ jitter: { kind: "uniform", most: -1 } }, /^jitter\.most is -1/],
    [{ jitter: { kind: "normal", mean: NaN, deviation: 1 } }, /^jitter\.mean is NaN/],
    [{ jitter: { kind: "normal", mean: 1, deviation: -1 } }, /^jitter\.deviation is -1/],
    [{ jitter: { kind: "exponential", mean: Infinity } }, /^jitter\.mean is Infinity/],
    [{ jitter: { kind: "pareto", scale: -1, shape: 1 } }, /^jitter\.scale is -1/],
    [{ jitter: { kind: "pareto", scale: 1, shape: 0 } }, /^jitter\.shape is 0: it must be above 0$/],
    [{ jitter: { kind: "pareto", scale: 1, shape: NaN } }, /^jitter\.shape is NaN/]
  ]

  it.each(wrong)("says of %o which field is wrong, and its bounds", (given, words) => {
    expect(Conditions.problem(given)).toMatch(words)
    expect(Conditions.problem({ ...Conditions.neutral, ...given })).toMatch(words)
  })
})

describe("a distribution", () => {
  const Draws = 20_000
  const sampled = (distribution: Distribution.Distribution | number) => {
    const random = generator(7)
    const drawn = Array.from({ length: Draws }, () => Distribution.draw(distribution, random)).sort((a, b) => a - b)
    return {
      least: drawn[0]!,
      median: drawn[Draws / 2]!,
      most: drawn[Draws - 1]!,
      mean: drawn.reduce((sum, ms) => sum + ms, 0) / Draws,
      /** The part of all that is above. */
      above: (ms: number) => drawn.filter((other) => other > ms).length / Draws
    }
  }
  const near = (value: number, wanted: number, part = 0.03) => {
    expect(value).toBeGreaterThan(wanted * (1 - part))
    expect(value).toBeLessThan(wanted * (1 + part))
  }

  it("gives a number that is finite and not negative, whatever it is", () => {
    fc.assert(
      fc.property(distribution, seed, (distribution, seed) => {
        const random = generator(seed)
        for (let i = 0; i < 20; i++) {
          const ms = Distribution.draw(distribution, random)
          expect(ms).toBeGreaterThanOrEqual(0)
          expect(ms).toBeLessThan(Infinity)
        }
      })
    )
  })

  it("of a number, and `uniform`, is as likely anywhere below it", () => {
    for (const distribution of [80, { kind: "uniform", most: 80 }] as const) {
      const { above, least, mean, most } = sampled(distribution)
      expect(least).toBeGreaterThanOrEqual(0)
      expect(most).toBeLessThan(80)
      near(mean, 40)
      near(above(60), 0.25, 0.05)
      near(most, 80, 0.01)
    }
  })

  it("`normal` has its mean and deviation, and nothing below 0", () => {
    const { above, mean } = sampled({ kind: "normal", mean: 100, deviation: 20 })
    near(mean, 100)
    near(above(100), 0.5)
    near(above(120), 0.1587, 0.05)
    near(above(140), 0.0228, 0.2)
    const cropped = sampled({ kind: "normal", mean: 0, deviation: 20 })
    expect(cropped.least).toBe(0)
    near(cropped.above(0), 0.5)
  })

  it("`exponential` has its mean, and e times fewer for each mean more", () => {
    const { above, mean, median } = sampled({ kind: "exponential", mean: 50 })
    near(mean, 50)
    near(median, 50 * Math.LN2, 0.05)
    near(above(50), Math.exp(-1), 0.05)
    near(above(150), Math.exp(-3), 0.1)
  })

  it("`pareto` is at least its scale, has the mean of its shape, and a heavy tail", () => {
    const { above, least, mean, most } = sampled({ kind: "pareto", scale: 10, shape: 3 })
    expect(least).toBeGreaterThanOrEqual(10)
    near(mean, 15, 0.05)
    near(above(20), 1 / 8, 0.1)
    near(above(40), 1 / 64, 0.2)
    expect(most).toBeGreaterThan(100)
    expect(sampled({ kind: "pareto", scale: 10, shape: 0.01 }).most).toBe(Distribution.Longest)
  })

  it("`none`, and the number 0, take no chance", () => {
    let drawn = 0
    for (const distribution of [0, { kind: "none" }] as const) {
      expect(Distribution.draw(distribution, () => ++drawn)).toBe(0)
    }
    expect(drawn).toBe(0)
  })
})

describe("flipped bits", () => {
  const bitsApart = (a: Uint8Array, b: Uint8Array) =>
    a.reduce((sum, byte, i) => sum + (byte ^ b[i]!).toString(2).replaceAll("0", "").length, 0)

  it("are one to three of a copy, anywhere in it", () => {
    const counts = new Set<number>()
    const places = new Set<number>()
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 8 }), seed, (payload, seed) => {
        const before = payload.slice()
        const flipped = withBitsFlipped(payload, generator(seed))
        expect(payload).toEqual(before)
        expect(flipped).toHaveLength(payload.length)
        const bits = bitsApart(payload, flipped)
        expect(bits).toBeGreaterThanOrEqual(1)
        expect(bits).toBeLessThanOrEqual(3)
        counts.add(bits)
        if (payload.length === 1) places.add(payload[0]! ^ flipped[0]!)
      }),
      { numRuns: 1000 }
    )
    expect([...counts].toSorted()).toEqual([1, 2, 3])
    for (let bit = 0; bit < 8; bit++) expect(places.has(1 << bit)).toBe(true)
  })

  it("are never flipped back, and there are none of nothing", () => {
    // All three flips fall on the same bit.
    expect(withBitsFlipped(new Uint8Array(1), () => 0.99)).toEqual(new Uint8Array([0b1000_0011]))
    expect(withBitsFlipped(new Uint8Array(0), () => 0.99)).toHaveLength(0)
  })
})

describe("a link", () => {
  it("adds jitter to its latency, and the same for the same seed", () => {
    const run = (seed: number) => {
      const { agenda, arrivals, send } = pair({ latency: 20, jitter: { kind: "uniform", most: 30 } }, generator(seed))
      for (let i = 0; i < 200; i++) send()
      agenda.runAll()
      return arrivals()
    }
    const arrivals = run(1)
    expect(arrivals).toHaveLength(200)
    expect(arrivals[0]).toBeGreaterThanOrEqual(20)
    expect(arrivals[0]).toBeLessThan(22)
    expect(arrivals[199]).toBeGreaterThan(48)
    expect(arrivals[199]).toBeLessThan(50)
    expect(run(1)).toEqual(arrivals)
    expect(run(2)).not.toEqual(arrivals)
  })

  it("duplicates that part of all, each copy with a delay of its own, and says so", () => {
    const { agenda, network, outcomes, send } = pair({ latency: 10, jitter: 5, duplicate: 0.25 })
    for (let i = 0; i < 1000; i++) send(3)
    agenda.runAll()
    const copies = outcomes.filter(({ packet }) => packet.copy)
    expect(copies.length).toBeGreaterThan(200)
    expect(copies.length).toBeLessThan(300)
    expect(outcomes).toHaveLength(1000 + copies.length)
    const { counters } = network
    expect([counters.sent, counters.duplicated, counters.delivered]).toEqual([1000, copies.length, outcomes.length])
    for (const { ms, packet } of copies) {
      const original = outcomes.find((other) => other.packet.number === packet.number && !other.packet.copy)!
      expect(original.ms).not.toBe(ms)
      expect(original.packet.payload).toEqual(packet.payload)
    }
  })

  it("corrupts that part of all, each copy by itself, and leaves the sender's bytes alone", () => {
    const { agenda, network, outcomes, send } = pair({ corrupt: 0.5, duplicate: 1 })
    const payload = Uint8Array.from({ length: 50 }, (_, i) => i)
    const before = payload.slice()
    for (let i = 0; i < 400; i++) send(payload)
    agenda.runAll()
    expect(payload).toEqual(before)
    expect(outcomes).toHaveLength(800)
    const isChanged = (bytes: Uint8Array) => bytes.some((byte, i) => byte !== before[i])
    for (const { packet } of outcomes) expect(isChanged(packet.payload)).toBe(packet.corrupted)
    const corrupted = outcomes.filter(({ packet }) => packet.corrupted)
    expect(network.counters.corrupted).toBe(corrupted.length)
    for (const copy of [true, false]) {
      const part = corrupted.filter(({ packet }) => packet.copy === copy).length
      expect(part).toBeGreaterThan(160)
      expect(part).toBeLessThan(240)
    }
  })

  it("holds that part of all back, and lets later ones overtake", () => {
    const { agenda, network, outcomes, send } = pair({ latency: 10, reorder: 0.2, reorderBy: 7 })
    for (let ms = 0; ms < 500; ms++) {
      agenda.runTo(ms)
      send()
    }
    agenda.runAll()
    const late = outcomes.filter(({ ms, packet }) => ms - packet.sentAt === 17)
    expect(late.length).toBeGreaterThan(70)
    expect(late.length).toBeLessThan(130)
    expect(outcomes.filter(({ ms, packet }) => ms - packet.sentAt === 10)).toHaveLength(500 - late.length)
    const order = outcomes.map(({ packet }) => packet.number)
    expect(order).not.toEqual(order.toSorted((a, b) => a - b))
    network.link("a", "b").reorder = 0
    outcomes.length = 0
    for (let i = 0; i < 50; i++) send()
    agenda.runAll()
    expect(new Set(outcomes.map(({ ms, packet }) => ms - packet.sentAt))).toEqual(new Set([10]))
  })

  it("drops what is longer than its MTU, headers of the family included", () => {
    const { agenda, fates, network, outcomes, send } = pair({ mtu: 128 })
    network.host("a", ["fd00::1"])
    network.host("c", ["fd00::2"])
    send(100)
    send(101)
    agenda.runAll()
    expect(fates()).toEqual(["oversize", "delivered"])
    expect(outcomes[1]!.packet.payload).toHaveLength(100)
    outcomes.length = 0
    network.inject(new Uint8Array(80), "[fd00::9]:1", "[fd00::2]:1")
    network.inject(new Uint8Array(81), "[fd00::9]:1", "[fd00::2]:1")
    agenda.runAll()
    expect(outcomes.map(({ fate, packet }) => [packet.payload.length, fate])).toEqual([
      [81, "oversize"],
      [80, "unbound"]
    ])
  })
})

describe("a way", () => {
  /** Pins every condition but the loss, so that delays can be summed. */
  const delays = fc.record({ latency: length, reorder: fc.constantFrom(0, 1), reorderBy: length })
  const sum = (parts: ReadonlyArray<Partial<Conditions.Conditions>>) =>
    parts.reduce((ms, { latency = 0, reorder = 0, reorderBy = 0 }) => ms + latency + reorder * reorderBy, 0)

  it("takes the sum of the delays of egress, link and ingress", () => {
    fc.assert(
      fc.property(delays, delays, delays, (egress, link, ingress) => {
        const { agenda, answer, arrivals, hostA, hostB, network, outcomes, send } = pair({ latency: 3 })
        Object.assign(hostA.egress(), egress)
        Object.assign(network.link("a", "b"), link)
        Object.assign(hostB.ingress(), ingress)
        send()
        agenda.runAll()
        expect(arrivals()).toHaveLength(1)
        expect(arrivals()[0]).toBeCloseTo(sum([egress, link, ingress]), 6)
        // The way back is the default.
        outcomes.length = 0
        const from = agenda.now()
        answer()
        agenda.runAll()
        expect(arrivals()[0]).toBeCloseTo(from + 3, 6)
      })
    )
  })

  it("loses at each part of it by itself", () => {
    const { agenda, fates, hostA, hostB, network, send } = pair({ loss: 0.2 })
    hostA.egress().loss = 0.5
    hostB.ingress().loss = 0.25
    for (let i = 0; i < 4000; i++) send()
    agenda.runAll()
    const arrived = fates().filter((fate) => fate === "delivered").length / 4000
    expect(arrived).toBeGreaterThan(0.3 - 0.03)
    expect(arrived).toBeLessThan(0.3 + 0.03)
    expect(network.counters.dropped.lost + network.counters.delivered).toBe(4000)
  })

  it("is cut if any part of it is", () => {
    const { agenda, answer, fates, hostA, hostB, network, outcomes, send } = pair()
    const parts = [hostA.egress(), network.link("a", "b"), hostB.ingress()]
    for (const part of parts) {
      part.cut = true
      send()
      answer()
      agenda.runAll()
      expect(fates().toSorted()).toEqual(["cut", "delivered"])
      expect(outcomes.find(({ fate }) => fate === "cut")!.packet.from).toBe("a")
      part.cut = false
      outcomes.length = 0
    }
    network.defaults.cut = true
    send()
    answer()
    agenda.runAll()
    // The link from a to b was asked for, and is no longer as the defaults are.
    expect(outcomes.map(({ fate, packet }) => [packet.from, fate])).toEqual([
      ["b", "cut"],
      ["a", "delivered"]
    ])
  })

  it("holds for a datagram as it is when the datagram gets there", () => {
    const { agenda, fates, hostA, hostB, send } = pair({ latency: 10 })
    hostA.egress().latency = 5
    hostB.ingress().latency = 5
    send()
    agenda.runTo(4)
    hostA.egress().cut = true
    agenda.runTo(14)
    hostB.ingress().cut = true
    agenda.runAll()
    expect(fates()).toEqual(["cut"])
    hostA.egress().cut = false
    send()
    agenda.runTo(29)
    hostB.ingress().cut = false
    agenda.runAll()
    expect(fates()).toEqual(["cut", "delivered"])
  })

  it("of a host to itself is the link alone", () => {
    const { a, agenda, arrivals, hostA, network } = pair({ latency: 2 })
    Object.assign(hostA.egress(), { cut: true, latency: 100 })
    Object.assign(hostA.ingress(), { cut: true, latency: 100 })
    a.send(0, "10.0.0.1:1")
    agenda.runAll()
    network.link("a", "a").latency = 1
    a.send(0, "10.0.0.1:1")
    agenda.runAll()
    expect(arrivals()).toEqual([2, 3])
  })

  it("follows the defaults until its link is asked for", () => {
    const { agenda, answer, arrivals, network, send } = pair({ latency: 5 })
    expect(network.link("a", "b").latency).toBe(5)
    network.defaults.latency = 50
    send()
    answer()
    agenda.runAll()
    expect(arrivals()).toEqual([5, 50])
    expect(network.link("a", "b")).toBe(network.link("a", "b"))
  })
})
