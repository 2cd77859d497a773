/**
 * Anti-entropy: comparing the member tables of two nodes. It finds what gossip has
 * missed, and it gives a newcomer the whole table at once.
 *
 * @since 0.2.0
 */
import { Context, Duration, Effect, Layer, Scope } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { deleteOldest } from "../domain/OldestKey.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Mark } from "../membership/MemberTable.ts"
import { type ChunkForm, Outbox } from "../outbox/Outbox.ts"
import type { Received } from "../outbox/Received.ts"
import { SlotLimiter } from "../outbox/SlotLimiter.ts"
import { Activity } from "../time/Activity.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Assemblies } from "./Assembly.ts"
import { SectionType } from "../wire/sections/Section.ts"
import { IndirectAck } from "../wire/Header.ts"
import { PacedSends } from "./PacedSends.ts"
import { PathSizes } from "./PathSizes.ts"
import { RoundTimes } from "./RoundTimes.ts"
import { TableDigest } from "./TableDigest.ts"

/** A member gets the table, or what it lacks, at most once in this time, in ms. So it does our buckets. */
const AnswerInterval = 1000

/** How long the answer to a digest of ours is taken, in ms. */
const DigestWindow = 5000

/** Members that a newcomer learns when it cannot get the table here: about what a message holds. */
const WelcomeSample = 50

/** A newcomer waits this long for the table while a crowd joins, in ms: the entries and tags of the others are still arriving. */
const CrowdPause = 50

/** The most newcomers that must prove their address before they get the table, and members before they get buckets. */
const MaxUnproved = 4096

/**
 * What `AntiEntropy` counts.
 *
 * @category models
 * @since 0.2.0
 */
export interface AntiEntropyCounters {
  /** Rounds in which our table, or its digest, went to a member. */
  rounds: number
  /** Digests of other nodes that were those of our table. */
  digestsEqual: number
  /** Digests of other nodes that were not. */
  digestsDifferent: number
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
 * A round sends the digest of the table to one random live member. If the member's
 * own digest differs, it answers with the hashes of buckets of members, and gets our
 * entries of the buckets that differ. To a member of version 1 the whole table is
 * sent. What is sent goes in chunks; the receiver merges them and answers with what it
 * knows better and with the members that they lack. Rounds and paced answers end when
 * the scope of `Activity` closes.
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
    /** Takes an ACK that was merged: it may be that of a chunk, which says what the path to its sender carries. */
    readonly acknowledged: (received: Received) => void
    /** Adds a listener that gets the slots of members whose path carries no long datagrams. They get short ones. */
    readonly onSmallPath: (listener: (slot: number) => void) => void
    /** Takes an ANTI_ENTROPY message that was merged: a digest, buckets, or a chunk, whose snapshot is answered when complete. */
    readonly received: (received: Received) => void
  }
>()("effect-gossip/anti-entropy/AntiEntropy") {}

const make = (rounds: boolean) =>
  Effect.gen(function* () {
    const { extensions, gossip, limits } = yield* CurrentConfig
    const activity = yield* Activity
    const whileActive = Scope.provide(activity)
    const view = yield* LocalView
    const { expectedTable, packer, ...outbox } = yield* Outbox
    const { alarm, now: readClock, random } = yield* NodeClock
    const { table } = view
    const assemblies = new Assemblies(table, limits.assemblies)
    const paced = new PacedSends(outbox.send)
    const answers = new SlotLimiter(AnswerInterval)
    /** Apart from `answers`: the chunks that our buckets bring get an answer soon after. */
    const bucketAnswers = new SlotLimiter(AnswerInterval)
    const tableDigest = new TableDigest(table)
    /** The member that got our digest last, and when, in ms. */
    let asked = { slot: -1, at: -Infinity }
    /** Slots of newcomers that get the table once their address is proved. */
    const newcomers = new Set<number>()
    /** Slots of members with a different digest that get our buckets once their address is proved. */
    const different = new Set<number>()
    const counters: AntiEntropyCounters = {
      rounds: 0,
      digestsEqual: 0,
      digestsDifferent: 0,
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

    const smallPathListeners: Array<(slot: number) => void> = []
    const paths = new PathSizes({
      setSmall: (slot, small) => {
        if (small) table.mark(slot, Mark.SmallPath)
        else table.unmark(slot, Mark.SmallPath)
        if (small) for (const listener of smallPathListeners) listener(slot)
      }
    })
    const pathTimer = yield* whileActive(alarm("path sizes", { next: () => paths.next, fire: (now) => paths.due(now) }))

    /** Sends chunks to a member. Whether its path carries them is found out if that is not known. */
    const sendChunks = (slot: number, make: (form: ChunkForm) => ReadonlyArray<Uint8Array>): void => {
      const sendAs = (asks: boolean, short: boolean): ReadonlyArray<Uint8Array> => {
        const chunks = make({ to: slot, asks, short })
        counters.chunksSent += chunks.length
        send(slot, chunks)
        return chunks
      }
      const asks = outbox.speaksLevel1(slot) && paths.isOpen(slot)
      const [first] = sendAs(asks, false)
      if (!asks || first === undefined || !packer.isLong(first)) return
      paths.sent(slot, (short) => sendAs(true, short), readClock())
      pathTimer.reset()
    }

    const sendTable = (slot: number): void =>
      sendChunks(slot, (form) => packer.snapshot(outbox.speaksLevel1(slot), form))

    const sample: Array<number> = []
    /** Strangers whose turn it was. Their table is compared with ours when they have answered a PING. */
    const chosen = new Set<number>()
    const period = rounds ? Duration.toMillis(gossip.antiEntropyInterval) : 0
    const usesDigests = extensions.digest && extensions.level1
    const times = new RoundTimes(period, usesDigests, readClock())
    /**
     * A random live member, and a stranger only if there are no others. Of members that we never heard, we do not know whether
     * they read a digest, so others are preferred.
     */
    const choose = (): number => {
      table.drawLive(1, random, sample, table.live - 1 > table.strangers ? 0 : 1)
      const [slot = -1] = sample
      const known = table.aliveExtended
      if (!extensions.digest || slot < 0 || table.has(slot, Mark.Heard) || known.length === 0) return slot
      return known.at(Math.floor(random() * known.length))
    }
    const round = (now: number): void => {
      // What gossip, or the table that we wait for, is about to bring needs no comparison.
      if (usesDigests && (outbox.isCrowded() || expectedTable.isComing(now))) return times.restart(now)
      times.began(now)
      const slot = choose()
      if (slot < 0) return
      if (table.isStranger(slot)) {
        chosen.add(slot)
        outbox.prove(slot, now)
      } else compare(slot, now)
    }
    const compare = (slot: number, now: number): void => {
      counters.rounds++
      if (!usesDigests || !outbox.speaksLevel1(slot)) return sendTable(slot)
      const { count, hi, lo } = tableDigest.digest
      asked = { slot, at: now }
      outbox.send(slot, packer.digest(count, hi, lo))
    }
    const timer = yield* whileActive(alarm("anti-entropy", { next: () => times.next, fire: round }))
    timer.reset()

    /** Slots of newcomers that get the table in a moment. */
    const waiting = new Set<number>()
    let servedAt = Infinity
    const welcomes = yield* whileActive(
      alarm("welcomes", {
        next: () => (waiting.size === 0 ? Infinity : Math.max(servedAt, expectedTable.until)),
        fire: (now) => {
          // More of it may have come since this was planned.
          if (expectedTable.isComing(now)) return
          const slots = [...waiting]
          waiting.clear()
          for (const slot of slots) if (table.isLive(slot)) serve(slot)
        }
      })
    )
    /** A newcomer gets the whole table, once that is here and a crowd that joins is in it. */
    const sendWelcome = (slot: number, now: number): void => {
      if (!expectedTable.isComing(now) && !outbox.isCrowded()) return serve(slot)
      if (waiting.size === 0) servedAt = now + CrowdPause
      waiting.add(slot)
      welcomes.reset()
    }
    /** Slots of the newcomers that got the table last, the oldest first. They help with those that follow. */
    const helpers = new Set<number>()
    /** Sends a newcomer the table, or, while too many tables are being sent, members that have it, whom it asks. */
    const serve = (slot: number): void => {
      if (paced.isFull) return sendHelpers(slot)
      helpers.delete(slot)
      helpers.add(slot)
      if (helpers.size > WelcomeSample) deleteOldest(helpers)
      sendTable(slot)
    }
    const sendHelpers = (slot: number): void => {
      if (helpers.size === 0) table.drawLive(WelcomeSample, random, sample)
      else sample.splice(0, sample.length, ...helpers)
      // Its own entry tells the newcomer that this is the answer.
      sample.unshift(slot)
      const [message] = packer.entries(sample, outbox.speaksLevel1(slot), slot)
      if (message !== undefined) outbox.send(slot, message)
    }

    /** The address of the sender may be forged, so it gets one PING, and what it waits for once it has answered that. */
    const awaitProof = (waiting: Set<number>, received: Received): void => {
      if (waiting.size >= MaxUnproved) return
      waiting.add(received.sender)
      outbox.prove(received.sender, received.now, received)
    }

    /** A newcomer gets what we know, if that is more than the two of us. */
    const welcome = (received: Received): void => {
      const { sender } = received
      if (table.live <= 2) return
      if (!outbox.isUnproved(sender)) return sendWelcome(sender, received.now)
      awaitProof(newcomers, received)
    }

    view.observe({
      transition: ({ kind, now, slot }) => {
        if (!table.isLive(slot)) helpers.delete(slot)
        // It may be back elsewhere.
        if (kind === "Joined" || kind === "Recovered") paths.forget(slot)
        if (!usesDigests || !outbox.isCrowded()) return
        times.restart(now)
        timer.reset()
      },
      proved: (slot, now) => {
        if (chosen.delete(slot) && table.isLive(slot)) compare(slot, now)
        if (newcomers.delete(slot) && table.isLive(slot)) sendWelcome(slot, now)
        if (different.delete(slot) && table.isLive(slot)) sendBuckets(slot, now)
      },
      forgotten: (slot) => {
        chosen.delete(slot)
        newcomers.delete(slot)
        waiting.delete(slot)
        helpers.delete(slot)
        different.delete(slot)
        answers.forget(slot)
        bucketAnswers.forget(slot)
        paced.cancel(slot)
        paths.forget(slot)
      }
    })
    yield* Scope.addFinalizer(
      activity,
      Effect.sync(() => {
        chosen.clear()
        paths.clear()
        newcomers.clear()
        waiting.clear()
        helpers.clear()
        different.clear()
      })
    )

    const sendBuckets = (slot: number, now: number): void => {
      if (!bucketAnswers.allows(slot, now)) return
      const { bits, hashes } = tableDigest.buckets(packer.maxBucketBits)
      outbox.send(slot, packer.buckets(bits, hashes))
    }

    /** A member compares its table with ours by a digest. */
    const digest = (received: Received): void => {
      const { now, sender } = received
      const { digestCount, digestHi, digestLo } = received.inbound.sections
      if (tableDigest.digest.equals(digestCount, digestHi, digestLo)) {
        counters.digestsEqual++
        return
      }
      counters.digestsDifferent++
      if (expectedTable.isComing(now)) return
      if (!outbox.isUnproved(sender)) return sendBuckets(sender, now)
      awaitProof(different, received)
    }

    /** A member answered our digest by its buckets. */
    const buckets = ({ inbound: { sections }, now, sender }: Received): void => {
      if (sender !== asked.slot || now - asked.at > DigestWindow) return
      asked = { slot: -1, at: -Infinity }
      const difference = tableDigest.difference(sections)
      if (difference === undefined) return
      sendChunks(sender, (form) => {
        // A slot may have become free since.
        const slots = difference.slots.filter((slot) => table.isPassedOn(slot))
        return packer.chunks(slots, true, difference, form)
      })
    }

    return AntiEntropy.of({
      counters,
      assemblies,
      paced,
      acknowledged: ({ findings, inbound, now, sender }) => {
        if (sender < 0 || findings.replay || inbound.has(IndirectAck)) return
        if (inbound.sections.sequenceIfAny === undefined) paths.acknowledged(sender, now)
      },
      onSmallPath: (listener) => {
        smallPathListeners.push(listener)
      },
      received: (received) => {
        const { inbound, now, sender } = received
        const { sections } = inbound
        if (sender < 0 || !table.isLive(sender)) return
        if (sections.has(SectionType.Digest)) return digest(received)
        if (sections.has(SectionType.Buckets)) return buckets(received)
        if (!inbound.isChunk) return
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
        if (expectedTable.isComing(now) && !sections.has(SectionType.Differing) && !comparison.isIntroduction(sender)) {
          expectedTable.end()
          welcomes.reset()
        }
        // The answer goes to the member's own address, but the request for it may be forged.
        if (!answers.allows(sender, now)) return
        if (comparison.isIntroduction(sender)) return welcome(received)
        // An unproved address gets one PING. Once it has answered that, the next snapshot gets its answer.
        if (outbox.isUnproved(sender)) return outbox.prove(sender, now, received)
        const slots = comparison.answerTo(sender)
        if (slots.length === 0) return
        const messages = packer.entries(slots, outbox.speaksLevel1(sender), sender)
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
