/**
 * Nodes of extension level 0: a model of the older implementation, which speaks version 1 of the protocol only. Mixed
 * clusters can be tested with it. It shares only the codec with the nodes of this project, and it has the defects of the
 * older implementation that the protocol names. Section numbers are those of the protocol.
 *
 * @since 0.2.0
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

export type { Level0Change, Level0Member, Level0Status } from "./Level0Table.ts"

// Names and values as in the configuration (`src/config/ConfigTable.ts`); times in ms.
const defaults = {
  gossipInterval: 200,
  heartbeatInterval: 500,
  fanout: 50,
  adaptiveFanout: true,
  maxSends: 1,
  adaptiveTargets: true,
  piggybackMax: 6,
  /** 0 disables anti-entropy. */
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

/**
 * The identity of a node, and changes to its default configuration. Times are in ms.
 *
 * @category models
 * @since 0.2.0
 */
export interface Level0NodeOptions extends Partial<Readonly<typeof defaults>> {
  readonly id: NodeId.NodeId
  readonly bind: NetAddress.InetAddress
  readonly peers?: ReadonlyArray<NetAddress.InetAddress>
  /** The first incarnation; 0 by default, as in the recorded packets. */
  readonly incarnation?: number
}

/**
 * Counters of a node since its start, in datagrams.
 *
 * @category models
 * @since 0.2.0
 */
export interface Level0Counters {
  sent: number
  received: number
  /** Datagrams that are no messages of version 1. */
  rejected: number
  /** GOSSIP messages that were too long to be sent. */
  unsent: number
}

/**
 * A running node.
 *
 * @category models
 * @since 0.2.0
 */
export interface Level0Node {
  readonly id: NodeId.NodeId
  readonly address: NetAddress.InetAddress
  readonly incarnation: () => number
  /** The listed members, this node first. Contacts have an invented id, and dead members are listed for some time. */
  readonly members: () => ReadonlyArray<Level0Member>
  /** The numbers of listed members by status, with this node. */
  readonly counts: () => { readonly alive: number; readonly suspect: number; readonly dead: number }
  readonly counters: Readonly<Level0Counters>
  /** Calls `listener` synchronously at every change of the status of a member from now on. */
  readonly onChange: (listener: (change: Level0Change) => void) => void
  /** Sends LEAVE until all members have acknowledged it or the retries are exhausted. The socket stays open until the scope closes. */
  readonly leave: Effect.Effect<void>
}

/** Message kinds from here on belong to later levels, which the older implementation does not know. */
const FirstLaterKind = 0x20

/** The number of entries that fit in a chunk of a snapshot, whatever their addresses are (2.7). */
const EntriesPerChunk = Math.floor((MaxChunk - HeaderLength - ChunkPrefixLength) / MaxEntryLength)

/** A destination of messages. */
interface Destination {
  readonly id: NodeId.NodeId
  readonly address: NetAddress.InetAddress
}

/**
 * Starts a node. It runs until the scope closes, and then sends LEAVE first. It uses the clock, the randomness and the
 * network of its context.
 *
 * @category constructors
 * @since 0.2.0
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

  // Bootstrap peers are listed under an invented id until a message comes from their address (2.6). In the recorded
  // packets the first messages of a new node contain only its own entry, so contacts are not passed on.
  const contacts = new Map<string, Destination>()
  for (const address of given.peers ?? []) {
    const key = NetAddress.formatInet(address)
    if (key !== NetAddress.formatInet(self.address)) contacts.set(key, { id: NodeId.random(random), address })
  }

  // --- sending ---------------------------------------------------------------

  const outbox = yield* Queue.unbounded<DatagramSocket.OutgoingDatagram>()
  yield* Queue.takeAll(outbox).pipe(
    // A failed write is like a lost datagram.
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

  /** Sends a message, unless it is too long (2.4). */
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

  /** Random live members, or contacts while there is no member. */
  const targets = (most: number): Array<Destination> => {
    const live = table.live()
    return draw(live.length > 0 ? live : [...contacts.values()], most)
  }

  // --- rounds ----------------------------------------------------------------

  /** Sends the table in every round, changed or not. `adaptiveFanout` soon allows more than fits in a message. */
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

  /** Ends the previous probe and probes a random member. There is no local health and no relaying. */
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

  // The first version is 1, as in the recorded packets.
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

  /** The members that have not acknowledged our LEAVE. */
  const unacknowledged = new Map<NodeId.NodeId, Destination>()
  const allAcknowledged = Latch.makeUnsafe(false)

  const acknowledged = (by: NodeId.NodeId): void => {
    // Any ACK from the target clears the probe, and any ACK acknowledges a LEAVE (2.8). Relayed ACKs are unknown (1.1).
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
    // A PING to our former self has our address, so we receive it.
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
      // The ACK of the target is not relayed (2.3).
      if (message._tag === "PingReq") ping({ address: message.targetAddress })
      // Without entries, as in the recorded answer to a LEAVE.
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

  // There is no pause detection: late timers simply run late (2.3).
  const watch = new PauseWatch(Infinity)
  const every = (interval: number, tick: (at: number) => void, first = 0) =>
    Effect.forkScoped(
      Ticks.forever(clock, watch, {
        first,
        period: () => interval,
        tick: (at) => (table.leaving ? undefined : tick(at))
      })
    )
  // Every loop begins with a tick: in the recorded packets new nodes send at once, with heartbeats 0 and 1.
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
  // The last finalizer runs first, while the socket and the reader still work.
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
