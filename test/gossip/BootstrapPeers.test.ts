import { assert, describe, it } from "@effect/vitest"
import { NetAddress } from "effect/net"
import * as fc from "fast-check"
import * as Claim from "../../src/domain/Claim.ts"
import { BackoffFirst, BackoffLast, BootstrapPeers } from "../../src/gossip/BootstrapPeers.ts"
import { MemberTable, Phase } from "../../src/membership/MemberTable.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

const inet = NetAddress.inetAddressFromStringUnsafe
const addressOf = (n: number) => inet(`10.0.0.${n}:7946`)
const self = addressOf(250)
const text = (packed: Uint8Array) => NetAddress.formatInet(PackedAddress.read(packed, 0))

const contacted = (peers: BootstrapPeers, now: number) => {
  const at: Array<string> = []
  peers.contactDue(now, (address) => at.push(text(address)))
  return at
}

/** A table that lists one node. */
const tableOf = (n: number, at: NetAddress.InetAddress, status: number) => {
  const table = new MemberTable(1)
  table.take(0, 999)
  const slot = table.take(0, n)
  table.phase[slot] = Phase.Member
  table.status[slot] = status
  PackedAddress.write(at, table.address, table.addressAt(slot))
  table.file(slot, 0)
  return table
}

describe("bootstrap peers", () => {
  it("are contacted at once, and then at waits doubled from 500 ms to 10 s", () => {
    const peers = new BootstrapPeers([addressOf(1)], self, 100)
    const times: Array<number> = []
    for (let i = 0; i < 8; i++) {
      const at = peers.nextContact()
      assert.deepStrictEqual(contacted(peers, at - 1), [])
      assert.deepStrictEqual(contacted(peers, at), ["10.0.0.1:7946"])
      times.push(at - 100)
    }
    assert.deepStrictEqual(times, [0, 500, 1500, 3500, 7500, 15_500, 25_500, 35_500])
    assert.deepStrictEqual([BackoffFirst, BackoffLast], [500, 10_000])
  })

  it("are each one, however often named, and never ourselves", () => {
    const peers = new BootstrapPeers([addressOf(1), inet("[::ffff:10.0.0.1]:7946"), self, addressOf(1)], self, 0)
    assert.strictEqual(peers.waiting, 1)
    assert.deepStrictEqual(contacted(peers, 0), ["10.0.0.1:7946"])
    const none = new BootstrapPeers([self], self, 0)
    assert.deepStrictEqual([none.waiting, none.nextContact()], [0, Infinity])
  })

  it("that are ourselves after all are struck out", () => {
    const peers = new BootstrapPeers([addressOf(1), addressOf(2)], self, 0)
    peers.foundSelf(PackedAddress.pack(addressOf(1)))
    peers.foundSelf(PackedAddress.pack(addressOf(77)))
    assert.strictEqual(peers.waiting, 1)
    assert.deepStrictEqual(contacted(peers, 0), ["10.0.0.2:7946"])
    assert.deepStrictEqual(peers.absent(new MemberTable(1)), [])
  })

  it("that answered are absent when no live member is at their address, nor whoever answered live elsewhere", () => {
    const peers = new BootstrapPeers([addressOf(1), addressOf(2)], self, 0)
    const absent = (table: MemberTable) => peers.absent(table).map(text)
    // Before it answered it is contacted anyway.
    assert.deepStrictEqual(absent(new MemberTable(1)), [])
    assert.isTrue(peers.answered(PackedAddress.pack(addressOf(1)), 0, 7))
    assert.isFalse(peers.answered(PackedAddress.pack(addressOf(1)), 0, 8))
    assert.isFalse(peers.answered(PackedAddress.pack(addressOf(3)), 0, 7))
    assert.deepStrictEqual(absent(tableOf(7, addressOf(1), Claim.Alive)), [])
    assert.deepStrictEqual(absent(tableOf(7, addressOf(1), Claim.Suspect)), [])
    assert.deepStrictEqual(absent(tableOf(7, addressOf(99), Claim.Alive)), [])
    assert.deepStrictEqual(absent(tableOf(8, addressOf(1), Claim.Alive)), [])
    assert.deepStrictEqual(absent(tableOf(7, addressOf(1), Claim.Dead)), ["10.0.0.1:7946"])
    assert.deepStrictEqual(absent(tableOf(8, addressOf(99), Claim.Alive)), ["10.0.0.1:7946"])
  })

  it("that wait are exactly those that did not answer, whatever happens when", () => {
    const event = fc.record({ wait: fc.nat(4000), answers: fc.option(fc.integer({ min: 1, max: 6 })) })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const peers = new BootstrapPeers([1, 2, 3, 4].map(addressOf), self, 0)
        const waiting = new Map([1, 2, 3, 4].map((n) => [n, { nextAt: 0, backoff: 500 }]))
        let now = 0
        for (const { answers, wait } of events) {
          now += wait
          const due = [...waiting].filter(([, { nextAt }]) => nextAt <= now)
          assert.deepStrictEqual(
            contacted(peers, now),
            due.map(([n]) => `10.0.0.${n}:7946`)
          )
          for (const [n, { backoff }] of due) {
            waiting.set(n, { nextAt: now + backoff, backoff: Math.min(2 * backoff, 10_000) })
          }
          if (answers !== null) {
            const first = peers.answered(PackedAddress.pack(addressOf(answers)), 0, answers)
            assert.strictEqual(first, waiting.delete(answers))
          }
          assert.strictEqual(peers.waiting, waiting.size)
          assert.strictEqual(
            peers.nextContact(),
            Math.min(Infinity, ...[...waiting.values()].map(({ nextAt }) => nextAt))
          )
        }
      }),
      { numRuns: 200 }
    )
  })
})
