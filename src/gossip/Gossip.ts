/**
 * Dissemination: rounds that pass changes on, and telling a node what is claimed
 * about it.
 *
 * @since 0.2.0
 */
import { Context, Duration, Effect, Layer, Scope } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { LocalView } from "../membership/LocalView.ts"
import { SelfSlot } from "../membership/MemberTable.ts"
import { asksForEntry } from "../membership/OwnEntryKnown.ts"
import { logarithmicGrowth } from "../outbox/Growth.ts"
import { Outbox } from "../outbox/Outbox.ts"
import type { Received } from "../outbox/Received.ts"
import { SlotLimiter } from "../outbox/SlotLimiter.ts"
import { Activity } from "../time/Activity.ts"
import { nextDeadline } from "../time/MonotonicTime.ts"
import { NodeClock } from "../time/NodeClock.ts"

/** A node is told its own entry by a GOSSIP at most once in this time, in ms. */
const TellInterval = 1000

/**
 * What `Gossip` counts.
 *
 * @category models
 * @since 0.2.0
 */
export interface GossipCounters {
  /** Rounds in which changes were waiting. */
  rounds: number
  /** GOSSIP messages sent in rounds. */
  sent: number
  /** GOSSIP messages that told a node its own entry. */
  told: number
}

/**
 * Passes changes on to random members, and tells nodes what is claimed about them.
 *
 * **Details**
 *
 * In each round the waiting changes go to a few random live members. Without a
 * change no GOSSIP is sent, so the traffic of a node does not grow with the cluster.
 * The changes themselves wait in the queue of `Outbox`, because PING and ACK messages
 * carry them too. Rounds end when the scope of `Activity` closes.
 *
 * @category services
 * @since 0.2.0
 */
export class Gossip extends Context.Service<
  Gossip,
  {
    readonly counters: GossipCounters
    /**
     * Takes a message that was merged. If we hold the sender Suspect or Dead, it is told, unless the ACK to this message
     * tells it. So a live node refutes at once. What we know better about the dead of this message is told too. Who asks for our
     * own entry gets it.
     */
    readonly received: (received: Received) => void
  }
>()("effect-gossip/gossip/Gossip") {}

/**
 * Rounds as often, and to as many members, as the configuration says.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<Gossip, never, Activity | CurrentConfig | LocalView | NodeClock | Outbox> =
  Layer.effect(
    Gossip,
    Effect.gen(function* () {
      const { gossip } = yield* CurrentConfig
      const activity = yield* Activity
      const view = yield* LocalView
      const { table } = view
      const outbox = yield* Outbox
      const { alarm, now: readClock, random } = yield* NodeClock
      const counters: GossipCounters = { rounds: 0, sent: 0, told: 0 }
      const tells = new SlotLimiter(TellInterval)
      const answers = new SlotLimiter(TellInterval)

      const targets: Array<number> = []
      /** Strangers that were chosen. They get the changes when they have answered a PING. */
      const chosen = new Set<number>()
      const send = (slot: number): void => {
        outbox.gossip(slot)
        counters.sent++
      }
      const round = (now: number): void => {
        counters.rounds++
        const { adaptiveTargets, maxSends } = gossip
        const count = adaptiveTargets ? maxSends * logarithmicGrowth(table.live) : maxSends
        // Where there are enough others, one stranger in each round is enough for all to become acquainted.
        const strangers = table.live - 1 - table.strangers < count ? Math.ceil(count / 2) : 1
        table.drawLive(count, random, targets, strangers)
        for (const slot of targets) {
          if (!outbox.hasNewsFor(slot)) continue
          if (!table.isStranger(slot)) send(slot)
          else {
            chosen.add(slot)
            outbox.prove(slot, now)
          }
        }
      }
      view.observe({
        proved: (slot) => {
          if (chosen.delete(slot) && table.isLive(slot) && outbox.hasNewsFor(slot)) send(slot)
        },
        forgotten: (slot) => chosen.delete(slot)
      })

      const interval = Duration.toMillis(gossip.interval)
      /** When the next round is due if there is news, in ms. Rounds keep their rhythm, and a node without news sleeps. */
      let due = readClock() + interval
      const rounds = yield* Scope.provide(
        alarm("gossip", {
          next: () => (outbox.hasNews() ? due : Infinity),
          fire: (now) => {
            due = nextDeadline(due, now, interval)
            round(now)
          }
        }),
        activity
      )
      outbox.onNews(() => {
        const late = readClock() - due
        if (late > 0) due += interval * Math.ceil(late / interval)
        rounds.reset()
      })

      const tell = (slot: number, received: Received): void => {
        if (!tells.allows(slot, received.now)) return
        counters.told++
        outbox.tell(slot, received)
      }

      return Gossip.of({
        counters,
        received: (received) => {
          const { acknowledged, findings } = received
          if (findings.tellSender && !acknowledged) tell(findings.sender, received)
          for (const slot of findings.corrections) tell(slot, received)
          // Without the answer, it would wait for our next message to it, which is the next probe.
          const { sender } = findings
          if (sender > SelfSlot && asksForEntry(received.inbound) && answers.allows(sender, received.now)) {
            outbox.tell(SelfSlot, received)
          }
        }
      })
    })
  )
