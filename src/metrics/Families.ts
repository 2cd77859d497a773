/**
 * The metrics of a node: their names, types, help texts, labels and histogram bounds. `Sources` says where their values
 * are read. Counters count from the start of the node, and times are in seconds.
 */

/** A metric whose value is read when it is asked for. */
export interface Family {
  readonly type: "counter" | "gauge"
  readonly name: string
  readonly help: string
  /** The label whose values distinguish its series; `undefined` if there is one series. */
  readonly label: string | undefined
}

/** A metric that takes a value at each event. */
export interface HistogramFamily {
  readonly type: "histogram"
  readonly name: string
  readonly help: string
  readonly label: string | undefined
  /** Upper bounds of the buckets, ascending. A bucket without a bound follows. */
  readonly bounds: ReadonlyArray<number>
}

interface Single extends Family {
  readonly label: undefined
}

interface Labelled extends Family {
  readonly label: string
}

const counter = (name: string, help: string): Single => ({ type: "counter", name, help, label: undefined })
const gauge = (name: string, help: string): Single => ({ type: "gauge", name, help, label: undefined })
const counterBy = (label: string, name: string, help: string): Labelled => ({ type: "counter", name, help, label })
const gaugeBy = (label: string, name: string, help: string): Labelled => ({ type: "gauge", name, help, label })

/** Every metric but the histograms, by its name in code. */
export const families = {
  // What this node is.
  buildInfo: gaugeBy("version", "swim_build_info", "Version of the program; always 1."),

  // Members.
  membersAlive: gauge("swim_members_alive", "Members that are alive, this node included until it leaves."),
  membersSuspect: gauge("swim_members_suspect", "Members that are suspected of having failed."),
  membersDead: gauge("swim_members_dead", "Members that died and are still listed, without those that left."),
  membersLeft: gauge("swim_members_left", "Members that left and are still listed, and this node once it leaves."),
  mergesNew: counter("swim_merges_new_total", "Claims that made a node a member."),
  mergesUpdated: counter(
    "swim_merges_updated_total",
    "Claims that changed the status, incarnation or address of a member; heartbeats are not counted."
  ),
  mergesStale: counter("swim_merges_stale_total", "Claims that were older than what is known."),
  suspicions: counterBy("cause", "swim_suspicions_total", "Members that became suspect, by what brought it about."),
  deaths: counterBy("cause", "swim_deaths_total", "Members that died, by what brought it about."),
  recoveries: counter("swim_recoveries_total", "Members that were suspect or dead and turned out to be alive."),
  leaves: counter("swim_leaves_total", "Members that left of their own will."),
  refutations: counter("swim_refutations_total", "Claims that this node is suspect or dead, which it refuted."),
  conflicts: counterBy(
    "kind",
    "swim_conflicts_total",
    "Claims by which another node has the id (same_id) or the address (same_address) of this one."
  ),
  replays: counter("swim_replays_total", "Messages that were older than another of the same sender."),

  // Traffic.
  datagramsIn: counterBy(
    "kind",
    "swim_datagrams_in_total",
    "Datagrams received, by the kind of their message; unread are those dropped before it was known."
  ),
  datagramsOut: counterBy("kind", "swim_datagrams_out_total", "Datagrams sent, by the kind of their message."),
  bytesIn: counterBy(
    "kind",
    "swim_bytes_in_total",
    "Bytes of the datagrams received, without the headers of IP and UDP, by the kind of their message."
  ),
  bytesOut: counterBy(
    "kind",
    "swim_bytes_out_total",
    "Bytes of the datagrams sent, without the headers of IP and UDP, by the kind of their message."
  ),
  dropped: counterBy("reason", "swim_dropped_total", "Datagrams received and not used, by what was wrong with them."),
  rateLimited: counter(
    "swim_rate_limited_total",
    "Datagrams dropped because their source, or all together, sent too many."
  ),
  receiveDropped: counter(
    "swim_receive_buffer_drops_total",
    "Datagrams that came faster than they were read, and found the receive buffer full."
  ),
  sendOverflow: counter("swim_send_queue_overflow_total", "Messages dropped because the send queue was full."),
  writeErrors: counterBy("kind", "swim_write_errors_total", "Writes to the socket that failed, by kind of error."),
  socketReopened: counter("swim_socket_reopened_total", "How often the socket broke and was opened again."),

  // Gossip.
  gossipRounds: counter("swim_gossip_rounds_total", "Gossip rounds that had something to send."),
  gossipSent: counter("swim_gossip_sent_total", "GOSSIP messages sent."),
  gossipReceived: counter("swim_gossip_recv_total", "GOSSIP messages received."),
  updateQueueDepth: gauge("swim_update_queue_depth", "Changes that wait to be passed on."),
  told: counter("swim_told_total", "Nodes that were told what is held of them, outside of an acknowledgement."),
  strangerPingsWithheld: counter(
    "swim_stranger_pings_withheld_total",
    "PINGs that were not sent to hosts that have answered none, since they may not belong to the cluster."
  ),
  healsTried: counter("swim_heals_tried_total", "Attempts to reach somebody who was lost."),
  unreachable: gauge(
    "swim_unreachable",
    "Whether the other members do not reach this node at the address that it advertises."
  ),
  stateUnsaved: gauge(
    "swim_state_unsaved",
    "Whether what this node keeps from run to run cannot be saved (1), so that a crash may lose incarnations in use."
  ),
  stateSaves: counterBy(
    "result",
    "swim_state_saves_total",
    "Attempts to save what this node keeps from run to run, by whether they succeeded (saved) or not (failed)."
  ),
  peersWaiting: gauge("swim_peers_waiting", "Configured peers that have not answered yet."),

  // Tags, events and queries.
  tagsMerged: counter("swim_tags_merged_total", "Tags of members that were new to this node."),
  eventsPublished: counter("swim_events_published_total", "Events that this node published."),
  eventsDelivered: counter("swim_events_delivered_total", "Events of others that this node delivered."),
  eventsDuplicate: counter("swim_events_duplicate_total", "Events that had come before."),
  eventsUndecodable: counter(
    "swim_events_undecodable_total",
    "Events whose payload does not have the form that a subscriber expects."
  ),
  eventsMissed: counter("swim_events_missed_total", "Events that a subscriber lost because it was too slow."),

  queriesAsked: counter("swim_queries_asked_total", "Queries that this node asked."),
  queryAnswers: counter("swim_query_answers_total", "Answers of others to queries of this node."),
  queriesAnswered: counterBy(
    "result",
    "swim_queries_answered_total",
    "Queries of others for which this node has a handler: answered, or not, because that failed or was too slow or long."
  ),
  queryResponsesResent: counter(
    "swim_query_responses_resent_total",
    "Answers sent again because no acknowledgement came."
  ),

  // Anti-entropy.
  antiEntropyRounds: counter("swim_anti_entropy_rounds_total", "Times that the table was offered to a random member."),
  digests: counterBy(
    "result",
    "swim_anti_entropy_digests_total",
    "Digests of the tables of others that were compared: equal to that of this node, or not."
  ),
  antiEntropySent: counter(
    "swim_anti_entropy_sent_total",
    "ANTI_ENTROPY messages sent: digests, buckets, and chunks of tables."
  ),
  antiEntropyReceived: counter("swim_anti_entropy_recv_total", "ANTI_ENTROPY messages received."),
  antiEntropyCompleted: counter("swim_anti_entropy_completed_total", "Tables of others that arrived whole."),
  antiEntropyAnswers: counter(
    "swim_anti_entropy_answers_total",
    "Messages sent to members whose table lacked something."
  ),
  antiEntropySkipped: counter(
    "swim_anti_entropy_skipped_total",
    "Tables and answers not sent because too many were under way."
  ),
  chunksInconsistent: counter(
    "swim_anti_entropy_inconsistent_total",
    "ANTI_ENTROPY messages that contradict themselves or an earlier one of their table."
  ),

  // Failure detection.
  pingsSent: counter("swim_pings_sent_total", "PING messages sent: own probes, for others, and to say hello."),
  pingsReceived: counter("swim_pings_recv_total", "PING messages received."),
  acksSent: counter("swim_acks_sent_total", "ACK messages sent."),
  acksReceived: counter("swim_acks_recv_total", "ACK messages received."),
  pingReqsSent: counter("swim_ping_reqs_sent_total", "PING_REQ messages sent."),
  pingReqsReceived: counter("swim_ping_reqs_recv_total", "PING_REQ messages received."),
  probes: counter("swim_probes_total", "Probes begun."),
  probeDirectTimeouts: counter(
    "swim_probe_direct_timeouts_total",
    "Probes whose member did not answer in time itself, so that others were asked."
  ),
  probeFailures: counter("swim_probe_failures_total", "Probes that got no answer, directly or through others."),
  probesVoided: counter("swim_probes_voided_total", "Probes not judged because this process had paused."),
  relaysAsked: counter("swim_relays_asked_total", "Members asked to probe one that did not answer this node."),
  relaysServed: counter("swim_relays_served_total", "Answers passed on to members that had asked for a probe."),
  relaysSaved: counter("swim_relays_saved_total", "Probes that were answered through another member only."),
  nacks: counter("swim_nacks_recv_total", "Answers of relays that they could not reach a member either."),
  accusationsSent: counterBy(
    "evidence",
    "swim_accusations_sent_total",
    "Members that this node accused of having failed, by what it found beyond silence."
  ),
  accusationsReceived: counterBy(
    "evidence",
    "swim_accusations_recv_total",
    "Accusations by others that were counted for a suspicion, by what the accuser found beyond silence."
  ),
  secondOpinions: counter(
    "swim_second_opinions_total",
    "Probes of members that others accuse, which this node sent at once."
  ),
  proofs: counter("swim_proofs_total", "Suspicions that became short because enough accusers had evidence."),
  suspicionsDamped: counter(
    "swim_suspicions_damped_total",
    "Suspicions that last longer because their member has refuted others in the last minute."
  ),
  localHealth: gauge(
    "swim_local_health_score",
    "How far this node doubts itself, 0 (well) to 8; its probes take this plus 1 times as long."
  ),
  pauses: counter("swim_pauses_total", "Times that this process was noticed not to run."),

  // Acknowledged delivery.
  reliableRetries: counter("swim_reliable_retries_total", "Messages sent again because no acknowledgement came."),
  reliableExhausted: counter("swim_reliable_exhausted_total", "Messages given up after the last retry."),

  // What keeps it going, and what bounds it.
  deadLoops: gauge("swim_dead_loops", "Loops of this node that ended by a mistake in the program; 0 is well."),
  tableSize: gaugeBy("table", "swim_table_size", "Entries of each table that has a limit."),
  tableLimit: gaugeBy("table", "swim_table_limit", "The most entries of each table that has a limit."),
  tableRefused: counterBy("table", "swim_table_refused_total", "Entries that a full table did not take.")
} as const satisfies Readonly<Record<string, Family>>

/** The histograms, by their names in code. */
export const histograms = {
  probeRoundTrip: {
    type: "histogram",
    name: "swim_probe_rtt_seconds",
    help: "Time from the PING of a probe to the ACK of the member itself.",
    label: undefined,
    bounds: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
  },
  suspicionDuration: {
    type: "histogram",
    name: "swim_suspicion_duration_seconds",
    help: "How long members were suspect before they died or recovered.",
    label: "outcome",
    bounds: [0.1, 0.25, 0.5, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60]
  },
  detection: {
    type: "histogram",
    name: "swim_detection_seconds",
    help: "Time from the last word of a member, its own or passed on by others, until this node itself declared it dead.",
    label: undefined,
    bounds: [1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60, 120, 300, 600]
  }
} as const satisfies Readonly<Record<string, HistogramFamily>>

/** A value in code as the value of a label: `ChecksumMismatch` is `checksum_mismatch`. */
export const labelValue = (name: string): string =>
  name.replace(/[A-Z]/g, (letter, at) => `${at === 0 ? "" : "_"}${letter.toLowerCase()}`)
