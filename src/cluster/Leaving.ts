/**
 * How a node leaves its cluster.
 *
 * @since 0.2.0
 */
import { Context, Deferred, Duration, Effect, Exit, Scope } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { ReliableDelivery } from "../delivery/ReliableDelivery.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Outbox } from "../outbox/Outbox.ts"
import { Activity } from "../time/Activity.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Transport } from "../transport/Transport.ts"

/**
 * The most members that are sent a LEAVE. In a larger cluster it goes to that many
 * random ones: the chance that all of them miss it, over all retries, is
 * negligible.
 */
const MaxLeaveTargets = 64
/** Of them, members whose address never answered: they may be invented. The others tell them. */
const MaxStrangers = 4

/**
 * Limits the time that a closing node waits until its last messages are written,
 * which takes no time unless the socket does not work.
 */
const FlushTimeout = Duration.millis(500)

/**
 * How a node leaves when its layer closes.
 *
 * **Details**
 *
 * - `acknowledged`: as `leave` of `Cluster` does, until the members have
 *   acknowledged the LEAVE. Members show the node as left, even when datagrams are
 *   lost. Takes a round trip, and at most `reliableAckTimeout x
 *   (reliableMaxRetries + 1)`, 2 s by default, when a member does not answer.
 * - `announced`: sends LEAVE once and waits for nobody. A member that misses it
 *   hears of the departure from others, or detects a failure.
 * - `none`: sends nothing. Members detect a failure, as they do after a crash.
 *
 * @category models
 * @since 0.2.0
 */
export type LeaveMode = "acknowledged" | "announced" | "none"

/**
 * How a node leaves when its layer closes: `announced`, unless another mode is
 * provided.
 *
 * **Details**
 *
 * With `announced`, closing waits for no clock, so a scope closes under
 * `TestClock` although nobody advances it. `NodeCluster.layer` of
 * `effect-gossip/node` uses `acknowledged`, since a process has a clock that runs.
 * In both cases `leave` of `Cluster` waits for acknowledgements. After it, closing
 * sends nothing more.
 *
 * @category references
 * @since 0.2.0
 */
export const LeaveOnClose: Context.Reference<LeaveMode> = Context.Reference<LeaveMode>(
  "effect-gossip/cluster/Cluster/LeaveOnClose",
  { defaultValue: () => "announced" }
)

/** Leaves when its scope closes, as `LeaveOnClose` says, and before that when it is asked to. */
export const make = Effect.gen(function* () {
  const { network } = yield* CurrentConfig
  const activity = yield* Activity
  const delivery = yield* ReliableDelivery
  const view = yield* LocalView
  const { now, random } = yield* NodeClock
  const { packer, send } = yield* Outbox
  const { flushed } = yield* Transport
  const mode = yield* LeaveOnClose

  const left = yield* Deferred.make<void>()
  let leaving = false
  const startLeaving = Effect.suspend(() => {
    leaving = true
    view.startLeaving(now())
    return Scope.close(activity, Exit.void)
  })
  const leaveTargets = Effect.sync(() => {
    const targets: Array<number> = []
    view.table.drawLive(MaxLeaveTargets, random, targets, MaxStrangers)
    return targets
  })

  const leave = yield* Effect.cached(
    Effect.uninterruptible(
      Effect.gen(function* () {
        yield* startLeaving
        const acknowledged = Effect.forEach(yield* leaveTargets, delivery.leave, {
          concurrency: "unbounded",
          discard: true
        })
        // A socket that is gone must not hold up the end.
        yield* Effect.timeoutOption(
          acknowledged,
          Duration.sum(Duration.times(network.reliableAckTimeout, network.reliableMaxRetries + 1), Duration.millis(500))
        )
        yield* Deferred.succeed(left, undefined)
      })
    )
  )
  const announce = Effect.gen(function* () {
    yield* startLeaving
    for (const slot of yield* leaveTargets) send(slot, packer.leave(0))
    yield* Effect.timeoutOption(flushed, FlushTimeout)
  })
  yield* Effect.addFinalizer(() => {
    if (leaving || mode === "acknowledged") return leave
    return Effect.andThen(mode === "announced" ? announce : startLeaving, Deferred.succeed(left, undefined))
  })

  return { leave, awaitLeft: Deferred.await(left) }
})
