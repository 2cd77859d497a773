import { describe, expect, it } from "@effect/vitest"
import { Result } from "effect"
import { NetAddress } from "effect/net"
import * as fc from "fast-check"
import * as Claim from "../../src/domain/Claim.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import * as SerialNumber from "../../src/domain/SerialNumber.ts"
import { Findings } from "../../src/membership/Findings.ts"
import { ClusterView, type ViewOptions } from "../../src/membership/ClusterView.ts"
import { TombstoneFactor } from "../../src/membership/Tombstones.ts"
import type { Conflict, DeathClaim, Transition } from "../../src/membership/ViewObserver.ts"
import { AddressStride, Mark, Phase, SelfSlot } from "../../src/membership/MemberTable.ts"
import type { SlotPool } from "../../src/membership/SlotPool.ts"
import { writeU16 } from "../../src/wire/Bytes.ts"
import { internetChecksum } from "../../src/wire/Checksum.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as Message from "../../src/wire/Message.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

/** What the message that was merged last led to. */
const findings = new Findings()

/** The bounds of the tests' views, those of the defaults. */
const MaxTombstones = 8192
const MaxUnlisted = 1024

// --- who is who ----------------------------------------------------------------

const id = (n: number) => NodeId.fromWords(n, n)
const address = NetAddress.inetAddressFromStringUnsafe
const addressOf = (n: number) => address(`10.0.${n >>> 8}.${n & 0xff}:7000`)

const Self = id(100)
const selfAddress = addressOf(100)
/** Three members, and one that only tells us of them. */
const [a, b, c, teller] = [1, 2, 3, 9] as const

const Retention = 60_000
const Now = 1_000_000

// --- what they say ---------------------------------------------------------------

const entry =
  (status: Message.MessageEntry["status"]) =>
  (
    n: number,
    incarnation: number,
    heartbeat: number,
    at: NetAddress.InetAddress = addressOf(n)
  ): Message.MessageEntry => ({ nodeId: id(n), incarnation, heartbeat, status, address: at })

const alive = entry("Alive")
const suspect = entry("Suspect")
const dead = entry("Dead")
const aboutUs = (
  status: Message.MessageEntry["status"],
  incarnation: number,
  heartbeat: number,
  at: NetAddress.InetAddress = selfAddress
): Message.MessageEntry => ({ nodeId: Self, incarnation, heartbeat, status, address: at })

interface Said {
  readonly incarnation?: number
  readonly heartbeat?: number
  readonly level?: number
  readonly source?: NetAddress.InetAddress
  readonly now?: number
  readonly entries?: ReadonlyArray<Message.MessageEntry>
}

const inbound = new Inbound()

const load = (message: Message.Message, source: NetAddress.InetAddress) => {
  expect(inbound.decode(Result.getOrThrow(Message.encode(message)))).toBeUndefined()
  PackedAddress.write(source, inbound.source, 0)
  return inbound
}

/** Hands a view a message as a socket would. */
const deliver = (view: ClusterView, message: Message.Message, source: NetAddress.InetAddress, now: number) =>
  view.receive(load(message, source), now, findings)

const headerOf = (n: number, { heartbeat = 0, incarnation = 0, level = 0 }: Said) => ({
  senderId: id(n),
  heartbeat,
  incarnation,
  level,
  flags: 0
})

/** A GOSSIP of node `n`, with the given entries and not of itself its own. */
const gossip = (n: number, said: Said): Message.Gossip => ({
  _tag: "Gossip",
  ...headerOf(n, said),
  entries: said.entries ?? []
})

// --- a view and what it tells ----------------------------------------------------

const open = (options: Partial<ViewOptions> = {}) => {
  const view = new ClusterView({
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
    /** What became of whom, oldest first, as `"Joined 1"`. */
    events,
    transitions,
    deaths,
    conflicts,
    forgotten,
    selfChanges,
    slotOf,
    /** Node `n` speaks to us. */
    hear: (n: number, said: Said = {}) => {
      deliver(view, gossip(n, said), said.source ?? addressOf(n), said.now ?? Now)
      return findings
    },
    /** The teller passes on what others say. */
    tell: (...entries: ReadonlyArray<Message.MessageEntry>) => node.hear(teller, { entries }),
    tellAt: (now: number, ...entries: ReadonlyArray<Message.MessageEntry>) => node.hear(teller, { entries, now }),
    leave: (n: number, said: Said = {}, authentic = false) =>
      view.receiveLeave(
        load({ _tag: "Leave", ...headerOf(n, said) }, said.source ?? addressOf(n)),
        authentic,
        said.now ?? Now,
        findings
      ),
    has: (n: number, mark: number) => table.has(slotOf(n), mark),
    addressOf: (n: number) => String(table.inetAddress(slotOf(n))),
    /** What is held of node `n`. */
    claim: (n: number) => {
      const slot = slotOf(n)
      if (slot === -1) return "nothing"
      const status = ["Alive", "Suspect", "Dead"][table.status[slot]!]
      const what = table.phase[slot] === Phase.Tombstone ? "tombstone" : status
      return `${what} ${table.incarnation[slot]} ${table.heartbeat[slot]}`
    }
  }
  node.hear(teller, { entries: [alive(teller, 0, 0)] })
  events.length = 0
  transitions.length = 0
  return node
}

type Node = ReturnType<typeof open>

const probeFailed = { _tag: "ProbeFailed", relays: [] } as const
const expired = { _tag: "LeaveReceived" } as const

// --- what always holds -----------------------------------------------------------

const contents = (pool: SlotPool) => Array.from({ length: pool.length }, (_, i) => pool.at(i)).toSorted((a, b) => a - b)

/** Walks the table and compares every count, pool, list and index with what the walk finds. */
const checkInvariants = (view: ClusterView) => {
  const { table } = view
  const slots = Array.from({ length: table.top }, (_, slot) => slot)
  const where = (predicate: (slot: number) => boolean) => slots.filter(predicate)
  const member = (slot: number) => table.phase[slot] === Phase.Member
  const tombstone = (slot: number) => table.phase[slot] === Phase.Tombstone
  const withStatus = (status: number) => where((slot) => member(slot) && table.status[slot] === status)
  const addressAt = (slot: number) => PackedAddress.key(table.address, slot * AddressStride)

  const [living, suspected, gone] = [Claim.Alive, Claim.Suspect, Claim.Dead].map(withStatus)
  expect(contents(table.aliveBase)).toEqual(living!.filter((slot) => table.level[slot] === 0))
  expect(contents(table.aliveExtended)).toEqual(living!.filter((slot) => table.level[slot]! > 0))
  expect(contents(table.suspects)).toEqual(suspected)
  expect(table.alive).toBe(1 + living!.length)
  expect(table.live).toBe(1 + living!.length + suspected!.length)
  expect(where((slot) => table.isLive(slot)).length).toBe(table.live - 1)

  expect(table.dead.length).toBe(gone!.length)
  expect(table.leftCount).toBe(gone!.filter((slot) => table.has(slot, Mark.Left)).length)
  expect(where((slot) => member(slot) && table.has(slot, Mark.Left) && table.status[slot] !== Claim.Dead)).toEqual([])
  const unlisted = (slot: number) => table.has(slot, Mark.Unlisted)
  expect(table.unlisted.length).toBe(where((slot) => tombstone(slot) && unlisted(slot)).length)
  expect(table.tombstones.length).toBe(where((slot) => tombstone(slot) && !unlisted(slot)).length)
  expect(where((slot) => member(slot) && unlisted(slot))).toEqual([])

  const used = where((slot) => table.phase[slot] !== Phase.Free)
  expect(table.index.size).toBe(used.length)
  for (const slot of used) expect(table.index.get(table.idHi[slot]!, table.idLo[slot]!)).toBe(slot)
  expect(where((slot) => table.phase[slot] === Phase.Self)).toEqual([SelfSlot])

  // The index by address knows a live member for every address that one has, and for no other.
  for (const slot of used.slice(1)) {
    const indexed = table.liveAt(table.address, slot * AddressStride)
    const there = where((other) => table.isLive(other) && addressAt(other) === addressAt(slot))
    expect(there.length === 0 ? indexed === -1 : there.includes(indexed)).toBe(true)
    const ours = addressAt(slot) === addressAt(SelfSlot)
    expect(member(slot) && table.has(slot, Mark.AtOurAddress) !== ours).toBe(false)
    expect(member(slot) && !PackedAddress.isReachable(table.address, slot * AddressStride)).toBe(false)
  }
  for (const slot of living!) {
    expect(table.has(slot, Mark.AliveKnown)).toBe(true)
    expect(table.aliveHeartbeat[slot]).toBe(table.heartbeat[slot])
  }
}

// --- joining ---------------------------------------------------------------------

describe("joining", () => {
  it("a node of which an entry tells joins with the claim of that entry", () => {
    const node = open()
    node.tell(alive(a, 3, 7), suspect(b, 4, 8))
    expect(node.events).toEqual(["Joined 1", "Joined 2"])
    expect([node.claim(a), node.claim(b)]).toEqual(["Alive 3 7", "Suspect 4 8"])
    expect(node.addressOf(a)).toBe("10.0.0.1:7000")
    expect(node.has(a, Mark.Provisional) || node.has(a, Mark.Heard)).toBe(false)
    expect(node.transitions[0]).toMatchObject({ cause: { _tag: "Claimed", by: id(teller) }, now: Now })
    expect(node.view.mergedNew).toBe(3)
  })

  it("a node that speaks without its own entry joins provisionally, where it speaks from", () => {
    const node = open()
    const found = node.hear(a, { incarnation: 2, heartbeat: 5, level: 1, source: address("192.168.0.1:9") })
    expect(node.events).toEqual(["Joined 1"])
    expect(node.transitions[0]!.cause).toEqual({ _tag: "Heard" })
    expect(node.claim(a)).toBe("Alive 2 5")
    expect(node.addressOf(a)).toBe("192.168.0.1:9")
    expect(node.has(a, Mark.Provisional)).toBe(true)
    expect(node.table.level[node.slotOf(a)]).toBe(1)
    expect(found).toMatchObject({ sender: node.slotOf(a), replay: false, tellSender: false })
  })

  it("its own entry settles the address of a provisional member, also when the claim is no newer", () => {
    const node = open()
    node.hear(a, { incarnation: 2, heartbeat: 5, source: address("192.168.0.1:9") })
    node.hear(a, { incarnation: 2, heartbeat: 5, source: address("192.168.0.1:9"), entries: [alive(a, 2, 5)] })
    expect(node.events).toEqual(["Joined 1", "Updated 1"])
    expect(String(node.transitions[1]!.previousAddress)).toBe("192.168.0.1:9")
    expect(node.addressOf(a)).toBe("10.0.0.1:7000")
    expect(node.has(a, Mark.Provisional)).toBe(false)
    checkInvariants(node.view)
  })

  it("what others say settles a provisional member only where their claim wins", () => {
    const node = open()
    node.hear(a, { incarnation: 2, heartbeat: 5, source: address("192.168.0.1:9") })
    node.tell(alive(a, 2, 4))
    expect(node.has(a, Mark.Provisional)).toBe(true)
    node.tell(alive(a, 2, 6))
    expect(node.has(a, Mark.Provisional)).toBe(false)
    expect(node.addressOf(a)).toBe("10.0.0.1:7000")
  })

  it("a replay of its own entry does not settle a provisional member", () => {
    const node = open()
    node.hear(a, { incarnation: 2, heartbeat: 5, source: address("192.168.0.1:9") })
    node.hear(a, { incarnation: 2, heartbeat: 4, entries: [alive(a, 2, 4)] })
    expect(node.has(a, Mark.Provisional)).toBe(true)
    expect(node.addressOf(a)).toBe("192.168.0.1:9")
  })

  it("an own entry that leads nowhere leaves the source address standing in", () => {
    const node = open()
    node.hear(a, { source: address("192.168.0.1:9"), entries: [alive(a, 0, 0, address("0.0.0.0:7000"))] })
    expect(node.events).toEqual(["Joined 1"])
    expect(node.addressOf(a)).toBe("192.168.0.1:9")
    expect(node.has(a, Mark.Provisional)).toBe(true)
  })

  it("a header changes no address that is known", () => {
    const node = open()
    node.tell(alive(a, 0, 0))
    node.hear(a, { incarnation: 1, heartbeat: 5, source: address("192.168.0.1:9") })
    expect(node.addressOf(a)).toBe("10.0.0.1:7000")
    expect(node.claim(a)).toBe("Alive 1 5")
  })

  it.each(["0.0.0.0:7000", "[::]:7000", "10.0.0.77:0", "[::ffff:0.0.0.0]:7000", "224.0.0.1:7000", "[ff02::1]:7000"])(
    "an entry with the address %s neither inserts a node nor moves one, though the rest of it counts",
    (text) => {
      const node = open()
      node.tell(alive(b, 1, 1), alive(a, 1, 1, address(text)))
      expect(node.claim(a)).toBe("nothing")
      node.tell(alive(b, 2, 2, address(text)))
      expect(node.claim(b)).toBe("Alive 2 2")
      expect(node.addressOf(b)).toBe("10.0.0.2:7000")
      checkInvariants(node.view)
    }
  )

  it("a node that speaks from an address that leads nowhere does not join", () => {
    const node = open()
    expect(node.hear(a, { source: address("10.0.0.1:0") }).sender).toBe(-1)
    expect(node.claim(a)).toBe("nothing")
  })

  it("an IPv4-mapped address is the IPv4 address of the same member", () => {
    const node = open()
    node.tell(alive(a, 0, 5))
    node.tell(alive(a, 0, 5, address("[::ffff:10.0.0.1]:7000")), alive(a, 1, 5, address("[::ffff:10.0.0.1]:7000")))
    expect(node.addressOf(a)).toBe("10.0.0.1:7000")
    expect(node.transitions[1]).toMatchObject({ kind: "Updated", previousIncarnation: 0 })
    node.tell(alive(b, 0, 0, address("[::ffff:10.0.0.2]:7000")))
    expect(node.addressOf(b)).toBe("10.0.0.2:7000")
    node.tell(aboutUs("Alive", 0, 0, address("[::ffff:10.0.0.100]:7000")))
    expect(node.conflicts).toEqual([])
  })

  it("entries of one message are merged before its header, so its sender joins with its own address", () => {
    const node = open()
    node.hear(a, { incarnation: 1, heartbeat: 5, source: address("192.168.0.1:9"), entries: [alive(a, 1, 4)] })
    expect(node.events).toEqual(["Joined 1"])
    expect(node.addressOf(a)).toBe("10.0.0.1:7000")
    expect(node.claim(a)).toBe("Alive 1 5")
    expect(node.has(a, Mark.Provisional)).toBe(false)
  })

  it("entries with a status of a later format are skipped", () => {
    const node = open()
    const bytes = Result.getOrThrow(Message.encode(gossip(teller, { entries: [alive(a, 0, 0), alive(b, 0, 0)] })))
    // The checksum stands in bytes 22 and 23, and the status in the high half of a word.
    bytes[24 + 16] = 3
    writeU16(bytes, 22, 0)
    writeU16(bytes, 22, internetChecksum(bytes, 0, bytes.length))
    expect(inbound.decode(bytes)).toBeUndefined()
    node.view.receive(inbound, Now, findings)
    expect([node.claim(a), node.claim(b)]).toEqual(["nothing", "Alive 0 0"])
  })
})

// --- merging ---------------------------------------------------------------------

describe("merging", () => {
  it("a claim that changes only the heartbeat is no change", () => {
    const node = open()
    node.tell(alive(a, 0, 1))
    node.tellAt(Now + 5, alive(a, 0, 2))
    expect(node.events).toEqual(["Joined 1"])
    expect(node.claim(a)).toBe("Alive 0 2")
    expect(node.table.since[node.slotOf(a)]).toBe(Now)
  })

  it("a higher incarnation and another address each make an update that tells what was before", () => {
    const node = open()
    node.tell(alive(a, 0, 1))
    node.tellAt(Now + 5, alive(a, 1, 1, address("10.0.0.7:7000")))
    expect(node.table.since[node.slotOf(a)]).toBe(Now)
    expect(node.transitions[1]).toMatchObject({ kind: "Updated", previousStatus: Claim.Alive, previousIncarnation: 0 })
    expect(String(node.transitions[1]!.previousAddress)).toBe("10.0.0.1:7000")
    node.tell(alive(a, 1, 1, address("10.0.0.8:7000")))
    node.tell(alive(a, 1, 1, address("10.0.0.6:7000")))
    expect(node.events).toEqual(["Joined 1", "Updated 1", "Updated 1"])
    expect(node.addressOf(a)).toBe("10.0.0.8:7000")
    expect(node.view.mergedStale).toBe(1)
    checkInvariants(node.view)
  })

  it("incarnations and heartbeats go on at 2^32", () => {
    const node = open()
    node.tell(alive(a, 0xffff_ffff, 0xffff_ffff), alive(b, 0, 0xffff_fff0))
    node.tell(alive(a, 0xffff_ffff, 0), alive(b, 0, 0x10))
    expect([node.claim(a), node.claim(b)]).toEqual(["Alive 4294967295 0", "Alive 0 16"])
    node.tell(alive(a, 0, 0xffff_ffff), alive(b, 0, 0xffff_fff1))
    expect([node.claim(a), node.claim(b)]).toEqual(["Alive 0 4294967295", "Alive 0 16"])
    node.tell(alive(a, 0xffff_ffff, 9))
    expect(node.claim(a)).toBe("Alive 0 4294967295")
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    expect(node.claim(a)).toBe(`Suspect 0 ${0xf_ffff}`)
  })

  const word = fc.integer({ min: 0, max: 0xffff_ffff })
  const places = [addressOf(1), addressOf(201), address("[2001:db8::1]:7000"), address("[::ffff:10.0.0.1]:7001")]
  const subjects = [a, b, c]
  const claimsOf = (statuses: ReadonlyArray<Message.MessageEntry["status"]>) =>
    fc
      .record({
        incarnation: word,
        heartbeat: word,
        claims: fc.array(
          fc.record({
            n: fc.constantFrom(...subjects),
            status: fc.constantFrom(...statuses),
            incarnation: fc.nat(3),
            heartbeat: fc.oneof(fc.nat(3), fc.constant(Claim.SuspicionRaise)),
            at: fc.constantFrom(...places)
          }),
          { minLength: 1, maxLength: 14 }
        )
      })
      .map(({ claims, heartbeat, incarnation }) =>
        claims.map((claim) =>
          entry(claim.status)(
            claim.n,
            SerialNumber.add(incarnation, claim.incarnation),
            SerialNumber.add(heartbeat, claim.heartbeat),
            claim.at
          )
        )
      )

  /** The claims in messages of one to three entries, in an order of its own and with some of them twice. */
  const replica = (
    claims: ReadonlyArray<Message.MessageEntry>,
    order: { readonly keys: ReadonlyArray<number>; readonly twice: ReadonlyArray<number>; readonly size: number }
  ) => {
    const node = open()
    const all = [...claims, ...order.twice.map((i) => claims[i % claims.length]!)]
      .map((claim, i) => ({ claim, key: (order.keys[i % order.keys.length]! * (i + 1)) % 101 }))
      .toSorted((x, y) => x.key - y.key)
      .map(({ claim }) => claim)
    for (let i = 0; i < all.length; i += order.size) {
      node.tell(...all.slice(i, i + order.size))
      // The check of a death found nobody to refute it.
      for (const claim of node.deaths.splice(0)) {
        node.view.believeDeath(claim, { _tag: "DeathConfirmed", by: claim.by, pings: 3 }, Now)
      }
    }
    checkInvariants(node.view)
    return node
  }
  const order = fc.record({
    keys: fc.array(fc.nat(100), { minLength: 1, maxLength: 20 }),
    twice: fc.array(fc.nat(20), { maxLength: 8 }),
    size: fc.integer({ min: 1, max: 3 })
  })

  /** The whole claim that is held, its address included. */
  const whole = (node: Node, n: number) => {
    const slot = node.slotOf(n)
    return slot === -1 ? "nothing" : `${node.claim(n)} ${node.addressOf(n)}`
  }

  it("replicas that saw the same live claims in any order hold the same, the greatest of them", () => {
    fc.assert(
      fc.property(claimsOf(["Alive", "Suspect"]), order, order, (claims, first, second) => {
        const [x, y] = [replica(claims, first), replica(claims, second)]
        for (const n of subjects) {
          const greatest = claims
            .filter(({ nodeId }) => nodeId === id(n))
            .reduce<Message.MessageEntry | undefined>((best, next) => {
              if (best === undefined) return next
              const claim = (entry: Message.MessageEntry) => ({
                ...entry,
                status: entry.status === "Alive" ? Claim.Alive : Claim.Suspect
              })
              const wins =
                Claim.compare(claim(next), claim(best)) ||
                PackedAddress.compare(PackedAddress.pack(next.address), 0, PackedAddress.pack(best.address), 0)
              return wins > 0 ? next : best
            }, undefined)
          const expected =
            greatest === undefined
              ? "nothing"
              : `${greatest.status} ${greatest.incarnation} ${greatest.heartbeat} ${NetAddress.toCanonical(greatest.address)}`
          expect(whole(x, n)).toBe(expected)
          expect(whole(y, n)).toBe(expected)
        }
      }),
      { numRuns: 400 }
    )
  })

  // With deaths the order shows in what a Dead claim leaves behind: who heard first that a node is dead never lists it,
  // and has a tombstone where another has a dead member, and a death that was checked brings no address and no later
  // heartbeat. What must agree is the incarnation, whether the node is dead, and of a live one the whole claim.
  it("replicas that saw the same claims of any status in any order agree who is dead, and on the living in full", () => {
    const agreed = (node: Node, n: number) => {
      const slot = node.slotOf(n)
      if (slot === -1) return "nothing"
      return node.table.isLive(slot) ? whole(node, n) : `dead ${node.table.incarnation[slot]}`
    }
    let dead = 0
    fc.assert(
      fc.property(claimsOf(["Alive", "Suspect", "Dead"]), order, order, (claims, first, second) => {
        const [x, y] = [replica(claims, first), replica(claims, second)]
        for (const n of subjects) {
          expect(agreed(x, n)).toBe(agreed(y, n))
          const own = claims.filter(({ nodeId }) => nodeId === id(n))
          if (own.length === 0) continue
          const last = own
            .map(({ incarnation }) => incarnation)
            .reduce((x, y) => (SerialNumber.compare(x, y) > 0 ? x : y))
          const isDead = own.some(({ incarnation, status }) => incarnation === last && status === "Dead")
          if (isDead) dead++
          expect(agreed(x, n).startsWith("dead")).toBe(isDead)
          expect(x.table.incarnation[x.slotOf(n)]).toBe(last)
        }
      }),
      { numRuns: 600 }
    )
    expect(dead).toBeGreaterThan(50)
  })
})

// --- suspicion and death ---------------------------------------------------------

describe("suspicion and death", () => {
  it("a suspicion raises the heartbeat by 2^20, once", () => {
    const node = open()
    node.tell(alive(a, 1, 7))
    const slot = node.slotOf(a)
    node.view.suspect(slot, probeFailed, Now + 1)
    expect(node.claim(a)).toBe(`Suspect 1 ${7 + 2 ** 20}`)
    expect(node.table.since[slot]).toBe(Now + 1)
    node.view.suspect(slot, probeFailed, Now + 2)
    expect(node.claim(a)).toBe(`Suspect 1 ${7 + 2 ** 20}`)
    expect(node.events).toEqual(["Joined 1", "Suspected 1"])
    expect(node.transitions[1]).toMatchObject({ cause: probeFailed, previousStatus: Claim.Alive })
  })

  it("a suspicion that others raised is not raised again, and the highest Alive heartbeat is what counts", () => {
    const node = open()
    node.tell(alive(a, 1, 7))
    node.tell(suspect(a, 1, 5 + Claim.SuspicionRaise))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    expect(node.claim(a)).toBe(`Suspect 1 ${7 + Claim.SuspicionRaise}`)
    // A heartbeat below the raised one loses, and is remembered as honest.
    node.tell(alive(a, 1, 9))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    expect(node.claim(a)).toBe(`Suspect 1 ${9 + Claim.SuspicionRaise}`)
    expect(node.events).toEqual(["Joined 1", "Suspected 1"])
  })

  it("a suspicion of an incarnation that we never saw alive is passed on as it is", () => {
    const node = open()
    node.tell(suspect(a, 1, 5 + Claim.SuspicionRaise))
    node.tell(alive(b, 1, 900), suspect(b, 2, 3 + Claim.SuspicionRaise))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    node.view.suspect(node.slotOf(b), probeFailed, Now)
    expect(node.claim(a)).toBe(`Suspect 1 ${5 + Claim.SuspicionRaise}`)
    expect(node.claim(b)).toBe(`Suspect 2 ${3 + Claim.SuspicionRaise}`)
  })

  it("heartbeats do not clear a suspicion, neither passed on nor heard, and a higher incarnation does", () => {
    const node = open()
    node.tell(alive(a, 1, 7))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    node.tell(alive(a, 1, 500))
    node.hear(a, { incarnation: 1, heartbeat: 501, entries: [alive(a, 1, 501)] })
    expect(node.claim(a)).toBe(`Suspect 1 ${7 + 2 ** 20}`)
    expect(node.hear(a, { incarnation: 2, heartbeat: 502 }).tellSender).toBe(false)
    expect(node.claim(a)).toBe("Alive 2 502")
    expect(node.events).toEqual(["Joined 1", "Suspected 1", "Recovered 1"])
    expect(node.transitions[2]).toMatchObject({ cause: { _tag: "Heard" }, previousIncarnation: 1 })
  })

  it("a raised suspicion ends with the raise of its own incarnation: the next starts from the new heartbeat", () => {
    const node = open()
    node.tell(alive(a, 1, 7))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    node.tell(alive(a, 2, 3))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    expect(node.claim(a)).toBe(`Suspect 2 ${3 + 2 ** 20}`)
  })

  it("an expired suspicion makes a member dead with the heartbeat of the suspicion", () => {
    const node = open()
    node.tell(alive(a, 1, 7))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    node.view.declareDead(node.slotOf(a), expired, Now + 9)
    expect(node.claim(a)).toBe(`Dead 1 ${7 + 2 ** 20}`)
    expect(node.events).toEqual(["Joined 1", "Suspected 1", "Died 1"])
    node.view.declareDead(node.slotOf(a), expired, Now + 10)
    node.view.suspect(node.slotOf(a), probeFailed, Now + 10)
    expect(node.events.length).toBe(3)
    expect(node.table.since[node.slotOf(a)]).toBe(Now + 9)
  })

  it("a Dead claim of the incarnation that we hold Alive waits for a check, and changes nothing", () => {
    const node = open()
    node.tell(alive(a, 1, 7))
    node.tell(dead(a, 1, 3))
    expect(node.claim(a)).toBe("Alive 1 7")
    expect(node.deaths).toMatchObject([{ slot: node.slotOf(a), incarnation: 1, heartbeat: 3, by: id(teller) }])
    expect(node.events).toEqual(["Joined 1"])
  })

  it("a death that was checked is believed, unless the member has a higher incarnation by then", () => {
    const node = open()
    node.tell(alive(a, 1, 7), alive(b, 1, 7))
    node.tell(dead(a, 1, 3), dead(b, 1, 3))
    node.tell(alive(b, 2, 0), alive(a, 1, 8))
    const confirmed = { _tag: "DeathConfirmed", by: id(teller), pings: 3 } as const
    for (const claim of node.deaths) node.view.believeDeath(claim, confirmed, Now)
    expect([node.claim(a), node.claim(b)]).toEqual(["Dead 1 3", "Alive 2 0"])
    expect(node.transitions.at(-1)).toMatchObject({ kind: "Died", cause: confirmed })
    for (const claim of node.deaths) node.view.believeDeath(claim, confirmed, Now)
    expect(node.events.filter((event) => event === "Died 1").length).toBe(1)
  })

  it("a Dead claim about a member that we hold Suspect merges at once", () => {
    const node = open()
    node.tell(suspect(a, 1, 7))
    node.tell(dead(a, 1, 3))
    expect(node.deaths).toEqual([])
    expect(node.claim(a)).toBe("Dead 1 3")
    expect(node.events).toEqual(["Joined 1", "Died 1"])
  })

  it("only a higher incarnation brings a dead member back", () => {
    const node = open()
    node.tell(suspect(a, 1, 7))
    node.tell(dead(a, 1, 3))
    node.tell(alive(a, 1, 900), suspect(a, 1, 900))
    expect(node.claim(a)).toBe("Dead 1 3")
    node.tellAt(Now + 4, alive(a, 2, 0))
    expect(node.claim(a)).toBe("Alive 2 0")
    expect(node.events).toEqual(["Joined 1", "Died 1", "Recovered 1"])
    expect(node.table.since[node.slotOf(a)]).toBe(Now + 4)
  })

  it("a death that was checked still counts when the member has died of an older incarnation meanwhile", () => {
    const node = open()
    node.tell(alive(a, 1, 7))
    node.tell(dead(a, 1, 3), dead(a, 2, 4))
    for (const claim of node.deaths) node.view.believeDeath(claim, expired, Now)
    expect(node.claim(a)).toBe("Dead 2 4")
    checkInvariants(node.view)
  })

  it("what does not live and what does not exist can be neither suspected nor declared dead", () => {
    const node = open()
    node.view.suspect(SelfSlot, probeFailed, Now)
    node.view.declareDead(SelfSlot, expired, Now)
    expect(node.table.status[SelfSlot]).toBe(Claim.Alive)
    expect(node.events).toEqual([])
  })

  it.each([
    ["Suspect", (node: Node) => node.tell(suspect(a, 5, 9))],
    ["Dead", (node: Node) => node.tell(suspect(a, 5, 9), dead(a, 5, 9))],
    ["a tombstone", (node: Node) => node.tell(dead(a, 5, 9))]
  ])("who speaks at an incarnation not above the one at which we hold it %s is to be told", (_, prepare) => {
    const node = open()
    prepare(node)
    const held = node.claim(a)
    expect(node.hear(a, { incarnation: 4, heartbeat: 900 })).toMatchObject({ sender: node.slotOf(a), tellSender: true })
    expect(node.hear(a, { incarnation: 5, heartbeat: 2 })).toMatchObject({ sender: node.slotOf(a), tellSender: true })
    expect(node.claim(a)).toBe(held)
    expect(node.hear(a, { incarnation: 6, heartbeat: 3 }).tellSender).toBe(false)
    expect(node.claim(a)).toBe("Alive 6 3")
    expect(node.hear(a, { incarnation: 6, heartbeat: 4 }).tellSender).toBe(false)
  })
})

// --- ourselves -------------------------------------------------------------------

describe("claims about ourselves", () => {
  const incarnations = (node: Node) => [node.view.incarnation, node.table.heartbeat[SelfSlot]]

  it("a suspicion or a death is refuted with the incarnation of the claim and one more; the heartbeat stays", () => {
    for (const status of ["Suspect", "Dead"] as const) {
      const node = open({ incarnation: 5 })
      node.view.beat()
      node.tell(aboutUs(status, 5, 0))
      expect(incarnations(node)).toEqual([6, 1])
      node.tell(aboutUs(status, 40, 900))
      expect(incarnations(node)).toEqual([41, 1])
      node.tell(aboutUs(status, 40, 999))
      expect(incarnations(node)).toEqual([41, 1])
      expect(node.selfChanges).toEqual([true, true])
      expect(node.view.refutations).toBe(2)
      expect(node.table.status[SelfSlot]).toBe(Claim.Alive)
      expect(node.events).toEqual([])
    }
  })

  it("a refutation goes on at 2^32", () => {
    const node = open({ incarnation: 0xffff_fffe })
    node.tell(aboutUs("Suspect", 0xffff_ffff, 0))
    expect(node.view.incarnation).toBe(0)
    node.tell(aboutUs("Suspect", 0xffff_ffff, 0))
    expect(node.view.incarnation).toBe(0)
  })

  it("an Alive claim ahead of us is of a former life, and we rise above it", () => {
    const node = open({ incarnation: 5 })
    node.tell(aboutUs("Alive", 7, 0))
    expect(incarnations(node)).toEqual([8, 0])
    node.tell(aboutUs("Alive", 8, 1))
    expect(incarnations(node)).toEqual([9, 0])
    expect(node.selfChanges).toEqual([false, false])
    expect(node.view.refutations).toBe(0)
  })

  it("our own claim come back, and older ones, change nothing", () => {
    const node = open({ incarnation: 5 })
    node.view.beat()
    node.view.beat()
    node.tell(aboutUs("Alive", 5, 2), aboutUs("Alive", 5, 1), aboutUs("Alive", 4, 99), aboutUs("Dead", 4, 99))
    expect(incarnations(node)).toEqual([5, 2])
    expect(node.selfChanges).toEqual([])
  })

  it("a claim of an incarnation at a distance of exactly 2^31 is refuted, as others may come to believe it", () => {
    for (const status of ["Alive", "Suspect", "Dead"] as const) {
      const node = open({ incarnation: 5 })
      node.tell(aboutUs(status, 0x8000_0005, 0))
      expect(incarnations(node)).toEqual([0x8000_0006, 0])
    }
  })

  it("a heartbeat at a distance of exactly 2^31 is not higher, and changes nothing", () => {
    const node = open({ incarnation: 5 })
    node.tell(aboutUs("Alive", 5, 0x8000_0000))
    expect(incarnations(node)).toEqual([5, 0])
  })

  it("while we leave nothing is refuted, and our own entry says Dead", () => {
    const node = open({ incarnation: 5 })
    node.view.startLeaving(Now)
    node.tell(aboutUs("Dead", 5, 0), aboutUs("Suspect", 9, 0), aboutUs("Alive", 9, 0, address("10.9.9.9:1")))
    expect(incarnations(node)).toEqual([5, 0])
    expect(node.conflicts).toEqual([])
    expect(node.table.status[SelfSlot]).toBe(Claim.Dead)
    expect(node.table.has(SelfSlot, Mark.Left)).toBe(true)
  })

  it("a message under our own id makes no member, and its entries count", () => {
    const node = open()
    const found = node.hear(100, { heartbeat: 900, entries: [alive(a, 0, 0)] })
    expect(found).toMatchObject({ sender: -1, replay: false, tellSender: false })
    expect(node.claim(a)).toBe("Alive 0 0")
    expect(incarnations(node)).toEqual([0, 0])
    checkInvariants(node.view)
  })

  it("our id at another address is a conflict: counted each time, reported once a peer", () => {
    const node = open()
    const elsewhere = address("10.9.9.9:1")
    for (let i = 0; i < 3; i++) node.tellAt(Now + i, aboutUs("Alive", node.view.incarnation, 0, elsewhere))
    node.tellAt(Now + 3, aboutUs("Alive", node.view.incarnation, 0, address("10.9.9.9:2")))
    expect(node.view.conflicts).toBe(4)
    expect(node.conflicts.map(({ address, by, id, kind }) => [kind, id, String(address), by])).toEqual([
      ["SameId", Self, "10.9.9.9:1", id(teller)],
      ["SameId", Self, "10.9.9.9:2", id(teller)]
    ])
  })

  it("such a conflict is refuted at most once an interval, and a claim below our incarnation is none", () => {
    const node = open()
    const elsewhere = address("10.9.9.9:1")
    node.tellAt(Now, aboutUs("Alive", 0, 0, elsewhere))
    expect(node.view.incarnation).toBe(1)
    node.tellAt(Now + 999, aboutUs("Alive", 7, 0, elsewhere))
    expect(node.view.incarnation).toBe(1)
    node.tellAt(Now + 1000, aboutUs("Alive", 7, 0, elsewhere))
    expect(node.view.incarnation).toBe(8)
    node.tellAt(Now + 9000, aboutUs("Dead", 7, 0, elsewhere))
    expect([node.view.incarnation, node.view.conflicts]).toEqual([8, 3])
    // A suspicion at our own address is no conflict, and waits for no interval.
    node.tellAt(Now + 1001, aboutUs("Suspect", 8, 0))
    expect(node.view.incarnation).toBe(9)
  })

  it("another id at our address is left alone as our former self while it only is talked of", () => {
    const node = open()
    node.tellAt(Now, alive(a, 0, 5, selfAddress))
    expect(node.has(a, Mark.AtOurAddress)).toBe(true)
    // Old gossip, that brings news at first and later only repeats what is known.
    node.tellAt(Now + 10_000, alive(a, 0, 6, selfAddress))
    node.tellAt(Now + 60_000, alive(a, 0, 6, selfAddress), alive(a, 0, 2, selfAddress))
    node.tellAt(Now + 60_000, suspect(a, 0, 6 + Claim.SuspicionRaise, selfAddress))
    node.tellAt(Now + 60_000, dead(a, 0, 6 + Claim.SuspicionRaise, selfAddress))
    expect(node.conflicts).toEqual([])
    expect(node.view.conflicts).toBe(0)
  })

  it("another id at our address is a conflict once it speaks", () => {
    const node = open()
    node.tell(alive(a, 0, 5, selfAddress))
    node.hear(a, { heartbeat: 6, now: Now + 1 })
    expect(node.conflicts).toMatchObject([{ kind: "SameAddress", id: id(a), by: id(a) }])
    node.hear(a, { heartbeat: 7, now: Now + 2 })
    expect(node.conflicts.length).toBe(1)
    expect(node.view.conflicts).toBe(2)
  })

  it("a replayed message is no speaking", () => {
    const node = open()
    node.hear(a, { heartbeat: 9 })
    node.tell(alive(a, 1, 0, selfAddress))
    expect(node.has(a, Mark.AtOurAddress)).toBe(true)
    node.hear(a, { heartbeat: 8, entries: [alive(a, 0, 8)] })
    expect(node.conflicts).toEqual([])
  })

  it("another id at our address is a conflict once it lives on after old gossip has settled", () => {
    const node = open()
    node.tellAt(Now, alive(a, 0, 5, selfAddress))
    node.tellAt(Now + 10_001, alive(a, 0, 6, selfAddress))
    expect(node.conflicts).toMatchObject([{ kind: "SameAddress", id: id(a), by: id(teller) }])
  })

  it("a member that moves away from our address is no conflict any more", () => {
    const node = open()
    node.tell(alive(a, 0, 5, selfAddress))
    node.tell(alive(a, 1, 0))
    expect(node.has(a, Mark.AtOurAddress)).toBe(false)
    node.hear(a, { incarnation: 1, heartbeat: 1 })
    expect(node.conflicts).toEqual([])
  })
})

// --- replays ---------------------------------------------------------------------

describe("replays", () => {
  it("a message older than the newest that its sender sent proves nothing", () => {
    const node = open()
    node.hear(a, { incarnation: 3, heartbeat: 10, level: 1, entries: [alive(a, 3, 10)] })
    const slot = node.slotOf(a)
    for (const old of [
      { incarnation: 3, heartbeat: 9 },
      { incarnation: 2, heartbeat: 900 }
    ]) {
      const found = node.hear(a, { ...old, level: 0, source: address("10.6.6.6:6"), entries: [alive(b, 0, 0)] })
      expect(found).toMatchObject({ replay: true, sender: slot })
    }
    const { heardHeartbeat, heardIncarnation, level, spoke } = node.table
    expect([heardIncarnation[slot], heardHeartbeat[slot], level[slot]]).toEqual([3, 10, 1])
    expect(String(PackedAddress.read(spoke, slot * AddressStride))).toBe("10.0.0.1:7000")
    expect(node.view.replays).toBe(2)
    expect(node.claim(a)).toBe("Alive 3 10")
    // Its entries are claims like any other.
    expect(node.claim(b)).toBe("Alive 0 0")
  })

  it("a message as old as the newest is none, and the next one is the newest", () => {
    const node = open()
    node.hear(a, { incarnation: 3, heartbeat: 10, level: 1 })
    expect(node.hear(a, { incarnation: 3, heartbeat: 10, level: 2, source: address("10.6.6.6:6") }).replay).toBe(false)
    const slot = node.slotOf(a)
    expect(node.table.level[slot]).toBe(2)
    expect(String(PackedAddress.read(node.table.spoke, slot * AddressStride))).toBe("10.6.6.6:6")
    expect(node.hear(a, { incarnation: 4, heartbeat: 0, level: 0 }).replay).toBe(false)
    expect([node.table.heardIncarnation[slot], node.table.heardHeartbeat[slot]]).toEqual([4, 0])
    expect(node.hear(a, { incarnation: 3, heartbeat: 11 }).replay).toBe(true)
  })

  it("what others say of a member does not make its messages replays, and they go on at 2^32", () => {
    const node = open()
    node.tell(alive(a, 3, 900))
    expect(node.hear(a, { incarnation: 3, heartbeat: 0xffff_ffff }).replay).toBe(false)
    expect(node.hear(a, { incarnation: 3, heartbeat: 0 }).replay).toBe(false)
    expect(node.hear(a, { incarnation: 3, heartbeat: 0xffff_ffff }).replay).toBe(true)
    expect(node.view.isOlderThanHeard(node.slotOf(a), 3, 0xffff_ffff)).toBe(true)
    expect(node.view.isOlderThanHeard(node.slotOf(a), 3, 0)).toBe(false)
    node.tell(alive(b, 3, 900))
    expect(node.view.isOlderThanHeard(node.slotOf(b), 0, 0)).toBe(false)
  })
})

// --- addresses that answered -------------------------------------------------------

describe("prove", () => {
  const pinged = (said: Said) => {
    const node = open()
    const proved: Array<readonly [slot: number, now: number]> = []
    node.view.observe({ proved: (slot, now) => proved.push([slot, now]) })
    node.tell(alive(a, 0, 5))
    const slot = node.slotOf(a)
    node.table.pinged[slot] = Now
    node.hear(a, { heartbeat: 6, ...said })
    return { ...node, slot, proved }
  }

  it("a member whose ACK to a PING of ours came from its address has proved it, once", () => {
    const node = pinged({})
    node.view.prove(node.slot, Now + 10_000)
    node.view.prove(node.slot, Now + 10_000)
    expect(node.has(a, Mark.AddressProved)).toBe(true)
    expect(node.proved).toEqual([[node.slot, Now + 10_000]])
    node.tell(alive(a, 1, 0, address("10.0.0.7:7000")))
    expect(node.has(a, Mark.AddressProved)).toBe(false)
  })

  it("an ACK from elsewhere, one that no PING asked for, and one too late prove nothing", () => {
    const elsewhere = pinged({ source: address("10.6.6.6:6") })
    elsewhere.view.prove(elsewhere.slot, Now)
    const unasked = pinged({})
    unasked.table.pinged[unasked.slot] = -Infinity
    unasked.view.prove(unasked.slot, Now)
    const late = pinged({})
    late.view.prove(late.slot, Now + 10_001)
    for (const node of [elsewhere, unasked, late])
      expect([node.has(a, Mark.AddressProved), node.proved]).toEqual([false, []])
  })
})

// --- leaving ---------------------------------------------------------------------

describe("LEAVE", () => {
  it("makes a member left, counted once however often it comes", () => {
    const node = open()
    node.hear(a, { incarnation: 2, heartbeat: 5, entries: [alive(a, 2, 5)] })
    expect(node.leave(a, { incarnation: 2, heartbeat: 6, now: Now + 3 })).toBe(true)
    expect(node.claim(a)).toBe("Dead 2 6")
    expect(node.has(a, Mark.Left)).toBe(true)
    expect(node.table.leftCount).toBe(1)
    expect(node.leave(a, { incarnation: 2, heartbeat: 6, now: Now + 4 })).toBe(true)
    expect(node.table.leftCount).toBe(1)
    expect(node.events).toEqual(["Joined 1", "Left 1"])
    expect(node.transitions[1]).toMatchObject({ cause: { _tag: "LeaveReceived" }, previousStatus: Claim.Alive })
    expect(findings.sender).toBe(node.slotOf(a))
    checkInvariants(node.view)
  })

  it("keeps the higher heartbeat, so that the death wins at older nodes too", () => {
    const node = open()
    node.hear(a, { heartbeat: 5 })
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    expect(node.leave(a, { heartbeat: 6 })).toBe(true)
    expect(node.claim(a)).toBe(`Dead 0 ${5 + 2 ** 20}`)
  })

  it("of an incarnation older than what we know is ignored, and so is a replay", () => {
    const node = open()
    node.hear(a, { incarnation: 2, heartbeat: 5 })
    expect(node.leave(a, { incarnation: 1, heartbeat: 9 }, true)).toBe(false)
    expect(node.view.replays).toBe(0)
    expect(node.leave(a, { incarnation: 2, heartbeat: 4 }, true)).toBe(false)
    expect(node.view.replays).toBe(1)
    expect(node.claim(a)).toBe("Alive 2 5")
  })

  it("from an address that the member has not spoken from is ignored, unless it is authentic", () => {
    const node = open()
    node.hear(a, { heartbeat: 5, source: address("192.168.0.1:9"), entries: [alive(a, 0, 5)] })
    expect(node.leave(a, { heartbeat: 6, source: address("10.6.6.6:6") })).toBe(false)
    expect(node.claim(a)).toBe("Alive 0 5")
    expect(node.leave(a, { heartbeat: 6, source: address("192.168.0.1:9") })).toBe(true)
    expect(node.claim(a)).toBe("Dead 0 6")
    node.hear(b, { heartbeat: 5 })
    expect(node.leave(b, { heartbeat: 6, source: address("10.6.6.6:6") }, true)).toBe(true)
    expect(node.claim(b)).toBe("Dead 0 6")
  })

  it("of a member that never spoke counts from the address that it is known by", () => {
    const node = open()
    node.tell(alive(a, 0, 5))
    expect(node.leave(a, { heartbeat: 6, source: address("10.6.6.6:6") })).toBe(false)
    expect(node.has(a, Mark.Heard)).toBe(false)
    expect(node.leave(a, { heartbeat: 6 })).toBe(true)
    expect(node.claim(a)).toBe("Dead 0 6")
  })

  it("is a message of its sender like any other: the newest, its level, and where it came from", () => {
    const node = open()
    node.tell(alive(a, 0, 5))
    expect(node.leave(a, { incarnation: 1, heartbeat: 6, level: 1, source: address("10.6.6.6:6") }, true)).toBe(true)
    const slot = node.slotOf(a)
    const { heardHeartbeat, heardIncarnation, level, spoke } = node.table
    expect([heardIncarnation[slot], heardHeartbeat[slot], level[slot]]).toEqual([1, 6, 1])
    expect(String(PackedAddress.read(spoke, slot * AddressStride))).toBe("10.6.6.6:6")
    expect(node.claim(a)).toBe("Dead 1 6")
    expect(node.hear(a, { incarnation: 1, heartbeat: 5 }).replay).toBe(true)
  })

  it("of a member that we hold dead makes it left", () => {
    const node = open()
    node.hear(a, { heartbeat: 5 })
    node.view.declareDead(node.slotOf(a), expired, Now)
    expect(node.leave(a, { heartbeat: 6, now: Now + 2 })).toBe(true)
    expect(node.events).toEqual(["Joined 1", "Died 1", "Left 1"])
    expect(node.has(a, Mark.Left)).toBe(true)
    expect(node.table.leftCount).toBe(1)
    expect(node.table.since[node.slotOf(a)]).toBe(Now)
    checkInvariants(node.view)
  })

  it("of a tombstone marks it left and lists nobody", () => {
    const node = open()
    node.hear(a, { heartbeat: 5 })
    node.view.declareDead(node.slotOf(a), expired, Now)
    node.view.expire(Now + Retention)
    expect(node.leave(a, { incarnation: 3, heartbeat: 6 })).toBe(true)
    expect(node.claim(a)).toBe("tombstone 3 5")
    expect(node.has(a, Mark.Left)).toBe(true)
    expect(node.table.leftCount).toBe(0)
    expect(node.tell(alive(a, 3, 9)).refused).toEqual([node.slotOf(a)])
    checkInvariants(node.view)
  })

  it("of a node that is unknown, or ourselves, is ignored", () => {
    const node = open()
    expect(node.leave(a, {}, true)).toBe(false)
    expect(findings.sender).toBe(-1)
    expect(node.leave(100, { incarnation: 9 }, true)).toBe(false)
    expect(node.claim(a)).toBe("nothing")
    expect(node.view.incarnation).toBe(0)
  })

  it("is taken back by a higher incarnation, and by a Dead claim of one: that death is another", () => {
    const node = open()
    for (const n of [a, b]) {
      node.hear(n, { heartbeat: 5 })
      node.leave(n, { heartbeat: 6 })
    }
    node.tell(alive(a, 1, 0), dead(b, 0, 900))
    expect([node.claim(a), node.has(a, Mark.Left)]).toEqual(["Alive 1 0", false])
    expect([node.claim(b), node.has(b, Mark.Left)]).toEqual(["Dead 0 900", true])
    node.tell(dead(b, 1, 0))
    expect([node.claim(b), node.has(b, Mark.Left)]).toEqual(["Dead 1 0", false])
    expect(node.table.leftCount).toBe(0)
    checkInvariants(node.view)
  })
})

// --- retention and tombstones ------------------------------------------------------

describe("retention and tombstones", () => {
  /** A node that holds `a` dead since `Now`, at incarnation 5. */
  const mourning = () => {
    const node = open()
    node.tell(suspect(a, 5, 9))
    node.view.declareDead(node.slotOf(a), expired, Now)
    node.events.length = 0
    return node
  }

  it("a dead member becomes a tombstone when its retention ends, to the millisecond", () => {
    const node = mourning()
    expect(node.view.nextExpiry()).toBe(Now + Retention)
    node.view.expire(Now + Retention - 1)
    expect(node.claim(a)).toBe("Dead 5 9")
    node.view.expire(Now + Retention)
    expect(node.claim(a)).toBe("tombstone 5 9")
    expect(node.forgotten).toEqual([node.slotOf(a)])
    expect(node.events).toEqual([])
    checkInvariants(node.view)
  })

  it("another heartbeat of a dead member does not lengthen its retention", () => {
    const node = mourning()
    node.tellAt(Now + 1000, dead(a, 5, 99), alive(a, 5, 999))
    expect(node.claim(a)).toBe("Dead 5 99")
    expect(node.view.nextExpiry()).toBe(Now + Retention)
  })

  it("a tombstone is forgotten after ten times the retention, to the millisecond, and may then join anew", () => {
    const node = mourning()
    node.view.expire(Now + Retention)
    const end = Now + Retention + TombstoneFactor * Retention
    expect(TombstoneFactor).toBe(10)
    expect(node.view.nextExpiry()).toBe(end)
    node.view.expire(end - 1)
    expect(node.claim(a)).toBe("tombstone 5 9")
    node.view.expire(end)
    expect(node.claim(a)).toBe("nothing")
    expect(node.view.nextExpiry()).toBe(Infinity)
    node.tell(alive(a, 5, 9))
    expect(node.claim(a)).toBe("Alive 5 9")
    checkInvariants(node.view)
  })

  it("a tombstone refuses live claims of its incarnation or lower, says so, and lives longer for it", () => {
    const node = mourning()
    node.view.expire(Now + Retention)
    const slot = node.slotOf(a)
    const later = Now + 5 * Retention
    expect(node.tellAt(later, alive(a, 5, 900)).refused).toEqual([slot])
    expect(node.claim(a)).toBe("tombstone 5 9")
    expect(node.view.nextExpiry()).toBe(later + 10 * Retention)
    expect(node.tellAt(later + 1, suspect(a, 4, 0)).refused).toEqual([slot])
    expect(node.view.nextExpiry()).toBe(later + 1 + 10 * Retention)
    expect(node.tellAt(later + 2).refused).toEqual([])
  })

  it("the dead node itself is told, and not besides listed among the refused of its message", () => {
    const node = mourning()
    node.view.expire(Now + Retention)
    const later = Now + 5 * Retention
    const found = node.hear(a, { incarnation: 5, heartbeat: 900, now: later, entries: [alive(a, 5, 900)] })
    expect(found).toMatchObject({ sender: node.slotOf(a), tellSender: true, refused: [] })
    expect(node.view.nextExpiry()).toBe(later + 10 * Retention)
  })

  it("at most eight tombstones of a message are to be answered", () => {
    const node = open()
    const all = Array.from({ length: 12 }, (_, i) => i + 10)
    node.tell(...all.map((n) => dead(n, 5, 0)))
    expect(node.tell(...all.map((n) => alive(n, 5, 0))).refused).toEqual(all.slice(0, 8).map(node.slotOf))
  })

  it("a Dead claim does not lengthen a tombstone's life, whatever its incarnation", () => {
    const node = mourning()
    node.view.expire(Now + Retention)
    const end = node.view.nextExpiry()
    expect(node.tellAt(Now + 5 * Retention, dead(a, 5, 0), dead(a, 4, 0), dead(a, 6, 1)).refused).toEqual([])
    expect(node.claim(a)).toBe("tombstone 6 1")
    expect(node.view.nextExpiry()).toBe(end)
    expect(node.tellAt(Now + 5 * Retention, alive(a, 6, 900)).refused).toEqual([node.slotOf(a)])
  })

  it("a higher incarnation revives a tombstone, by an entry or by the node's own word", () => {
    for (const revive of [
      (node: Node) => node.tellAt(Now + 5 * Retention, alive(a, 6, 0, address("10.0.0.7:7000"))),
      (node: Node) => node.hear(a, { incarnation: 6, now: Now + 5 * Retention })
    ]) {
      const node = mourning()
      node.view.expire(Now + Retention)
      revive(node)
      expect(node.claim(a)).toBe("Alive 6 0")
      expect(node.events).toEqual(["Joined 1"])
      expect(node.table.inserted[node.slotOf(a)]).toBe(Now + 5 * Retention)
      expect(node.view.nextExpiry()).toBe(Infinity)
      checkInvariants(node.view)
    }
  })

  it("an entry that revives a tombstone of a provisional member gives it its address; its own word does not", () => {
    for (const entries of [[alive(a, 6, 0)], []]) {
      const node = open()
      node.hear(a, { incarnation: 5, source: address("192.168.0.1:9") })
      node.view.declareDead(node.slotOf(a), expired, Now)
      node.view.expire(Now + Retention)
      if (entries.length > 0) node.tell(...entries)
      else node.hear(a, { incarnation: 6, source: address("192.168.0.1:10") })
      expect(node.claim(a)).toBe("Alive 6 0")
      expect(node.has(a, Mark.Provisional)).toBe(entries.length === 0)
      expect(node.addressOf(a)).toBe(entries.length === 0 ? "192.168.0.1:9" : "10.0.0.1:7000")
    }
  })

  it("a tombstone is not revived at an address that leads nowhere", () => {
    const node = mourning()
    node.view.expire(Now + Retention)
    node.tell(alive(a, 6, 0, address("0.0.0.0:7000")))
    expect(node.claim(a)).toBe("tombstone 5 9")
  })

  it("a Dead claim about a node that is unknown makes a tombstone, and no member and no event", () => {
    const node = open()
    node.tell(dead(a, 5, 9))
    expect(node.claim(a)).toBe("tombstone 5 9")
    expect(node.has(a, Mark.Unlisted)).toBe(true)
    expect(node.events).toEqual([])
    expect(node.view.nextExpiry()).toBe(Now + 10 * Retention)
    expect(node.tell(alive(a, 5, 900)).refused).toEqual([node.slotOf(a)])
    node.tell(alive(a, 6, 0))
    expect(node.claim(a)).toBe("Alive 6 0")
    expect(node.events).toEqual(["Joined 1"])
    node.view.declareDead(node.slotOf(a), expired, Now)
    node.view.expire(Now + Retention)
    expect([node.table.unlisted.length, node.table.tombstones.length]).toEqual([0, 1])
    checkInvariants(node.view)
  })

  it("tombstones of nodes that were never listed are bounded, and do not crowd out those that were", () => {
    const node = mourning()
    node.view.expire(Now + Retention)
    for (let i = 0; i < MaxUnlisted + 50; i += 50) {
      node.tell(...Array.from({ length: 50 }, (_, j) => dead(1000 + i + j, 0, 0)))
    }
    expect(node.table.unlisted.length).toBe(MaxUnlisted)
    expect(node.claim(1000)).toBe("nothing")
    expect(node.claim(1000 + MaxUnlisted)).toBe("tombstone 0 0")
    expect(node.claim(a)).toBe("tombstone 5 9")
    checkInvariants(node.view)
  })

  it("tombstones of former members are bounded, oldest out first", () => {
    const node = open()
    const total = MaxTombstones + 2
    for (let i = 0; i < total; i += 50) {
      const some = Array.from({ length: Math.min(50, total - i) }, (_, j) => 1000 + i + j)
      node.tell(...some.map((n) => suspect(n, 0, 0)))
      for (const n of some) node.view.declareDead(node.slotOf(n), expired, Now + i)
    }
    node.view.expire(Now + total + Retention)
    expect(node.table.tombstones.length).toBe(MaxTombstones)
    expect([node.claim(1000), node.claim(1001), node.claim(1002)]).toEqual(["nothing", "nothing", "tombstone 0 0"])
    expect(node.forgotten.length).toBe(total)
  })
})

// --- everything at once ------------------------------------------------------------

describe("the table", () => {
  it("gives an address to the next live member there when the first dies", () => {
    const node = open()
    node.tell(alive(a, 0, 0), alive(b, 0, 0, addressOf(a)), alive(c, 0, 0, addressOf(a)))
    const at = PackedAddress.pack(addressOf(a))
    expect(node.table.liveAt(at, 0)).toBe(node.slotOf(a))
    node.view.declareDead(node.slotOf(a), expired, Now)
    const heir = node.table.liveAt(at, 0)
    expect([node.slotOf(b), node.slotOf(c)]).toContain(heir)
    node.view.declareDead(heir, expired, Now)
    expect([node.slotOf(b), node.slotOf(c)]).toContain(node.table.liveAt(at, 0))
    node.tell(alive(a, 1, 0), alive(b, 1, 0), alive(c, 1, 0))
    expect(node.table.liveAt(at, 0)).toBe(node.slotOf(a))
    checkInvariants(node.view)
  })

  const generator = (seed: number) => () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return seed / 2 ** 32
  }

  it("draws distinct live members, as many as there are, and of Alive ones the extended first", () => {
    const node = open()
    const many = Array.from({ length: 30 }, (_, i) => i + 10)
    for (const n of many) node.hear(n, { level: n % 3 === 0 ? 1 : 0, entries: [alive(n, 0, 0)] })
    for (const n of many.slice(0, 5)) node.view.suspect(node.slotOf(n), probeFailed, Now)
    node.view.declareDead(node.slotOf(12), expired, Now)
    const { table } = node
    const live = [teller, ...many].map(node.slotOf).filter((slot) => table.isLive(slot))
    const random = generator(3)
    const into: Array<number> = []
    for (let count = 0; count <= 40; count++) {
      expect(table.drawLive(count, random, into)).toBe(Math.min(count, live.length))
      expect(new Set(into).size).toBe(into.length)
      expect(live).toEqual(expect.arrayContaining(into))
    }
    const alives = live.filter((slot) => table.status[slot] === Claim.Alive)
    const extended = alives.filter((slot) => table.level[slot] === 1)
    const except = extended[0]!
    for (let count = 0; count <= 40; count++) {
      expect(table.drawAlive(count, except, random, into)).toBe(Math.min(count, alives.length - 1))
      expect(new Set(into).size).toBe(into.length)
      expect(alives.filter((slot) => slot !== except)).toEqual(expect.arrayContaining(into))
      const levels = into.map((slot) => table.level[slot]!)
      expect(levels).toEqual(levels.toSorted((x, y) => y - x))
      expect(levels.filter((level) => level === 1).length).toBe(Math.min(count, extended.length - 1))
    }
    checkInvariants(node.view)
  })

  it("draws every live member as often as any other, whatever its pool", () => {
    const node = open()
    for (let n = 10; n < 19; n++) node.hear(n, { level: n % 2, entries: [alive(n, 0, 0)] })
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
    // Ten members, so 1000 and 4000 each: more than six deviations off is not chance.
    expect([one.size, several.size]).toEqual([10, 10])
    for (const n of one.values()) expect(Math.abs(n - 1000)).toBeLessThan(6 * Math.sqrt(900))
    for (const n of several.values()) expect(Math.abs(n - 4000)).toBeLessThan(6 * Math.sqrt(2400))
  })

  it("finds nobody to draw when we are alone", () => {
    const { table } = new ClusterView({
      id: Self,
      address: selfAddress,
      incarnation: 0,
      deadRetention: Retention,
      staleAfter: Infinity,
      conflictInterval: 1000,
      seed: 1,
      isAllowed: () => true,
      limits: { members: 65_536, tombstones: MaxTombstones, unlistedTombstones: MaxUnlisted }
    })
    expect([table.live, table.alive]).toEqual([1, 1])
    expect(table.randomLive(() => 0.5)).toBe(-1)
    expect(table.drawLive(3, () => 0.5, [])).toBe(0)
    expect(table.drawAlive(3, -1, () => 0.5, [])).toBe(0)
  })

  // --- random histories

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
  const said = {
    n: fc.oneof(n, n, n, fc.constant(100)),
    incarnation: small,
    heartbeat,
    level: fc.nat(2),
    source: fc.option(someAddress)
  }
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ what: fc.constant("hear"), ...said, entries: fc.array(someEntry, { maxLength: 5 }) })
    },
    { weight: 1, arbitrary: fc.record({ what: fc.constant("leave"), ...said, authentic: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constantFrom("suspect", "declare dead", "believe", "beat"), n }) },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constant("wait"), n, ms: fc.constantFrom(1, 30_000, 61_000, 700_000) })
    }
  )

  it("agrees with a walk over it in all counts, pools, lists and indices, after any history", () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const node = open()
        const { table, view } = node
        let now = Now
        for (const step of steps) {
          const slot = node.slotOf(step.n)
          if ("entries" in step) node.hear(step.n, { ...step, source: step.source ?? addressOf(step.n), now })
          else if ("authentic" in step) {
            node.leave(step.n, { ...step, source: step.source ?? addressOf(step.n), now }, step.authentic)
          } else if ("ms" in step) {
            now += step.ms
            view.expire(now)
          } else if (step.what === "beat") view.beat()
          else if (step.what === "believe") {
            // The check of a death drops claims about slots that were given up meanwhile.
            const claim = node.deaths.pop()
            if (claim !== undefined) view.believeDeath(claim, expired, now)
          } else if (slot > SelfSlot) {
            if (step.what === "suspect") view.suspect(slot, probeFailed, now)
            else view.declareDead(slot, expired, now)
          }
          expect("ms" in step ? view.nextExpiry() : Infinity).toBeGreaterThan(now)
          checkInvariants(view)
        }
        for (const { kind } of node.transitions) seen.add(kind)
        if (node.conflicts.length > 0) seen.add("conflict")
        if (node.forgotten.length > 0) seen.add("forgotten")
        if (table.unlisted.length > 0) seen.add("unlisted")
      }),
      { numRuns: 150, seed: 4_294 }
    )
    const kinds = ["Joined", "Suspected", "Recovered", "Died", "Left", "Updated", "conflict", "forgotten", "unlisted"]
    expect(seen).toEqual(new Set(kinds))
  })

  it("tells by transitions all that happens to its members", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: "max" }), (steps) => {
        const node = open()
        const { table } = node
        // What an observer believes that only hears of transitions and of who is forgotten.
        const believed = new Map<number, string>([[node.slotOf(teller), `0 0 ${addressOf(teller)}`]])
        const claim = (slot: number) => `${table.status[slot]} ${table.incarnation[slot]} ${table.inetAddress(slot)}`
        node.view.observe({
          transition: ({ slot }) => believed.set(slot, claim(slot)),
          forgotten: (slot) => believed.delete(slot)
        })
        let now = Now
        for (const step of steps) {
          const slot = node.slotOf(step.n)
          if ("entries" in step) node.hear(step.n, { ...step, source: step.source ?? addressOf(step.n), now })
          else if ("authentic" in step) node.leave(step.n, { ...step, source: addressOf(step.n), now }, step.authentic)
          else if ("ms" in step) node.view.expire((now += step.ms))
          else if (slot > SelfSlot && step.what === "suspect") node.view.suspect(slot, probeFailed, now)
          else if (slot > SelfSlot && step.what === "declare dead") node.view.declareDead(slot, expired, now)
        }
        const held = new Map<number, string>()
        for (let slot = 1; slot < table.top; slot++) if (table.phase[slot] === Phase.Member) held.set(slot, claim(slot))
        expect(new Map([...believed].toSorted(([x], [y]) => x - y))).toEqual(held)
      }),
      { numRuns: 150 }
    )
  })
})
