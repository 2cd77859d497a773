/** What a node says to a peer that a test plays by hand, byte for byte over a plain socket. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Predicate, Pull, Stream } from "effect"
import { NetAddress } from "effect/net"
import type { Change } from "../../src/domain/Change.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { Header, HeaderLength, IndirectAck, Kind, RequestAck, writeHeader } from "../../src/wire/Header.ts"
import type { MessageEntry } from "../../src/wire/Message.ts"
import { makePeer, type Peer } from "./HandMadePeer.ts"
import { converged, heardOf, type RealNode, seenBy, silent, start, until, untilTrue } from "./RealNodes.ts"

/** Entries of nodes that do not exist, at addresses of loopback at which nobody is. */
const invented = (count: number, from = 0): ReadonlyArray<MessageEntry> =>
  Array.from({ length: count }, (_, i) => {
    const n = from + i
    return {
      nodeId: NodeId.fromWords(0xfab1ed, n),
      heartbeat: 1,
      incarnation: 0,
      status: "Alive",
      address: NetAddress.inetAddressFromIpStringUnsafe(`127.9.${n >> 8}.${n & 255}`, 9)
    }
  })

/** Tells a node of invented members, message by message, each of them until it is known. */
const tell = Effect.fnUntraced(function* (peer: Peer, node: RealNode, count: number) {
  for (let from = 0; from < count; from += 50) {
    const entries = invented(Math.min(50, count - from), from)
    const last = entries.at(-1)
    assert.isDefined(last)
    yield* until(
      "the node knows them",
      Effect.andThen(peer.send({ _tag: "Gossip", entries }, node.address), seenBy(node, last.nodeId)),
      Predicate.isNotUndefined
    )
  }
})

/** Waits until the node has dealt with everything that was sent to it, and all answers have come. */
const settled = Effect.fnUntraced(function* (node: RealNode, ...peers: ReadonlyArray<Peer>) {
  const last = yield* makePeer()
  yield* last.send({ _tag: "Ping", entries: [] }, node.address)
  yield* last.next("Ack")
  for (const peer of peers) yield* peer.settle
})

const ownEntry = Effect.fnUntraced(function* (node: RealNode) {
  const { address, id, incarnation } = yield* node.membership.self
  return { nodeId: id, address, incarnation }
})

const essence = ({ address, incarnation, nodeId }: MessageEntry) => ({ nodeId, address, incarnation })

describe("a node and a peer", () => {
  it.live("answer a PING by an ACK with the node's own entry", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const peer = yield* makePeer()
      yield* peer.send({ _tag: "Ping", entries: [peer.entry()] }, node.address)
      const ack = yield* peer.next("Ack")
      const self = yield* ownEntry(node)
      assert.strictEqual(ack.senderId, node.id)
      assert.strictEqual(ack.incarnation, self.incarnation)
      assert.strictEqual(ack.flags, 0)
      assert.deepStrictEqual(ack.entries.map(essence), [self])
      assert.strictEqual(ack.entries[0]?.status, "Alive")
      const member = yield* seenBy(node, peer.id)
      assert.strictEqual(member?.status, "alive")
      assert.strictEqual(member?.address.port, peer.entry().address.port)
    })
  )

  it.live("each message that asks for an ACK gets one, and no other does", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const peer = yield* makePeer()
      const entries = [peer.entry()]
      const ask = { flags: RequestAck }
      yield* peer.send({ _tag: "Gossip", entries }, node.address, ask)
      yield* peer.next("Ack")
      yield* peer.send(snapshot(entries, 1n), node.address, ask)
      yield* peer.next("Ack")
      yield* peer.send({ _tag: "Gossip", entries }, node.address)
      yield* peer.send({ _tag: "Ack", entries }, node.address)
      yield* peer.send({ _tag: "Ack", entries }, node.address, ask)
      yield* settled(node, peer)
      assert.deepStrictEqual(peer.heard, [])
    })
  )

  it.live("a PING_REQ for a member is passed on, and its ACK back", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const requester = yield* makePeer()
      const target = yield* makePeer()
      yield* target.send({ _tag: "Ping", entries: [target.entry()] }, node.address)
      yield* target.next("Ack")
      const targetAddress = target.entry().address
      yield* requester.send({ _tag: "PingReq", targetId: target.id, targetAddress }, node.address)
      const ping = yield* target.next("Ping")
      assert.strictEqual(ping.senderId, node.id)
      assert.deepStrictEqual(requester.heard, [])
      yield* target.send({ _tag: "Ack", entries: [target.entry()] }, node.address, { heartbeat: 77 })
      const ack = yield* requester.next("Ack")
      assert.strictEqual(ack.senderId, node.id)
      assert.strictEqual(ack.flags, IndirectAck)
      const expected = { ...target.entry(), heartbeat: 77 }
      assert.deepStrictEqual(ack.entries[0], expected)
      // Once: the next ACK of the target is nobody's business.
      yield* target.send({ _tag: "Ack", entries: [target.entry()] }, node.address, { heartbeat: 78 })
      yield* settled(node, requester)
      assert.deepStrictEqual(requester.heard, [])
    })
  )

  it.live("a PING_REQ leads to the address that the node knows, and nowhere for a target that it does not know", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const requester = yield* makePeer()
      const target = yield* makePeer()
      const bystander = yield* makePeer()
      const { address } = bystander.entry()
      yield* requester.send({ _tag: "PingReq", targetId: bystander.id, targetAddress: address }, node.address)
      yield* requester.send({ _tag: "PingReq", targetId: node.id, targetAddress: address }, node.address)
      yield* settled(node, requester, bystander)
      assert.deepStrictEqual(bystander.heard, [])
      assert.deepStrictEqual(requester.heard, [])
      // A member's id does not open the way to any other address.
      yield* target.send({ _tag: "Ping", entries: [target.entry()] }, node.address)
      yield* target.next("Ack")
      yield* requester.send({ _tag: "PingReq", targetId: target.id, targetAddress: address }, node.address)
      yield* target.next("Ping")
      yield* bystander.settle
      assert.deepStrictEqual(bystander.heard, [])
      assert.isUndefined(yield* seenBy(node, bystander.id))
    })
  )

  it.live("a LEAVE that asks for it is acknowledged with the leaver's Dead entry", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const peer = yield* makePeer()
      yield* peer.send({ _tag: "Ping", entries: [peer.entry()] }, node.address)
      yield* peer.next("Ack")
      for (const attempt of ["the first", "the same again"]) {
        yield* peer.send({ _tag: "Leave" }, node.address, { flags: RequestAck })
        const ack = yield* peer.next("Ack")
        const about = ack.entries.find(({ nodeId }) => nodeId === peer.id)
        assert.strictEqual(about?.status, "Dead", attempt)
        assert.strictEqual(about?.incarnation, 0)
        assert.strictEqual((yield* seenBy(node, peer.id))?.status, "left")
      }
      yield* heardOf(node, 2)
      assert.deepStrictEqual(
        node.changes.map(({ _tag }) => _tag),
        ["Joined", "Left"]
      )
    })
  )

  it.live("a LEAVE from another address than that of the member is ignored", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const peer = yield* makePeer()
      const forger = yield* makePeer()
      yield* peer.send({ _tag: "Ping", entries: [peer.entry()] }, node.address)
      yield* peer.next("Ack")
      yield* forger.send({ _tag: "Leave" }, node.address, { senderId: peer.id, heartbeat: 1000 })
      yield* settled(node, forger)
      assert.strictEqual((yield* seenBy(node, peer.id))?.status, "alive")
    })
  )

  it.live("unknown flag bits and levels are accepted, and the level of the newest message is kept", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const peer = yield* makePeer()
      yield* peer.send({ _tag: "Ping", entries: [peer.entry()] }, node.address, { flags: 0xfc, level: 7 })
      // A peer of a later level gets the messages of level 1.
      const ack = yield* peer.next("Ack1")
      assert.strictEqual(ack.flags, 0)
      assert.strictEqual((yield* seenBy(node, peer.id))?.level, 7)
      // The newest message counts, also of a peer that was rolled back.
      for (const [level, answer] of [
        [255, "Ack1"],
        [0, "Ack"]
      ] as const) {
        yield* peer.send({ _tag: "Ping", entries: [peer.entry()] }, node.address, { level })
        yield* peer.next(answer)
        assert.strictEqual((yield* seenBy(node, peer.id))?.level, level)
      }
      assert.strictEqual(node.counters.dropped.MalformedPayload, 0)
    })
  )

  it.live("an entry with a status of a later format is skipped, and the rest of its message used", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const peer = yield* makePeer()
      const header = new Header()
      header.kind = Kind.Ping
      header.idLo = 5
      const entry = (status: number, lo: number) =>
        [0, 0, 0, 0, 0, 0, 0, lo].concat([0, 0, 0, 1, 0, 0, 0, 0, status], [4, 127, 9, 0, lo, 0, 9])
      const payload = [...entry(0, 5), ...entry(3, 6), ...entry(0, 7)]
      header.payloadLength = payload.length
      const bytes = new Uint8Array([...new Uint8Array(HeaderLength), ...payload])
      writeHeader(bytes, header)
      yield* peer.sendBytes(bytes, node.address)
      yield* peer.next("Ack")
      const members = yield* node.membership.members
      assert.deepStrictEqual(members.map(({ id }) => id).slice(1), [NodeId.fromWords(0, 5), NodeId.fromWords(0, 7)])
    })
  )
})

/** A whole table in one chunk. */
const snapshot = (entries: ReadonlyArray<MessageEntry>, tableVersion: bigint) =>
  ({ _tag: "AntiEntropy", entries, tableVersion, chunkIndex: 0, totalChunks: 1 }) as const

describe("a stranger", () => {
  it.live("gets the node's own entry for a PING, and at most three times the bytes that it sent", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const informer = yield* makePeer()
      yield* tell(informer, node, 100)
      const stranger = yield* makePeer()
      const self = yield* ownEntry(node)
      for (const entries of [[], [stranger.entry()], [stranger.entry(), ...invented(3, 500)]]) {
        yield* stranger.send({ _tag: "Ping", entries }, node.address)
        const ack = yield* stranger.next("Ack")
        assert.deepStrictEqual(ack.entries.map(essence), [self])
        yield* settled(node, stranger)
        assert.isAtMost(stranger.bytesIn(), 3 * stranger.bytesOut())
      }
    })
  )

  it.live("gets no more for sending a table, until it has answered at the address that it names", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const informer = yield* makePeer()
      yield* tell(informer, node, 100)
      const stranger = yield* makePeer()
      // A table in which others stand: what the node knows better is not for strangers.
      yield* stranger.send(snapshot([stranger.entry(), ...invented(2, 500)], 1n), node.address)
      // And that of a newcomer, which stands in it alone.
      const newcomer = yield* makePeer()
      yield* newcomer.send(snapshot([newcomer.entry()], 1n), node.address)
      yield* settled(node, stranger, newcomer)
      const self = yield* ownEntry(node)
      for (const { bytesIn, bytesOut, heard } of [stranger, newcomer]) {
        assert.isAtMost(bytesIn(), 3 * bytesOut())
        for (const message of heard) {
          assert.strictEqual(message._tag, "Ping")
          if (message._tag === "Ping") assert.deepStrictEqual(message.entries.map(essence), [self])
        }
      }
      // It answers the PING that it got, and so shows that it is where it says.
      yield* newcomer.next("Ping")
      yield* newcomer.send({ _tag: "Ack", entries: [newcomer.entry()] }, node.address)
      const known = new Set<NodeId.NodeId>()
      yield* untilTrue("it got the whole table", () => {
        for (const message of newcomer.heard) {
          if (message._tag === "AntiEntropy") for (const { nodeId } of message.entries) known.add(nodeId)
        }
        return invented(100).every(({ nodeId }) => known.has(nodeId))
      })
    })
  )

  it.live("cannot direct more than three times its bytes at somebody else", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const informer = yield* makePeer()
      yield* tell(informer, node, 100)
      const victim = yield* makePeer()
      const attacker = yield* makePeer()
      const elsewhere = { ...attacker.entry(), address: victim.entry().address }
      const entries = [elsewhere]
      yield* attacker.send({ _tag: "Ping", entries }, node.address)
      yield* attacker.send({ _tag: "Gossip", entries }, node.address, { flags: RequestAck })
      for (let round = 1n; round <= 10n; round++) {
        yield* attacker.send(snapshot(entries, round), node.address)
        yield* attacker.send({ _tag: "Ack", entries }, node.address)
      }
      yield* settled(node, attacker, victim)
      assert.isAtMost(victim.bytesIn(), 3 * attacker.bytesOut())
      assert.isAtMost(attacker.bytesIn(), 3 * attacker.bytesOut())
      for (const message of victim.heard) assert.strictEqual(message._tag, "Ping")
    })
  )
})

describe("datagrams that are no messages", () => {
  const valid = (kind: number, payload: ReadonlyArray<number>) => {
    const bytes = new Uint8Array([...new Uint8Array(HeaderLength), ...payload])
    const header = new Header()
    header.kind = kind
    header.payloadLength = payload.length
    header.idLo = 1
    writeHeader(bytes, header)
    return bytes
  }
  const changed = (bytes: Uint8Array, at: number, value: number) => {
    const copy = Uint8Array.from(bytes)
    copy[at] = value
    return copy
  }
  const ping = valid(Kind.Ping, [])
  const entry = [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1, 0, 9]
  const garbage = {
    Truncated: [new Uint8Array(0), new Uint8Array([1]), ping.slice(0, 23)],
    UnsupportedVersion: [changed(ping, 0, 0), changed(ping, 0, 2), new Uint8Array(1500).fill(0xff)],
    LengthMismatch: [
      changed(ping, 3, 1),
      valid(Kind.Ping, entry).slice(0, 40),
      new Uint8Array([...ping, 0]),
      valid(Kind.Ping, Array.from({ length: 60 }, () => entry).flat())
    ],
    ChecksumMismatch: [changed(ping, 22, (ping[22] ?? 0) ^ 0x80), changed(ping, 15, 1)],
    UnknownKind: [valid(0, []), valid(7, []), valid(0x27, entry), valid(255, [])],
    MalformedPayload: [
      valid(Kind.Ping, entry.slice(0, 23)),
      valid(Kind.Gossip, [...entry, 0]),
      valid(Kind.Ack, [...entry.slice(0, 17), 5, ...entry.slice(18)]),
      valid(Kind.PingReq, [0, 0, 0, 0, 0, 0, 0, 1]),
      valid(Kind.PingReq, [0, 0, 0, 0, 0, 0, 0, 1, 4, 127, 0, 0, 1, 0, 9, 0]),
      valid(Kind.AntiEntropy, [0, 0, 0, 0])
    ]
  }

  it.live("are counted by reason and not answered, and the node continues", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      // Of an address of its own, since what it sends empties the bucket of all strangers at that address.
      const vandal = yield* makePeer("127.0.0.2")
      const { dropped } = node.counters
      for (const [reason, datagrams] of Object.entries(garbage)) {
        for (const bytes of datagrams) {
          const before = { ...dropped }
          yield* vandal.sendBytes(bytes, node.address)
          const expected = { ...before, [reason]: before[reason as keyof typeof before] + 1 }
          yield* until(
            `${reason} is counted`,
            Effect.sync(() => ({ ...dropped })),
            (now) => Object.values(now).some((count, i) => count !== Object.values(before)[i])
          )
          assert.deepStrictEqual({ ...dropped }, expected)
        }
      }
      // Random bytes of all lengths; a generator of its own keeps them the same in every run.
      let seed = 1
      const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 16
      const total = () => Object.values(dropped).reduce((sum, count) => sum + count, 0)
      for (let i = 0; i < 200; i++) {
        const bytes = Uint8Array.from({ length: random() % 1500 }, random)
        // Half of them begin like a message.
        if (i % 2 === 0)
          bytes.set(
            [1, 1 + (i % 6), (bytes.length - HeaderLength) >> 8, (bytes.length - HeaderLength) & 255].slice(
              0,
              bytes.length
            )
          )
        const before = total()
        yield* vandal.sendBytes(bytes, node.address)
        yield* untilTrue("it is counted", () => total() === before + 1)
      }
      yield* settled(node, vandal)
      assert.deepStrictEqual(vandal.heard, [])
      assert.strictEqual(vandal.bytesIn(), 0)
      yield* heardOf(node, 1)
      assert.deepStrictEqual(
        node.changes.map(({ _tag }) => _tag),
        ["Joined"]
      )
      const other = yield* start({ peers: [node.address] })
      yield* until("the node joins others", other.membership.counts, ({ alive }) => alive > 1)
    })
  )

  it.live("a LEAVE with bytes behind it is a LEAVE", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const peer = yield* makePeer()
      yield* peer.sendBytes(valid(Kind.Ping, []), node.address)
      yield* peer.next("Ack")
      yield* peer.sendBytes(valid(Kind.Leave, [1, 2, 3]), node.address)
      yield* settled(node)
      assert.strictEqual((yield* seenBy(node, NodeId.fromWords(0, 1)))?.status, "left")
    })
  )
})

describe("a subscriber to changes", () => {
  it.live("that is too slow misses some, is told how many, and slows nobody", () =>
    Effect.gen(function* () {
      const node = yield* start({ probes: { interval: "1 hour", timeout: "30 minutes" } })
      const peer = yield* makePeer()
      const pull = yield* Stream.toPull(node.membership.changes)
      const take = Effect.map(pull, (batch): ReadonlyArray<Change> => batch).pipe(
        Pull.catchDone(() => Effect.succeed([]))
      )

      yield* peer.send({ _tag: "Ping", entries: [peer.entry()] }, node.address)
      const [first] = yield* take
      assert.strictEqual(first?._tag, "Joined")
      yield* tell(peer, node, 1500)
      assert.strictEqual((yield* node.membership.counts).alive, 1502)

      yield* heardOf(node, 1501)
      // The harness subscribed too and kept up: nothing is missing there.
      assert.deepStrictEqual(
        node.changes.map((change) => (change._tag === "Missed" ? undefined : change.sequence)),
        Array.from({ length: 1501 }, (_, i) => i + 1)
      )

      // The protocol goes on, although nobody pulls: others join, and learn all of it.
      const other = yield* start({ peers: [node.address], probes: { interval: "1 hour", timeout: "30 minutes" } })
      yield* until("a newcomer knows all", other.membership.counts, ({ alive }) => alive === 1503)
      yield* until("it is known", seenBy(node, other.id), Predicate.isNotUndefined)
      yield* peer.send({ _tag: "Ping", entries: [peer.entry()] }, node.address)
      yield* peer.next("Ack")
      yield* heardOf(node, 1502)
      const total = node.changes.length

      const late: Array<Change> = []
      while (late.length < 1025) late.push(...(yield* take))
      const missed = late.filter(({ _tag }) => _tag === "Missed")
      const { at, sequence } = node.changes.at(-1024)!
      const cause = { _tag: "SlowSubscriber" } as const
      assert.deepStrictEqual(missed, [{ _tag: "Missed", sequence: sequence - 1, at, cause, count: total - 1 - 1024 }])
      assert.deepStrictEqual(late.slice(0, 1), missed)
      assert.deepStrictEqual(late.slice(1), node.changes.slice(-1024))
    })
  )

  it.live("ends with the node, after the last changes", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const peer = yield* makePeer()
      const reading = yield* Effect.forkChild(Stream.runCollect(node.membership.changes), { startImmediately: true })
      yield* peer.send({ _tag: "Ping", entries: [peer.entry()] }, node.address)
      yield* peer.next("Ack")
      yield* heardOf(node, 1)
      yield* node.stop
      const changes = yield* Fiber.join(reading)
      assert.deepStrictEqual(changes.slice(0, 1), node.changes.slice(0, 1))
      // The last change is that the node itself left.
      assert.deepStrictEqual(
        changes.slice(1).map((change) => [change._tag, "member" in change && change.member.self]),
        [["Left", true]]
      )
      assert.deepStrictEqual(yield* Stream.runCollect(node.membership.changes), [])
    })
  )

  it.live("sees no earlier changes, and all subscribers see the same", () =>
    Effect.gen(function* () {
      const node = yield* start(silent)
      const peer = yield* makePeer()
      yield* tell(peer, node, 10)
      const head = yield* Effect.forkChild(Stream.runHead(node.membership.changes), { startImmediately: true })
      yield* tell(peer, node, 60)
      const next = yield* Fiber.join(head)
      yield* heardOf(node, 12)
      assert.deepStrictEqual(Option.getOrUndefined(next), node.changes[11])
      yield* converged([node], [...invented(60).map(({ nodeId }) => ({ id: nodeId })), peer, node])
    })
  )
})
