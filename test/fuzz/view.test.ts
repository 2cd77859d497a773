/** The core alone, under any sequence of messages of valid shape: what must hold after every one of them. */
import { describe, it } from "@effect/vitest"
import { strict as assert } from "node:assert"
import { NetAddress } from "effect/net"
import * as fc from "fast-check"
import * as Claim from "../../src/domain/Claim.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import * as SerialNumber from "../../src/domain/SerialNumber.ts"
import { Findings } from "../../src/membership/Findings.ts"
import { ClusterView } from "../../src/membership/ClusterView.ts"
import { TombstoneFactor } from "../../src/membership/Tombstones.ts"
import { Mark, Phase, SelfSlot } from "../../src/membership/MemberTable.ts"
import { Kind } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import { MessageWriter } from "../../src/wire/MessageWriter.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

const findings = new Findings()

const limits = { members: 6, tombstones: 4, unlistedTombstones: 3 }
const Retention = 1000
const Self = 0

/** Far from each other and close by, on both sides of the wrap and of the half. */
const counter = fc.oneof(
  { weight: 4, arbitrary: fc.nat(3) },
  fc.constantFrom(0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff),
  fc.integer({ min: 0, max: 0xffffffff })
)
const addresses = [
  "10.0.0.1:7946",
  "10.0.0.2:7946",
  "10.0.0.3:1",
  "0.0.0.0:7946",
  "10.0.0.4:0",
  "224.0.0.1:7946",
  "192.168.0.1:7946",
  "[::ffff:10.0.0.2]:7946",
  "[fd00::1]:7946"
].map((text) => {
  const bytes = new Uint8Array(PackedAddress.MaxLength)
  PackedAddress.writeExact(NetAddress.inetAddressFromStringUnsafe(text), bytes, 0)
  return bytes
})
const address = fc.nat(addresses.length - 1)
const id = fc.nat(14)

const message = fc.record({
  kind: fc.constantFrom(Kind.Gossip, Kind.Ping, Kind.Ack, Kind.Leave, Kind.AntiEntropy),
  from: id,
  heartbeat: counter,
  incarnation: counter,
  level: fc.nat(2),
  source: fc.constantFrom(0, 1, 2, 6, 7, 8),
  wait: fc.oneof({ weight: 6, arbitrary: fc.nat(50) }, fc.nat(TombstoneFactor * Retention)),
  entries: fc.array(fc.record({ id, heartbeat: counter, incarnation: counter, status: fc.nat(3), address }), {
    maxLength: 12
  }),
  /** What we find out ourselves meanwhile, about some slot. */
  verdict: fc.option(fc.record({ slot: fc.nat(13), dead: fc.boolean() }), { freq: 3, nil: undefined })
})

const open = () =>
  new ClusterView({
    id: NodeId.fromWords(0, Self),
    address: NetAddress.inetAddressFromStringUnsafe("10.0.0.1:7946"),
    incarnation: 0,
    deadRetention: Retention,
    conflictInterval: 0,
    staleAfter: 500,
    seed: 7,
    isAllowed: (bytes, at) => bytes[at] !== 4 || bytes[at + 1] === 10,
    limits
  })

const check = (view: ClusterView, now: number): void => {
  const { table } = view
  const phases = { [Phase.Free]: 0, [Phase.Self]: 0, [Phase.Member]: 0, [Phase.Tombstone]: 0 }
  let alive = 0
  let suspect = 0
  let dead = 0
  let left = 0
  let unlisted = 0
  for (let slot = 0; slot < table.top; slot++) {
    const phase = table.phase(slot)
    assert(phase === 0 || phase === 1 || phase === 2 || phase === 3)
    phases[phase]++
    if (phase === Phase.Free) continue
    assert.equal(table.index.get(table.idHi(slot), table.idLo(slot)), slot)
    if (phase === Phase.Tombstone && table.has(slot, Mark.Unlisted)) unlisted++
    if (phase !== Phase.Member) continue
    assert(PackedAddress.isReachable(table.addressBytes(slot), table.addressAt(slot)))
    const status = table.status(slot)
    if (status === Claim.Alive) alive++
    else if (status === Claim.Suspect) suspect++
    else dead++
    if (status === Claim.Dead && table.has(slot, Mark.Left)) left++
    if (status === Claim.Dead) continue
    // Whoever lives is found by its address, or another live member that has the same.
    const holder = table.liveAt(table.addressBytes(slot), table.addressAt(slot))
    assert(holder >= 0 && table.isLive(holder))
    assert(table.sameAddress(holder, table.addressBytes(slot), table.addressAt(slot)))
    assert.equal(holder !== slot, table.has(slot, Mark.Shadowed))
  }
  assert.equal(phases[Phase.Self], 1)
  assert.equal(table.alive, 1 + alive)
  assert.equal(table.live, 1 + alive + suspect)
  assert.equal(table.suspects.length, suspect)
  assert.equal(table.dead.length, dead)
  assert.equal(table.leftCount, left)
  assert.equal(table.listed, alive + suspect + dead)
  assert.equal(table.unlisted.length, unlisted)
  assert.equal(table.tombstones.length, phases[Phase.Tombstone] - unlisted)
  assert.equal(table.index.size, 1 + phases[Phase.Member] + phases[Phase.Tombstone])
  assert(table.listed <= limits.members)
  assert(table.tombstones.length <= limits.tombstones)
  assert(table.unlisted.length <= limits.unlistedTombstones)
  assert(table.top <= 2 + limits.members + limits.tombstones + limits.unlistedTombstones)
  assert(view.nextExpiry() > now)
}

describe("a view of the cluster", () => {
  it("keeps its counts and bounds, and the last word about itself, whatever it is told", () => {
    const writer = new MessageWriter()
    const inbound = new Inbound()
    fc.assert(
      fc.property(fc.array(message, { maxLength: 60 }), (messages) => {
        const view = open()
        const { table } = view
        let now = 0
        for (const { entries, from, heartbeat, incarnation, kind, level, source, verdict, wait } of messages) {
          now += wait
          view.expire(now)
          view.beat()
          Object.assign(writer.header, { idHi: 0, idLo: from, heartbeat, incarnation, level })
          writer.begin(kind, 0)
          if (kind === Kind.AntiEntropy) writer.chunk(0, 1, 0, 1)
          if (kind !== Kind.Leave) {
            for (const entry of entries) {
              const at = addresses[entry.address]!
              writer.entry(0, entry.id, entry.heartbeat, entry.incarnation, entry.status, at, 0)
            }
          }
          assert.equal(inbound.decode(writer.finish()), undefined)
          PackedAddress.copyCanonical(addresses[source]!, 0, inbound.source, 0)
          if (kind === Kind.Leave) view.receiveLeave(inbound, false, now, findings)
          else view.receive(inbound, now, findings)
          if (verdict !== undefined && verdict.slot > SelfSlot && verdict.slot < table.top) {
            if (verdict.dead) view.declareDead(verdict.slot, { _tag: "Heard" }, now)
            else view.suspect(verdict.slot, { _tag: "Heard" }, now)
          }
          check(view, now)
          assert.equal(table.status(SelfSlot), Claim.Alive)
          // The last claim about us of this message does not stand: our own word is the higher one now.
          const last = kind === Kind.Leave ? undefined : entries.findLast((entry) => entry.id === Self)
          if (last !== undefined && (last.status === Claim.Suspect || last.status === Claim.Dead)) {
            assert(SerialNumber.compare(view.incarnation, last.incarnation) > 0)
          }
        }
      }),
      { numRuns: 2000 }
    )
  })
})
