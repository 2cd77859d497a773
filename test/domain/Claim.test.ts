import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Claim from "../../src/domain/Claim.ts"
import * as SerialNumber from "../../src/domain/SerialNumber.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

interface FullClaim {
  readonly incarnation: number
  readonly status: number
  readonly heartbeat: number
  readonly address: Uint8Array
}

const compare = (a: FullClaim, b: FullClaim) => Claim.compare(a, b) || PackedAddress.compare(a.address, 0, b.address, 0)

type Triple = readonly [incarnation: number, status: number, heartbeat: number]
const order = ([i, s, h]: Triple, [j, t, k]: Triple) =>
  Claim.compare({ incarnation: i, status: s, heartbeat: h }, { incarnation: j, status: t, heartbeat: k })

/** Merging keeps the held claim unless the other wins. */
const merge = (held: FullClaim, other: FullClaim) => (compare(other, held) > 0 ? other : held)

const word = fc.integer({ min: 0, max: 0xffff_ffff })
// Few values, so that every criterion has many ties, and both ends of the window.
const offset = fc.oneof(
  { arbitrary: fc.constantFrom(0, 1, 2, Claim.SuspicionRaise, 0x7fff_fffe, 0x7fff_ffff), weight: 3 },
  { arbitrary: fc.integer({ min: 0, max: 0x7fff_ffff }), weight: 1 }
)
const port = fc.constantFrom([0x1f, 0x90], [0x1f, 0x91], [0x20, 0x00])
const address = fc.oneof(
  fc.tuple(fc.constantFrom(1, 2, 200), port).map(([last, port]) => Uint8Array.of(4, 10, 0, 0, last, ...port)),
  fc
    .tuple(fc.constantFrom(1, 2, 200), port)
    .map(([last, port]) => Uint8Array.of(6, 0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last, ...port))
)

/** Claims whose incarnations are in one window of 2^31 - 1, and so are their heartbeats; the windows begin anywhere. */
const claims = (count: number) =>
  fc
    .record({
      incarnationBase: word,
      heartbeatBase: word,
      offsets: fc.array(
        fc.record({ incarnation: offset, heartbeat: offset, status: fc.constantFrom(0, 1, 2), address }),
        { minLength: count, maxLength: count }
      )
    })
    .map(({ heartbeatBase, incarnationBase, offsets }) =>
      offsets.map((o) => ({
        offset: o,
        claim: {
          ...o,
          incarnation: SerialNumber.add(incarnationBase, o.incarnation),
          heartbeat: SerialNumber.add(heartbeatBase, o.heartbeat)
        }
      }))
    )

/** The order of the protocol for numbers that do not wrap, with each criterion written out. */
const reference = (a: FullClaim, b: FullClaim) => {
  if (a.incarnation !== b.incarnation) return a.incarnation > b.incarnation ? 1 : -1
  const dead = Number(a.status === Claim.Dead) - Number(b.status === Claim.Dead)
  if (dead !== 0) return dead
  if (a.heartbeat !== b.heartbeat) return a.heartbeat > b.heartbeat ? 1 : -1
  if (a.status !== b.status) return a.status > b.status ? 1 : -1
  return Buffer.compare(a.address, b.address)
}

describe("SerialNumber", () => {
  it("continues after 2^32 - 1 with 0", () => {
    expect(SerialNumber.add(0xffff_ffff, 1)).toBe(0)
    expect(SerialNumber.add(0xffff_fff0, 0x20)).toBe(0x10)
    expect(SerialNumber.compare(0, 0xffff_ffff)).toBeGreaterThan(0)
    expect(SerialNumber.compare(0xffff_ffff, 0)).toBeLessThan(0)
  })

  it("finds neither of two numbers higher at a distance of 2^31, and the right one at 2^31 - 1", () => {
    fc.assert(
      fc.property(word, (n) => {
        const opposite = SerialNumber.add(n, 0x8000_0000)
        expect(SerialNumber.compare(n, opposite)).toBe(0)
        expect(SerialNumber.compare(opposite, n)).toBe(0)
        expect(SerialNumber.compare(SerialNumber.add(n, 0x7fff_ffff), n)).toBeGreaterThan(0)
        expect(SerialNumber.compare(SerialNumber.add(n, 0x8000_0001), n)).toBeLessThan(0)
      })
    )
  })

  it("is antisymmetric, and 0 only for equal numbers and at a distance of 2^31", () => {
    fc.assert(
      fc.property(word, fc.oneof(offset, word), (n, distance) => {
        const m = SerialNumber.add(n, distance)
        expect(Math.sign(SerialNumber.compare(m, n)) + Math.sign(SerialNumber.compare(n, m))).toBe(0)
        expect(SerialNumber.compare(m, n) === 0).toBe(distance === 0 || distance === 0x8000_0000)
      })
    )
  })
})

describe("Claim", () => {
  it("orders by the five criteria of the protocol, wherever the window is in the 32 bits", () => {
    fc.assert(
      fc.property(claims(2), ([a, b]) => {
        expect(Math.sign(compare(a!.claim, b!.claim))).toBe(reference(a!.offset, b!.offset))
      }),
      { numRuns: 2000 }
    )
  })

  it("is antisymmetric, and 0 only for equal claims", () => {
    fc.assert(
      fc.property(claims(2), ([a, b]) => {
        expect(Math.sign(compare(a!.claim, b!.claim)) + Math.sign(compare(b!.claim, a!.claim))).toBe(0)
        expect(compare(a!.claim, b!.claim) === 0).toBe(reference(a!.offset, b!.offset) === 0)
        expect(compare(a!.claim, a!.claim)).toBe(0)
      }),
      { numRuns: 1000 }
    )
  })

  it("is transitive", () => {
    fc.assert(
      fc.property(claims(3), (three) => {
        const [a, b, c] = three.map(({ claim }) => claim)
        const [ab, bc, ac] = [compare(a!, b!), compare(b!, c!), compare(a!, c!)]
        expect(ab <= 0 && bc <= 0 ? ac <= 0 : true).toBe(true)
        expect(ab >= 0 && bc >= 0 ? ac >= 0 : true).toBe(true)
      }),
      { numRuns: 2000 }
    )
  })

  it("has a maximum that is commutative, associative and idempotent", () => {
    fc.assert(
      fc.property(claims(3), (three) => {
        const [a, b, c] = three.map(({ claim }) => claim)
        const same = (x: FullClaim, y: FullClaim) => expect(x).toEqual(y)
        same(merge(a!, b!), merge(b!, a!))
        same(merge(merge(a!, b!), c!), merge(a!, merge(b!, c!)))
        same(merge(a!, a!), a!)
        same(merge(merge(a!, b!), b!), merge(a!, b!))
      }),
      { numRuns: 1000 }
    )
  })

  it("gives the same maximum for any order and any repetitions", () => {
    fc.assert(
      fc.property(claims(6), fc.array(fc.nat(5), { maxLength: 20 }), fc.boolean(), (six, repeated, backwards) => {
        const all: ReadonlyArray<FullClaim> = six.map(({ claim }) => claim)
        const other = [...all, ...repeated.map((i) => all[i]!)]
        if (backwards) other.reverse()
        else other.sort((a, b) => a.heartbeat - b.heartbeat)
        expect(other.reduce(merge)).toEqual(all.reduce(merge))
      })
    )
  })

  it("rule 1: the higher incarnation wins, whatever the rest", () => {
    expect(order([2, Claim.Alive, 0], [1, Claim.Dead, 999])).toBeGreaterThan(0)
    expect(order([1, Claim.Dead, 999], [2, Claim.Alive, 0])).toBeLessThan(0)
    expect(order([0, Claim.Alive, 0], [0xffff_ffff, Claim.Dead, 0])).toBeGreaterThan(0)
  })

  it("rule 2: at equal incarnation Dead wins, whatever the heartbeats", () => {
    expect(order([1, Claim.Dead, 0], [1, Claim.Alive, 999])).toBeGreaterThan(0)
    expect(order([1, Claim.Dead, 0], [1, Claim.Suspect, Claim.SuspicionRaise])).toBeGreaterThan(0)
    expect(order([1, Claim.Alive, 999], [1, Claim.Dead, 0])).toBeLessThan(0)
  })

  it("rule 3: then the higher heartbeat wins, also of two Dead claims, and an Alive claim over a Suspect one", () => {
    expect(order([1, Claim.Dead, 6], [1, Claim.Dead, 5])).toBeGreaterThan(0)
    expect(order([1, Claim.Alive, 6], [1, Claim.Suspect, 5])).toBeGreaterThan(0)
    expect(order([1, Claim.Suspect, 5], [1, Claim.Alive, 6])).toBeLessThan(0)
    expect(order([1, Claim.Alive, 0], [1, Claim.Alive, 0xffff_ffff])).toBeGreaterThan(0)
  })

  it("rule 4: at equal heartbeat the more severe status wins", () => {
    expect(order([1, Claim.Suspect, 5], [1, Claim.Alive, 5])).toBeGreaterThan(0)
    expect(order([1, Claim.Dead, 5], [1, Claim.Suspect, 5])).toBeGreaterThan(0)
    expect(order([1, Claim.Alive, 5], [1, Claim.Suspect, 5])).toBeLessThan(0)
  })

  it("rule 5: the address decides between claims that are otherwise equal: family, bytes, port", () => {
    expect(order([1, Claim.Alive, 5], [1, Claim.Alive, 5])).toBe(0)
    const v4 = (last: number, port: number) => Uint8Array.of(4, 10, 0, 0, last, port >>> 8, port & 0xff)
    const v6 = new Uint8Array(19)
    v6[0] = 6
    expect(PackedAddress.compare(v6, 0, v4(255, 65_535), 0)).toBeGreaterThan(0)
    expect(PackedAddress.compare(v4(2, 1), 0, v4(1, 65_535), 0)).toBeGreaterThan(0)
    expect(PackedAddress.compare(v4(1, 256), 0, v4(1, 255), 0)).toBeGreaterThan(0)
    expect(PackedAddress.compare(v4(1, 256), 0, v4(1, 256), 0)).toBe(0)
  })

  it("goes on to the next rule when incarnations, or heartbeats, are exactly 2^31 apart", () => {
    expect(order([0x8000_0000, Claim.Alive, 6], [0, Claim.Alive, 5])).toBeGreaterThan(0)
    expect(order([0, Claim.Dead, 5], [0x8000_0000, Claim.Alive, 6])).toBeGreaterThan(0)
    expect(order([1, Claim.Alive, 0x8000_0000], [1, Claim.Suspect, 0])).toBeLessThan(0)
    expect(order([1, Claim.Alive, 0], [1, Claim.Alive, 0x8000_0000])).toBe(0)
  })

  it("raises a suspicion by 2^20, more than twelve days of a heartbeat per second", () => {
    expect(Claim.SuspicionRaise).toBe(2 ** 20)
  })
})
