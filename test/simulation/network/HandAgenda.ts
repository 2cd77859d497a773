/** A virtual network whose time the test advances, for tests with many runs and without fibers. */
import { Effect, Scope } from "effect"
import { NetAddress } from "effect/net"
import type { Agenda } from "../../../src/simulation/network/Agenda.ts"
import type { Conditions } from "../../../src/simulation/network/Conditions.ts"
import type { PacketDropReason, Packet } from "../../../src/simulation/network/Packet.ts"
import type { Host } from "../../../src/simulation/network/Host.ts"
import { VirtualNetwork } from "../../../src/simulation/network/VirtualNetwork.ts"

/** Numbers uniform in [0, 1), the same for the same seed (mulberry32). */
export const generator = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

export class HandAgenda implements Agenda {
  #now = 0
  #asked = 0
  readonly #tasks: Array<{ readonly ms: number; readonly asked: number; readonly run: () => void }> = []

  readonly now = () => this.#now

  readonly at = (ms: number, run: () => void) => {
    this.#tasks.push({ ms: Math.max(ms, this.#now), asked: this.#asked++, run })
    this.#tasks.sort((a, b) => a.ms - b.ms || a.asked - b.asked)
  }

  /** The number of pending tasks. */
  get ahead(): number {
    return this.#tasks.length
  }

  /** Runs the tasks that are due by then, and advances the time. */
  runTo(ms: number): void {
    while (this.#tasks.length > 0 && this.#tasks[0]!.ms <= ms) {
      const { ms, run } = this.#tasks.shift()!
      this.#now = ms
      run()
    }
    this.#now = ms
  }

  /** Runs all tasks. */
  runAll(): void {
    for (let next = this.#tasks[0]; next !== undefined; next = this.#tasks[0]) this.runTo(next.ms)
  }
}

/** The fate of a datagram with its time. */
export interface Outcome {
  readonly ms: number
  readonly packet: Packet
  readonly fate: "delivered" | PacketDropReason
}

/** A socket that does not read. What it receives is in `outcomes`. */
export const openAt = (host: Host, at: string) => {
  const socket = Effect.runSync(host.network.socket(NetAddress.inetAddressFromStringUnsafe(at)))
  const scope = Effect.runSync(Scope.make())
  Effect.runSync(Scope.provide(socket.reader, scope))
  const writer = Effect.runSync(Scope.provide(socket.writer, scope))
  return {
    scope,
    /** Sends these bytes, or a number of zero bytes. */
    send: (payload: number | Uint8Array, to: string) =>
      Effect.runSync(
        writer.write({
          payload: typeof payload === "number" ? new Uint8Array(payload) : payload,
          address: NetAddress.inetAddressFromStringUnsafe(to)
        })
      )
  }
}

/** Why a socket cannot be opened at an address. */
export const refusal = (host: Host, at: string) => {
  const opened = Effect.flatMap(
    host.network.socket(NetAddress.inetAddressFromStringUnsafe(at)),
    (socket) => socket.reader
  )
  const { reason } = Effect.runSync(Effect.flip(Effect.scoped(opened)))
  return "kind" in reason ? reason.kind : reason._tag
}

/** A network with hosts `a` and `b` at 10.0.0.1 and 10.0.0.2, port 1. */
export const pair = (defaults: Partial<Conditions> = {}, random: () => number = generator(1)) => {
  const agenda = new HandAgenda()
  const network = new VirtualNetwork(agenda, random, defaults)
  const outcomes: Array<Outcome> = []
  network.observe({
    delivered: (packet) => outcomes.push({ ms: agenda.now(), packet, fate: "delivered" }),
    dropped: (packet, fate) => outcomes.push({ ms: agenda.now(), packet, fate })
  })
  const hostA = network.host("a", ["10.0.0.1"])
  const hostB = network.host("b", ["10.0.0.2"])
  const a = openAt(hostA, "10.0.0.1:1")
  const b = openAt(hostB, "10.0.0.2:1")
  return {
    agenda,
    network,
    hostA,
    hostB,
    /** The fates of all datagrams, in order. */
    outcomes,
    a,
    b,
    /** Sends from `a` to `b`. */
    send: (payload: number | Uint8Array = 0) => a.send(payload, "10.0.0.2:1"),
    /** Sends from `b` to `a`. */
    answer: (payload: number | Uint8Array = 0) => b.send(payload, "10.0.0.1:1"),
    /** The arrival times of delivered datagrams, in ms. */
    arrivals: () => outcomes.filter(({ fate }) => fate === "delivered").map(({ ms }) => ms),
    fates: () => outcomes.map(({ fate }) => fate)
  }
}
