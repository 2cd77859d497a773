/**
 * A network in memory: hosts with addresses, ways between them that delay, lose, change or cut, and real
 * `DatagramSocket`s on the hosts, so that nodes run on it unchanged. Its time is an agenda's: Effect's clock, so that on
 * a `TestClock` nothing really waits, or a simulator's own.
 *
 * A datagram passes the egress of the sender's host, then the link of the pair, then the ingress of the receiver's host.
 * Each has its conditions and holds for a datagram when it gets there: delays add, losses are independent, and whatever
 * is cut cuts. What a host sends to itself passes the link only.
 */
import { Effect, Result, type Scope } from "effect"
import { type Dns, NetAddress } from "effect/net"
import type { DatagramSocket } from "effect/socket"
import * as Random from "effect/Random"
import { type Address, Addresses } from "./Addresses.ts"
import * as Agenda from "./Agenda.ts"
import * as Conditions from "./Conditions.ts"
import { Hop } from "./Hop.ts"
import { type NameAnswer, NameServer } from "./NameServer.ts"
import { type Counters, counters, type DropReason, type Endpoint, type Observer, withBitsFlipped } from "./Packet.ts"
import { type Flight, type Host, type Socket, VirtualHost } from "./VirtualHost.ts"

export type { Host } from "./VirtualHost.ts"

/** Where a datagram is on its way. */
const Stage = { Egress: 0, Link: 1, Ingress: 2, Host: 3 } as const
type Stage = (typeof Stage)[keyof typeof Stage]

/** A sender keeps at least so many lines of unchanged links before it forgets those that are idle. */
const FewLines = 64

/** One member of each observer that has it, changed as a whole, so that an observer may come and go while one is told. */
const members = <K extends keyof Observer>(
  observers: ReadonlyArray<Observer>,
  member: K
): ReadonlyArray<NonNullable<Observer[K]>> =>
  observers.flatMap((observer) => {
    const one = observer[member]
    return one === undefined ? [] : [one]
  })

export class VirtualNetwork {
  /** The answer of the network's name server for each name, to be changed at will. A name that is missing does not exist. */
  readonly names: Map<string, NameAnswer>
  /** The names that were asked for, in order. */
  readonly asked: ReadonlyArray<string>
  /** The network's name server. */
  readonly dns: Dns.Dns["Service"]
  /** How datagrams fare on every link that was not asked for by `link`. Each pair has its own bandwidth. */
  readonly defaults: Conditions.Conditions
  readonly counters: Readonly<Counters>
  readonly #counters = counters()
  readonly #agenda: Agenda.Agenda
  readonly #random: () => number
  readonly #addresses = new Addresses()
  readonly #hosts = new Map<string, VirtualHost>()
  readonly #groups = new Map<string, number>()
  /** By the names of sender and receiver. */
  readonly #links = new Map<string, Map<string, Hop>>()
  /** Any pair's link that was not changed, while it has no bandwidth to keep account of. */
  readonly #common: Hop
  #observers: ReadonlyArray<Observer> = []
  #onSent: ReadonlyArray<NonNullable<Observer["sent"]>> = []
  #onDropped: ReadonlyArray<NonNullable<Observer["dropped"]>> = []
  #onDelivered: ReadonlyArray<NonNullable<Observer["delivered"]>> = []
  #numbers = 0
  readonly #wire: ConstructorParameters<typeof VirtualHost>[1]

  /** `random` is uniform in [0, 1), and all there is of chance: the same numbers make the same history. */
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
    this.#wire = {
      agenda,
      addresses: this.#addresses,
      dns: this.dns,
      send: (socket, payload, to) => this.#send(socket, payload, to),
      drop: (flight, reason) => this.#drop(flight, reason),
      deliver: (flight, socket) => this.#deliver(flight, socket)
    }
  }

  /**
   * A network on Effect's clock and randomness, whose links are as `conditions` says until they are changed; 1 ms latency
   * and nothing else by default. It carries datagrams until the scope closes.
   */
  static readonly make = Effect.fnUntraced(function* (
    conditions: Partial<Conditions.Conditions> = {}
  ): Effect.fn.Return<VirtualNetwork, never, Scope.Scope> {
    const agenda = yield* Agenda.fromClock
    const random = yield* Random.Random
    return new VirtualNetwork(agenda, () => random.nextDoubleUnsafe(), { latency: 1, ...conditions })
  })

  /**
   * Adds a machine with these IP addresses, or gives them to the machine that has this name. Who had one of them has it
   * no longer.
   */
  host(name: string, addresses: ReadonlyArray<string>): Host {
    let host = this.#hosts.get(name)
    if (host?.attached !== true) {
      host = new VirtualHost(name, this.#wire)
      host.group = this.#groups.get(name) ?? 0
      this.#hosts.set(name, host)
    }
    for (const address of addresses) host.add(address)
    return host
  }

  /**
   * The link from one host to another, by their names, to be changed at will; the way back is a link of its own. It is
   * as `defaults` is now, and no longer follows it.
   */
  link(from: string, to: string): Conditions.Conditions {
    let links = this.#links.get(from)
    if (links === undefined) this.#links.set(from, (links = new Map()))
    let hop = links.get(to)
    if (hop === undefined) links.set(to, (hop = new Hop({ ...this.defaults })))
    return hop.conditions
  }

  /** Cuts or mends both directions between each host of one group and each of the other. */
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
   * Parts the network: no datagram leaves a group of hosts, given by name, for another. Hosts in no group stay together.
   * It holds for hosts that are added later as well, and takes the place of any partition before.
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

  /** Whether neither a partition nor a cut keeps what one host sends from another; both by name. */
  reaches(from: string, to: string): boolean {
    const sender = this.#hosts.get(from)
    const receiver = this.#hosts.get(to)
    if (sender === undefined || receiver === undefined || sender.group !== receiver.group) return false
    const link = this.#links.get(from)?.get(to)?.conditions ?? this.defaults
    return !link.cut && sender.egressHop?.conditions.cut !== true && receiver.ingressHop?.conditions.cut !== true
  }

  /** Ends the partition, and mends whatever is cut: links, the defaults, egress and ingress of hosts. */
  heal(): void {
    this.partition([])
    this.defaults.cut = false
    for (const links of this.#links.values()) for (const { conditions } of links.values()) conditions.cut = false
    for (const { egressHop, ingressHop } of this.#hosts.values()) {
      if (egressHop !== undefined) egressHop.conditions.cut = false
      if (ingressHop !== undefined) ingressHop.conditions.cut = false
    }
  }

  /**
   * Sends a datagram that no socket sent, with whatever source address: forged or replayed. It comes by a link with the
   * default conditions, which all such datagrams share, from beyond any partition. Both are `ip:port`; `false` if one of them is not.
   */
  inject(payload: Uint8Array, from: string, to: string): boolean {
    const source = NetAddress.inetAddressFromString(from)
    const target = NetAddress.inetAddressFromString(to)
    if (Result.isFailure(source) || Result.isFailure(target)) return false
    const address = this.#addresses.find(NetAddress.formatIp(target.success.address))
    const endpoint = NetAddress.toCanonical(source.success)
    const flight = this.#flight(
      undefined,
      { host: NetAddress.formatIp(endpoint.address), port: endpoint.port },
      address,
      target.success.port,
      payload
    )
    this.#counters.injected++
    for (const sent of this.#onSent) sent(flight)
    this.#enter(flight, Stage.Link)
    return true
  }

  /** Shows an observer all datagrams from now on, until the returned function is called. */
  observe(observer: Observer): () => void {
    const watch = (observers: ReadonlyArray<Observer>) => {
      this.#observers = observers
      this.#onSent = members(observers, "sent")
      this.#onDropped = members(observers, "dropped")
      this.#onDelivered = members(observers, "delivered")
    }
    watch([...this.#observers, observer])
    return () => watch(this.#observers.filter((other) => other !== observer))
  }

  #flight(
    sender: VirtualHost | undefined,
    source: Endpoint,
    address: Address,
    port: number,
    payload: Uint8Array
  ): Flight {
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
      address,
      receiver: address.owner
    }
  }

  #send(socket: Socket, payload: Uint8Array, to: DatagramSocket.BackingAddress): void {
    const { host } = socket
    const address = this.#addresses.find(to.host)
    const source = socket.sourceFor(address)
    if (source === undefined) return
    const flight = this.#flight(host, source, address, to.port, payload)
    this.#counters.sent++
    this.#counters.sentBytes += payload.length
    host.traffic.datagramsOut++
    host.traffic.bytesOut += payload.length
    for (const sent of this.#onSent) sent(flight)
    this.#enter(flight, Stage.Egress)
  }

  /** Takes a datagram through a stage, and whatever comes out of that on to the next. */
  #enter(flight: Flight, stage: Stage): void {
    const { receiver, sender } = flight
    switch (stage) {
      case Stage.Egress:
        if (sender?.attached === false) return this.#drop(flight, "unplugged")
        if (sender?.egressHop !== undefined && sender !== receiver) return this.#pass(flight, sender.egressHop, stage)
        return this.#enter(flight, Stage.Link)
      case Stage.Link:
        if (receiver === undefined) return this.#drop(flight, "unbound")
        if (!receiver.attached) return this.#drop(flight, "unplugged")
        if (sender !== undefined && sender.group !== receiver.group) return this.#drop(flight, "cut")
        return this.#pass(flight, this.#linkBetween(sender, receiver), stage)
      case Stage.Ingress:
        if (receiver?.ingressHop !== undefined && sender !== receiver) {
          return this.#pass(flight, receiver.ingressHop, stage)
        }
        return receiver?.take(flight)
      case Stage.Host:
        return receiver?.take(flight)
    }
  }

  #linkBetween(sender: VirtualHost | undefined, receiver: VirtualHost): Hop {
    if (sender === undefined) return this.#common
    const changed = this.#links.size === 0 ? undefined : this.#links.get(sender.name)?.get(receiver.name)
    if (changed !== undefined) return changed
    return this.defaults.bandwidth === Infinity ? this.#common : this.#lineBetween(sender, receiver)
  }

  /** The link of a pair that has the default conditions and a bandwidth of its own. */
  #lineBetween(sender: VirtualHost, receiver: VirtualHost): Hop {
    const { lines } = sender
    let line = lines.get(receiver)
    if (line === undefined) {
      // An idle line has nothing to remember. At powers of two they are looked for: that is little work for each added.
      if (lines.size >= FewLines && (lines.size & (lines.size - 1)) === 0) {
        const now = this.#agenda.now()
        for (const [other, idle] of lines) if (idle.isIdle(now)) lines.delete(other)
      }
      lines.set(receiver, (line = new Hop(this.defaults)))
    }
    return line
  }

  #pass(flight: Flight, hop: Hop, stage: Stage): void {
    const { conditions } = hop
    if (conditions.cut) return this.#drop(flight, "cut")
    const header = flight.address.v6 ? Conditions.HeaderBytesV6 : Conditions.HeaderBytesV4
    const size = flight.payload.length + header
    if (size > conditions.mtu) return this.#drop(flight, "oversize")
    const busy = hop.take(size, this.#agenda.now())
    if (busy < 0) return this.#drop(flight, "queue")
    if (conditions.loss > 0 && this.#random() < conditions.loss) return this.#drop(flight, "lost")
    this.#leave(flight, conditions, stage, busy)
    if (conditions.duplicate > 0 && this.#random() < conditions.duplicate) {
      this.#counters.duplicated++
      this.#leave({ ...flight, copy: true }, conditions, stage, busy)
    }
  }

  #leave(flight: Flight, conditions: Conditions.Conditions, stage: Stage, busy: number): void {
    const out = conditions.corrupt > 0 && this.#random() < conditions.corrupt ? this.#corrupted(flight) : flight
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
   * Has a datagram come to its receiver at a time, even if that is now: nobody is handed one on the sender's stack. What
   * comes to one host at one instant comes together, which spares a large cluster most of its wake-ups.
   */
  #arrive(flight: Flight, at: number): void {
    const { receiver } = flight
    if (receiver === undefined) return
    if (receiver.arriving?.at === at) {
      receiver.arriving.flights.push(flight)
      return
    }
    const arriving = { at, flights: [flight] }
    receiver.arriving = arriving
    this.#agenda.at(at, () => {
      if (receiver.arriving === arriving) receiver.arriving = undefined
      for (const flight of arriving.flights) this.#enter(flight, Stage.Ingress)
    })
  }

  #corrupted(flight: Flight): Flight {
    if (flight.payload.length === 0) return flight
    this.#counters.corrupted++
    return { ...flight, payload: withBitsFlipped(flight.payload, this.#random), corrupted: true }
  }

  #drop(flight: Flight, reason: DropReason): void {
    this.#counters.dropped[reason]++
    for (const dropped of this.#onDropped) dropped(flight, reason)
  }

  #deliver(flight: Flight, socket: Socket): void {
    const { payload, source } = flight
    const { traffic } = socket.host
    this.#counters.delivered++
    this.#counters.deliveredBytes += payload.length
    traffic.datagramsIn++
    traffic.bytesIn += payload.length
    for (const delivered of this.#onDelivered) delivered(flight)
    socket.events.onPacket(payload, source.host, source.port)
  }
}
