/** Messages that ask for an ACK and are sent again until it comes. */
import { Context, Deferred, Effect, Layer } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as Claim from "../domain/Claim.ts"
import type { Received } from "../outbox/Received.ts"
import { Outbox } from "../outbox/Outbox.ts"
import { LocalView } from "../membership/LocalView.ts"
import { SelfSlot } from "../membership/MemberTable.ts"
import { EntryCursor } from "../wire/Entry.ts"
import { RequestAck } from "../wire/Header.ts"
import type { Inbound } from "../wire/Inbound.ts"

export interface DeliveryCounters {
  retries: number
  exhausted: number
}

export class ReliableDelivery extends Context.Service<
  ReliableDelivery,
  {
    readonly counters: DeliveryCounters
    /**
     * Says LEAVE to a member until it acknowledges that, at most
     * `reliable_max_retries` times more, `reliable_ack_timeout` apart. Succeeds with
     * whether it did.
     */
    readonly leave: (slot: number) => Effect.Effect<boolean>
    /** An ACK was merged. */
    readonly ack: (received: Received) => void
    /** A member leaves too, so it need not be waited for. */
    readonly left: (slot: number) => void
  }
>()("effect-gossip/delivery/ReliableDelivery") {}

export const layer: Layer.Layer<ReliableDelivery, never, CurrentConfig | LocalView | Outbox> = Layer.effect(
  ReliableDelivery,
  Effect.gen(function* () {
    const { network } = yield* CurrentConfig
    const view = yield* LocalView
    const { packer, send } = yield* Outbox
    const { table } = view
    const pending = new Map<number, Deferred.Deferred<void>>()
    const cursor = new EntryCursor()
    const counters: DeliveryCounters = { retries: 0, exhausted: 0 }

    /** Whether a message carries our own entry as Dead: its sender has taken our LEAVE in. */
    const knowsUsDead = (inbound: Inbound): boolean => {
      for (let at = inbound.entriesStart; at < inbound.entriesEnd; at = cursor.next) {
        cursor.read(inbound.bytes, at)
        if (cursor.idHi === table.idHi[SelfSlot] && cursor.idLo === table.idLo[SelfSlot]) {
          return cursor.status === Claim.Dead && cursor.incarnation === table.incarnation[SelfSlot]
        }
      }
      return false
    }

    const settle = (slot: number): void => {
      const waiting = pending.get(slot)
      if (waiting !== undefined) Deferred.doneUnsafe(waiting, Effect.void)
    }

    const leave = Effect.fnUntraced(function* (slot: number) {
      const acknowledged = yield* Deferred.make<void>()
      pending.set(slot, acknowledged)
      for (let attempt = 0; attempt <= network.reliableMaxRetries; attempt++) {
        if (attempt > 0) counters.retries++
        // Built anew each time: with an old heartbeat it would be taken for a replay.
        send(slot, packer.leave(RequestAck))
        const done = yield* Effect.timeoutOption(Deferred.await(acknowledged), network.reliableAckTimeout)
        if (done._tag === "Some") return true
      }
      counters.exhausted++
      return false
    })

    return ReliableDelivery.of({
      counters,
      leave: (slot) =>
        Effect.ensuring(
          leave(slot),
          Effect.sync(() => pending.delete(slot))
        ),
      left: settle,
      ack: ({ inbound, sender }) => {
        // Any ACK of an older node will do; ours show that they took the LEAVE in.
        if (pending.has(sender) && (table.level[sender] === 0 || knowsUsDead(inbound))) settle(sender)
      }
    })
  })
)
