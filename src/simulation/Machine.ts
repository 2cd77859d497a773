/** The machine that a simulated node runs on: its clock, randomness and network, and the count of its fibers. */
import { Clock, Context, Effect, Logger, Metric, Random } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import { Dns } from "effect/net"
import { SharedTags, type TagPool } from "../membership/TagPool.ts"
import { Network } from "../transport/Network.ts"
import type { Host } from "./network/Host.ts"
import type { VirtualNetwork } from "./network/VirtualNetwork.ts"
import type { Timeline } from "./time/Timeline.ts"
import { VirtualClock } from "./time/VirtualClock.ts"
import type { MachineServices } from "./NodeBase.ts"

/** What all machines of one simulation share. */
export interface SharedEnvironment {
  readonly timeline: Timeline
  readonly network: VirtualNetwork
  readonly seed: string
  /** Whether log lines of nodes are shown. */
  readonly logs: boolean
  readonly tagPool: TagPool
  /** See `makeInRealTime`. */
  readonly inRealTime: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/** The machine and the number of its life. */
export interface MachineOptions {
  readonly number: number
  readonly life: number
  readonly host: Host
  /** How far the machine's wall clock is behind, in ms. */
  readonly clockBehind: number
}

export interface Machine {
  readonly clock: VirtualClock
  /** The context of every effect on the machine, with its clock, randomness and loggers. */
  readonly services: Context.Context<MachineServices>
  /** The number of running fibers. */
  readonly fibers: () => number
  /** Ends the process: its sockets close, and none of its fibers runs again. The machine refuses datagrams. */
  readonly kill: () => void
  /** Ends the machine: it is off the network, and none of its fibers runs again. */
  readonly crash: () => void
  /** Stops the process: timers and datagrams wait. */
  readonly freeze: () => void
  /** Continues the process, as an event loop that wakes: due timers run first, then datagrams are read. */
  readonly thaw: () => void
}

const secureRandom = (random: Random.Random): SecureRandom.SecureRandom["Service"] =>
  SecureRandom.make((size) => Uint8Array.from({ length: size }, () => Math.floor(random.nextDoubleUnsafe() * 256)))

/** Effect's random number generator with a seed. */
export const seeded = (seed: string): Effect.Effect<Random.Random> =>
  Random.withSeed(Effect.service(Random.Random), seed)

export const make = Effect.fnUntraced(function* (
  { inRealTime, logs, network, seed, tagPool, timeline }: SharedEnvironment,
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
    Context.add(SharedTags, tagPool),
    Context.add(Network, host.network),
    Context.add(Dns.Dns, network.dns),
    Context.add(Kdf.Kdf, Kdf.Kdf.of({ derive: (...derivation) => inRealTime(kdf.derive(...derivation)) })),
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
    kill: () => {
      host.exit()
      clock.end()
    },
    crash: () => {
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
