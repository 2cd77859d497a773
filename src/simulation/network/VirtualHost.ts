/** A machine on a virtual network: its sockets, and what waits for a process that does not read. */
import { Effect, Layer } from "effect"
import { Dns, NetAddress } from "effect/net"
import { DatagramSocket } from "effect/socket"
import { Network } from "../../transport/Network.ts"
import type { Address, Addresses } from "./Addresses.ts"
import type { Agenda } from "./Agenda.ts"
import { type Conditions, make as makeConditions } from "./Conditions.ts"
import { Hop } from "./Hop.ts"
import type { DropReason, Endpoint, Packet } from "./Packet.ts"

/** The receive buffer of a socket on Linux as it comes, in bytes. */
export const DefaultReceiveBuffer = 212_992
/** What the kernel keeps for a waiting datagram beside its payload, in bytes. */
export const WaitingOverhead = 768

/** Datagrams, and the bytes of their payloads, that a host's sockets sent and got. */
export interface Traffic {
  datagramsOut: number
  bytesOut: number
  datagramsIn: number
  bytesIn: number
}

/** One machine on the network. */
export interface Host {
  readonly name: string
  /** The services of a node on this host. */
  readonly network: Network["Service"]
  /** The network and its name server, to be provided to a node on this host. */
  readonly layer: Layer.Layer<Network | Dns.Dns>
  readonly traffic: Readonly<Traffic>
  /** Bytes that may wait in the receive buffer of each socket, `WaitingOverhead` for each datagram included. */
  receiveBuffer: number
  /** Datagrams that wait until the process reads again. */
  readonly held: number
  /** Whether the process does not read. */
  readonly holding: boolean
  /** How datagrams fare that leave for other hosts. Neutral, and of no cost, until it is asked for. */
  readonly egress: () => Conditions
  /** How datagrams fare that come from other hosts, when they get here. Neutral, and of no cost, until it is asked for. */
  readonly ingress: () => Conditions
  /** From now on the process does not read, and what arrives waits. What it sends goes out. */
  readonly hold: () => void
  /** The process reads again: what waits is handed over, in order, at the present instant. */
  readonly release: () => void
  /**
   * Unplugs the host for good: nothing that its sockets send or should get arrives
   * any more, and another host may have its addresses, or its name.
   */
  readonly detach: () => void
}

/** Where a packet comes from and goes to. `Packet` is what others see of it. */
export interface Flight extends Packet {
  readonly sender: VirtualHost | undefined
  /** Where it goes; `receiver` had that address when it was sent. */
  readonly address: Address
  readonly receiver: VirtualHost | undefined
}

/** What a host asks of its network. */
export interface Wire {
  readonly agenda: Agenda
  readonly addresses: Addresses
  readonly dns: Dns.Dns["Service"]
  readonly send: (socket: Socket, payload: Uint8Array, to: DatagramSocket.BackingAddress) => void
  readonly drop: (flight: Flight, reason: DropReason) => void
  readonly deliver: (flight: Flight, socket: Socket) => void
}

export class Socket {
  readonly host: VirtualHost
  readonly port: number
  readonly events: DatagramSocket.BackingEvents
  /** Bytes of the receive buffer that are in use. */
  buffered = 0
  readonly #addresses: ReadonlyArray<Address>
  readonly #fromV4: Endpoint | undefined
  readonly #fromV6: Endpoint | undefined

  constructor(
    host: VirtualHost,
    addresses: ReadonlyArray<Address>,
    port: number,
    events: DatagramSocket.BackingEvents
  ) {
    this.host = host
    this.port = port
    this.events = events
    this.#addresses = addresses
    this.#fromV4 = addresses.find((address) => !address.v6)?.at(port)
    this.#fromV6 = addresses.find((address) => address.v6)?.at(port)
    for (const address of addresses) address.sockets.set(port, this)
  }

  /** Where what it sends comes from: its own machine's very address, and else one of the family. */
  sourceFor(destination: Address): Endpoint | undefined {
    if (this.#addresses.includes(destination)) return destination.at(this.port)
    return destination.v6 ? this.#fromV6 : this.#fromV4
  }

  close(): void {
    for (const { sockets } of this.#addresses) if (sockets.get(this.port) === this) sockets.delete(this.port)
  }
}

interface Waiting {
  readonly flight: Flight
  readonly socket: Socket
}

/** Ports that a host hands out itself. */
const FirstEphemeralPort = 49_152
const LastEphemeralPort = 65_535

const openError = (kind: DatagramSocket.DatagramSocketOpenError["kind"]): DatagramSocket.DatagramSocketError =>
  new DatagramSocket.DatagramSocketError({
    reason: new DatagramSocket.DatagramSocketOpenError({ kind, cause: new Error(kind) })
  })

const noMulticast = new DatagramSocket.DatagramSocketError({
  reason: new DatagramSocket.DatagramSocketUnsupportedError({ capability: "multicast", runtime: "virtual network" })
})

const sizeInBuffer = (flight: Flight): number => flight.payload.length + WaitingOverhead

export class VirtualHost implements Host {
  readonly name: string
  readonly network: Network["Service"]
  readonly traffic: Traffic = { datagramsOut: 0, bytesOut: 0, datagramsIn: 0, bytesIn: 0 }
  receiveBuffer = DefaultReceiveBuffer
  /** Which side of a partition it is on. */
  group = 0
  attached = true
  egressHop: Hop | undefined
  ingressHop: Hop | undefined
  /** The datagrams that come last so far as is known, all at one time, in ms. */
  arriving: { readonly at: number; readonly flights: Array<Flight> } | undefined
  /** The links to others that have the default conditions and a bandwidth of their own. */
  readonly lines = new Map<VirtualHost, Hop>()
  readonly #wire: Wire
  readonly #addresses: Array<Address> = []
  #waiting: Array<Waiting> = []
  #holding = false
  #nextPort = FirstEphemeralPort

  constructor(name: string, wire: Wire) {
    this.name = name
    this.#wire = wire
    this.network = {
      socket: (address) => DatagramSocket.makeFromBackingSocket((events) => this.#open(address, events)),
      interfaces: Effect.sync(() => this.#addresses.map(({ text }) => NetAddress.ipFromStringUnsafe(text)))
    }
  }

  get layer(): Layer.Layer<Network | Dns.Dns> {
    return Layer.merge(Layer.succeed(Network, this.network), Layer.succeed(Dns.Dns, this.#wire.dns))
  }

  get held(): number {
    return this.#waiting.length
  }

  get holding(): boolean {
    return this.#holding
  }

  /** Gives it one more address. */
  add(spelling: string): void {
    const address = this.#wire.addresses.claim(spelling, this)
    if (!this.#addresses.includes(address)) this.#addresses.push(address)
  }

  readonly egress = (): Conditions => {
    this.egressHop ??= new Hop(makeConditions())
    return this.egressHop.conditions
  }

  readonly ingress = (): Conditions => {
    this.ingressHop ??= new Hop(makeConditions())
    return this.ingressHop.conditions
  }

  readonly hold = (): void => {
    this.#holding = true
  }

  readonly release = (): void => {
    this.#holding = false
    if (this.#waiting.length > 0) this.#wire.agenda.at(this.#wire.agenda.now(), () => this.#handOver())
  }

  readonly detach = (): void => {
    this.attached = false
    for (const { flight } of this.#waiting.splice(0)) this.#wire.drop(flight, "unplugged")
  }

  /** Takes a datagram that has come all the way. */
  take(flight: Flight): void {
    if (!this.attached || flight.address.owner !== this) return this.#wire.drop(flight, "unplugged")
    const socket = flight.address.sockets.get(flight.destination.port)
    if (socket === undefined) return this.#wire.drop(flight, "unbound")
    // What comes after a release, and before what waited was handed over, keeps its place.
    if (!this.#holding && this.#waiting.length === 0) return this.#wire.deliver(flight, socket)
    const size = sizeInBuffer(flight)
    if (socket.buffered + size > this.receiveBuffer) return this.#wire.drop(flight, "buffer")
    socket.buffered += size
    this.#waiting.push({ flight, socket })
  }

  /** Whoever is handed a datagram may hold the host again, or close a socket. */
  #handOver(): void {
    while (!this.#holding) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      next.socket.buffered -= sizeInBuffer(next.flight)
      this.#wire.deliver(next.flight, next.socket)
    }
  }

  #close(socket: Socket): void {
    socket.close()
    const lost = this.#waiting.filter((waiting) => waiting.socket === socket)
    if (lost.length === 0) return
    this.#waiting = this.#waiting.filter((waiting) => waiting.socket !== socket)
    for (const { flight } of lost) this.#wire.drop(flight, "unbound")
  }

  #open(
    bind: NetAddress.InetAddress,
    events: DatagramSocket.BackingEvents
  ): Effect.Effect<DatagramSocket.BackingSocket, DatagramSocket.DatagramSocketError> {
    return Effect.suspend(() => {
      const native = NetAddress.formatHost(bind)
      const own = this.#addresses.filter(({ owner }) => owner === this)
      const addresses = NetAddress.isUnspecified(bind.address)
        ? own.filter(({ v6 }) => NetAddress.isInetAddressV6(bind) || !v6)
        : [this.#wire.addresses.find(native)]
      if (!addresses.every((address) => own.includes(address))) return Effect.fail(openError("AddressNotAvailable"))
      const port = bind.port === 0 ? this.#freePort(addresses) : bind.port
      if (port === undefined || addresses.some(({ sockets }) => sockets.has(port))) {
        return Effect.fail(openError("AddressInUse"))
      }
      const socket = new Socket(this, addresses, port, events)
      const send = (payload: Uint8Array, to: DatagramSocket.BackingAddress | undefined): void => {
        if (to !== undefined) this.#wire.send(socket, payload, to)
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
        joinMulticast: () => Effect.fail(noMulticast),
        close: () => this.#close(socket)
      })
    })
  }

  #freePort(addresses: ReadonlyArray<Address>): number | undefined {
    for (let tries = FirstEphemeralPort; tries <= LastEphemeralPort; tries++) {
      const port = this.#nextPort
      this.#nextPort = port === LastEphemeralPort ? FirstEphemeralPort : port + 1
      if (!addresses.some(({ sockets }) => sockets.has(port))) return port
    }
    return undefined
  }
}
