/**
 * Anti-entropy: comparing the member tables of two nodes. It finds what gossip has
 * missed, and it gives a newcomer the whole table at once.
 *
 * @since 0.2.0
 */
import { Context, Duration, Effect, Layer, Scope } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Outbox } from "../outbox/Outbox.ts"
import type { Received } from "../outbox/Received.ts"
import { SlotLimiter } from "../outbox/SlotLimiter.ts"
import { Activity } from "../time/Activity.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Assemblies } from "./Assembly.ts"
import { PacedSends } from "./PacedSends.ts"

/** A member gets the table, or what it lacks, at most once in this time, in ms. */
const AnswerInterval = 1000

/** The most newcomers that must prove their address before they get the table. */
const MaxUnprovedNewcomers = 256

/**
 * What `AntiEntropy` counts.
 *
 * @category models
 * @since 0.2.0
 */
export interface AntiEntropyCounters {
  /** Rounds in which our table went to a member. */
  rounds: number
  /** Chunks of our table that were to be sent. */
  chunksSent: number
  /** Chunks of tables that live members sent us. */
  chunksReceived: number
  /** Snapshots of which every chunk arrived. */
  snapshotsCompleted: number
  /** GOSSIP messages that answered a snapshot. */
  answersSent: number
}

/**
 * Compares member tables with other nodes.
 *
 * **Details**
 *
 * A round sends the whole table, in chunks, to one random live member, which merges
 * it and answers with what it knows better and with the members that the snapshot
 * lacks. Rounds and paced answers end when the scope of `Activity` closes.
 *
 * @category services
 * @since 0.2.0
 */
export class AntiEntropy extends Context.Service<
  AntiEntropy,
  {
    readonly counters: AntiEntropyCounters
    /** How many snapshots of other nodes are arriving, and how many of their chunks had an inconsistent header. */
    readonly assemblies: { readonly size: number; readonly inconsistent: number }
    /** How many tables and answers are being sent in bursts, and how many were not sent because there were too many. */
    readonly paced: { readonly size: number; readonly refused: number }
    /** Takes an ANTI_ENTROPY message that was merged, and answers the snapshot when it is complete. */
    readonly chunk: (received: Received) => void
  }
>()("effect-gossip/anti-entropy/AntiEntropy") {}

const make = (rounds: boolean) =>
  Effect.gen(function* () {
    const { gossip, limits } = yield* CurrentConfig
    const activity = yield* Activity
    const whileActive = Scope.provide(activity)
    const view = yield* LocalView
    const { packer, ...outbox } = yield* Outbox
    const { alarm, every, now: readClock, random } = yield* NodeClock
    const { table } = view
    const assemblies = new Assemblies(table, limits.assemblies)
    const paced = new PacedSends(outbox.send)
    const answers = new SlotLimiter(AnswerInterval)
    /** Slots of newcomers that get the table once their address is proved. */
    const newcomers = new Set<number>()
    const counters: AntiEntropyCounters = {
      rounds: 0,
      chunksSent: 0,
      chunksReceived: 0,
      snapshotsCompleted: 0,
      answersSent: 0
    }

    const bursts = yield* whileActive(
      alarm("anti-entropy bursts", { next: () => paced.next, fire: (now) => paced.due(now) })
    )

    const send = (slot: number, messages: ReadonlyArray<Uint8Array>): void => {
      paced.start(slot, messages, readClock())
      bursts.reset()
    }

    const sendTable = (slot: number): void => {
      const chunks = packer.snapshot()
      counters.chunksSent += chunks.length
      send(slot, chunks)
    }

    const period = rounds ? Duration.toMillis(gossip.antiEntropyInterval) : 0
    const round = (): void => {
      const slot = table.randomLive(random)
      if (slot < 0) return
      counters.rounds++
      sendTable(slot)
    }
    if (period > 0) yield* whileActive(every("anti-entropy", { first: period, period: () => period, tick: round }))

    /** A newcomer gets the whole table, if that has more in it than the two of us. */
    const welcome = (received: Received): void => {
      const { sender } = received
      if (table.live <= 2) return
      if (!outbox.isUnproved(sender)) return sendTable(sender)
      // Its address may be forged, so it gets one PING, and the table once it has answered that.
      if (newcomers.size >= MaxUnprovedNewcomers) return
      newcomers.add(sender)
      outbox.prove(sender, received)
    }

    view.observe({
      proved: (slot) => {
        if (newcomers.delete(slot) && table.isLive(slot)) sendTable(slot)
      },
      forgotten: (slot) => {
        newcomers.delete(slot)
        answers.forget(slot)
        paced.cancel(slot)
      }
    })
    yield* Scope.addFinalizer(
      activity,
      Effect.sync(() => newcomers.clear())
    )

    return AntiEntropy.of({
      counters,
      assemblies,
      paced,
      chunk: (received) => {
        const { inbound, now, sender } = received
        if (sender < 0 || !table.isLive(sender)) return
        counters.chunksReceived++
        const id = view.idOf(sender)
        const version = inbound.tableVersionHi * 0x100000000 + inbound.tableVersionLo
        const assembly = assemblies.chunk(id, version, inbound.chunkIndex, inbound.totalChunks, now)
        if (assembly === undefined) return
        const { comparison } = assembly
        comparison.add(inbound)
        if (!assembly.complete) return
        assemblies.finish(id)
        counters.snapshotsCompleted++
        // The answer goes to the member's own address, but the request for it may be forged.
        if (!answers.allows(sender, now)) return
        if (comparison.isIntroduction(sender)) return welcome(received)
        // An unproved address gets one PING. Once it has answered that, the next snapshot gets its answer.
        if (outbox.isUnproved(sender)) return outbox.prove(sender, received)
        const slots = comparison.answerTo(sender)
        if (slots.length === 0) return
        const messages = packer.entries(slots)
        counters.answersSent += messages.length
        send(sender, messages)
      }
    })
  })

/**
 * A round in every `gossip.antiEntropyInterval` of the configuration; none for an
 * interval of 0.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<AntiEntropy, never, Activity | CurrentConfig | LocalView | NodeClock | Outbox> =
  Layer.effect(AntiEntropy, make(true))

/**
 * No rounds, whatever the configuration says.
 *
 * **When to use**
 *
 * Use it for a node that must not send its table to others on its own, such as an
 * observer, or where something else compares the tables.
 *
 * **Details**
 *
 * Snapshots of other nodes are still answered, and newcomers still get the table:
 * without that, nobody could join through this node.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerNone: Layer.Layer<AntiEntropy, never, Activity | CurrentConfig | LocalView | NodeClock | Outbox> =
  Layer.effect(AntiEntropy, make(false))
