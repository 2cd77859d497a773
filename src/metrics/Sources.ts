/** Where the value of each metric of a node is read. */
import type { AntiEntropy } from "../anti-entropy/AntiEntropy.ts"
import type { ClusterConfig } from "../config/ClusterConfig.ts"
import type { ReliableDelivery } from "../delivery/ReliableDelivery.ts"
import { MaxChecks } from "../failure-detector/DeathChecks.ts"
import { MaxHeld, MaxOrigins } from "../events/EventInbox.ts"
import type { Events } from "../events/Events.ts"
import type { FailureDetector } from "../failure-detector/FailureDetector.ts"
import type { Gossip } from "../gossip/Gossip.ts"
import { MaxCandidates } from "../join/HealList.ts"
import type { Join } from "../join/Join.ts"
import type { ChangeFeed } from "../membership/ChangeFeed.ts"
import type { ClusterView } from "../membership/ClusterView.ts"
import { MaxBroadcasts } from "../outbox/BroadcastQueue.ts"
import type { Outbox } from "../outbox/Outbox.ts"
import type { Queries } from "../queries/Queries.ts"
import { MaxResponses } from "../queries/Responses.ts"
import { MaxSeen } from "../queries/SeenQueries.ts"
import type { Kept } from "../state/NodeState.ts"
import type { NodeClock } from "../time/NodeClock.ts"
import type { Transport } from "../transport/Transport.ts"
import { MaxQueued } from "../transport/SendQueue.ts"
import { Kind } from "../wire/Header.ts"
import { type families, labelValue } from "./Families.ts"
import { type Reading, readingsOf, type Sources } from "./Reading.ts"
import type { StatusChanges } from "./StatusChanges.ts"
import { version } from "../domain/Version.ts"

/** The components of a node that are measured. */
export interface Measured {
  readonly limits: ClusterConfig["limits"]
  readonly antiEntropy: AntiEntropy["Service"]
  readonly clock: NodeClock["Service"]
  readonly delivery: ReliableDelivery["Service"]
  readonly detector: FailureDetector["Service"]
  readonly events: Events["Service"]
  readonly feed: ChangeFeed["Service"]
  readonly gossip: Gossip["Service"]
  readonly join: Join["Service"]
  readonly outbox: Outbox["Service"]
  readonly queries: Queries["Service"]
  readonly state: Kept | undefined
  readonly transport: Transport["Service"]
  readonly view: ClusterView
}

/**
 * Something of a node that can grow, by what others send or by what happens, and
 * how far.
 *
 * @category models
 * @since 0.2.0
 */
export interface Bound {
  readonly name: string
  readonly size: () => number
  readonly limit: number
}

const bound = (name: string, size: Reading, limit: number): Bound => ({ name, size, limit })

/** Everything of a node that can grow. */
export const boundsOf = ({
  limits,
  antiEntropy,
  detector,
  events,
  feed,
  join,
  outbox,
  queries,
  transport,
  view: { table }
}: Measured) => [
  bound("members", () => table.listed, limits.members),
  bound("tombstones", () => table.tombstones.length, limits.tombstones),
  bound("unlisted_tombstones", () => table.unlisted.length, limits.unlistedTombstones),
  bound("heal_list", () => join.healList.size, MaxCandidates),
  bound("assemblies", () => antiEntropy.assemblies.size, limits.assemblies),
  bound("relays", () => detector.relays.size, limits.relays),
  bound("death_checks", () => detector.checks.aboutAlive, MaxChecks),
  bound("member_sources", () => transport.sources().members, limits.sources),
  bound("stranger_sources", () => transport.sources().strangers, limits.sources),
  bound("bootstrap_peers", () => join.peers.size, limits.bootstrapPeers),
  bound("broadcasts", () => outbox.broadcasts.size, MaxBroadcasts),
  bound("event_origins", () => events.inbox.size, MaxOrigins),
  bound("events_held", () => events.inbox.held, MaxHeld),
  bound("queries_seen", () => queries.sizes().seen, MaxSeen),
  bound("query_responses", () => queries.sizes().responses, MaxResponses),
  bound("event_buffer", feed.backlog, limits.eventBuffer),
  bound("send_queue", transport.queued, MaxQueued)
]

/** Write errors that the socket tells apart. Any other is `unknown`. */
const writeErrorKinds = ["MessageTooLarge", "Unreachable", "ConnectionRefused", "PermissionDenied", "Closed"]

const kinds = Object.entries(Kind)

const byKind = (counts: Float64Array): Readonly<Record<string, Reading>> =>
  Object.fromEntries(kinds.map(([name, kind]) => [labelValue(name), () => counts[kind] ?? 0]))

const sum = (values: Iterable<number>): number => {
  let total = 0
  for (const value of values) total += value
  return total
}

/** A reading of each metric that is not a histogram. */
export const sourcesOf = (
  { antiEntropy, clock, delivery, detector, events, gossip, join, outbox, queries, state, transport, view }: Measured,
  changes: StatusChanges,
  bounds: ReadonlyArray<Bound>
): Sources<typeof families> => {
  const { table } = view
  const traffic = transport.counters
  const writeErrors = (kind: string): number => traffic.writeErrors[kind] ?? 0
  const knownWriteErrors = () => sum(writeErrorKinds.map(writeErrors))
  return {
    buildInfo: { [version]: () => 1 },

    membersAlive: () => table.alive - (view.leaving ? 1 : 0),
    membersSuspect: () => table.suspect,
    membersDead: () => table.dead.length - table.leftCount,
    membersLeft: () => table.leftCount + (view.leaving ? 1 : 0),
    mergesNew: () => view.mergedNew,
    mergesUpdated: () => view.mergedUpdated,
    mergesStale: () => view.mergedStale,
    suspicions: readingsOf(changes.suspicions),
    deaths: readingsOf(changes.deaths),
    recoveries: () => changes.recoveries,
    leaves: () => changes.leaves,
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
    strangerPingsWithheld: outbox.withheld,
    healsTried: () => join.counters.healsTried,
    unreachable: () => (join.reachability.lost ? 1 : 0),
    stateUnsaved: () => (state?.trouble() === undefined ? 0 : 1),
    stateSaves: { saved: () => state?.counters.saved ?? 0, failed: () => state?.counters.failed ?? 0 },
    peersWaiting: () => join.peers.waiting,

    tagsMerged: () => view.mergedTags,
    eventsPublished: () => events.counters.published,
    eventsDelivered: () => events.counters.delivered,
    eventsDuplicate: () => events.inbox.duplicates,
    eventsUndecodable: () => events.counters.undecodable,
    eventsMissed: () => events.counters.missed,
    queriesAsked: () => queries.counters.asked,
    queryAnswers: () => queries.counters.answers,
    queriesAnswered: {
      answered: () => queries.counters.answered,
      unanswered: () => queries.counters.unanswered
    },
    queryResponsesResent: () => queries.sizes().resent,

    antiEntropyRounds: () => antiEntropy.counters.rounds,
    digests: {
      equal: () => antiEntropy.counters.digestsEqual,
      different: () => antiEntropy.counters.digestsDifferent
    },
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
    nacks: () => detector.counters.nacks,
    accusationsSent: readingsOf(detector.counters.accused),
    accusationsReceived: readingsOf(detector.counters.accusations),
    secondOpinions: () => detector.counters.witnessed,
    proofs: () => detector.counters.proofs,
    suspicionsDamped: () => detector.counters.damped,
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
}
