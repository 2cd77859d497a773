import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { covers, type Difference, TableDigest } from "../../src/anti-entropy/TableDigest.ts"
import * as Claim from "../../src/domain/Claim.ts"
import { bucketBits, bucketHashes, bucketOf, Digest, MaxBuckets } from "../../src/membership/Digest.ts"
import { Mark, MemberTable, Phase, SelfSlot } from "../../src/membership/MemberTable.ts"
import { Kind, MaxLevel } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import { MessageWriter } from "../../src/wire/MessageWriter.ts"

const Self = 0xffff_0000

interface Known {
  readonly id: number
  readonly incarnation?: number
  readonly status?: number
  readonly tombstone?: boolean
  readonly provisional?: boolean
}

/** The table of a node, with these nodes in the order in which they are given. */
const tableOf = (nodes: ReadonlyArray<Known>, self: Known = { id: Self }): MemberTable => {
  const table = new MemberTable(1)
  const own = table.take(0, self.id)
  table.setPhase(own, Phase.Self)
  table.setIncarnation(own, self.incarnation ?? 0)
  table.setStatus(own, self.status ?? Claim.Alive)
  for (const { id, incarnation = 0, provisional = false, status = Claim.Alive, tombstone = false } of nodes) {
    const slot = table.take(0, id)
    table.setPhase(slot, tombstone ? Phase.Tombstone : Phase.Member)
    table.setIncarnation(slot, incarnation)
    table.setStatus(slot, tombstone ? Claim.Dead : status)
    // Addresses are no part of a digest, but the table must be able to index them.
    table.setAddress(slot, Uint8Array.of(4, 10, 0, id >> 8, id & 0xff, 1, 1), 0)
    if (!tombstone) table.addToPools(slot, 0)
    if (provisional) table.mark(slot, Mark.Provisional)
  }
  return table
}

/** The buckets of a table, as the message of its node has them. */
const bucketsOf = (table: MemberTable, bits: number): Inbound["sections"] => {
  const slots = Array.from({ length: table.top }, (_, slot) => slot)
  const live = slots.filter((slot) => (slot === SelfSlot ? table.status(slot) === Claim.Alive : table.isLive(slot)))
  const members = live.map((slot) => ({ ...table.digestMember(slot) }))
  const writer = new MessageWriter()
  writer.beginSectioned(Kind.AntiEntropy, 0)
  writer.buckets(bits, bucketHashes(members, bits))
  const inbound = new Inbound()
  assert.isUndefined(inbound.decode(writer.finish(), MaxLevel))
  return inbound.sections
}

const covered = (difference: Difference) =>
  Array.from({ length: 1 << difference.bits }, (_, bucket) => bucket).filter((bucket) => covers(difference, bucket))

const equal = (a: Digest, b: Digest) => a.equals(b.count, b.hi, b.lo)

const node: fc.Arbitrary<Known> = fc.record({
  id: fc.integer({ min: 1, max: 400 }),
  incarnation: fc.integer({ min: 0, max: 2 }),
  status: fc.constantFrom(Claim.Alive, Claim.Alive, Claim.Alive, Claim.Suspect, Claim.Dead),
  tombstone: fc.constantFrom(false, false, false, false, true)
})
const nodes = (maxLength: number) => fc.uniqueArray(node, { maxLength, size: "max", selector: ({ id }) => id })

describe("the digest of a table", () => {
  it("is of the live members and this node, wherever they stand in the table", () => {
    fc.assert(
      fc.property(nodes(60), (known) => {
        const digest = new TableDigest(tableOf(known)).digest
        const live = known.filter(({ status, tombstone }) => !tombstone && status !== Claim.Dead)
        assert.strictEqual(digest.count, live.length + 1)
        const expected = new Digest()
        for (const { id, incarnation = 0, status = 0 } of [{ id: Self }, ...live.toReversed()]) {
          expected.add({ idHi: 0, idLo: id, incarnation, status, tagVersion: 0 })
        }
        assert.isTrue(equal(digest, expected))
      })
    )
  })

  it("is the same at two nodes that know each other and the same members", () => {
    const [a, b] = [{ id: 1 }, { id: 2, incarnation: 5 }]
    const others = [{ id: 3 }, { id: 4, status: Claim.Suspect }]
    const ofA = new TableDigest(tableOf([b, ...others, { id: 9, status: Claim.Dead }], a)).digest
    const ofB = new TableDigest(tableOf([...others, a, { id: 8, tombstone: true }], b)).digest
    assert.isTrue(equal(ofA, ofB))
  })

  it("has us no more when we leave", () => {
    const leaving = new TableDigest(tableOf([{ id: 1 }], { id: Self, status: Claim.Dead })).digest
    assert.isTrue(equal(leaving, new TableDigest(tableOf([], { id: 1 })).digest))
  })
})

describe("buckets", () => {
  it("are as many as suit the table, and no more than there is room for", () => {
    const table = tableOf(Array.from({ length: 300 }, (_, i) => ({ id: i + 1 })))
    assert.strictEqual(new TableDigest(table).buckets(8).bits, bucketBits(301))
    assert.strictEqual(new TableDigest(table).buckets(8).hashes.length, 128)
    assert.strictEqual(new TableDigest(table).buckets(3).hashes.length, 8)
    const few = new TableDigest(tableOf([{ id: 1 }])).buckets(8)
    assert.deepStrictEqual([few.bits, few.hashes.length], [0, 1])
  })
})

describe("the difference from the buckets of another table", () => {
  it("is none when they are equal", () => {
    const known = Array.from({ length: 100 }, (_, i) => ({ id: i + 1 }))
    const digest = new TableDigest(tableOf(known))
    for (const bits of [0, 1, 3, 8]) {
      assert.isUndefined(digest.difference(bucketsOf(tableOf(known.toReversed()), bits)))
    }
  })

  it("covers exactly the buckets with members that differ, and lists all of ours there", () => {
    const change = fc.record({ at: fc.nat(400), to: node, kind: fc.constantFrom("drop", "replace", "add") })
    fc.assert(
      fc.property(nodes(200), fc.array(change, { maxLength: 6 }), fc.nat(8), (ours, changes, bits) => {
        const theirs = new Map(ours.map((known) => [known.id, known]))
        for (const { at, kind, to } of changes) {
          const known = ours[at % Math.max(1, ours.length)]
          if (kind === "add") theirs.set(to.id, to)
          else if (known !== undefined && kind === "drop") theirs.delete(known.id)
          else if (known !== undefined) theirs.set(known.id, { ...to, id: known.id })
        }
        const says = (known: Known | undefined): string =>
          known === undefined || known.tombstone || known.status === Claim.Dead
            ? "nothing"
            : `${known.incarnation} ${known.status}`
        const byId = new Map(ours.map((known) => [known.id, known]))
        const ids = new Set([...byId.keys(), ...theirs.keys()])
        const expected = new Set(
          [...ids].filter((id) => says(byId.get(id)) !== says(theirs.get(id))).map((id) => bucketOf(0, id, bits))
        )
        const table = tableOf(ours)
        const difference = new TableDigest(table).difference(bucketsOf(tableOf([...theirs.values()]), bits))
        if (expected.size === 0) return assert.isUndefined(difference)
        assert.isDefined(difference)
        if (difference === undefined) return
        assert.strictEqual(difference.bits, bits)
        assert.deepStrictEqual(
          covered(difference),
          [...expected].toSorted((a, b) => a - b)
        )
        const listed = [{ id: Self }, ...ours.filter(({ tombstone }) => !tombstone)].map(({ id }) => id)
        assert.deepStrictEqual(
          difference.slots.map((slot) => table.idLo(slot)).toSorted((a, b) => a - b),
          listed.filter((id) => expected.has(bucketOf(0, id, bits))).toSorted((a, b) => a - b)
        )
      })
    )
  })

  it("lists no member that is known only by where it speaks from", () => {
    const table = tableOf([{ id: 1 }, { id: 2, provisional: true }])
    const difference = new TableDigest(table).difference(bucketsOf(tableOf([]), 0))
    assert.deepStrictEqual(
      difference?.slots.map((slot) => table.idLo(slot)),
      [Self, 1]
    )
  })

  it("can be that of the most buckets of a message", () => {
    const difference = new TableDigest(tableOf([{ id: 1 }])).difference(bucketsOf(tableOf([]), 8))
    assert.deepStrictEqual(difference && covered(difference), [bucketOf(0, 1, 8)])
    assert.strictEqual(difference?.bitmap.length, MaxBuckets / 8)
  })
})
