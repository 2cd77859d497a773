import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { defaults } from "../../src/config/ClusterConfig.ts"
import { RateLimiter, type RateLimiterOptions, Verdict, type VerdictCode } from "../../src/transport/RateLimiter.ts"
import { writeU16, writeU32 } from "../../src/wire/Bytes.ts"

const { Admitted, GlobalLimit, SourceLimit } = Verdict

const v4 = (ip: number, port = 7946): Uint8Array => {
  const bytes = new Uint8Array(19)
  bytes[0] = 4
  writeU32(bytes, 1, ip)
  writeU16(bytes, 5, port)
  return bytes
}

const v6 = (words: ReadonlyArray<number>, port = 7946): Uint8Array => {
  const bytes = new Uint8Array(19)
  bytes[0] = 6
  words.forEach((word, i) => writeU32(bytes, 1 + 4 * i, word))
  writeU16(bytes, 17, port)
  return bytes
}

const seed = 0x5eed
const limiterOf = (options: Partial<RateLimiterOptions> = {}) =>
  new RateLimiter({
    maxInboundRate: defaults.network.maxInboundRate,
    sourceCapacity: defaults.network.inboundPeerCapacity,
    sourceRefill: defaults.network.inboundPeerRefillRate,
    maxSources: defaults.limits.sources,
    seed,
    ...options
  })
/** The defaults of the older implementation. */
const older = { maxInboundRate: 500, sourceCapacity: 100, sourceRefill: 50 }

/** A small random generator with a fixed seed. */
const randomOf = (state: number) => () => {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

/** How many of `count` datagrams are let in, all at `now`. */
const admitted = (limiter: RateLimiter, count: number, source: (i: number) => Uint8Array, member: boolean, now = 0) => {
  let passed = 0
  for (let i = 0; i < count; i++) if (limiter.admit(source(i), 0, member, now) === Admitted) passed++
  return passed
}

// --- the buckets as the documentation describes them, without a bound on sources ---

interface Bucket {
  milliTokens: number
  at: number
}

class Model {
  readonly #all: Bucket = { milliTokens: 1000 * rate, at: 0 }
  readonly #sources = new Map<string, Bucket>()

  admit(name: string, member: boolean, now: number): VerdictCode {
    const source = this.#sources.get(name) ?? { milliTokens: 1000 * sourceCapacity, at: now }
    this.#fill(this.#all, now, rate, rate)
    if (this.#all.milliTokens < 1000 + (member ? 0 : 500 * rate)) return GlobalLimit
    this.#all.milliTokens -= 1000
    this.#sources.set(name, source)
    this.#fill(source, now, sourceCapacity, sourceRefill)
    if (source.milliTokens < 1000) {
      this.#all.milliTokens += 1000
      return SourceLimit
    }
    source.milliTokens -= 1000
    return Admitted
  }

  #fill(bucket: Bucket, now: number, capacity: number, refill: number): void {
    bucket.milliTokens = Math.min(1000 * capacity, bucket.milliTokens + (now - bucket.at) * refill)
    bucket.at = now
  }
}

const rate = 20
const sourceCapacity = 5
const sourceRefill = 2
// The bound from which on a source gains nothing by being forgotten.
const maxSources = rate * (1 + sourceCapacity / sourceRefill)
const small = { maxInboundRate: rate, sourceCapacity, sourceRefill, maxSources }

const traffic = fc.array(
  fc.record({
    wait: fc.oneof(fc.constant(0), fc.nat(150), fc.nat(3000)),
    source: fc.oneof(fc.nat(2), { arbitrary: fc.nat(5000), weight: 4 }),
    times: fc.oneof(fc.constant(1), fc.nat(12)),
    member: fc.nat(3).map((n) => n === 0)
  }),
  { maxLength: 400, size: "max" }
)

interface Event {
  readonly name: string
  readonly packed: Uint8Array
  readonly member: boolean
  readonly now: number
}

const eventsOf = (steps: ReadonlyArray<{ wait: number; source: number; times: number; member: boolean }>) => {
  let now = 0
  return steps.flatMap(({ member, source, times, wait }): Array<Event> => {
    now += wait
    const packed = source % 3 === 0 ? v6([source, 1, 2, 3]) : v4(source)
    return Array.from({ length: times }, () => ({ name: `${source} ${member}`, packed, member, now }))
  })
}

/** The most events by which a count exceeds `refill x t` within any time `t`. */
const mostBurst = (times: ReadonlyArray<number>, refill: number): number => {
  let most = 0
  let level = 0
  let at = 0
  for (const now of times) {
    level = Math.max(0, level - ((now - at) * refill) / 1000) + 1
    at = now
    most = Math.max(most, level)
  }
  return most
}

describe("RateLimiter", () => {
  it("decides as buckets without a bound on sources would", () => {
    let full = 0
    fc.assert(
      fc.property(traffic, (steps) => {
        const limiter = limiterOf(small)
        const model = new Model()
        for (const { member, name, now, packed } of eventsOf(steps)) {
          expect(limiter.admit(packed, 0, member, now)).toBe(model.admit(name, member, now))
          expect(limiter.members).toBeLessThanOrEqual(maxSources)
          expect(limiter.strangers).toBeLessThanOrEqual(maxSources)
        }
        if (limiter.strangers === maxSources) full++
      })
    )
    // In some of the runs sources were forgotten.
    expect(full).toBeGreaterThan(5)
  })

  it("never lets in more than capacity + refill x t, from one source and from all", () => {
    fc.assert(
      fc.property(traffic, (steps) => {
        const limiter = limiterOf(small)
        const passed = eventsOf(steps).filter(
          (event) => limiter.admit(event.packed, 0, event.member, event.now) === Admitted
        )
        const burst = (events: ReadonlyArray<Event>, refill: number) =>
          mostBurst(
            events.map(({ now }) => now),
            refill
          )
        expect(burst(passed, rate)).toBeLessThanOrEqual(rate + 1e-6)
        const strangers = passed.filter(({ member }) => !member)
        expect(burst(strangers, rate)).toBeLessThanOrEqual(rate / 2 + 1e-6)
        for (const events of Map.groupBy(passed, ({ name }) => name).values()) {
          expect(burst(events, sourceRefill)).toBeLessThanOrEqual(sourceCapacity + 1e-6)
        }
      })
    )
  })

  it("lets in a burst of one second and then the rate, for all sources and for each", () => {
    const one = limiterOf(older)
    expect(admitted(one, 300, () => v4(1), true)).toBe(100)
    expect(admitted(one, 300, () => v4(1), true, 1000)).toBe(50)
    const all = limiterOf(older)
    expect(admitted(all, 3000, (i) => v4(i), true)).toBe(500)
    expect(admitted(all, 3000, (i) => v4(i), true, 1000)).toBe(500)
    const strangers = limiterOf(older)
    expect(admitted(strangers, 3000, (i) => v4(i), false)).toBe(250)
    expect(admitted(strangers, 3000, (i) => v4(i), false, 100)).toBe(50)
    expect(admitted(strangers, 3000, (i) => v4(i), true, 100)).toBe(250)
  })

  it("remembers a bounded number of sources", () => {
    const limiter = limiterOf({ ...older, maxSources: 4096 })
    for (let second = 0; second <= 100; second++) {
      admitted(limiter, 1000, (i) => v4(1000 * second + i), false, 1000 * second)
    }
    expect(limiter.strangers).toBe(4096)
  })

  it("has no limit for all sources at a rate of 0, and keeps that of each source", () => {
    const limiter = limiterOf({ ...older, maxInboundRate: 0 })
    for (const now of [0, 1000]) {
      expect(admitted(limiter, 100_000, (i) => v4(i), false, now)).toBe(100_000)
      expect(admitted(limiter, 100_000, (i) => v4(i), true, now)).toBe(100_000)
    }
    const one = limiterOf({ ...older, maxInboundRate: 0 })
    expect(admitted(one, 300, () => v4(1), false)).toBe(100)
  })

  it("lets strangers in at the lowest rate", () => {
    const limiter = limiterOf({ ...older, maxInboundRate: 1 })
    expect(admitted(limiter, 10, (i) => v4(i), false)).toBe(1)
    expect(admitted(limiter, 10, (i) => v4(i), true)).toBe(0)
    expect(admitted(limiter, 10, (i) => v4(i), false, 1000)).toBe(1)
  })

  it("takes no token of all sources for a datagram that its source may not send", () => {
    const limiter = limiterOf({ ...older, maxInboundRate: 1000 })
    expect(admitted(limiter, 100_000, () => v4(1), true)).toBe(100)
    expect(limiter.admit(v4(1), 0, true, 0)).toBe(SourceLimit)
    expect(admitted(limiter, 2000, (i) => v4(2 + i), true)).toBe(900)
    expect(limiter.admit(v4(5), 0, true, 0)).toBe(GlobalLimit)
  })

  it("remembers no source of a datagram that the limit of all refuses", () => {
    const limiter = limiterOf(older)
    admitted(limiter, 3000, (i) => v4(i), false)
    expect(limiter.strangers).toBe(250)
    expect(limiter.members).toBe(0)
  })

  it("counts strangers by address, and members by address and port", () => {
    const limiter = limiterOf(older)
    expect(admitted(limiter, 300, (port) => v4(1, port), false)).toBe(100)
    expect(admitted(limiter, 150, () => v4(1, 1), true)).toBe(100)
    expect(admitted(limiter, 150, () => v4(1, 2), true)).toBe(100)
    expect([limiter.strangers, limiter.members]).toEqual([1, 2])
  })

  it("counts strangers on the loopback by port too", () => {
    for (const source of [(port: number) => v4(0x7f000001, port), (port: number) => v6([0, 0, 0, 1], port)]) {
      const limiter = limiterOf({ ...older, maxInboundRate: 5000 })
      expect(admitted(limiter, 1000, source, false)).toBe(1000)
      expect(admitted(limiter, 150, () => source(7), false)).toBe(99)
      expect(limiter.strangers).toBe(1000)
    }
  })

  it("distinguishes addresses by every byte and by family", () => {
    const words = [0x20010db8, 0, 0, 1]
    const sources = [v4(0x20010db8), v6([0x20010db8, 0, 0, 0]), v6(words)]
    for (let at = 1; at < 17; at++) {
      const changed = v6(words)
      changed[at] = changed[at]! ^ 0x80
      sources.push(changed)
    }
    for (const member of [true, false]) {
      const limiter = limiterOf({ ...older, maxInboundRate: 100_000 })
      for (const source of sources) expect(admitted(limiter, 101, () => source, member)).toBe(100)
      for (const source of sources) expect(limiter.admit(source, 0, member, 0)).toBe(SourceLimit)
    }
    // In a table so small that two of them share a chain, with some of the seeds.
    for (const [i, source] of sources.entries()) {
      for (let seed = 0; seed < 16; seed++) {
        const limiter = limiterOf({ ...older, maxSources: 2, seed })
        const other = sources[(i + 1) % sources.length]!
        expect(admitted(limiter, 101, () => source, true)).toBe(100)
        expect(limiter.admit(other, 0, true, 0)).toBe(Admitted)
        expect(limiter.admit(source, 0, true, 0)).toBe(SourceLimit)
      }
    }
  })

  it("reads the address at the given offset", () => {
    const limiter = limiterOf(older)
    const shifted = new Uint8Array(60).fill(0xee)
    shifted.set(v6([1, 2, 3, 4]), 33)
    expect(admitted(limiter, 101, () => v6([1, 2, 3, 4]), true)).toBe(100)
    expect(limiter.admit(shifted, 33, true, 0)).toBe(SourceLimit)
  })

  it("forgets the source that was quiet for longest", () => {
    const limiter = limiterOf({ maxSources: 3, sourceCapacity: 1, sourceRefill: 0.001 })
    for (const source of [1, 2, 3]) expect(limiter.admit(v4(source), 0, false, 0)).toBe(Admitted)
    // 1 sent again, so 2 is the oldest, then 3.
    expect(limiter.admit(v4(1), 0, false, 0)).toBe(SourceLimit)
    expect(limiter.admit(v4(4), 0, false, 0)).toBe(Admitted)
    expect(limiter.admit(v4(1), 0, false, 0)).toBe(SourceLimit)
    expect(limiter.admit(v4(3), 0, false, 0)).toBe(SourceLimit)
    expect(limiter.admit(v4(2), 0, false, 0)).toBe(Admitted)
    expect(limiter.admit(v4(4), 0, false, 0)).toBe(Admitted)
    expect(limiter.strangers).toBe(3)
  })

  it("gives nothing for a clock that goes back", () => {
    const limiter = limiterOf(older)
    expect(admitted(limiter, 200, () => v4(1), true, 5000)).toBe(100)
    expect(admitted(limiter, 200, () => v4(1), true, 0)).toBe(0)
    expect(admitted(limiter, 200, () => v4(1), true, 5000)).toBe(0)
    expect(admitted(limiter, 200, () => v4(1), true, 5100)).toBe(5)
    const all = limiterOf(older)
    expect(admitted(all, 2000, (i) => v4(i), true, 5000)).toBe(500)
    expect(admitted(all, 2000, (i) => v4(i), true, 0)).toBe(0)
    expect(admitted(all, 2000, (i) => v4(i), true, 5000)).toBe(0)
  })

  it("refuses figures out of bounds", () => {
    for (const options of [
      { maxInboundRate: -1 },
      { maxInboundRate: Number.NaN },
      { sourceCapacity: 0 },
      { sourceRefill: 0 },
      { maxSources: 0 }
    ]) {
      expect(() => limiterOf(options)).toThrow(RangeError)
    }
  })

  it("lets every member in through a flood from a million forged sources, and forgets no member", () => {
    const limiter = limiterOf(older)
    const member = (i: number) => v4(0x0a000000 + i)
    const forged = v4(0)
    const random = randomOf(1)
    let strangers = 0
    let refused = 0
    // One member had spent its bucket, and is remembered: it gets 2.5 more in 50 ms.
    const spent: Array<number> = []
    // 20 000 a second for 50 s.
    for (let i = 0; i < 1_000_000; i++) {
      const now = i / 20
      writeU32(forged, 1, 0xc0000000 + i)
      if (limiter.admit(forged, 0, false, now) === Admitted) strangers++
      // 2.1 a second from members, and every 5 s 225 of them at once.
      if (i % 9524 === 0) refused += 1 - admitted(limiter, 1, () => member(Math.floor(random() * 1000)), true, now)
      if (i % 100_000 === 50_000) refused += 225 - admitted(limiter, 225, member, true, now)
      if (i === 900_000) spent.push(admitted(limiter, 150, () => member(5000), true, now))
      if (i === 901_000) spent.push(admitted(limiter, 50, () => member(5000), true, now))
    }
    expect(refused).toBe(0)
    expect(spent).toEqual([100, 2])
    expect(strangers).toBeGreaterThan(20_000)
    expect(strangers).toBeLessThanOrEqual(250 + 500 * 50)
    expect(limiter.members).toBeLessThanOrEqual(1001)
  })

  it("lets strangers, and so new nodes, in while members send at their usual rate", () => {
    const limiter = limiterOf(older)
    for (let second = 0; second < 60; second++) {
      expect(admitted(limiter, 50, (i) => v4(0x0a000000 + i), true, 1000 * second)).toBe(50)
      expect(admitted(limiter, 200, (i) => v4(0xc0000000 + 200 * second + i), false, 1000 * second)).toBe(200)
    }
  })

  it("lets a thousand nodes join through this one at once", () => {
    const limiter = limiterOf()
    // Each is a stranger with its first two datagrams, and then a member, which answers the table that it gets.
    expect(admitted(limiter, 2000, (i) => v4(0x0a000000 + (i % 1000)), false)).toBe(2000)
    expect(admitted(limiter, 3000, (i) => v4(0x0a000000 + (i % 1000)), true)).toBe(3000)
  })

  it("lets the table of a cluster of 50000 through from one source", () => {
    const limiter = limiterOf()
    for (let chunk = 0; chunk < 50_000 / 48; chunk++) {
      expect(limiter.admit(v4(1), 0, false, 20 * Math.floor(chunk / 8))).toBe(Admitted)
    }
  })

  it("does not limit a healthy cluster of 1000 by default", () => {
    const size = 1000
    const random = randomOf(42)
    const someone = () => 1 + Math.floor(random() * (size - 1))
    const events: Array<{ readonly now: number; readonly from: number; readonly member: boolean }> = []
    const receive = (now: number, from: number, member = true) => events.push({ now, from, member })
    const poisson = (from: number, to: number, perSecond: number, then: (now: number) => void) => {
      for (let now = from; (now -= (Math.log(1 - random()) * 1000) / perSecond) < to;) then(now)
    }
    /** 21 chunks, 8 at once, each 20 ms. */
    const table = (now: number, from: number, member = true) => {
      for (let chunk = 0; chunk < 21; chunk++) receive(now + 20 * Math.floor(chunk / 8), from, member)
    }

    // This node joins. The first two members that answer are strangers at that time.
    table(0, 1, false)
    table(5, 2, false)
    // Ten minutes of PING, ACK and other messages: 2.1 a second.
    poisson(0, 600_000, 2.1, (now) => receive(now, someone()))
    // Anti-entropy: a table in 10 s on average.
    poisson(0, 600_000, 0.1, (now) => table(now, someone()))
    // Changes spread during two of the minutes: 10 messages in each 200 ms.
    poisson(100_000, 220_000, 50, (now) => receive(now, someone()))
    // New nodes: 200 in a minute.
    for (let i = 0; i < 200; i++) receive(300_000 + 300 * i, size + i, false)
    // All members PING this node in one millisecond, in each of three seconds that are a minute apart.
    for (const now of [400_000, 460_000, 520_000]) for (let from = 1; from < size; from++) receive(now, from)
    // One member sends its table four times in a row, and ten members send theirs at the same moment.
    for (let i = 0; i < 4; i++) table(560_000 + 60 * i, 7)
    for (let i = 0; i < 10; i++) table(570_000, 20 + i)

    const limiter = limiterOf()
    const source = v4(0)
    for (const { from, member, now } of events.sort((a, b) => a.now - b.now)) {
      writeU32(source, 1, 0x0a000000 + from)
      expect(limiter.admit(source, 0, member, now), `from ${from} at ${now}`).toBe(Admitted)
    }
    expect(events.length).toBeGreaterThan(10_000)
  })
})
