/** A machine on a virtual network: its sockets, and the datagrams that wait for a process that does not read. */
import { Effect, Layer } from "effect"
import { Dns, NetAddress } from "effect/net"
import { DatagramSocket } from "effect/socket"
import { Network } from "../../transport/Network.ts"
import * as PortProbe from "../../transport/PortProbe.ts"
import type { AddressTable, HostAddress } from "./AddressTable.ts"
import type { Agenda } from "./Agenda.ts"
import { type Conditions, make as makeConditions } from "./Conditions.ts"
import { Hop } from "./Hop.ts"
import { DefaultReceiveBuffer, type Host, type Traffic, WaitingOverhead } from "./Host.ts"
import type { Endpoint, Packet, PacketDropReason } from "./Packet.ts"

type Address = HostAddress<VirtualHost, VirtualSocket>

/** A packet with its route, which observers do not see. */
export interface RoutedPacket extends Packet {
  readonly sender: VirtualHost | undefined
  /** The sending socket; `undefined` if no socket sent it. */
  readonly origin: VirtualSocket | undefined
  /** The destination; `receiver` had this address when the packet was sent. */
  readonly address: Address
  readonly receiver: VirtualHost | undefined
  /** Set for an ICMP port unreachable: the datagram that was refused. */
  readonly refused: RoutedPacket | undefined
}

/** What a host needs of its network. */
export interface HostNetwork {
  readonly agenda: Agenda
  readonly addresses: AddressTable<VirtualHost, VirtualSocket>
  readonly dns: Dns.Dns["Service"]
  readonly send: (socket: VirtualSocket, payload: Uint8Array, to: DatagramSocket.BackingAddress) => void
  readonly drop: (packet: RoutedPacket, reason: PacketDropReason) => void
  /** Drops a packet for which there is no socket, and tells its sender. */
  readonly refuse: (packet: RoutedPacket) => void
  readonly deliver: (packet: RoutedPacket, socket: VirtualSocket) => void
}

export class VirtualSocket {
  readonly host: VirtualHost
  readonly port: number
  readonly events: DatagramSocket.BackingEvents
  /** The only endpoint that a connected socket sends to and receives from. */
  readonly peer: Endpoint | undefined
  /** Bytes of the receive buffer that are in use. */
  buffered = 0
  readonly #addresses: ReadonlyArray<Address>
  readonly #fromV4: Endpoint | undefined
  readonly #fromV6: Endpoint | undefined

  constructor(
    host: VirtualHost,
    addresses: ReadonlyArray<Address>,
    port: number,
    events: DatagramSocket.BackingEvents,
    peer: Endpoint | undefined
  ) {
    this.host = host
    this.port = port
    this.events = events
    this.peer = peer
    this.#addresses = addresses
    this.#fromV4 = addresses.find((address) => !address.v6)?.at(port)
    this.#fromV6 = addresses.find((address) => address.v6)?.at(port)
    for (const address of addresses) address.sockets.set(port, this)
  }

  /** The source of what it sends: the destination address itself if it is the host's own, else one of its family. */
  sourceFor(destination: Address): Endpoint | undefined {
    if (this.#addresses.includes(destination)) return destination.at(this.port)
    return destination.v6 ? this.#fromV6 : this.#fromV4
  }

  accepts({ refused, source }: RoutedPacket): boolean {
    if (refused !== undefined) return refused.origin === this
    return this.peer === undefined || (this.peer.host === source.host && this.peer.port === source.port)
  }

  close(): void {
    for (const { sockets } of this.#addresses) if (sockets.get(this.port) === this) sockets.delete(this.port)
  }
}

interface Waiting {
  readonly packet: RoutedPacket
  readonly socket: VirtualSocket
}

const FirstEphemeralPort = 49_152
const LastEphemeralPort = 65_535

const openError = (kind: DatagramSocket.DatagramSocketOpenError["kind"]): DatagramSocket.DatagramSocketError =>
  new DatagramSocket.DatagramSocketError({
    reason: new DatagramSocket.DatagramSocketOpenError({ kind, cause: new Error(kind) })
  })

const noMulticast = new DatagramSocket.DatagramSocketError({
  reason: new DatagramSocket.DatagramSocketUnsupportedError({ capability: "multicast", runtime: "virtual network" })
})

const sizeInBuffer = (packet: RoutedPacket): number => packet.payload.length + WaitingOverhead

export class VirtualHost implements Host {
  readonly name: string
  readonly network: Network["Service"]
  readonly traffic: Traffic = { datagramsOut: 0, bytesOut: 0, datagramsIn: 0, bytesIn: 0 }
  receiveBuffer = DefaultReceiveBuffer
  /** The side of a partition that it is on. */
  group = 0
  /** Whether it is on the network. */
  attached = true
  /** Whether its process has ended. */
  exited = false
  egressHop: Hop | undefined
  ingressHop: Hop | undefined
  /** The packets that arrive at the latest time known so far, in ms. */
  arriving: { readonly at: number; readonly packets: Array<RoutedPacket> } | undefined
  /** Links to other hosts that have the default conditions and therefore a bandwidth of their own. */
  readonly lines = new Map<VirtualHost, Hop>()
  readonly #outer: HostNetwork
  readonly #addresses: Array<Address> = []
  readonly #sockets = new Set<VirtualSocket>()
  #waiting: Array<Waiting> = []
  #holding = false
  #nextPort = FirstEphemeralPort

  constructor(name: string, outer: HostNetwork) {
    this.name = name
    this.#outer = outer
    this.network = {
      socket: (address) => DatagramSocket.makeFromBackingSocket((events) => this.#open(address, events)),
      interfaces: Effect.sync(() => this.#addresses.map(({ text }) => NetAddress.ipFromStringUnsafe(text))),
      probePort: PortProbe.make(({ onError, source, target }) => {
        const local = source ?? NetAddress.ipFromStringUnsafe(NetAddress.isInetAddressV4(target) ? "0.0.0.0" : "::")
        const bind = NetAddress.inetAddressFromIpStringUnsafe(NetAddress.formatIp(local), 0)
        return DatagramSocket.makeFromBackingSocket((events) => this.#open(bind, events, target), { onError })
      })
    }
  }

  get layer(): Layer.Layer<Network | Dns.Dns> {
    return Layer.merge(Layer.succeed(Network, this.network), Layer.succeed(Dns.Dns, this.#outer.dns))
  }

  get held(): number {
    return this.#waiting.length
  }

  get holding(): boolean {
    return this.#holding
  }

  /** Gives it one more address. */
  add(spelling: string): void {
    const address = this.#outer.addresses.claim(spelling, this)
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
    if (this.#waiting.length > 0) this.#outer.agenda.at(this.#outer.agenda.now(), () => this.#deliverWaiting())
  }

  readonly exit = (): void => {
    this.exited = true
    for (const socket of this.#sockets) this.#close(socket)
    this.#holding = false
  }

  readonly detach = (): void => {
    this.attached = false
    for (const { packet } of this.#waiting.splice(0)) this.#outer.drop(packet, "unplugged")
  }

  /** Receives a packet that has passed the whole path. */
  take(packet: RoutedPacket): void {
    if (!this.attached || packet.address.owner !== this) return this.#outer.drop(packet, "unplugged")
    const socket = packet.address.sockets.get(packet.destination.port)
    if (socket?.accepts(packet) !== true) return this.#outer.refuse(packet)
    // A packet that arrives after a release, but before the waiting ones are delivered, queues behind them.
    if (!this.#holding && this.#waiting.length === 0) return this.#outer.deliver(packet, socket)
    const size = sizeInBuffer(packet)
    if (socket.buffered + size > this.receiveBuffer) return this.#outer.drop(packet, "buffer")
    socket.buffered += size
    this.#waiting.push({ packet, socket })
  }

  /** The receiver of a datagram may hold the host again, or close a socket. */
  #deliverWaiting(): void {
    while (!this.#holding) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      next.socket.buffered -= sizeInBuffer(next.packet)
      this.#outer.deliver(next.packet, next.socket)
    }
  }

  #close(socket: VirtualSocket): void {
    socket.close()
    this.#sockets.delete(socket)
    const lost = this.#waiting.filter((waiting) => waiting.socket === socket)
    if (lost.length === 0) return
    this.#waiting = this.#waiting.filter((waiting) => waiting.socket !== socket)
    for (const { packet } of lost) this.#outer.drop(packet, "unbound")
  }

  #open(
    bind: NetAddress.InetAddress,
    events: DatagramSocket.BackingEvents,
    peer?: NetAddress.InetAddress
  ): Effect.Effect<DatagramSocket.BackingSocket, DatagramSocket.DatagramSocketError> {
    return Effect.suspend(() => {
      const native = NetAddress.formatHost(bind)
      const own = this.#addresses.filter(({ owner }) => owner === this)
      const addresses = NetAddress.isUnspecified(bind.address)
        ? own.filter(({ v6 }) => NetAddress.isInetAddressV6(bind) || !v6)
        : [this.#outer.addresses.find(native)]
      if (this.exited || !addresses.every((address) => own.includes(address))) {
        return Effect.fail(openError("AddressNotAvailable"))
      }
      const port = bind.port === 0 ? this.#freePort(addresses) : bind.port
      if (port === undefined || addresses.some(({ sockets }) => sockets.has(port))) {
        return Effect.fail(openError("AddressInUse"))
      }
      const connected = peer && this.#outer.addresses.find(NetAddress.formatHost(peer)).at(peer.port)
      const socket = new VirtualSocket(this, addresses, port, events, connected)
      this.#sockets.add(socket)
      const send = (payload: Uint8Array, given: DatagramSocket.BackingAddress | undefined): void => {
        const to = given ?? connected
        if (to !== undefined && this.#sockets.has(socket)) this.#outer.send(socket, payload, to)
      }
      return Effect.succeed({
        address: { host: native, port },
        peer: connected,
        connected: connected !== undefined,
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
