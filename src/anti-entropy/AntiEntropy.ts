/**
 * Anti-entropy: now and then the whole table goes to one member, which answers
 * with what it knows better. So whatever the infection of changes has missed is
 * found, and a newcomer gets to know everybody at once.
 */
import { Context, Duration, Effect, FiberSet, Layer, Scope } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as Claim from "../domain/Claim.ts"
import * as SerialNumber from "../domain/SerialNumber.ts"
import type { Received } from "../outbox/Received.ts"
import { Outbox } from "../outbox/Outbox.ts"
import { LocalView } from "../membership/LocalView.ts"
import { Phase, SelfSlot } from "../membership/MemberTable.ts"
import { Activity } from "../time/Activity.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { EntryCursor } from "../wire/Entry.ts"
import type { Inbound } from "../wire/Inbound.ts"
import { Assemblies, type Assembly } from "./Assembly.ts"

/** Datagrams that go out at once, and the pause before the next, in ms. */
const Burst = 8
const BurstPause = 20
/** A member gets the table, or what it lacks, at most once in this time, in ms. */
const AnswerInterval = 1000
/** The most members that are being sent bursts at once. */
const MaxBulks = 16
/** The most newcomers whose address is being proved before they get the table. */
const MaxAwaiting = 256

export interface AntiEntropyCounters {
  rounds: number
  chunksSent: number
  chunksReceived: number
  snapshotsCompleted: number
  answersSent: number
  /** Bulk sends that were left out because too many were under way. */
  bulksDropped: number
}

export class AntiEntropy extends Context.Service<
  AntiEntropy,
  {
    readonly counters: AntiEntropyCounters
    readonly assemblies: Assemblies
    /** An ANTI_ENTROPY message was merged. */
    readonly chunk: (received: Received) => void
  }
>()("effect-gossip/anti-entropy/AntiEntropy") {}

export const layer: Layer.Layer<AntiEntropy, never, Activity | CurrentConfig | LocalView | NodeClock | Outbox> =
  Layer.effect(
    AntiEntropy,
    Effect.gen(function* () {
      const { gossip, limits } = yield* CurrentConfig
      const view = yield* LocalView
      const { packer, ...outbox } = yield* Outbox
      const { every, random } = yield* NodeClock
      const { table } = view
      const activity = yield* Activity
      const whileActive = Scope.provide(activity)
      const assemblies = new Assemblies(limits.assemblies)
      const cursor = new EntryCursor()
      const awaiting = new Set<number>()
      const bulks = yield* whileActive(FiberSet.make())
      const runBulk = yield* FiberSet.runtime(bulks)<never>()
      const counters: AntiEntropyCounters = {
        rounds: 0,
        chunksSent: 0,
        chunksReceived: 0,
        snapshotsCompleted: 0,
        answersSent: 0,
        bulksDropped: 0
      }
      let bulksUnderWay = 0
      /** When a member was last sent more than it sent us. */
      const answeredAt = new Map<number, number>()

      /** Sends many messages to one member, a burst at a time. */
      const sendPaced = (slot: number, messages: ReadonlyArray<Uint8Array>): void => {
        const burst = (from: number): void => {
          for (const message of messages.slice(from, from + Burst)) outbox.send(slot, message)
        }
        if (messages.length <= Burst) return burst(0)
        if (bulksUnderWay >= MaxBulks) {
          counters.bulksDropped++
          return
        }
        bulksUnderWay++
        runBulk(
          Effect.gen(function* () {
            for (let from = 0; from < messages.length && table.phase[slot] === Phase.Member; from += Burst) {
              burst(from)
              yield* Effect.sleep(BurstPause)
            }
          }).pipe(Effect.ensuring(Effect.sync(() => bulksUnderWay--)))
        )
      }

      const sendTable = (slot: number): void => {
        const chunks = packer.snapshot()
        counters.chunksSent += chunks.length
        sendPaced(slot, chunks)
      }

      const period = Duration.toMillis(gossip.antiEntropyInterval)
      if (period > 0) {
        yield* whileActive(
          every("anti-entropy", {
            first: period,
            period: () => period,
            tick: () => {
              const slot = table.randomLive(random)
              if (slot < 0) return
              counters.rounds++
              sendTable(slot)
            }
          })
        )
      }

      /** Notes, for each entry of a chunk, what we know better of its node. */
      const compareChunk = (inbound: Inbound, assembly: Assembly): void => {
        const { bytes, entriesEnd, entriesStart } = inbound
        for (let at = entriesStart; at < entriesEnd; at = cursor.next) {
          cursor.read(bytes, at)
          if (cursor.status > Claim.Dead) continue
          const slot = table.index.get(cursor.idHi, cursor.idLo)
          if (slot < 0) continue
          assembly.name(slot)
          const ahead = SerialNumber.compare(table.incarnation[slot]!, cursor.incarnation)
          const worse = table.incarnation[slot] === cursor.incarnation && table.status[slot]! > cursor.status
          // A tombstone speaks only to refuse a claim that its node lives.
          const silentTombstone = table.phase[slot] === Phase.Tombstone && cursor.status === Claim.Dead
          if ((ahead > 0 || worse) && !silentTombstone) assembly.better.add(slot)
          else assembly.better.delete(slot)
        }
      }

      const answer = (sender: number, assembly: Assembly): void => {
        const slots = [...assembly.better].filter((slot) => table.phase[slot] !== Phase.Free)
        for (let slot = SelfSlot + 1; slot < table.top; slot++) {
          if (table.isLive(slot) && slot !== sender && !assembly.isNamed(slot)) slots.push(slot)
        }
        if (slots.length === 0) return
        const messages = packer.entries(slots)
        counters.answersSent += messages.length
        sendPaced(sender, messages)
      }

      /** A newcomer knows nobody else, and gets the whole table if there is more in it than the two of us. */
      const welcome = (received: Received): void => {
        const { sender } = received
        if (table.live <= 2) return
        if (!outbox.isUnproved(sender)) return sendTable(sender)
        // Its address may be forged: it gets one PING, and the table once it has answered that.
        if (awaiting.size >= MaxAwaiting) return
        awaiting.add(sender)
        outbox.prove(sender, received)
      }

      // A node that leaves sends nobody its table.
      yield* Scope.addFinalizer(
        activity,
        Effect.sync(() => awaiting.clear())
      )
      view.observe({
        proved: (slot) => {
          if (awaiting.delete(slot) && table.isLive(slot)) sendTable(slot)
        },
        forgotten: (slot) => {
          awaiting.delete(slot)
          answeredAt.delete(slot)
        }
      })

      return AntiEntropy.of({
        counters,
        assemblies,
        chunk: (received) => {
          const { inbound, now, sender } = received
          if (sender < 0 || !table.isLive(sender)) return
          counters.chunksReceived++
          const id = view.idOf(sender)
          const version = inbound.tableVersionHi * 0x100000000 + inbound.tableVersionLo
          const assembly = assemblies.chunk(id, version, inbound.chunkIndex, inbound.totalChunks, now)
          if (assembly === undefined) return
          compareChunk(inbound, assembly)
          if (!assembly.complete) return
          assemblies.finish(id)
          counters.snapshotsCompleted++
          // The answer goes to the member's own address, but what asks for it may be forged.
          if (now - (answeredAt.get(sender) ?? -Infinity) < AnswerInterval) return
          answeredAt.set(sender, now)
          if (assembly.namedCount <= 1 && assembly.isNamed(sender)) return welcome(received)
          if (!outbox.isUnproved(sender)) return answer(sender, assembly)
          // Once it has answered a PING the next snapshot gets its answer.
          outbox.prove(sender, received)
        }
      })
    })
  )
