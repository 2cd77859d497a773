import { assert, describe, it } from "@effect/vitest"
import { NetAddress } from "effect/net"
import { choose, isSame } from "../../src/join/MembersToRemember.ts"
import { MaxMembers } from "../../src/state/SavedState.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { addressOf, alive, id, Now, open } from "../membership/View.ts"

const packed = (n: number) => PackedAddress.pack(addressOf(n))
const texts = (addresses: ReadonlyArray<Uint8Array>) =>
  addresses.map((address) => NetAddress.formatInet(PackedAddress.read(address, 0)))
const textsOf = (...numbers: ReadonlyArray<number>) => numbers.map((n) => NetAddress.formatInet(addressOf(n)))

/** A view with these members, all of whose addresses are proved; later ones were heard of later. */
const withMembers = (...numbers: ReadonlyArray<number>) => {
  const node = open()
  numbers.forEach((n, i) => {
    node.passOn(alive(n, 0, 0))
    const slot = node.view.slotOf(id(n))
    node.table.markProved(slot)
    node.table.setHeardAt(slot, Now + i)
  })
  return node
}

describe("the members to remember", () => {
  it("are those that are kept and alive, then those heard of last, and then those that are kept", () => {
    const { table } = withMembers(1, 2, 3, 4)
    const kept = [packed(7), packed(2), packed(8)]
    assert.deepStrictEqual(texts(choose(kept, table)), textsOf(2, 4, 3, 1, 7, 8))
  })

  it("are none that may be invented", () => {
    const { passOn, table } = withMembers(1)
    passOn(alive(2, 0, 0))
    assert.deepStrictEqual(texts(choose([], table)), textsOf(1))
  })

  it("are at most 128, of which the live ones stay", () => {
    const many = Array.from({ length: MaxMembers + 30 }, (_, i) => i + 200)
    const { table } = withMembers(...many)
    const gone = Array.from({ length: 50 }, (_, i) => packed(i + 10))
    const first = choose(gone, table)
    assert.deepStrictEqual(texts(first), textsOf(...many.slice(30).toReversed()))
    const second = choose([...gone, packed(200), packed(201)], table)
    assert.deepStrictEqual(texts(second), textsOf(200, 201, ...many.slice(32).toReversed()))
    assert.isTrue(isSame(choose(second, table), second))
  })

  it("are the same in any order", () => {
    assert.isTrue(isSame([packed(1), packed(2)], [packed(2), packed(1)]))
    assert.isFalse(isSame([packed(1)], [packed(2)]))
    assert.isFalse(isSame([packed(1)], [packed(1), packed(2)]))
    assert.isTrue(isSame([], []))
  })
})
