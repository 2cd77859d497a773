/**
 * A node that speaks version 1 of the protocol and nothing else, as the older implementation does, so that mixed
 * clusters can be tried on a virtual network. It shares only the codec with the nodes of this project and keeps the
 * defects that the protocol tells of: section numbers are the protocol's.
 */
import { Array as Arr, Clock, Effect, Latch, Queue, Result, type Scope } from "effect"
import { NetAddress } from "effect/net"
import * as Random from "effect/Random"
import type { DatagramSocket } from "effect/socket"
import * as NodeId from "../../domain/NodeId.ts"
import * as MonotonicTime from "../../time/MonotonicTime.ts"
import { PauseWatch } from "../../time/PauseWatch.ts"
import * as Ticks from "../../time/Ticks.ts"
import { Network } from "../../transport/Network.ts"
import { MaxEntryLength } from "../../wire/Entry.ts"
import { HeaderLength, RequestAck } from "../../wire/Header.ts"
import { ChunkPrefixLength } from "../../wire/Inbound.ts"
import * as Message from "../../wire/Message.ts"
import { MaxChunk } from "../../wire/MessageWriter.ts"
import { ceilLog2, type Level0Change, type Level0Member, Level0Table } from "./Level0Table.ts"

// Names and values of the configuration (`src/config/ConfigTable.ts`); times in ms.
const defaults = {
  gossipInterval: 200,
  heartbeatInterval: 500,
  fanout: 50,
  adaptiveFanout: true,
  maxSends: 1,
  adaptiveTargets: true,
  piggybackMax: 6,
  /** 0 turns anti-entropy off. */
  antiEntropyInterval: 10_000,
  probeInterval: 1000,
  probeTimeout: 500,
  indirectK: 2,
  suspectTimeout: 3000,
  suspectMultiplier: 0.5,
  suspectJitter: 1000,
  deadRetention: 15_000,
  reliableAckTimeout: 500,
  reliableMaxRetries: 3
}

/** Who the node is, and what it does otherwise than by the configuration's defaults; times in ms. */
export interface Level0NodeOptions extends Partial<Readonly<typeof defaults>> {
  readonly id: NodeId.NodeId
  readonly bind: NetAddress.InetAddress
  readonly peers?: ReadonlyArray<NetAddress.InetAddress>
  /** Incarnation at the start; 0 by default, as in the recorded packets. */
  readonly incarnation?: number
}

/** What an older node sent and received since its start, in datagrams. */
export interface Level0Counters {
  sent: number
  received: number
  /** Datagrams that are no message of version 1. */
  rejected: number
  /** GOSSIP messages that were too long to be sent. */
  unsent: number
}

/** A running older node. */
export interface Level0Node {
  readonly id: NodeId.NodeId
  readonly address: NetAddress.InetAddress
  readonly incarnation: () => number
  /** This node first, then all others that it lists: contacts under an invented id, and the dead for a while. */
  readonly members: () => ReadonlyArray<Level0Member>
  /** How many listed members of each status there are, this node among them. */
  readonly counts: () => { readonly alive: number; readonly suspect: number; readonly dead: number }
  readonly counters: Readonly<Level0Counters>
  /** `listener` gets every change of a member's status from now on, synchronously. */
  readonly onChange: (listener: (change: Level0Change) => void) => void
  /** Says LEAVE and waits until it is acknowledged or given up. The socket stays open until the scope closes. */
  readonly leave: Effect.Effect<void>
}

/** The kinds from here on are of later levels of the protocol, which did not exist. */
const FirstLaterKind = 0x20

/** As many as fit a chunk of a snapshot whatever their addresses (2.7). */
const EntriesPerChunk = Math.floor((MaxChunk - HeaderLength - ChunkPrefixLength) / MaxEntryLength)

/** Where a message may be sent to. */
interface Reachable {
  readonly id: NodeId.NodeId
  readonly address: NetAddress.InetAddress
}

/**
 * Starts an older node. It runs until the scope closes, and then says LEAVE first. Clock, randomness and network are
 * those provided.
 */
export const make = Effect.fnUntraced(function* (
  given: Level0NodeOptions
): Effect.fn.Return<Level0Node, DatagramSocket.DatagramSocketError, Network | Scope.Scope> {
  const options = { ...defaults, ...given }
  const clock = yield* Clock.Clock
  const generator = yield* Random.Random
  const random = () => generator.nextDoubleUnsafe()
  const now = () => MonotonicTime.millis(clock)
  const socket = yield* (yield* Network).socket(given.bind)
  const reader = yield* socket.reader
  const writer = yield* socket.writer

  const listeners: Array<(change: Level0Change) => void> = []
  const table = new Level0Table(given.id, reader.address, given.incarnation ?? 0, options, random, (change) => {
    for (const listener of listeners) listener(change)
  })
  const { self } = table
  const counters: Level0Counters = { sent: 0, received: 0, rejected: 0, unsent: 0 }

  // Peers stand in the table under an invented id until somebody speaks from there (2.6). The recorded first words of
  // newcomers name only themselves, so these rows are not passed on.
  const contacts = new Map<string, Reachable>()
  for (const address of given.peers ?? []) {
    const key = NetAddress.formatInet(address)
    if (key !== NetAddress.formatInet(self.address)) contacts.set(key, { id: NodeId.random(random), address })
  }

  // --- sending ---------------------------------------------------------------

  const outbox = yield* Queue.unbounded<DatagramSocket.OutgoingDatagram>()
  yield* Queue.takeAll(outbox).pipe(
    // What the network refuses is lost, as a datagram may be.
    Effect.flatMap((batch) => Effect.ignore(writer.writeAll(batch))),
    Effect.forever,
    Effect.forkScoped
  )

  const header = (flags = 0): Message.Sender => ({
    senderId: self.id,
    heartbeat: self.heartbeat,
    incarnation: self.incarnation,
    flags,
    level: 0
  })

  /** Sends a message, unless it is too long: then nobody gets it (2.4). */
  const send = (message: Message.Message, ...targets: ReadonlyArray<{ readonly address: NetAddress.InetAddress }>) => {
    const encoded = Message.encode(message)
    if (Result.isFailure(encoded)) {
      counters.unsent++
      return
    }
    for (const { address } of targets) {
      counters.sent++
      Queue.offerUnsafe(outbox, { payload: encoded.success, address })
    }
  }

  const ping = (target: { readonly address: NetAddress.InetAddress }): void =>
    send({ _tag: "Ping", ...header(), entries: table.piggyback(options.piggybackMax) }, target)

  const draw = <A>(from: ReadonlyArray<A>, most: number): Array<A> => {
    const left = [...from]
    const drawn: Array<A> = []
    while (drawn.length < most && left.length > 0) drawn.push(...left.splice(Math.floor(random() * left.length), 1))
    return drawn
  }

  /** Random live members, or contacts as long as there is no member. */
  const targets = (most: number): Array<Reachable> => {
    const live = table.live()
    return draw(live.length > 0 ? live : [...contacts.values()], most)
  }

  // --- rounds ----------------------------------------------------------------

  /** Sends the table in every round, changed or not. What `adaptiveFanout` allows is soon more than a message holds. */
  const gossip = (at: number): void => {
    table.expire(at)
    const { adaptiveFanout, adaptiveTargets, fanout, maxSends } = options
    const growing = ceilLog2(table.size)
    const to = targets(maxSends * (adaptiveTargets ? growing : 1))
    if (to.length === 0) return
    const entries = table.entries().slice(0, fanout * (adaptiveFanout ? growing : 1))
    send({ _tag: "Gossip", ...header(), entries }, ...to)
  }

  let probe: { readonly target: NodeId.NodeId; answered: boolean } | undefined

  /** Judges the last probe and begins the next, of a random member. There is no local health and no relay to wait for. */
  const probeNext = (at: number): void => {
    if (probe !== undefined && !probe.answered) table.suspect(probe.target, at)
    probe = undefined
    for (const contact of contacts.values()) ping(contact)
    const [target] = draw(table.live(), 1)
    if (target === undefined) return
    probe = { target: target.id, answered: false }
    ping(target)
  }

  const askOthers = (): void => {
    const target = probe === undefined || probe.answered ? undefined : table.row(probe.target)
    if (target === undefined) return
    const others = table.live().filter((row) => row !== target && row.status === "Alive")
    send(
      { _tag: "PingReq", ...header(), targetId: target.id, targetAddress: target.address },
      ...draw(others, options.indirectK)
    )
  }

  // Counted from 1, as in the recorded packets.
  let tableVersion = 0

  const antiEntropy = (): void => {
    const to = targets(1)
    if (to.length === 0) return
    tableVersion++
    const chunks = Arr.chunksOf(table.entries(), EntriesPerChunk)
    chunks.forEach((entries, chunkIndex) =>
      send(
        {
          _tag: "AntiEntropy",
          ...header(),
          tableVersion: BigInt(tableVersion),
          chunkIndex,
          totalChunks: chunks.length,
          entries
        },
        ...to
      )
    )
  }

  // --- receiving -------------------------------------------------------------

  /** Who has not acknowledged our LEAVE. */
  const unacknowledged = new Map<NodeId.NodeId, Reachable>()
  const allAcknowledged = Latch.makeUnsafe(false)

  const acknowledged = (by: NodeId.NodeId): void => {
    // Any ACK of the target ends a probe, and any at all a LEAVE (2.8); that a relay's ACK is one is not known (1.1).
    if (probe?.target === by) probe.answered = true
    if (unacknowledged.delete(by) && unacknowledged.size === 0) allAcknowledged.openUnsafe()
  }

  const receive = ({ address, payload }: DatagramSocket.Datagram): void => {
    const decoded = Message.decode(payload)
    if (Result.isFailure(decoded) || payload[1]! >= FirstLaterKind) {
      counters.rejected++
      return
    }
    counters.received++
    const message = decoded.success
    const { flags, heartbeat, incarnation, senderId } = message
    // A PING to our former self, at our address, comes back to us.
    if (senderId === self.id) return
    const at = now()
    contacts.delete(NetAddress.formatInet(address))
    if ("entries" in message) for (const entry of message.entries) table.merge(entry, at)
    if (message._tag === "Leave") table.leave(senderId, incarnation, heartbeat, at)
    else table.mergeSender(message, address, at)

    if (message._tag === "Ack") acknowledged(senderId)
    else if (message._tag === "Ping") {
      send({ _tag: "Ack", ...header(), entries: table.piggyback(options.piggybackMax) }, { address })
    } else {
      // The answer is not passed on, so who asked learns nothing (2.3).
      if (message._tag === "PingReq") ping({ address: message.targetAddress })
      // Empty, as the recorded answer to a LEAVE.
      if ((flags & RequestAck) !== 0) send({ _tag: "Ack", ...header(), entries: [] }, { address })
    }
  }

  yield* reader.pull.pipe(
    Effect.map((batch) => batch.forEach(receive)),
    Effect.forever,
    Effect.ignore,
    Effect.forkScoped({ startImmediately: true })
  )

  // --- time ------------------------------------------------------------------

  // Nothing here knows of pauses: what is late is done when it comes (2.3).
  const watch = new PauseWatch(Infinity)
  const every = (interval: number, tick: (at: number) => void, first = 0) =>
    Effect.forkScoped(
      Ticks.forever(clock, watch, {
        first,
        period: () => interval,
        tick: (at) => (table.leaving ? undefined : tick(at))
      })
    )
  // The recorded newcomers spoke at once and with heartbeats of 0 and 1: every loop begins with a tick.
  yield* every(options.heartbeatInterval, () => table.raiseHeartbeat())
  yield* every(options.probeInterval, probeNext)
  yield* every(options.probeInterval, askOthers, options.probeTimeout)
  yield* every(options.gossipInterval, gossip)
  if (options.antiEntropyInterval > 0) yield* every(options.antiEntropyInterval, antiEntropy)

  const leave = yield* Effect.cached(
    Effect.gen(function* () {
      table.leaving = true
      for (const { address, id } of table.live()) unacknowledged.set(id, { address, id })
      for (let attempt = 0; attempt <= options.reliableMaxRetries && unacknowledged.size > 0; attempt++) {
        send({ _tag: "Leave", ...header(RequestAck) }, ...unacknowledged.values())
        yield* Effect.timeoutOption(allAcknowledged.await, options.reliableAckTimeout)
      }
    }).pipe(Effect.provideService(Clock.Clock, clock))
  )
  // The last finalizer is the first to run: socket and reader still work.
  yield* Effect.addFinalizer(() => leave)

  const members = (): ReadonlyArray<Level0Member> => [
    ...table.members(now()),
    ...Array.from(contacts.values(), (contact): Level0Member => ({
      ...contact,
      status: "alive",
      incarnation: 0,
      heartbeat: 0
    }))
  ]

  return {
    id: self.id,
    address: self.address,
    incarnation: () => self.incarnation,
    members,
    counts: () => {
      const counts = { alive: 0, suspect: 0, dead: 0 }
      for (const { status } of members()) counts[status]++
      return counts
    },
    counters,
    onChange: (listener) => {
      listeners.push(listener)
    },
    leave
  }
})
