import { assert, describe, it } from "@effect/vitest"
import { Host, NetAddress } from "effect/net"
import * as fc from "fast-check"
import * as Claim from "../../src/domain/Claim.ts"
import * as Peer from "../../src/domain/Peer.ts"
import { BackoffFirst, BackoffLast, BootstrapPeers, MaxAddresses } from "../../src/join/BootstrapPeers.ts"
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
  table.setPhase(slot, Phase.Member)
  table.setStatus(slot, status)
  table.setAddress(slot, PackedAddress.pack(at), 0)
  table.addToPools(slot, 0)
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

  it("are contacted once, however often they are given, and the own address never", () => {
    const peers = new BootstrapPeers([addressOf(1), inet("[::ffff:10.0.0.1]:7946"), self, addressOf(1)], self, 0)
    assert.strictEqual(peers.waiting, 1)
    assert.deepStrictEqual(contacted(peers, 0), ["10.0.0.1:7946"])
    const none = new BootstrapPeers([self], self, 0)
    assert.deepStrictEqual([none.waiting, none.nextContact()], [0, Infinity])
  })

  it("have been met once a live member is at their address, wherever its datagrams come from", () => {
    const peers = new BootstrapPeers([addressOf(1), addressOf(2)], self, 0)
    const table = tableOf(7, addressOf(1), Claim.Alive)
    assert.strictEqual(peers.unmet(table), 1)
    assert.strictEqual(peers.unmet(tableOf(7, addressOf(1), Claim.Dead)), 2)
    // Each is contacted once, because its answer brings the table of members.
    peers.meet(table)
    assert.deepStrictEqual(contacted(peers, 0), ["10.0.0.1:7946", "10.0.0.2:7946"])
    peers.meet(table)
    assert.deepStrictEqual(contacted(peers, 500), ["10.0.0.2:7946"])
    assert.strictEqual(peers.waiting, 1)
    assert.deepStrictEqual(peers.absent(table), [])
    assert.deepStrictEqual(peers.absent(tableOf(7, addressOf(1), Claim.Dead)).map(text), ["10.0.0.1:7946"])
  })

  it("that turn out to be this node are dropped", () => {
    const peers = new BootstrapPeers([addressOf(1), addressOf(2)], self, 0)
    const waiting = () => [1, 2, 77].filter((n) => peers.isWaitingAt(PackedAddress.pack(addressOf(n))))
    assert.deepStrictEqual(waiting(), [1, 2])
    peers.foundSelf(PackedAddress.pack(addressOf(1)))
    peers.foundSelf(PackedAddress.pack(addressOf(77)))
    assert.strictEqual(peers.waiting, 1)
    assert.deepStrictEqual(waiting(), [2])
    assert.deepStrictEqual(contacted(peers, 0), ["10.0.0.2:7946"])
    assert.deepStrictEqual(peers.absent(new MemberTable(1)), [])
  })

  it("are nobody but this node once every address is its own", () => {
    const onlySelf = (...peers: ReadonlyArray<Peer.Peer>) => new BootstrapPeers(peers, self, 0).onlySelf
    assert.deepStrictEqual([onlySelf(), onlySelf(self), onlySelf(self, addressOf(1))], [true, true, false])
    const peers = new BootstrapPeers([addressOf(1)], self, 0)
    peers.foundSelf(PackedAddress.pack(addressOf(1)))
    assert.isTrue(peers.onlySelf)
    peers.add([addressOf(2)], 0)
    assert.isFalse(peers.onlySelf)
  })

  it("that are added are due at once, and peers that are added again start with the shortest wait", () => {
    const peers = new BootstrapPeers([addressOf(1), addressOf(2)], self, 0)
    peers.answered(PackedAddress.pack(addressOf(1)), 0, 1)
    for (const now of [0, 500, 1500]) assert.deepStrictEqual(contacted(peers, now), ["10.0.0.2:7946"])
    const given = [addressOf(1), addressOf(2), addressOf(3), self]
    assert.strictEqual(peers.countNew(given), 1)
    peers.add(given, 2000)
    assert.deepStrictEqual([peers.size, peers.waiting, peers.nextContact()], [3, 3, 2000])
    assert.deepStrictEqual(contacted(peers, 2000), ["10.0.0.1:7946", "10.0.0.2:7946", "10.0.0.3:7946"])
    assert.strictEqual(peers.nextContact(), 2500)
    assert.isTrue(peers.answered(PackedAddress.pack(addressOf(1)), 0, 1))
    assert.strictEqual(peers.waiting, 2)
  })

  it("that answered are absent when no live member is at their address and the node that answered is not live elsewhere", () => {
    const peers = new BootstrapPeers([addressOf(1), addressOf(2)], self, 0)
    const absent = (table: MemberTable) => peers.absent(table).map(text)
    // A peer that has not answered is contacted anyway.
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

  it("wait until they answer, in every order of events", () => {
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

describe("peers by name", () => {
  const seed = new Peer.Name({ host: Host.domainNameFromStringUnsafe("seed.example"), port: 7946 })
  const service = new Peer.Service({ name: Host.domainNameFromStringUnsafe("_gossip._udp.example") })
  const nobody = new MemberTable(1)
  const spoke = (peers: BootstrapPeers, n: number) => peers.answered(PackedAddress.pack(addressOf(n)), 0, n)
  const found = (peers: BootstrapPeers, at: ReadonlyArray<number>, now: number, table = nobody) =>
    peers.found(seed, at.map(addressOf), table, now).map(text)

  it("are looked up at once, and again at waits doubled from 500 ms to 10 s after each lookup", () => {
    const peers = new BootstrapPeers([seed], self, 0)
    assert.strictEqual(peers.waiting, 1)
    const times: Array<number> = []
    for (let i = 0; i < 8; i++) {
      const at = peers.nextContact()
      assert.deepStrictEqual(contacted(peers, at), [])
      assert.deepStrictEqual(peers.lookupsDue(at - 1), [])
      assert.deepStrictEqual(peers.lookupsDue(at), [seed])
      times.push(at)
      // No second lookup starts while one is in progress.
      assert.deepStrictEqual([peers.nextContact(), peers.lookupsDue(at + 60_000)], [Infinity, []])
      if (i % 2 === 0) peers.notFound(seed, at + 1000)
      else assert.deepStrictEqual(found(peers, [i], at + 1000), [`10.0.0.${i}:7946`])
    }
    assert.deepStrictEqual(times, [0, 1500, 3500, 6500, 11_500, 20_500, 31_500, 42_500])
  })

  it("are one peer each, next to addresses, and each is looked up by itself", () => {
    const again = new Peer.Name({ host: seed.host, port: seed.port })
    const peers = new BootstrapPeers([addressOf(1), again, service, seed], self, 0)
    assert.strictEqual(peers.waiting, 3)
    assert.deepStrictEqual(contacted(peers, 0), ["10.0.0.1:7946"])
    assert.deepStrictEqual(peers.lookupsDue(0).map(String), [String(seed), String(service)])
    peers.notFound(service, 0)
    assert.deepStrictEqual(peers.lookupsDue(500), [service])
  })

  it("stand for each of their addresses once, in order, without our own and unusable ones", () => {
    const peers = new BootstrapPeers([seed], self, 0)
    const all = [
      addressOf(3),
      self,
      addressOf(1),
      inet("[::ffff:10.0.0.3]:7946"),
      inet("0.0.0.0:1"),
      inet("10.0.0.2:0")
    ]
    assert.deepStrictEqual(peers.found(seed, all, nobody, 0).map(text), ["10.0.0.3:7946", "10.0.0.1:7946"])
    // Only our own address: this node is the first of the name.
    assert.deepStrictEqual(found(peers, [250], 0), [])
    assert.strictEqual(peers.waiting, 1)
  })

  it("stand for at most 256 addresses", () => {
    const peers = new BootstrapPeers([seed], self, 0)
    const many = Array.from({ length: 300 }, (_, i) => inet(`10.1.${i >> 8}.${i & 255}:1`))
    const all = peers.found(seed, [...many, ...many], nobody, 0).map(text)
    assert.strictEqual(MaxAddresses, 256)
    assert.deepStrictEqual(all, many.slice(0, 256).map(NetAddress.formatInet))
  })

  it("have answered when a node at one of their last addresses has answered", () => {
    const peers = new BootstrapPeers([seed, addressOf(2)], self, 0)
    peers.lookupsDue(0)
    assert.isFalse(spoke(peers, 1))
    found(peers, [1, 2, 3], 0)
    found(peers, [2, 3], 0)
    assert.isFalse(spoke(peers, 1))
    assert.strictEqual(peers.waiting, 2)
    // One message answers for the address and for the name.
    assert.isTrue(spoke(peers, 2))
    assert.deepStrictEqual([peers.waiting, peers.nextContact(), peers.lookupsDue(60_000)], [0, Infinity, []])
    assert.isFalse(spoke(peers, 3))
  })

  it("wait for an answer again, with the shortest wait first, when no other member is alive", () => {
    const peers = new BootstrapPeers([seed, addressOf(9)], self, 0)
    peers.alone(0)
    assert.strictEqual(peers.waiting, 2)
    for (const now of [0, 500, 1500]) {
      assert.deepStrictEqual(peers.lookupsDue(now), [seed])
      found(peers, [1], now)
    }
    spoke(peers, 1)
    spoke(peers, 9)
    assert.strictEqual(peers.waiting, 0)
    peers.alone(70_000)
    // Peers by address are left to healing.
    assert.deepStrictEqual([peers.waiting, peers.nextContact()], [1, 70_000])
    assert.deepStrictEqual(peers.absentNames(nobody), [])
    assert.deepStrictEqual(peers.lookupsDue(70_000), [seed])
    found(peers, [1], 70_000)
    assert.strictEqual(peers.nextContact(), 70_500)
  })

  it("that answered are absent when no live member is at any of their last addresses", () => {
    const peers = new BootstrapPeers([seed, service], self, 0)
    peers.lookupsDue(0)
    found(peers, [1, 2], 0)
    assert.deepStrictEqual(peers.absentNames(nobody), [])
    spoke(peers, 1)
    assert.deepStrictEqual(peers.absentNames(nobody), [seed])
    assert.deepStrictEqual(peers.absent(nobody), [])
    for (const [n, at, status] of [
      [1, 99, Claim.Alive],
      [7, 2, Claim.Suspect],
      [7, 1, Claim.Alive]
    ] as const) {
      assert.deepStrictEqual(peers.absentNames(tableOf(n, addressOf(at), status)), [])
    }
    assert.deepStrictEqual(peers.absentNames(tableOf(1, addressOf(1), Claim.Dead)), [seed])
    // It is no candidate during a lookup, which may find an address where a member is.
    peers.lookUp(seed)
    assert.deepStrictEqual(peers.absentNames(nobody), [])
    assert.deepStrictEqual(found(peers, [5, 6], 10, tableOf(7, addressOf(6), Claim.Alive)), [])
    peers.lookUp(seed)
    assert.deepStrictEqual(found(peers, [5, 6], 20, tableOf(7, addressOf(8), Claim.Alive)), [
      "10.0.0.5:7946",
      "10.0.0.6:7946"
    ])
    peers.lookUp(seed)
    peers.notFound(seed, 30)
    assert.deepStrictEqual(peers.absentNames(tableOf(7, addressOf(6), Claim.Alive)), [])
  })

  it("are nobody but this node while a lookup finds only its own addresses", () => {
    const peers = new BootstrapPeers([seed], self, 0)
    assert.isFalse(peers.onlySelf)
    peers.lookupsDue(0)
    peers.notFound(seed, 0)
    assert.isFalse(peers.onlySelf)
    found(peers, [250], 0)
    assert.isTrue(peers.onlySelf)
    found(peers, [250, 1], 0)
    assert.isFalse(peers.onlySelf)
    peers.foundSelf(PackedAddress.pack(addressOf(1)))
    assert.isTrue(peers.onlySelf)
    found(peers, [], 0)
    assert.isFalse(peers.onlySelf)
  })

  it("are looked up at once when they are added once more, after a lookup in progress", () => {
    const peers = new BootstrapPeers([seed], self, 0)
    peers.lookupsDue(0)
    peers.add([seed], 10)
    assert.deepStrictEqual([peers.countNew([seed, service]), peers.lookupsDue(20)], [1, []])
    found(peers, [1], 20)
    assert.strictEqual(peers.nextContact(), 520)
    spoke(peers, 1)
    peers.add([seed], 100)
    assert.deepStrictEqual([peers.waiting, peers.lookupsDue(100)], [1, [seed]])
  })

  it("never contact an address of this node again, and go on waiting", () => {
    const peers = new BootstrapPeers([seed], self, 0)
    assert.deepStrictEqual(found(peers, [1, 2], 0), ["10.0.0.1:7946", "10.0.0.2:7946"])
    peers.foundSelf(PackedAddress.pack(addressOf(1)))
    peers.foundSelf(PackedAddress.pack(addressOf(77)))
    assert.deepStrictEqual(found(peers, [1, 2, 77], 500), ["10.0.0.2:7946", "10.0.0.77:7946"])
    assert.isFalse(spoke(peers, 1))
    assert.strictEqual(peers.waiting, 1)
  })
})
