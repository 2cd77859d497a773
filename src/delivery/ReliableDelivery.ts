/**
 * Messages that ask for an acknowledgement and are sent again until it comes.
 *
 * @since 0.2.0
 */
import { Context, Deferred, Effect, Layer, Option } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Outbox } from "../outbox/Outbox.ts"
import type { Received } from "../outbox/Received.ts"
import { RequestAck } from "../wire/Header.ts"
import { PendingAcknowledgements } from "./PendingAcknowledgements.ts"

/**
 * What `ReliableDelivery` counts.
 *
 * @category models
 * @since 0.2.0
 */
export interface DeliveryCounters {
  /** Messages that were sent again. */
  retries: number
  /** Messages that were given up after the last retry. */
  exhausted: number
}

/**
 * Sends a message to a member until the member acknowledges it.
 *
 * **Details**
 *
 * A message is sent again after each `network.reliableAckTimeout`, at most
 * `network.reliableMaxRetries` times. It works until its layer closes, also while the
 * node leaves.
 *
 * @category services
 * @since 0.2.0
 */
export class ReliableDelivery extends Context.Service<
  ReliableDelivery,
  {
    readonly counters: DeliveryCounters
    /** Sends LEAVE to a member. Succeeds with whether the member acknowledged it or left itself. */
    readonly leave: (slot: number) => Effect.Effect<boolean>
    /** Takes an ACK that was merged. */
    readonly ack: (received: Received) => void
    /** Notes that a member left, so that nobody waits for its acknowledgement. */
    readonly left: (slot: number) => void
  }
>()("effect-gossip/delivery/ReliableDelivery") {}

/**
 * Retries as often, and at such intervals, as the configuration says.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<ReliableDelivery, never, CurrentConfig | LocalView | Outbox> = Layer.effect(
  ReliableDelivery,
  Effect.gen(function* () {
    const { network } = yield* CurrentConfig
    const { table } = yield* LocalView
    const { packer, send } = yield* Outbox
    const pending = new PendingAcknowledgements(table)
    const counters: DeliveryCounters = { retries: 0, exhausted: 0 }

    const leaveAndWait = Effect.fnUntraced(function* (slot: number, acknowledged: Deferred.Deferred<void>) {
      for (let attempt = 0; attempt <= network.reliableMaxRetries; attempt++) {
        if (attempt > 0) counters.retries++
        // Packed again each time, because a message with an old heartbeat counts as a replay.
        send(slot, packer.leave(RequestAck))
        const answer = yield* Effect.timeoutOption(Deferred.await(acknowledged), network.reliableAckTimeout)
        if (Option.isSome(answer)) return true
      }
      counters.exhausted++
      return false
    })

    return ReliableDelivery.of({
      counters,
      leave: (slot) =>
        Effect.acquireUseRelease(
          Effect.sync(() => {
            const acknowledged = Deferred.makeUnsafe<void>()
            const waiting = { slot, settle: () => Deferred.doneUnsafe(acknowledged, Effect.void) }
            pending.add(waiting)
            return { acknowledged, waiting }
          }),
          ({ acknowledged }) => leaveAndWait(slot, acknowledged),
          ({ waiting }) => Effect.sync(() => pending.delete(waiting))
        ),
      ack: ({ inbound, sender }) => {
        if (sender >= 0) pending.receive(sender, inbound)
      },
      left: (slot) => pending.settle(slot)
    })
  })
)
