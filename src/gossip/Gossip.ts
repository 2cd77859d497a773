/** Dissemination: rounds that pass changes on, and telling a node what is said about it. */
import { Context, Duration, Effect, Layer, Scope } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { LocalView } from "../membership/LocalView.ts"
import { growth } from "../outbox/MessagePacker.ts"
import { Outbox } from "../outbox/Outbox.ts"
import type { Received } from "../outbox/Received.ts"
import { Activity } from "../time/Activity.ts"
import { NodeClock } from "../time/NodeClock.ts"

/** A node is told its own entry by a GOSSIP at most once in this time, in ms. */
const TellInterval = 1000

export interface GossipCounters {
  rounds: number
  sent: number
  told: number
}

export class Gossip extends Context.Service<
  Gossip,
  {
    readonly counters: GossipCounters
    /** A message was merged: tells the nodes whose claims it refused, unless an ACK will. */
    readonly received: (received: Received) => void
  }
>()("effect-gossip/gossip/Gossip") {}

export const layer: Layer.Layer<Gossip, never, Activity | CurrentConfig | LocalView | NodeClock | Outbox> =
  Layer.effect(
    Gossip,
    Effect.gen(function* () {
      const { gossip } = yield* CurrentConfig
      const { table } = yield* LocalView
      const { packer, queue, ...outbox } = yield* Outbox
      const { every, random } = yield* NodeClock
      const counters: GossipCounters = { rounds: 0, sent: 0, told: 0 }

      // --- rounds ------------------------------------------------------------

      const targets: Array<number> = []
      const round = (): void => {
        if (queue.size === 0) return
        counters.rounds++
        const count = gossip.adaptiveTargets ? gossip.maxSends * growth(table.live) : gossip.maxSends
        table.drawLive(count, random, targets)
        for (const slot of targets) {
          if (queue.size === 0) return
          outbox.send(slot, packer.gossip())
          counters.sent++
        }
      }
      const interval = Duration.toMillis(gossip.interval)
      yield* Scope.provide(every("gossip", { first: interval, period: () => interval, tick: round }), yield* Activity)

      // --- telling -----------------------------------------------------------

      const tell = (slot: number, received: Received): void => {
        const { now } = received
        if (now - table.told[slot]! < TellInterval) return
        table.told[slot] = now
        counters.told++
        outbox.reply(received, (limit) => packer.tell(slot, limit))
      }

      return Gossip.of({
        counters,
        received: (received) => {
          const { acknowledged, findings } = received
          if (findings.tellSender && !acknowledged) tell(findings.sender, received)
          for (const slot of findings.refused) tell(slot, received)
        }
      })
    })
  )
