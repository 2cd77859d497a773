/** The machine that a simulated node runs on: its clock, its chance, its network and what counts its fibers. */
import { Clock, Context, Effect, Logger, Metric, Random } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import { Dns } from "effect/net"
import { Network } from "../transport/Network.ts"
import type { Timeline } from "./time/Timeline.ts"
import { VirtualClock } from "./time/VirtualClock.ts"
import type { Host } from "./network/VirtualHost.ts"
import type { VirtualNetwork } from "./network/VirtualNetwork.ts"

/** The services of a machine, for what runs on it. */
export type MachineServices = Network | Dns.Dns | Kdf.Kdf | SecureRandom.SecureRandom

/** What all machines of one simulation share. */
export interface World {
  readonly timeline: Timeline
  readonly network: VirtualNetwork
  readonly seed: string
  /** Whether what nodes log is to be seen. */
  readonly logs: boolean
  /** See `outsideOf`. */
  readonly outside: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** Which machine, and for which of its lives. */
export interface MachineOptions {
  readonly number: number
  readonly life: number
  readonly host: Host
  /** How far the machine's wall clock is behind, in ms. */
  readonly clockBehind: number
}

export interface Machine {
  readonly clock: VirtualClock
  /** What every effect on the machine finds, the references to clock, chance and loggers included. */
  readonly services: Context.Context<MachineServices>
  /** How many fibers run on it. */
  readonly fibers: () => number
  /** Unplugs it and ends its time: no fiber of it ever goes on. */
  readonly fail: () => void
  /** Stops everything on it: timers and datagrams wait. */
  readonly freeze: () => void
  /** Lets it go on, as an event loop that wakes: timers first, then what the socket has, if it read before. */
  readonly thaw: () => void
}

const secureRandom = (random: Random.Random): SecureRandom.SecureRandom["Service"] =>
  SecureRandom.make((size) => Uint8Array.from({ length: size }, () => Math.floor(random.nextDoubleUnsafe() * 256)))

/** The service of an effect's own generator, seeded. */
export const seeded = (seed: string): Effect.Effect<Random.Random> =>
  Random.withSeed(Effect.service(Random.Random), seed)

export const make = Effect.fnUntraced(function* (
  { logs, network, outside, seed, timeline }: World,
  { clockBehind, host, life, number }: MachineOptions
): Effect.fn.Return<Machine> {
  const clock = new VirtualClock(timeline, clockBehind)
  const random = yield* seeded(`${seed} ${number} ${life}`)
  const kdf = yield* Effect.provide(Kdf.Kdf, Kdf.layerWebCrypto)
  let fibers = 0
  let heldBefore = false
  const services = Context.empty().pipe(
    Context.add(Clock.Clock, clock),
    Context.add(Random.Random, random),
    Context.add(Network, host.network),
    Context.add(Dns.Dns, network.dns),
    Context.add(Kdf.Kdf, Kdf.Kdf.of({ derive: (...derivation) => outside(kdf.derive(...derivation)) })),
    Context.add(SecureRandom.SecureRandom, secureRandom(random)),
    Context.add(Metric.FiberRuntimeMetrics, {
      recordFiberStart: () => {
        fibers++
      },
      recordFiberEnd: () => {
        fibers--
      }
    })
  )
  return {
    clock,
    services: logs ? services : Context.add(services, Logger.CurrentLoggers, new Set()),
    fibers: () => fibers,
    fail: () => {
      host.detach()
      clock.end()
    },
    freeze: () => {
      heldBefore = host.holding
      clock.freeze()
      host.hold()
    },
    thaw: () => {
      clock.thaw()
      if (!heldBefore) host.release()
    }
  }
})
