/**
 * Every key of the configuration, each in one place: what it takes, its default, its unit and what it is for. Types,
 * files, environment variables, flags and help texts all follow from this table.
 *
 * To add a key, add a line here and a paragraph to `gossip.example.toml`. To add a section, name it in
 * `ClusterConfigSchema` too.
 */
import { Schema, String as Str, Struct } from "effect"
import * as ClusterKey from "../crypto/ClusterKey.ts"
import type { ConfigKey } from "./ConfigKey.ts"
import {
  advertisedAddress,
  bindAddress,
  clusterKey,
  count,
  derivedChoice,
  duration,
  factor,
  ipAddress,
  maximumTimer,
  name,
  networks,
  nodeId,
  path,
  peerList,
  toggle,
  token
} from "./ConfigKey.ts"

// Local health stretches the probe interval up to nine times, and tombstones live ten times as long as dead members
// are listed: both products must still fit a timer.
const maximumProbeInterval = Math.floor(maximumTimer / 9)
const maximumDeadRetention = Math.floor(maximumTimer / 10)

// Beyond these, what a limit bounds is not bounded.
const manyRecords = 2 ** 20
const manyAtOnce = 2 ** 16

/**
 * What `network.encryption` may be.
 */
export const encryptionModes = ["off", "accept", "required"] as const

/**
 * The table, by section and by the name that a key has in code.
 */
export const keys = {
  network: {
    bind: bindAddress({
      default: "127.0.0.1:0",
      doc: "Address and port to listen on; port 0 lets the system choose."
    }),
    advertise: advertisedAddress({
      doc: "Address at which the others reach this node, where it is not the bound one."
    }),
    peers: peerList({
      doc: "Members to contact at the start, by address, name or service; any one is enough to join."
    }),
    nodeId: nodeId({
      doc: "Identity of this node; drawn at random at each start when not given."
    }),
    reliableAckTimeout: duration({
      default: 500,
      doc: "How long to wait for the acknowledgement of a reliable message before it is sent again."
    }),
    reliableMaxRetries: count({
      default: 3,
      minimum: 0,
      maximum: 1000,
      doc: "How often a reliable message is sent again before it is given up."
    }),
    cluster: name({
      default: "",
      maximum: 255,
      doc: "Name of the cluster; with one key, clusters of different names cannot read each other."
    }),
    allow: networks({
      doc: "Networks that may speak to this node; none given allows all."
    }),
    maxInboundRate: count({
      default: 1000,
      minimum: 2,
      maximum: 1_000_000,
      doc: "Datagrams that may come at once, and half as many every second; strangers leave half of them to members."
    }),
    inboundPeerCapacity: count({
      default: 100,
      minimum: 1,
      maximum: 1_000_000,
      doc: "Datagrams that one source may send at once."
    }),
    inboundPeerRefillRate: factor({
      default: 50,
      minimum: 0.1,
      maximum: 1_000_000,
      doc: "Datagrams a second that one source may send after that."
    }),
    maxDatagram: count({
      default: 1232,
      minimum: 576,
      maximum: 1460,
      doc: "The most bytes of a datagram, seal included."
    }),
    encryption: derivedChoice({
      choices: encryptionModes,
      doc: "Whether messages are sealed; required when a key is given."
    }),
    clusterKey: clusterKey({
      doc: "Key of the cluster, a secret; cluster_key_file keeps it out of this file."
    }),
    clusterKeyFile: path({
      shortVariable: true,
      doc: "File with the keys of the cluster, one a line; the first one seals, all open."
    })
  },
  gossip: {
    fanout: count({
      default: 50,
      minimum: 1,
      maximum: 65535,
      doc: "Most entries in one message, within the 1400 bytes that one holds."
    }),
    adaptiveFanout: toggle({
      default: true,
      doc: "Let the number of entries in a message grow with the cluster."
    }),
    maxSends: count({
      default: 1,
      minimum: 1,
      maximum: 65535,
      doc: "Members that get the waiting changes in each round."
    }),
    adaptiveTargets: toggle({
      default: true,
      doc: "Multiply max_sends by log2 of the number of members."
    }),
    interval: duration({
      default: 200,
      doc: "Time between gossip rounds; a round without changes sends nothing."
    }),
    heartbeatInterval: duration({
      default: 500,
      doc: "Time between increments of this node's heartbeat."
    }),
    piggybackMax: count({
      default: 6,
      minimum: 0,
      maximum: 65535,
      doc: "Most heartbeats that a probe or an acknowledgement carries besides changes."
    }),
    antiEntropyInterval: duration({
      default: "10 seconds",
      zero: "off",
      doc: "Time between exchanges of the whole table with one member; 0 turns them off."
    }),
    retransmitMultiplier: count({
      default: 4,
      minimum: 1,
      maximum: 1000,
      doc: "A change is sent this many times log2 of the number of members."
    }),
    healInterval: duration({
      default: "10 seconds",
      doc: "Time between attempts to reach a member that died or a peer that never answered."
    }),
    healTimeout: duration({
      default: "24 hours",
      zero: "never",
      maximum: Number.MAX_SAFE_INTEGER,
      doc: "How long after its death a member is still looked for; 0 never looks."
    })
  },
  probes: {
    interval: duration({
      default: "1 second",
      maximum: maximumProbeInterval,
      doc: "Time between probes; each probes one member."
    }),
    timeout: duration({
      default: 500,
      maximum: maximumProbeInterval,
      doc: "How long to wait for the answer to a probe before others are asked to probe too; less than the interval."
    }),
    indirectK: count({
      default: 2,
      minimum: 0,
      maximum: 255,
      doc: "Members that are asked to probe one that did not answer; 0 asks none."
    }),
    suspectTimeout: duration({
      default: "3 seconds",
      doc: "How long a suspected member has to refute before it is declared dead."
    }),
    suspectMultiplier: factor({
      default: 0.5,
      minimum: 0,
      maximum: 1000,
      doc: "Lengthens suspect_timeout_ms by this times log2 of the number of members."
    }),
    suspectJitter: duration({
      default: "1 second",
      zero: "none",
      doc: "Most that is added to a suspicion, so that members do not all declare a death at once."
    }),
    deadRetention: duration({
      default: "15 seconds",
      maximum: maximumDeadRetention,
      doc: "How long dead members stay listed."
    }),
    witnesses: count({
      default: 6,
      minimum: 0,
      maximum: 64,
      doc: "Members, on average, that probe a newly suspected member too; 0 asks none."
    }),
    suspectMinFraction: factor({
      default: 0.5,
      minimum: 0.05,
      maximum: 1,
      doc: "The shortest time of a suspicion that several members confirm, as a part of the longest."
    }),
    proofTimeout: duration({
      default: 500,
      doc: "Time of a suspicion after two members found proof that the process is gone."
    })
  },
  extensions: {
    level1: toggle({ default: true, doc: "Speak extension level 1 with members that speak it." }),
    relays: toggle({ default: true, doc: "Probe through relays when a direct probe gets no answer." }),
    localHealth: toggle({ default: true, doc: "Probe less often and wait longer while this node itself is slow." }),
    pauseAwareness: toggle({ default: true, doc: "Accuse nobody because this process was paused." }),
    telling: toggle({ default: true, doc: "Tell a member at once that it is suspected or held dead." }),
    accusations: toggle({ default: true, doc: "Shorten a suspicion with every further member that confirms it." }),
    secondOpinions: toggle({ default: true, doc: "Ask random members to probe a newly suspected member too." }),
    proof: toggle({ default: true, doc: "Look for proof that the process of a suspected member is gone." }),
    damping: toggle({ default: true, doc: "Suspect a member for longer after it refuted suspicions." }),
    earlyFailure: toggle({ default: true, doc: "End a probe early when all its relays report no answer." }),
    digest: toggle({ default: true, doc: "Compare digests of the tables before sending entries." }),
    smallProbes: toggle({ default: true, doc: "Leave out of probes what the receiver already knows." })
  },
  limits: {
    members: count({
      default: 65_536,
      minimum: 1,
      maximum: manyRecords,
      doc: "Most members listed; beyond, strangers are not let in."
    }),
    tombstones: count({
      default: 8192,
      minimum: 1,
      maximum: manyRecords,
      doc: "Most dead members remembered after they are no longer listed; beyond, the oldest is forgotten."
    }),
    unlistedTombstones: count({
      default: 1024,
      minimum: 1,
      maximum: manyRecords,
      doc: "Most of the dead remembered that were never members here; beyond, the oldest is forgotten."
    }),
    assemblies: count({
      default: 64,
      minimum: 1,
      maximum: manyAtOnce,
      doc: "Most tables of others that are received at once, in chunks."
    }),
    relays: count({
      default: 256,
      minimum: 1,
      maximum: manyAtOnce,
      doc: "Most probes that are relayed for others at once."
    }),
    sources: count({
      default: 4096,
      minimum: 1,
      maximum: manyRecords,
      doc: "Most addresses, of members and of strangers each, whose rate is counted one by one."
    }),
    bootstrapPeers: count({
      default: 256,
      minimum: 1,
      maximum: manyAtOnce,
      doc: "Most peers to contact at the start."
    }),
    eventBuffer: count({
      default: 1024,
      minimum: 1,
      maximum: manyRecords,
      doc: "Most changes that wait for one slow subscriber."
    })
  },
  metrics: {
    serverPort: count({
      default: 0,
      minimum: 0,
      maximum: 65535,
      doc: "Port at which metrics are served over HTTP; 0 serves none."
    }),
    serverHost: ipAddress({
      default: "127.0.0.1",
      doc: "Address of this machine at which metrics are served."
    }),
    logInterval: duration({
      default: "10 seconds",
      zero: "off",
      doc: "Time between the lines in which gossip run sums up members and traffic; 0 logs none."
    })
  },
  admin: {
    socket: path({
      shortVariable: false,
      doc: "Unix socket at which the user of this process operates the node over HTTP; none given opens none."
    }),
    token: token({
      doc: "Secret for operating the node over the HTTP of metrics; token_file keeps it out of this file."
    }),
    tokenFile: path({
      shortVariable: false,
      doc: "File that holds the token."
    })
  }
} as const

interface FieldOf extends Struct.Lambda {
  <F>(key: { readonly field: F }): F
  readonly "~lambda.out": this["~lambda.in"] extends { readonly field: infer F } ? F : never
}

const fieldOf = Struct.lambda<FieldOf>((key) => key.field)

/**
 * The schema of a resolved configuration. It knows the kinds of values only; the bounds are those of the keys.
 */
export const ClusterConfigSchema = Schema.Struct({
  network: Schema.Struct({
    ...Struct.map(keys.network, fieldOf),
    // No key of the table: what `clusterKey` or the file named by `clusterKeyFile` gives.
    keys: Schema.Array(Schema.toType(ClusterKey.ClusterKeyFromText))
  }),
  gossip: Schema.Struct(Struct.map(keys.gossip, fieldOf)),
  probes: Schema.Struct(Struct.map(keys.probes, fieldOf)),
  extensions: Schema.Struct(Struct.map(keys.extensions, fieldOf)),
  limits: Schema.Struct(Struct.map(keys.limits, fieldOf)),
  metrics: Schema.Struct(Struct.map(keys.metrics, fieldOf)),
  admin: Schema.Struct(Struct.map(keys.admin, fieldOf))
})

/**
 * A key of the table with all its names.
 */
export interface Entry {
  readonly key: ConfigKey<unknown>
  /** The section, in code and in files: `gossip`. */
  readonly section: string
  /** The name within the section in code: `healInterval`. */
  readonly property: string
  /** The name within the section in files: `heal_interval_ms`. */
  readonly name: string
  /** Section and name in files: `gossip.heal_interval_ms`. Names the key wherever one text has to. */
  readonly path: string
  /** The name among `ClusterOptions`, where those of `network` need no section: `gossip.healInterval`, `bind`. */
  readonly option: string
  /** The environment variable: `GOSSIP_GOSSIP_HEAL_INTERVAL_MS`. */
  readonly variable: string
  /** Another name of the variable, without the section, for the few keys that have one: `GOSSIP_CLUSTER_KEY`. */
  readonly shortVariable: string | undefined
  /** The flag of the command line, where those of `network` need no section: `--gossip-heal-interval`, `--bind`. */
  readonly flag: string
}

const entryOf = (section: string, property: string, key: ConfigKey<unknown>): Entry => {
  const words = property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const name = key.unit === undefined ? words : `${words}_${key.unit}`
  const plain = section === "network"
  return {
    key,
    section,
    property,
    name,
    path: `${section}.${name}`,
    option: plain ? property : `${section}.${property}`,
    variable: `GOSSIP_${section}_${name}`.toUpperCase(),
    shortVariable: key.shortVariable ? `GOSSIP_${name}`.toUpperCase() : undefined,
    flag: `--${plain ? "" : `${section}-`}${Str.replaceAll("_", "-")(words)}`
  }
}

/**
 * All keys in the order of the table.
 */
export const entries: ReadonlyArray<Entry> = Object.entries<Readonly<Record<string, ConfigKey<unknown>>>>(keys).flatMap(
  ([section, table]) => Object.entries(table).map(([property, key]) => entryOf(section, property, key))
)

/**
 * The names of the sections.
 */
export const sections: ReadonlyArray<string> = Object.keys(keys)
