/**
 * A network in memory: hosts with addresses, paths between them that delay, lose, change or cut, and `DatagramSocket`s on
 * the hosts, so that nodes run on it unchanged. Its time is that of an agenda: Effect's clock, so that a test with
 * `TestClock` never waits, or a simulator's.
 *
 * A datagram passes the egress of the sender's host, the link of the pair, and the ingress of the receiver's host. The
 * conditions of each apply when the datagram gets there: delays add up and losses are independent. What a host sends to
 * itself passes the link only.
 *
 * A datagram for a port without a socket, or that a path rejects, is refused: an ICMP port unreachable travels back, and
 * the sending socket learns of it if it is connected, as with a real network. A host that is unplugged or cut off is
 * silent.
 *
 * @since 0.2.0
 */
import { Effect, Result, type Scope } from "effect"
import { type Dns, NetAddress } from "effect/net"
import { DatagramSocket } from "effect/socket"
import * as Random from "effect/Random"
import { AddressTable, type HostAddress } from "./AddressTable.ts"
import * as Agenda from "./Agenda.ts"
import { withBitsFlipped } from "./BitFlips.ts"
import * as Conditions from "./Conditions.ts"
import { Hop } from "./Hop.ts"
import type { Host } from "./Host.ts"
import { type NameAnswer, NameServer } from "./NameServer.ts"
import type { Endpoint, PacketCounters, PacketDropReason, PacketObserver } from "./Packet.ts"
import { type HostNetwork, type RoutedPacket, VirtualHost, type VirtualSocket } from "./VirtualHost.ts"

/** The parts of a datagram's path, in order. */
const Stage = { Egress: 0, Link: 1, Ingress: 2, Host: 3 } as const
type Stage = (typeof Stage)[keyof typeof Stage]

/** A sender keeps at least this many lines of unchanged links before it looks for idle ones to forget. */
const FewLines = 64

const noPayload = new Uint8Array(0)

const refusal = new DatagramSocket.DatagramSocketError({
  reason: new DatagramSocket.DatagramSocketReadError({
    kind: "ConnectionRefused",
    cause: new Error("ICMP port unreachable")
  })
})

const makeCounters = (): PacketCounters => ({
  sent: 0,
  sentBytes: 0,
  injected: 0,
  duplicated: 0,
  corrupted: 0,
  delivered: 0,
  deliveredBytes: 0,
  refused: 0,
  dropped: { cut: 0, rejected: 0, lost: 0, oversize: 0, queue: 0, buffer: 0, unplugged: 0, unbound: 0 }
})

/** The callbacks of one kind. The list is replaced as a whole, so an observer may come and go during a callback. */
const callbacks = <K extends keyof PacketObserver>(
  observers: ReadonlyArray<PacketObserver>,
  kind: K
): ReadonlyArray<NonNullable<PacketObserver[K]>> =>
  observers.flatMap((observer) => {
    const callback = observer[kind]
    return callback === undefined ? [] : [callback]
  })

/**
 * A network in memory. Its conditions may be changed at any time.
 *
 * @category models
 * @since 0.2.0
 */
export class VirtualNetwork {
  /** The name server's answer for each name; it may be changed at any time. A name without an entry does not exist. */
  readonly names: Map<string, NameAnswer>
  /** The names that were looked up, in order. */
  readonly asked: ReadonlyArray<string>
  /** The network's name server. */
  readonly dns: Dns.Dns["Service"]
  /** The conditions of every link that `link` has not changed. Each pair of hosts has its own bandwidth. */
  readonly defaults: Conditions.Conditions
  readonly counters: Readonly<PacketCounters>
  readonly #counters = makeCounters()
  readonly #agenda: Agenda.Agenda
  readonly #random: () => number
  readonly #addresses = new AddressTable<VirtualHost, VirtualSocket>()
  readonly #hosts = new Map<string, VirtualHost>()
  readonly #groups = new Map<string, number>()
  /** By the names of sender and receiver. */
  readonly #links = new Map<string, Map<string, Hop>>()
  /** The link of every pair with default conditions, as long as the bandwidth is unlimited. */
  readonly #common: Hop
  #observers: ReadonlyArray<PacketObserver> = []
  #onSent: ReadonlyArray<NonNullable<PacketObserver["sent"]>> = []
  #onDropped: ReadonlyArray<NonNullable<PacketObserver["dropped"]>> = []
  #onDelivered: ReadonlyArray<NonNullable<PacketObserver["delivered"]>> = []
  #onRefused: ReadonlyArray<NonNullable<PacketObserver["refused"]>> = []
  #numbers = 0
  readonly #forHosts: HostNetwork

  /** `random` is uniform in [0, 1) and the only source of chance: the same numbers give the same history. */
  constructor(agenda: Agenda.Agenda, random: () => number, defaults: Partial<Conditions.Conditions> = {}) {
    const nameServer = new NameServer()
    this.names = nameServer.answers
    this.asked = nameServer.asked
    this.dns = nameServer.dns
    this.defaults = Conditions.make(defaults)
    this.counters = this.#counters
    this.#agenda = agenda
    this.#random = random
    this.#common = new Hop(this.defaults)
    this.#forHosts = {
      agenda,
      addresses: this.#addresses,
      dns: this.dns,
      send: (socket, payload, to) => this.#send(socket, payload, to),
      drop: (packet, reason) => this.#drop(packet, reason),
      refuse: (packet) => this.#refuse(packet, "unbound"),
      deliver: (packet, socket) => this.#deliver(packet, socket)
    }
  }

  /**
   * Adds a host with these IP addresses, or gives the addresses to the host of this name. Another host that had one of
   * them loses it. A host that was detached, or whose process has ended, is replaced by a new one.
   */
  host(name: string, addresses: ReadonlyArray<string>): Host {
    let host = this.#hosts.get(name)
    if (host === undefined || host.exited || !host.attached) {
      host = new VirtualHost(name, this.#forHosts)
      host.group = this.#groups.get(name) ?? 0
      this.#hosts.set(name, host)
    }
    for (const address of addresses) host.add(address)
    return host
  }

  /**
   * The conditions of the link from one host to another, given by name; they may be changed at any time. The opposite
   * direction is a link of its own. From the first call on, the link has a copy of the present `defaults` and no longer
   * follows them.
   */
  link(from: string, to: string): Conditions.Conditions {
    let links = this.#links.get(from)
    if (links === undefined) this.#links.set(from, (links = new Map()))
    let hop = links.get(to)
    if (hop === undefined) links.set(to, (hop = new Hop({ ...this.defaults })))
    return hop.conditions
  }

  /** Cuts or restores both directions between each host of one group and each of the other. */
  separate(groupA: Iterable<string>, groupB: Iterable<string>, cut: boolean): void {
    const others = [...groupB]
    for (const a of groupA) {
      for (const b of others) {
        this.link(a, b).cut = cut
        this.link(b, a).cut = cut
      }
    }
  }

  /**
   * Partitions the network: no datagram gets from one group of hosts, given by name, to another. Hosts in no group form
   * one more group. It also applies to hosts that are added later, and it replaces an earlier partition.
   */
  partition(groups: Iterable<Iterable<string>>): void {
    this.#groups.clear()
    let number = 0
    for (const group of groups) {
      number++
      for (const name of group) this.#groups.set(name, number)
    }
    for (const [name, host] of this.#hosts) host.group = this.#groups.get(name) ?? 0
  }

  /** Whether datagrams from one host can reach another, given by name: no partition, no cut, and not all are rejected. */
  reaches(from: string, to: string): boolean {
    const sender = this.#hosts.get(from)
    const receiver = this.#hosts.get(to)
    if (sender === undefined || receiver === undefined || sender.group !== receiver.group) return false
    const link = this.#links.get(from)?.get(to)?.conditions ?? this.defaults
    if (!isOpen(link)) return false
    return sender === receiver || (isOpen(sender.egressHop?.conditions) && isOpen(receiver.ingressHop?.conditions))
  }

  /** Ends the partition and every cut and rejection: of links, of the defaults, of egress and ingress of hosts. */
  heal(): void {
    this.partition([])
    open(this.defaults)
    for (const links of this.#links.values()) for (const { conditions } of links.values()) open(conditions)
    for (const { egressHop, ingressHop } of this.#hosts.values()) {
      if (egressHop !== undefined) open(egressHop.conditions)
      if (ingressHop !== undefined) open(ingressHop.conditions)
    }
  }

  /**
   * Sends a datagram that no socket sent, with any source address: a forged or a replayed one. All such datagrams share
   * one link with the default conditions, and no partition stops them. `from` and `to` are `ip:port`; returns `false` if
   * one of them is not.
   */
  inject(payload: Uint8Array, from: string, to: string): boolean {
    const source = NetAddress.inetAddressFromString(from)
    const target = NetAddress.inetAddressFromString(to)
    if (Result.isFailure(source) || Result.isFailure(target)) return false
    const address = this.#addresses.find(NetAddress.formatIp(target.success.address))
    const endpoint = NetAddress.toCanonical(source.success)
    const packet = this.#packet(
      undefined,
      { host: NetAddress.formatIp(endpoint.address), port: endpoint.port },
      address,
      target.success.port,
      payload
    )
    this.#counters.injected++
    for (const sent of this.#onSent) sent(packet)
    this.#enter(packet, Stage.Link)
    return true
  }

  /** Calls an observer for every datagram from now on, until the returned function is called. */
  observe(observer: PacketObserver): () => void {
    const use = (observers: ReadonlyArray<PacketObserver>) => {
      this.#observers = observers
      this.#onSent = callbacks(observers, "sent")
      this.#onDropped = callbacks(observers, "dropped")
      this.#onDelivered = callbacks(observers, "delivered")
      this.#onRefused = callbacks(observers, "refused")
    }
    use([...this.#observers, observer])
    return () => use(this.#observers.filter((other) => other !== observer))
  }

  #packet(
    origin: VirtualSocket | undefined,
    source: Endpoint,
    address: HostAddress<VirtualHost, VirtualSocket>,
    port: number,
    payload: Uint8Array
  ): RoutedPacket {
    const sender = origin?.host
    return {
      number: this.#numbers++,
      sentAt: this.#agenda.now(),
      from: sender === undefined ? source.host : sender.name,
      to: address.owner === undefined ? address.text : address.owner.name,
      source,
      destination: address.at(port),
      payload,
      forged: sender === undefined,
      copy: false,
      corrupted: false,
      sender,
      origin,
      address,
      receiver: address.owner,
      refused: undefined
    }
  }

  #send(socket: VirtualSocket, payload: Uint8Array, to: DatagramSocket.BackingAddress): void {
    const { host } = socket
    const address = this.#addresses.find(to.host)
    const source = socket.sourceFor(address)
    if (source === undefined) return
    const packet = this.#packet(socket, source, address, to.port, payload)
    this.#counters.sent++
    this.#counters.sentBytes += payload.length
    host.traffic.datagramsOut++
    host.traffic.bytesOut += payload.length
    for (const sent of this.#onSent) sent(packet)
    this.#enter(packet, Stage.Egress)
  }

  /** Takes a packet through a stage of its path, and on to the next one. */
  #enter(packet: RoutedPacket, stage: Stage): void {
    const { receiver, sender } = packet
    switch (stage) {
      case Stage.Egress:
        if (sender?.attached === false) return this.#drop(packet, "unplugged")
        if (sender?.egressHop !== undefined && sender !== receiver) return this.#pass(packet, sender.egressHop, stage)
        return this.#enter(packet, Stage.Link)
      case Stage.Link:
        if (receiver === undefined) return this.#drop(packet, "unbound")
        if (!receiver.attached) return this.#drop(packet, "unplugged")
        if (sender !== undefined && sender.group !== receiver.group) return this.#drop(packet, "cut")
        return this.#pass(packet, this.#linkBetween(sender, receiver), stage)
      case Stage.Ingress:
        if (receiver?.ingressHop !== undefined && sender !== receiver) {
          return this.#pass(packet, receiver.ingressHop, stage)
        }
        return receiver?.take(packet)
      case Stage.Host:
        return receiver?.take(packet)
    }
  }

  #linkBetween(sender: VirtualHost | undefined, receiver: VirtualHost): Hop {
    if (sender === undefined) return this.#common
    const changed = this.#links.size === 0 ? undefined : this.#links.get(sender.name)?.get(receiver.name)
    if (changed !== undefined) return changed
    return this.defaults.bandwidth === Infinity ? this.#common : this.#lineBetween(sender, receiver)
  }

  /** The link of a pair that has the default conditions, with its own bandwidth. */
  #lineBetween(sender: VirtualHost, receiver: VirtualHost): Hop {
    const { lines } = sender
    let line = lines.get(receiver)
    if (line === undefined) {
      // An idle line has no state, so it can be forgotten. The search at powers of two costs little per added line.
      if (lines.size >= FewLines && (lines.size & (lines.size - 1)) === 0) {
        const now = this.#agenda.now()
        for (const [other, idle] of lines) if (idle.isIdle(now)) lines.delete(other)
      }
      lines.set(receiver, (line = new Hop(this.defaults)))
    }
    return line
  }

  #pass(packet: RoutedPacket, hop: Hop, stage: Stage): void {
    const { conditions } = hop
    if (conditions.cut) return this.#drop(packet, "cut")
    if (conditions.reject > 0 && this.#random() < conditions.reject) return this.#refuse(packet, "rejected")
    const header = packet.address.v6 ? Conditions.HeaderBytesV6 : Conditions.HeaderBytesV4
    const size = packet.payload.length + header
    if (size > conditions.mtu) return this.#drop(packet, "oversize")
    const busy = hop.take(size, this.#agenda.now())
    if (busy < 0) return this.#drop(packet, "queue")
    if (conditions.loss > 0 && this.#random() < conditions.loss) return this.#drop(packet, "lost")
    this.#leave(packet, conditions, stage, busy)
    if (packet.refused === undefined && conditions.duplicate > 0 && this.#random() < conditions.duplicate) {
      this.#counters.duplicated++
      this.#leave({ ...packet, copy: true }, conditions, stage, busy)
    }
  }

  #leave(packet: RoutedPacket, conditions: Conditions.Conditions, stage: Stage, busy: number): void {
    const out = conditions.corrupt > 0 && this.#random() < conditions.corrupt ? this.#corrupted(packet) : packet
    const delay = busy + Conditions.delay(conditions, this.#random)
    switch (stage) {
      case Stage.Egress:
        if (delay === 0) return this.#enter(out, Stage.Link)
        return this.#agenda.at(this.#agenda.now() + delay, () => this.#enter(out, Stage.Link))
      case Stage.Link:
        return this.#arrive(out, this.#agenda.now() + delay)
      default:
        if (delay === 0) return this.#enter(out, Stage.Host)
        return this.#agenda.at(this.#agenda.now() + delay, () => this.#enter(out, Stage.Host))
    }
  }

  /**
   * Schedules the arrival of a packet, even for the present instant, so that a receiver never runs on the sender's stack.
   * Packets that arrive at one host at one instant share a callback, which saves most of the events of a large cluster.
   */
  #arrive(packet: RoutedPacket, at: number): void {
    const { receiver } = packet
    if (receiver === undefined) return
    if (receiver.arriving?.at === at) {
      receiver.arriving.packets.push(packet)
      return
    }
    const arriving = { at, packets: [packet] }
    receiver.arriving = arriving
    this.#agenda.at(at, () => {
      if (receiver.arriving === arriving) receiver.arriving = undefined
      for (const packet of arriving.packets) this.#enter(packet, Stage.Ingress)
    })
  }

  #corrupted(packet: RoutedPacket): RoutedPacket {
    if (packet.payload.length === 0) return packet
    this.#counters.corrupted++
    return { ...packet, payload: withBitsFlipped(packet.payload, this.#random), corrupted: true }
  }

  #drop(packet: RoutedPacket, reason: PacketDropReason): void {
    // Counters and observers are about datagrams, and a refusal is ICMP.
    if (packet.refused !== undefined) return
    this.#counters.dropped[reason]++
    for (const dropped of this.#onDropped) dropped(packet, reason)
  }

  /** Drops a packet and sends the refusal back, if a connected socket can learn of it. Nobody refuses a refusal. */
  #refuse(packet: RoutedPacket, reason: PacketDropReason): void {
    this.#drop(packet, reason)
    if (packet.origin?.peer === undefined || packet.refused !== undefined) return
    const { destination, from, receiver, sender, source, to } = packet
    this.#enter(
      {
        ...packet,
        from: to,
        to: from,
        source: destination,
        destination: source,
        payload: noPayload,
        sender: receiver,
        address: this.#addresses.find(source.host),
        receiver: sender,
        refused: packet
      },
      Stage.Egress
    )
  }

  #deliver(packet: RoutedPacket, socket: VirtualSocket): void {
    const { payload, refused, source } = packet
    if (refused !== undefined) {
      this.#counters.refused++
      for (const onRefused of this.#onRefused) onRefused(refused)
      return socket.events.onError(refusal)
    }
    const { traffic } = socket.host
    this.#counters.delivered++
    this.#counters.deliveredBytes += payload.length
    traffic.datagramsIn++
    traffic.bytesIn += payload.length
    for (const delivered of this.#onDelivered) delivered(packet)
    socket.events.onPacket(payload, source.host, source.port)
  }
}

/**
 * Makes a network on Effect's clock and randomness. It carries datagrams until the scope closes.
 *
 * **When to use**
 *
 * For nodes on `TestClock`. A cluster of many nodes runs faster with `Simulation.run`, which has a network of its own.
 *
 * **Details**
 *
 * `conditions` are those of all links until they are changed; by default, 1 ms of latency.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { Cluster, ClusterConfig } from "effect-gossip"
 * import { VirtualNetwork } from "effect-gossip/testing"
 *
 * const program = Effect.gen(function*() {
 *   const network = yield* VirtualNetwork.make()
 *   const host = network.host("a", ["10.0.0.1"])
 *   const config = yield* Effect.fromResult(ClusterConfig.make({ bind: "10.0.0.1:7946" }))
 *   const node = Layer.provide(Cluster.layer(config), host.layer)
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = Effect.fnUntraced(function* (
  conditions: Partial<Conditions.Conditions> = {}
): Effect.fn.Return<VirtualNetwork, never, Scope.Scope> {
  const agenda = yield* Agenda.fromClock
  const random = yield* Random.Random
  return new VirtualNetwork(agenda, () => random.nextDoubleUnsafe(), { latency: 1, ...conditions })
})

const isOpen = (conditions: Conditions.Conditions | undefined): boolean =>
  conditions === undefined || (!conditions.cut && conditions.reject < 1)

const open = (conditions: Conditions.Conditions): void => {
  conditions.cut = false
  conditions.reject = 0
}
