import { assert, describe, it } from "@effect/vitest"
import { NetAddress } from "effect/net"
import { Batch, BatchInterval, FirstPause, LastPause, RememberedPeers } from "../../src/join/RememberedPeers.ts"
import type { MemberTable } from "../../src/membership/MemberTable.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { address, alive, emptyView, open } from "../membership/View.ts"

const at = (n: number) => address(`10.0.0.${n}:7000`)
const textOf = (packed: Uint8Array) => NetAddress.formatInet(PackedAddress.read(packed, 0))

/** Peers 1 to `count`, by default for a node that is alone. */
const make = (count: number, { table }: { readonly table: MemberTable } = emptyView()) => {
  const peers = new RememberedPeers(
    Array.from({ length: count }, (_, i) => at(i + 1)),
    0
  )
  const contacted = (now: number) => {
    const found: Array<string> = []
    peers.contactDue(now, table, (packed) => found.push(textOf(packed)))
    return found
  }
  return { peers, contacted }
}

const texts = (...numbers: ReadonlyArray<number>) => numbers.map((n) => NetAddress.formatInet(at(n)))

describe("remembered peers", () => {
  it("nothing is due when none are remembered", () => {
    const { contacted, peers } = make(0)
    assert.strictEqual(peers.next, Infinity)
    assert.deepStrictEqual(contacted(0), [])
  })

  it("are contacted a few at a time, and all again while the node is alone, at growing intervals", () => {
    const { contacted, peers } = make(Batch + 1)
    assert.strictEqual(peers.next, 0)
    assert.deepStrictEqual(contacted(0), texts(1, 2, 3, 4))
    assert.strictEqual(peers.next, BatchInterval)
    assert.deepStrictEqual(contacted(BatchInterval - 1), [])
    assert.deepStrictEqual(contacted(BatchInterval), texts(5))
    let pause = FirstPause
    for (let pass = 0; pass < 8; pass++) {
      const from = peers.next - pause
      assert.deepStrictEqual(contacted(peers.next), texts(1, 2, 3, 4))
      assert.deepStrictEqual(contacted(peers.next), texts(5))
      pause = Math.min(2 * pause, LastPause)
      assert.isAbove(peers.next - from, pause)
    }
    assert.strictEqual(pause, LastPause)
  })

  it("one that has answered is not contacted again, and is told once", () => {
    const { contacted, peers } = make(3)
    contacted(0)
    assert.isTrue(peers.answered(PackedAddress.pack(at(2))))
    assert.isFalse(peers.answered(PackedAddress.pack(at(2))))
    assert.isFalse(peers.answered(PackedAddress.pack(at(9))))
    assert.deepStrictEqual(contacted(peers.next), texts(1, 3))
    for (const n of [1, 3]) assert.isTrue(peers.answered(PackedAddress.pack(at(n))))
    assert.deepStrictEqual(contacted(peers.next), [])
    assert.strictEqual(peers.next, Infinity)
  })

  it("each is contacted once although the node has joined, but for those that are members", () => {
    const { passOn, table } = open()
    const { contacted, peers } = make(7, { table })
    assert.deepStrictEqual(contacted(0), texts(1, 2, 3, 4))
    passOn(alive(50, 0, 0, at(6)))
    assert.deepStrictEqual(contacted(peers.next), texts(5, 7))
    assert.strictEqual(peers.next, Infinity)
    assert.isFalse(peers.answered(PackedAddress.pack(at(5))))
  })
})
