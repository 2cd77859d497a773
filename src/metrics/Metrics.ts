/** The metrics of one node: every series with where its value is read, and the forms in which they are given out. */
import { Context, Duration, Effect, FiberSet, Layer, type Metric, type Scope } from "effect"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import { AntiEntropy } from "../anti-entropy/AntiEntropy.ts"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { ReliableDelivery } from "../delivery/ReliableDelivery.ts"
import { MaxChecks } from "../failure-detector/DeathChecks.ts"
import { FailureDetector } from "../failure-detector/FailureDetector.ts"
import type { MemberCause } from "../domain/Change.ts"
import * as Claim from "../domain/Claim.ts"
import { Gossip } from "../gossip/Gossip.ts"
import { MaxCandidates } from "../join/HealList.ts"
import { Join } from "../join/Join.ts"
import { ChangeFeed } from "../membership/ChangeFeed.ts"
import { Outbox } from "../outbox/Outbox.ts"
import type { Transition } from "../membership/ViewObserver.ts"
import { LocalView } from "../membership/LocalView.ts"
import { families, histograms, labelValue } from "./Families.ts"
import { MetricRegistry, type Reading, readingsOf, type Sources } from "./MetricRegistry.ts"
import type { MetricsJson } from "./MetricsJson.ts"
import { summaryLine, type Totals } from "./SummaryLine.ts"
import { version } from "./Version.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { MaxQueued, Transport } from "../transport/Transport.ts"
import { Kind } from "../wire/Header.ts"

/** The media type of `prometheus`. */
export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8"

/** Something that can grow, by what others send or by what is going on, and how far it may. */
export interface Bound {
  readonly name: string
  readonly size: () => number
  readonly limit: number
}

export class Metrics extends Context.Service<
  Metrics,
  {
    /** Every metric as it is now, in the text format of Prometheus. */
    readonly prometheus: Effect.Effect<string>
    /** The same as plain JSON, by name. */
    readonly json: Effect.Effect<MetricsJson>
    /** The node's own registry, for other exporters of Effect: provide it as `Metric.MetricRegistry`. */
    readonly registry: Metric.MetricRegistry
    /** Everything of the node that can grow. */
    readonly bounds: ReadonlyArray<Bound>
    /** Logs one line that sums up members and traffic at each interval, until the scope closes; never for 0. */
    readonly logSummary: (interval: Duration.Duration) => Effect.Effect<void, never, Scope.Scope>
  }
>()("effect-gossip/cluster/Metrics") {}

export const layer: Layer.Layer<
  Metrics,
  never,
  | AntiEntropy
  | ChangeFeed
  | CurrentConfig
  | FailureDetector
  | Gossip
  | Join
  | LocalView
  | Outbox
  | NodeClock
  | ReliableDelivery
  | Transport
> = Layer.effect(
  Metrics,
  Effect.suspend(() => make)
)

const kinds = Object.entries(Kind)

/** Write errors that the socket tells apart; any other is `Unknown`. */
const writeErrorKinds = ["MessageTooLarge", "Unreachable", "ConnectionRefused", "PermissionDenied", "Closed"]

const sum = (values: Iterable<number>): number => {
  let total = 0
  for (const value of values) total += value
  return total
}

const make = Effect.gen(function* () {
  const { limits } = yield* CurrentConfig
  const clock = yield* NodeClock
  const transport = yield* Transport
  const view = yield* LocalView
  const feed = yield* ChangeFeed
  const outbox = yield* Outbox
  const join = yield* Join
  const gossip = yield* Gossip
  const detector = yield* FailureDetector
  const antiEntropy = yield* AntiEntropy
  const delivery = yield* ReliableDelivery
  const traffic = transport.counters
  const { table } = view

  const registry = new MetricRegistry()
  const roundTrip = registry.histogram(histograms.probeRoundTrip)
  const detection = registry.histogram(histograms.detection)
  const suspicionDuration = registry.histogramsBy(histograms.suspicionDuration, ["died", "recovered"])

  // --- what the components do not count themselves ----------------------------

  const suspicions = { ProbeFailed: 0, Claimed: 0, Heard: 0 }
  const deaths = { SuspicionExpired: 0, DeathConfirmed: 0, Claimed: 0, Heard: 0 }
  let recoveries = 0
  let leaves = 0
  /** When the suspects became so, in ms, by slot. */
  const suspectSince = new Map<number, number>()

  const countSuspicion = (cause: MemberCause): void => {
    switch (cause._tag) {
      case "ProbeFailed":
      case "Claimed":
      case "Heard":
        suspicions[cause._tag]++
    }
  }

  const countDeath = ({ cause, now, slot }: Transition): void => {
    switch (cause._tag) {
      case "SuspicionExpired":
      case "DeathConfirmed":
        detection((now - view.lastHeardOf(slot)) / 1000)
        deaths[cause._tag]++
        break
      case "Claimed":
      case "Heard":
        deaths[cause._tag]++
    }
  }

  const endSuspicion = (slot: number, outcome: "died" | "recovered" | undefined, now: number): void => {
    const since = suspectSince.get(slot)
    if (since === undefined) return
    suspectSince.delete(slot)
    if (outcome !== undefined) suspicionDuration(outcome)((now - since) / 1000)
  }

  view.observe({
    transition: (transition) => {
      const { cause, kind, now, slot } = transition
      switch (kind) {
        case "Joined":
          if (table.status[slot] === Claim.Suspect) suspectSince.set(slot, now)
          break
        case "Suspected":
          suspectSince.set(slot, now)
          countSuspicion(cause)
          break
        case "Recovered":
          recoveries++
          endSuspicion(slot, "recovered", now)
          break
        case "Died":
          countDeath(transition)
          endSuspicion(slot, "died", now)
          break
        case "Left":
          leaves++
          endSuspicion(slot, undefined, now)
      }
    }
  })
  detector.onRoundTrip((ms) => roundTrip(ms / 1000))

  // --- where each value is read -------------------------------------------------

  const alive = () => table.alive - (view.leaving ? 1 : 0)
  const suspect = () => table.suspects.length
  const dead = () => table.dead.length - table.leftCount

  const byKind = (counts: Float64Array): Readonly<Record<string, Reading>> =>
    Object.fromEntries(kinds.map(([name, kind]) => [labelValue(name), () => counts[kind] ?? 0]))

  const bound = (name: string, size: Reading, limit: number): Bound => ({ name, size, limit })
  const bounds = [
    bound("members", () => table.listed, limits.members),
    bound("tombstones", () => table.tombstones.length, limits.tombstones),
    bound("unlisted_tombstones", () => table.unlisted.length, limits.unlistedTombstones),
    bound("heal_list", () => join.healList.size, MaxCandidates),
    bound("assemblies", () => antiEntropy.assemblies.size, limits.assemblies),
    bound("relays", () => detector.relays.size, limits.relays),
    bound("death_checks", () => detector.checks.size, MaxChecks),
    bound("member_sources", () => transport.sources().members, limits.sources),
    bound("stranger_sources", () => transport.sources().strangers, limits.sources),
    bound("bootstrap_peers", () => join.peers.size, limits.bootstrapPeers),
    bound("event_buffer", feed.backlog, limits.eventBuffer),
    bound("send_queue", transport.queued, MaxQueued)
  ]

  const writeErrors = (kind: string): number => traffic.writeErrors[kind] ?? 0
  const knownWriteErrors = () => sum(writeErrorKinds.map(writeErrors))

  const sources: Sources<typeof families> = {
    buildInfo: { [version]: () => 1 },

    membersAlive: alive,
    membersSuspect: suspect,
    membersDead: dead,
    membersLeft: () => table.leftCount + (view.leaving ? 1 : 0),
    mergesNew: () => view.mergedNew,
    mergesUpdated: () => view.mergedUpdated,
    mergesStale: () => view.mergedStale,
    suspicions: readingsOf(suspicions),
    deaths: readingsOf(deaths),
    recoveries: () => recoveries,
    leaves: () => leaves,
    refutations: () => view.refutations,
    conflicts: readingsOf(view.conflictsByKind),
    replays: () => view.replays,

    datagramsIn: {
      ...byKind(traffic.received.datagrams),
      unread: () => traffic.datagramsIn - sum(traffic.received.datagrams)
    },
    datagramsOut: byKind(traffic.sent.datagrams),
    bytesIn: { ...byKind(traffic.received.bytes), unread: () => traffic.bytesIn - sum(traffic.received.bytes) },
    bytesOut: byKind(traffic.sent.bytes),
    dropped: readingsOf(traffic.dropped),
    rateLimited: () => traffic.dropped.GlobalLimit + traffic.dropped.SourceLimit,
    receiveDropped: transport.receiveDropped,
    sendOverflow: () => traffic.overflow,
    writeErrors: {
      ...Object.fromEntries(writeErrorKinds.map((kind) => [labelValue(kind), () => writeErrors(kind)])),
      unknown: () => sum(Object.values(traffic.writeErrors)) - knownWriteErrors()
    },
    socketReopened: () => traffic.reopened,

    gossipRounds: () => gossip.counters.rounds,
    gossipSent: () => traffic.sent.datagrams[Kind.Gossip]!,
    gossipReceived: () => traffic.received.datagrams[Kind.Gossip]!,
    updateQueueDepth: () => outbox.queue.size,
    told: () => gossip.counters.told,
    healsTried: () => join.counters.healsTried,
    peersWaiting: () => join.peers.waiting,

    antiEntropyRounds: () => antiEntropy.counters.rounds,
    antiEntropySent: () => traffic.sent.datagrams[Kind.AntiEntropy]!,
    antiEntropyReceived: () => traffic.received.datagrams[Kind.AntiEntropy]!,
    antiEntropyCompleted: () => antiEntropy.counters.snapshotsCompleted,
    antiEntropyAnswers: () => antiEntropy.counters.answersSent,
    antiEntropySkipped: () => antiEntropy.paced.refused,
    chunksInconsistent: () => antiEntropy.assemblies.inconsistent,

    pingsSent: () => traffic.sent.datagrams[Kind.Ping]!,
    pingsReceived: () => traffic.received.datagrams[Kind.Ping]!,
    acksSent: () => traffic.sent.datagrams[Kind.Ack]!,
    acksReceived: () => traffic.received.datagrams[Kind.Ack]!,
    pingReqsSent: () => traffic.sent.datagrams[Kind.PingReq]!,
    pingReqsReceived: () => traffic.received.datagrams[Kind.PingReq]!,
    probes: () => detector.counters.pings,
    probeDirectTimeouts: () => detector.counters.directTimeouts,
    probeFailures: () => detector.counters.failures,
    probesVoided: () => detector.counters.voided,
    relaysAsked: () => detector.counters.pingReqs,
    relaysServed: () => detector.counters.relayed,
    relaysSaved: () => detector.counters.savedByRelay,
    localHealth: () => detector.health.score,
    pauses: () => clock.watch.pauses,

    reliableRetries: () => delivery.counters.retries,
    reliableExhausted: () => delivery.counters.exhausted,

    deadLoops: () => clock.failedLoops.size,
    tableSize: Object.fromEntries(bounds.map(({ name, size }) => [name, size])),
    tableLimit: Object.fromEntries(bounds.map(({ limit, name }) => [name, () => limit])),
    tableRefused: {
      members: () => view.refusedMembers,
      relays: () => detector.relays.refused,
      death_checks: () => detector.checks.dropped
    }
  }
  registry.registerAll(families, sources)

  // --- the summary ----------------------------------------------------------------

  const totals = (at: number): Totals => ({
    at,
    alive: alive(),
    suspect: suspect(),
    dead: dead(),
    datagramsIn: traffic.datagramsIn,
    bytesIn: traffic.bytesIn,
    datagramsOut: traffic.datagramsOut,
    bytesOut: traffic.bytesOut,
    dropped: sum(Object.values(traffic.dropped)) + traffic.overflow + transport.receiveDropped(),
    localHealth: detector.health.score
  })

  const logSummary = Effect.fnUntraced(function* (interval: Duration.Duration) {
    const period = Duration.toMillis(interval)
    if (period <= 0) return
    const log = yield* FiberSet.makeRuntime<never>()
    let before = totals(clock.now())
    yield* clock.every("summary log", {
      first: period,
      period: () => period,
      tick: () => {
        const now = totals(clock.now())
        log(Effect.logInfo(summaryLine(now, before)))
        before = now
      }
    })
  })

  return Metrics.of({
    prometheus: Effect.sync(() => PrometheusMetrics.formatUnsafe(registry.context)),
    json: Effect.sync(() => registry.json),
    registry: registry.registry,
    bounds,
    logSummary
  })
})
