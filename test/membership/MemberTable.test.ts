import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import * as Claim from "../../src/domain/Claim.ts"
import { Phase, SelfSlot } from "../../src/membership/MemberTable.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import {
  a,
  b,
  c,
  reporter,
  aboutUs,
  address,
  addressOf,
  alive,
  checkInvariants,
  dead,
  emptyView,
  expired,
  Now,
  open,
  probeFailed,
  selfAddress,
  suspect
} from "./View.ts"

describe("the table", () => {
  it("gives an address to another live member that claims it when the first one dies", () => {
    const node = open()
    node.passOn(alive(a, 0, 0), alive(b, 0, 0, addressOf(a)), alive(c, 0, 0, addressOf(a)))
    const at = PackedAddress.pack(addressOf(a))
    expect(node.table.liveAt(at, 0)).toBe(node.slotOf(a))
    node.view.declareDead(node.slotOf(a), expired, Now)
    const successor = node.table.liveAt(at, 0)
    expect([node.slotOf(b), node.slotOf(c)]).toContain(successor)
    node.view.declareDead(successor, expired, Now)
    expect([node.slotOf(b), node.slotOf(c)]).toContain(node.table.liveAt(at, 0))
    node.passOn(alive(a, 1, 0), alive(b, 1, 0), alive(c, 1, 0))
    expect(node.table.liveAt(at, 0)).toBe(node.slotOf(a))
    checkInvariants(node.view)
  })

  const generator = (seed: number) => () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed / 2 ** 32
  }

  it("draws distinct live members, as many as there are, and Alive members of level 1 and above first", () => {
    const node = open()
    const many = Array.from({ length: 30 }, (_, i) => i + 10)
    for (const n of many) node.receive(n, { level: n % 3 === 0 ? 1 : 0, entries: [alive(n, 0, 0)] })
    for (const n of many.slice(0, 5)) node.view.suspect(node.slotOf(n), probeFailed, Now)
    node.view.declareDead(node.slotOf(12), expired, Now)
    const { table } = node
    const live = [reporter, ...many].map(node.slotOf).filter((slot) => table.isLive(slot))
    const random = generator(3)
    const into: Array<number> = []
    for (let count = 0; count <= 40; count++) {
      expect(table.drawLive(count, random, into)).toBe(Math.min(count, live.length))
      expect(new Set(into).size).toBe(into.length)
      expect(live).toEqual(expect.arrayContaining(into))
    }
    const alives = live.filter((slot) => table.status(slot) === Claim.Alive)
    const extended = alives.filter((slot) => table.level(slot) === 1)
    const except = extended[0]!
    for (let count = 0; count <= 40; count++) {
      expect(table.drawAlive(count, except, random, into)).toBe(Math.min(count, alives.length - 1))
      expect(new Set(into).size).toBe(into.length)
      expect(alives.filter((slot) => slot !== except)).toEqual(expect.arrayContaining(into))
      const levels = into.map((slot) => table.level(slot))
      expect(levels).toEqual(levels.toSorted((x, y) => y - x))
      expect(levels.filter((level) => level === 1).length).toBe(Math.min(count, extended.length - 1))
    }
    checkInvariants(node.view)
  })

  it("draws every live member equally often, whatever its pool", () => {
    const node = open()
    for (let n = 10; n < 19; n++) node.receive(n, { level: n % 2, entries: [alive(n, 0, 0)] })
    for (const n of [10, 11, 12]) node.view.suspect(node.slotOf(n), probeFailed, Now)
    const random = generator(5)
    const [one, several] = [new Map<number, number>(), new Map<number, number>()]
    const into: Array<number> = []
    const count = (counts: Map<number, number>, slot: number) => counts.set(slot, (counts.get(slot) ?? 0) + 1)
    for (let i = 0; i < 10_000; i++) {
      count(one, node.table.randomLive(random))
      node.table.drawLive(4, random, into)
      for (const slot of into) count(several, slot)
    }
    // Ten members, so 1000 and 4000 are expected. A difference of six standard deviations is no chance.
    expect([one.size, several.size]).toEqual([10, 10])
    for (const n of one.values()) expect(Math.abs(n - 1000)).toBeLessThan(6 * Math.sqrt(900))
    for (const n of several.values()) expect(Math.abs(n - 4000)).toBeLessThan(6 * Math.sqrt(2400))
  })

  it("has nothing to draw when the node is alone", () => {
    const { table } = emptyView()
    expect([table.live, table.alive]).toEqual([1, 1])
    expect(table.randomLive(() => 0.5)).toBe(-1)
    expect(table.drawLive(3, () => 0.5, [])).toBe(0)
    expect(table.drawAlive(3, -1, () => 0.5, [])).toBe(0)
  })

  // Random histories.

  const n = fc.integer({ min: 1, max: 6 })
  const small = fc.nat(3)
  const heartbeat = fc.oneof(small, fc.constantFrom(0xffff_ffff, Claim.SuspicionRaise, Claim.SuspicionRaise + 1))
  const someAddress = fc.constantFrom(
    ...[1, 2, 3, 4, 5, 6].map(addressOf),
    selfAddress,
    address("10.0.0.1:0"),
    address("0.0.0.0:7000"),
    address("[2001:db8::1]:7000"),
    address("[::ffff:10.0.0.2]:7000"),
    address("[::ffff:10.0.0.100]:7000")
  )
  const someEntry = fc.oneof(
    {
      weight: 9,
      arbitrary: fc
        .tuple(n, fc.constantFrom(alive, alive, suspect, dead), small, heartbeat, fc.option(someAddress))
        .map(([n, make, incarnation, heartbeat, at]) => make(n, incarnation, heartbeat, at ?? addressOf(n)))
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.constantFrom("Alive" as const, "Suspect" as const, "Dead" as const), small, heartbeat, someAddress)
        .map(([status, incarnation, heartbeat, at]) => aboutUs(status, incarnation, heartbeat, at))
    }
  )
  const sent = {
    n: fc.oneof(n, n, n, fc.constant(100)),
    incarnation: small,
    heartbeat,
    level: fc.nat(2),
    source: fc.option(someAddress)
  }
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ what: fc.constant("receive"), ...sent, entries: fc.array(someEntry, { maxLength: 5 }) })
    },
    { weight: 1, arbitrary: fc.record({ what: fc.constant("leave"), ...sent, authentic: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constantFrom("suspect", "declare dead", "believe", "beat"), n }) },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constant("wait"), n, ms: fc.constantFrom(1, 30_000, 61_000, 700_000) })
    }
  )

  it("has the counts, pools, lists and indices that a walk over its slots finds, after any history", () => {
    const occurred = new Set<string>()
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const node = open()
        const { table, view } = node
        let now = Now
        for (const step of steps) {
          const slot = node.slotOf(step.n)
          if ("entries" in step) node.receive(step.n, { ...step, source: step.source ?? addressOf(step.n), now })
          else if ("authentic" in step) {
            node.leave(step.n, { ...step, source: step.source ?? addressOf(step.n), now }, step.authentic)
          } else if ("ms" in step) {
            now += step.ms
            view.expire(now)
          } else if (step.what === "beat") view.beat()
          else if (step.what === "believe") {
            // The detector drops the checks of slots that were freed in the meantime.
            const claim = node.deaths.pop()
            if (claim !== undefined) view.believeDeath(claim, expired, now)
          } else if (slot > SelfSlot) {
            if (step.what === "suspect") view.suspect(slot, probeFailed, now)
            else view.declareDead(slot, expired, now)
          }
          expect("ms" in step ? view.nextExpiry() : Infinity).toBeGreaterThan(now)
          checkInvariants(view)
        }
        for (const { kind } of node.transitions) occurred.add(kind)
        if (node.conflicts.length > 0) occurred.add("conflict")
        if (node.forgotten.length > 0) occurred.add("forgotten")
        if (table.unlisted.length > 0) occurred.add("unlisted")
      }),
      { numRuns: 150, seed: 4_294 }
    )
    const kinds = ["Joined", "Suspected", "Recovered", "Died", "Left", "Updated", "conflict", "forgotten", "unlisted"]
    expect(occurred).toEqual(new Set(kinds))
  })

  it("reports all that happens to its members in transitions", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const node = open()
        const { table } = node
        // What an observer knows from transitions and from `forgotten` alone.
        const known = new Map<number, string>([[node.slotOf(reporter), `0 0 ${addressOf(reporter)}`]])
        const claim = (slot: number) => `${table.status(slot)} ${table.incarnation(slot)} ${table.inetAddress(slot)}`
        node.view.observe({
          transition: ({ slot }) => known.set(slot, claim(slot)),
          forgotten: (slot) => known.delete(slot)
        })
        let now = Now
        for (const step of steps) {
          const slot = node.slotOf(step.n)
          if ("entries" in step) node.receive(step.n, { ...step, source: step.source ?? addressOf(step.n), now })
          else if ("authentic" in step) node.leave(step.n, { ...step, source: addressOf(step.n), now }, step.authentic)
          else if ("ms" in step) node.view.expire((now += step.ms))
          else if (slot > SelfSlot && step.what === "suspect") node.view.suspect(slot, probeFailed, now)
          else if (slot > SelfSlot && step.what === "declare dead") node.view.declareDead(slot, expired, now)
        }
        const held = new Map<number, string>()
        for (let slot = 1; slot < table.top; slot++) if (table.phase(slot) === Phase.Member) held.set(slot, claim(slot))
        expect(new Map([...known].toSorted(([x], [y]) => x - y))).toEqual(held)
      }),
      { numRuns: 150 }
    )
  })
})
