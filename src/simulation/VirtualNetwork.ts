/**
 * A network in memory: hosts with addresses, links that delay, lose or are cut,
 * and real `DatagramSocket`s on them, so that nodes run on it unchanged. Time is
 * Effect's clock, so on a `TestClock` or a virtual clock nothing really waits.
 */
import { Clock, Effect, type Scope } from "effect"
import { Dns, Host as HostName, NetAddress } from "effect/net"
import { DatagramSocket } from "effect/socket"
import * as Random from "effect/Random"
import * as Alarm from "../time/Alarm.ts"
import { DeadlineQueue } from "../time/DeadlineQueue.ts"
import * as MonotonicTime from "../time/MonotonicTime.ts"
import { PauseWatch } from "../time/PauseWatch.ts"
import type { Network } from "../transport/Network.ts"

/** How datagrams fare from one host to another. */
export interface Link {
  /** How long a datagram is under way, in ms. */
  latency: number
  /** Probability in [0, 1] that it is lost. */
  loss: number
  /** Whether none get through. */
  cut: boolean
}

/** What became of a datagram that a host sent. */
export interface Sighting {
  /** When it was sent, in ms of the clock's monotonic reading. */
  readonly at: number
  readonly from: string
  readonly to: string
  readonly payload: Uint8Array
  readonly fate: "carried" | "lost" | "cut"
}

type Found =
  | { readonly addresses: ReadonlyArray<string> }
  | { readonly services: ReadonlyArray<{ readonly target: string; readonly port: number; readonly priority?: number }> }

/** What the network's name server has for a name, or what is wrong with it. */
export type NameAnswer =
  | Found
  | { readonly fails: Dns.DnsErrorReason }
  /** Nothing comes, ever. */
  | "hangs"

/** One machine on the network. */
export interface Host {
  readonly name: string
  /** The services of a node on this host. */
  readonly network: Network["Service"]
  /**
   * Unplugs the host for good: nothing that its sockets send or should get arrives
   * any more, and another host may have its addresses.
   */
  readonly detach: () => void
}

interface Socket {
  readonly host: string
  readonly addresses: ReadonlyArray<string>
  readonly port: number
  readonly events: DatagramSocket.BackingEvents
}

interface Packet {
  readonly from: DatagramSocket.BackingAddress
  readonly to: string
  readonly payload: Uint8Array
}

/** Ports that the network hands out itself start here. */
const FirstEphemeralPort = 49_152

const endpoint = (host: string, port: number): string => `${host} ${port}`

/** Textual addresses in one form, IPv4-mapped ones as IPv4. */
const canonicalHost = (host: string): string => {
  const address = NetAddress.inetAddressFromNativeUnsafe(host, 0)
  return NetAddress.formatIp(NetAddress.toCanonical(address).address)
}

const openError = (kind: DatagramSocket.DatagramSocketOpenError["kind"]): DatagramSocket.DatagramSocketError =>
  new DatagramSocket.DatagramSocketError({
    reason: new DatagramSocket.DatagramSocketOpenError({ kind, cause: new Error(kind) })
  })

export class VirtualNetwork {
  /** The answer for each name, to be changed at will. A name that is missing does not exist. */
  readonly names = new Map<string, NameAnswer>()
  /** The names that were asked for, in order. */
  readonly asked: Array<string> = []
  /** The network's name server. */
  readonly dns: Dns.Dns["Service"]
  readonly #clock: Clock.Clock
  readonly #random: () => number
  readonly #defaults: Link
  readonly #links = new Map<string, Link>()
  readonly #sockets = new Map<string, Socket>()
  readonly #hostOf = new Map<string, string>()
  readonly #detached = new Set<string>()
  readonly #packets = new Map<number, Packet>()
  readonly #arrivals = new DeadlineQueue()
  readonly #watchers: Array<(sighting: Sighting) => void> = []
  #sent = 0
  #nextPort = FirstEphemeralPort
  #wake: () => void = () => {}

  constructor(clock: Clock.Clock, random: () => number, defaults: Link) {
    this.#clock = clock
    this.#random = random
    this.#defaults = defaults
    this.dns = Dns.make({
      lookup: (host) =>
        this.#answer(host, "lookup", (answer) =>
          "addresses" in answer ? answer.addresses.map(NetAddress.ipFromStringUnsafe) : []
        ),
      resolve: (name) =>
        this.#answer(name, "resolve", (answer): ReadonlyArray<Dns.DnsRecord> =>
          "services" in answer
            ? answer.services.map(({ port, priority, target }) =>
                Dns.makeRecordUnsafe("SRV", {
                  target: HostName.toFullyQualified(HostName.domainNameFromStringUnsafe(target)),
                  port,
                  priority: priority ?? 0,
                  weight: 0
                })
              )
            : answer.addresses.map((text) => {
                const address = NetAddress.ipFromStringUnsafe(text)
                return NetAddress.isIpv4Address(address)
                  ? Dns.makeRecordUnsafe("A", { address })
                  : Dns.makeRecordUnsafe("AAAA", { address })
              })
        )
    })
  }

  /**
   * A network whose links are as `link` says until they are changed; 1 ms latency
   * and no loss by default. It carries datagrams until the scope closes.
   */
  static readonly make = Effect.fnUntraced(function* (
    link: Partial<Link> = {}
  ): Effect.fn.Return<VirtualNetwork, never, Scope.Scope> {
    const clock = yield* Clock.Clock
    const random = yield* Random.Random
    const network = new VirtualNetwork(clock, () => random.nextDoubleUnsafe(), {
      latency: 1,
      loss: 0,
      cut: false,
      ...link
    })
    // What runs the network is nobody's process, so its lateness says nothing.
    const alarm = yield* Alarm.make(clock, new PauseWatch(Infinity), {
      next: () => network.#arrivals.next,
      fire: (now) => network.#deliver(now)
    })
    network.#wake = alarm.reset
    return network
  })

  /** Adds a machine with these IP addresses. */
  host(name: string, addresses: ReadonlyArray<string>): Host {
    const own = addresses.map(canonicalHost)
    for (const address of own) this.#hostOf.set(address, name)
    return {
      name,
      detach: () => {
        this.#detached.add(name)
        for (const [key, socket] of this.#sockets) if (socket.host === name) this.#sockets.delete(key)
      },
      network: {
        socket: (address) => DatagramSocket.makeFromBackingSocket((events) => this.#open(name, own, address, events)),
        interfaces: Effect.sync(() => own.map(NetAddress.ipFromStringUnsafe))
      }
    }
  }

  /** The link from one host to another, to be changed at will; the way back is a link of its own. */
  link(from: string, to: string): Link {
    const key = `${from} ${to}`
    let link = this.#links.get(key)
    if (link === undefined) {
      link = { ...this.#defaults }
      this.#links.set(key, link)
    }
    return link
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

  /** `watcher` sees every datagram that is sent. */
  onDatagram(watcher: (sighting: Sighting) => void): void {
    this.#watchers.push(watcher)
  }

  #answer<A>(
    full: HostName.DomainName,
    method: Dns.DnsError["method"],
    records: (answer: Found) => ReadonlyArray<A>
  ): Effect.Effect<ReadonlyArray<A>, Dns.DnsError> {
    return Effect.suspend(() => {
      const name = HostName.toRelative(full)
      this.asked.push(name)
      const answer = this.names.get(name)
      if (answer === "hangs") return Effect.never
      if (answer === undefined) return Effect.succeed([])
      return "fails" in answer
        ? Effect.fail(new Dns.DnsError({ reason: answer.fails, method, hostname: name }))
        : Effect.succeed(records(answer))
    })
  }

  #open(
    host: string,
    own: ReadonlyArray<string>,
    bind: NetAddress.InetAddress,
    events: DatagramSocket.BackingEvents
  ): Effect.Effect<DatagramSocket.BackingSocket, DatagramSocket.DatagramSocketError> {
    return Effect.suspend(() => {
      const wildcard = NetAddress.isUnspecified(bind.address)
      const native = NetAddress.formatHost(bind)
      const dual = NetAddress.isInetAddressV6(bind)
      const addresses = wildcard ? own.filter((address) => dual || !address.includes(":")) : [canonicalHost(native)]
      if (!addresses.every((address) => own.includes(address))) return Effect.fail(openError("AddressNotAvailable"))
      const port = bind.port === 0 ? this.#nextPort++ : bind.port
      if (addresses.some((address) => this.#sockets.has(endpoint(address, port)))) {
        return Effect.fail(openError("AddressInUse"))
      }
      const socket: Socket = { host, addresses, port, events }
      for (const address of addresses) this.#sockets.set(endpoint(address, port), socket)
      const send = (payload: Uint8Array, to: DatagramSocket.BackingAddress | undefined): void => {
        if (to !== undefined) this.#send(socket, payload, to)
      }
      return Effect.succeed({
        address: { host: native, port },
        send: (payload, to, done) => {
          send(payload, to)
          done()
        },
        sendMany: (payloads, destinations, done) => {
          payloads.forEach((payload, i) => send(payload, destinations[i]))
          done()
        },
        joinMulticast: () =>
          Effect.fail(
            new DatagramSocket.DatagramSocketError({
              reason: new DatagramSocket.DatagramSocketUnsupportedError({
                capability: "multicast",
                runtime: "virtual network"
              })
            })
          ),
        close: () => {
          for (const address of addresses) {
            const key = endpoint(address, port)
            if (this.#sockets.get(key) === socket) this.#sockets.delete(key)
          }
        }
      })
    })
  }

  #send(socket: Socket, payload: Uint8Array, destination: DatagramSocket.BackingAddress): void {
    const host = canonicalHost(destination.host)
    const target = this.#hostOf.get(host)
    // A socket on every address speaks to its own machine from the very address, and else from one of the family.
    const source = socket.addresses.includes(host)
      ? host
      : socket.addresses.find((address) => address.includes(":") === host.includes(":"))
    if (source === undefined) return
    const link = this.link(socket.host, target ?? host)
    const severed = target === undefined || link.cut || this.#detached.has(socket.host) || this.#detached.has(target)
    const fate = severed ? "cut" : link.loss > 0 && this.#random() < link.loss ? "lost" : "carried"
    const now = MonotonicTime.millis(this.#clock)
    for (const watcher of this.#watchers) {
      watcher({ at: now, from: socket.host, to: target ?? host, payload, fate })
    }
    if (fate !== "carried") return
    const id = this.#sent++
    this.#packets.set(id, {
      from: { host: source, port: socket.port },
      to: endpoint(host, destination.port),
      payload
    })
    this.#arrivals.set(id, now + link.latency)
    this.#wake()
  }

  #deliver(now: number): void {
    for (let id = this.#arrivals.popDue(now); id >= 0; id = this.#arrivals.popDue(now)) {
      const packet = this.#packets.get(id)
      this.#packets.delete(id)
      const socket = packet && this.#sockets.get(packet.to)
      if (packet === undefined || socket === undefined || this.#detached.has(socket.host)) continue
      socket.events.onPacket(packet.payload, packet.from.host, packet.from.port)
    }
  }
}
