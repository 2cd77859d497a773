import { assert, describe, it } from "@effect/vitest"
import { Host, NetAddress } from "effect/net"
import * as Claim from "../../src/domain/Claim.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import * as Peer from "../../src/domain/Peer.ts"
import { BootstrapPeers } from "../../src/join/BootstrapPeers.ts"
import { HealList } from "../../src/join/HealList.ts"
import { choose } from "../../src/join/Healing.ts"
import { MemberTable, Phase } from "../../src/membership/MemberTable.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

const addressOf = (n: number) => NetAddress.inetAddressFromStringUnsafe(`10.0.0.${n}:7946`)
const self = addressOf(250)
const seed = new Peer.Name({ host: Host.domainNameFromStringUnsafe("seed.example"), port: 7946 })

/** A table with a live member for each `[id, address]`. */
const tableOf = (...members: ReadonlyArray<readonly [id: number, at: number]>): MemberTable => {
  const table = new MemberTable(1)
  const own = table.take(0, 999)
  table.setAddress(own, PackedAddress.pack(self), 0)
  for (const [id, at] of members) {
    const slot = table.take(0, id)
    table.setPhase(slot, Phase.Member)
    table.setStatus(slot, Claim.Alive)
    table.setAddress(slot, PackedAddress.pack(addressOf(at)), 0)
    table.addToPools(slot, 0)
  }
  return table
}

const claim = (id: number, at: number) => ({
  idHi: 0,
  idLo: id,
  incarnation: 0,
  heartbeat: 0,
  address: PackedAddress.pack(addressOf(at))
})

const healListOf = (...dead: ReadonlyArray<readonly [id: number, at: number]>): HealList => {
  const list = new HealList(1000)
  for (const [id, at] of dead) list.add(NodeId.fromWords(0, id), claim(id, at), 0, true)
  return list
}

/** Peers by address, and `seed` at address 8, all of which have answered. */
const answeredPeers = (numbers: ReadonlyArray<number>, named = false): BootstrapPeers => {
  const peers = new BootstrapPeers([...numbers.map(addressOf), ...(named ? [seed] : [])], self, 0)
  if (named) peers.found(seed, [addressOf(8)], tableOf(), 0)
  for (const n of [...numbers, 8]) peers.answered(PackedAddress.pack(addressOf(n)), 0, n)
  return peers
}

describe("the choice of whom to heal", () => {
  it("is nobody when nobody is absent", () => {
    const sources = { healList: healListOf(), peers: answeredPeers([1]), table: tableOf([1, 1]) }
    assert.isUndefined(choose(sources, () => 0, 0))
  })

  it("gives every dead member, absent address and absent name the same chance", () => {
    const sources = { healList: healListOf([3, 3], [4, 4]), peers: answeredPeers([1, 2], true), table: tableOf() }
    const chosen = [0.1, 0.3, 0.5, 0.7, 0.9].map((draw) => {
      const attempt = choose(sources, () => draw, 0)
      switch (attempt?._tag) {
        case "PeerAddress":
          return NetAddress.formatInet(PackedAddress.read(attempt.address, 0))
        case "PeerName":
          return String(attempt.peer)
        case "DeadMember":
          return attempt.claim.idLo
        case undefined:
          return undefined
      }
    })
    assert.deepStrictEqual(chosen, ["10.0.0.1:7946", "10.0.0.2:7946", "seed.example:7946", 4, 4])
  })

  it("passes over dead members whose address is ours or belongs to another live member", () => {
    const healList = healListOf([3, 3], [4, 250])
    const sources = { healList, peers: answeredPeers([]), table: tableOf([9, 3]) }
    assert.isUndefined(choose(sources, () => 0, 0))
    assert.strictEqual(healList.size, 0)
  })

  it("tries a dead member whose own id is live at the address again", () => {
    const sources = { healList: healListOf([3, 3]), peers: answeredPeers([]), table: tableOf([3, 3]) }
    assert.strictEqual(choose(sources, () => 0, 0)?._tag, "DeadMember")
  })

  it("forgets dead members after the timeout", () => {
    const sources = { healList: healListOf([3, 3]), peers: answeredPeers([]), table: tableOf() }
    assert.isDefined(choose(sources, () => 0, 999))
    assert.isUndefined(choose(sources, () => 0, 1000))
  })
})
