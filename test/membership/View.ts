/** A view, the messages that it receives, and what it reports. */
import { Result } from "effect"
import { NetAddress } from "effect/net"
import { assert } from "vitest"
import * as Claim from "../../src/domain/Claim.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { ClusterView, type ViewOptions } from "../../src/membership/ClusterView.ts"
import { Digest } from "../../src/membership/Digest.ts"
import { Findings } from "../../src/membership/Findings.ts"
import { Mark, Phase, SelfSlot } from "../../src/membership/MemberTable.ts"
import type { SlotPool } from "../../src/membership/SlotPool.ts"
import type { Conflict, DeathClaim, Transition } from "../../src/membership/ViewObserver.ts"
import { MaxLevel } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as Message from "../../src/wire/Message.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

/** The findings about the newest message. */
export const findings = new Findings()

/** The bounds of the views here: those of the default configuration. */
export const MaxTombstones = 8192
export const MaxUnlisted = 1024

export const id = (n: number) => NodeId.fromWords(n, n)
export const address = NetAddress.inetAddressFromStringUnsafe
export const addressOf = (n: number) => address(`10.0.${n >>> 8}.${n & 0xff}:7000`)

export const Self = id(100)
export const selfAddress = addressOf(100)
/** Three members, and the member that passes on what others claim. */
export const [a, b, c, reporter] = [1, 2, 3, 9] as const

export const Retention = 60_000
export const Now = 1_000_000

export const entry =
  (status: Message.MessageEntry["status"]) =>
  (
    n: number,
    incarnation: number,
    heartbeat: number,
    at: NetAddress.InetAddress = addressOf(n)
  ): Message.MessageEntry => ({ nodeId: id(n), incarnation, heartbeat, status, address: at })

export const alive = entry("Alive")
export const suspect = entry("Suspect")
export const dead = entry("Dead")
export const aboutUs = (
  status: Message.MessageEntry["status"],
  incarnation: number,
  heartbeat: number,
  at: NetAddress.InetAddress = selfAddress
): Message.MessageEntry => ({ nodeId: Self, incarnation, heartbeat, status, address: at })

/** What varies between messages; by default from the sender's own address at `Now`. */
export interface Sent {
  readonly incarnation?: number
  readonly heartbeat?: number
  readonly level?: number
  readonly source?: NetAddress.InetAddress
  readonly now?: number
  readonly entries?: ReadonlyArray<Message.MessageEntry>
}

export const inbound = new Inbound()

const load = (message: Message.Message, source: NetAddress.InetAddress) => {
  assert.isUndefined(inbound.decode(Result.getOrThrow(Message.encode(message)), MaxLevel))
  PackedAddress.write(source, inbound.source, 0)
  return inbound
}

const headerOf = (n: number, { heartbeat = 0, incarnation = 0, level = 0 }: Sent) => ({
  senderId: id(n),
  heartbeat,
  incarnation,
  level,
  flags: 0
})

/** A GOSSIP of node `n` with these entries. Its own entry is in it only if it is among them. */
export const gossip = (n: number, sent: Sent): Message.Gossip => ({
  _tag: "Gossip",
  ...headerOf(n, sent),
  entries: sent.entries ?? []
})

export const emptyView = (options: Partial<ViewOptions> = {}) =>
  new ClusterView({
    id: Self,
    address: selfAddress,
    incarnation: 0,
    deadRetention: Retention,
    staleAfter: Infinity,
    conflictInterval: 1000,
    seed: 1,
    isAllowed: () => true,
    limits: { members: 65_536, tombstones: MaxTombstones, unlistedTombstones: MaxUnlisted },
    ...options
  })

/** A node whose only member is the reporter. */
export const open = (options: Partial<ViewOptions> = {}) => {
  const view = emptyView(options)
  const events: Array<string> = []
  const transitions: Array<Transition> = []
  const deaths: Array<DeathClaim> = []
  const conflicts: Array<Conflict> = []
  const forgotten: Array<number> = []
  const selfChanges: Array<boolean> = []
  view.observe({
    transition: (transition) => {
      transitions.push(transition)
      events.push(`${transition.kind} ${view.idOf(transition.slot) >> 32n}`)
    },
    deathClaimed: (claim) => deaths.push(claim),
    conflict: (conflict) => conflicts.push(conflict),
    forgotten: (slot) => forgotten.push(slot),
    selfChanged: (refuted) => selfChanges.push(refuted)
  })
  const { table } = view
  const slotOf = (n: number) => view.slotOf(id(n))
  const node = {
    view,
    table,
    /** Transitions in short, oldest first: `"Joined 1"`. */
    events,
    transitions,
    deaths,
    conflicts,
    forgotten,
    selfChanges,
    slotOf,
    /** Receives a GOSSIP of node `n`. */
    receive: (n: number, sent: Sent = {}) => {
      view.receive(load(gossip(n, sent), sent.source ?? addressOf(n)), sent.now ?? Now, findings)
      return findings
    },
    /** The reporter passes on claims of others. */
    passOn: (...entries: ReadonlyArray<Message.MessageEntry>) => node.receive(reporter, { entries }),
    passOnAt: (now: number, ...entries: ReadonlyArray<Message.MessageEntry>) =>
      node.receive(reporter, { entries, now }),
    /** The reporter passes on, in the form of extension level 1, claims of others and who of them left. */
    passOnLeft: (
      entries: ReadonlyArray<Message.MessageEntry>,
      ...left: ReadonlyArray<readonly [n: number, incarnation: number]>
    ) => {
      const members = left.map(([n, incarnation]) => ({ nodeId: id(n), incarnation }))
      const message = { _tag: "Gossip1", ...headerOf(reporter, {}), entries, left: members } as const
      view.receive(load(message, addressOf(reporter)), Now, findings)
    },
    /** Receives a LEAVE of node `n`. */
    leave: (n: number, sent: Sent = {}, authentic = false) =>
      view.receiveLeave(
        load({ _tag: "Leave", ...headerOf(n, sent) }, sent.source ?? addressOf(n)),
        authentic,
        sent.now ?? Now,
        findings
      ),
    has: (n: number, mark: number) => table.has(slotOf(n), mark),
    addressOf: (n: number) => String(table.inetAddress(slotOf(n))),
    /** What the view holds about node `n`: `"Alive 0 7"`. */
    claim: (n: number) => {
      const slot = slotOf(n)
      if (slot === -1) return "nothing"
      const status = ["Alive", "Suspect", "Dead"][table.status(slot)]
      const what = table.phase(slot) === Phase.Tombstone ? "tombstone" : status
      return `${what} ${table.incarnation(slot)} ${table.heartbeat(slot)}`
    }
  }
  node.receive(reporter, { entries: [alive(reporter, 0, 0)] })
  events.length = 0
  transitions.length = 0
  return node
}

export type Node = ReturnType<typeof open>

export const probeFailed = { _tag: "ProbeFailed", relays: [] } as const
export const expired = { _tag: "LeaveReceived" } as const

const contents = (pool: SlotPool) => Array.from({ length: pool.length }, (_, i) => pool.at(i)).toSorted((x, y) => x - y)

/** Walks the table and compares every count, pool, list and index with what the walk finds. */
export const checkInvariants = (view: ClusterView) => {
  const { table } = view
  const slots = Array.from({ length: table.top }, (_, slot) => slot)
  const where = (predicate: (slot: number) => boolean) => slots.filter(predicate)
  const member = (slot: number) => table.phase(slot) === Phase.Member
  const tombstone = (slot: number) => table.phase(slot) === Phase.Tombstone
  const unlisted = (slot: number) => table.has(slot, Mark.Unlisted)
  const withStatus = (status: number) => where((slot) => member(slot) && table.status(slot) === status)
  const addressAt = (slot: number) => PackedAddress.key(table.addressBytes(slot), table.addressAt(slot))
  const aliveSlots = withStatus(Claim.Alive)
  const suspectSlots = withStatus(Claim.Suspect)
  const deadSlots = withStatus(Claim.Dead)
  const used = where((slot) => table.phase(slot) !== Phase.Free)

  assert.deepStrictEqual(
    {
      aliveBase: contents(table.aliveBase),
      aliveExtended: contents(table.aliveExtended),
      suspects: contents(table.suspects),
      alive: table.alive,
      live: table.live,
      dead: table.dead.length,
      left: table.leftCount,
      unlisted: table.unlisted.length,
      tombstones: table.tombstones.length,
      indexed: table.index.size,
      self: where((slot) => table.phase(slot) === Phase.Self)
    },
    {
      aliveBase: aliveSlots.filter((slot) => table.level(slot) === 0),
      aliveExtended: aliveSlots.filter((slot) => table.level(slot) > 0),
      suspects: suspectSlots,
      alive: 1 + aliveSlots.length,
      live: 1 + where((slot) => table.isLive(slot)).length,
      dead: deadSlots.length,
      left: deadSlots.filter((slot) => table.has(slot, Mark.Left)).length,
      unlisted: where((slot) => tombstone(slot) && unlisted(slot)).length,
      tombstones: where((slot) => tombstone(slot) && !unlisted(slot)).length,
      indexed: used.length,
      self: [SelfSlot]
    }
  )
  const digest = new Digest()
  for (const slot of [...aliveSlots, ...suspectSlots]) digest.add(table.digestMember(slot))
  assert.deepStrictEqual({ ...table.digest }, { ...digest })
  assert.strictEqual(table.live, 1 + aliveSlots.length + suspectSlots.length)

  const wrong = (what: string, predicate: (slot: number) => boolean) =>
    used.filter(predicate).map((slot) => `${what} in slot ${slot}`)
  // The index by address has a live member for every address that one has, and for no other.
  const misindexed = (slot: number) => {
    const indexed = table.liveAt(table.addressBytes(slot), table.addressAt(slot))
    const there = where((other) => table.isLive(other) && addressAt(other) === addressAt(slot))
    return there.length === 0 ? indexed !== -1 : !there.includes(indexed)
  }
  const ours = (slot: number) => addressAt(slot) === addressAt(SelfSlot)
  assert.deepStrictEqual(
    [
      ...wrong("id not indexed", (slot) => table.index.get(table.idHi(slot), table.idLo(slot)) !== slot),
      ...wrong("address not indexed", (slot) => slot !== SelfSlot && misindexed(slot)),
      ...wrong("left but not dead", (slot) => member(slot) && table.has(slot, Mark.Left) && table.isLive(slot)),
      ...wrong("unlisted member", (slot) => member(slot) && unlisted(slot)),
      ...wrong("our address", (slot) => member(slot) && table.has(slot, Mark.AtOurAddress) !== ours(slot)),
      ...wrong(
        "unusable",
        (slot) => member(slot) && !PackedAddress.isReachable(table.addressBytes(slot), table.addressAt(slot))
      ),
      ...wrong(
        "alive heartbeat",
        (slot) =>
          aliveSlots.includes(slot) &&
          !(table.has(slot, Mark.AliveKnown) && table.aliveHeartbeat(slot) === table.heartbeat(slot))
      )
    ],
    []
  )
}
