/**
 * Every key of the configuration, each in one place: what it takes, its default, and what it is for. Types, files,
 * environment variables and flags follow from this table.
 *
 * The comment on a key is what an editor shows for the option and what `gossip.example.toml` says, which
 * `vitest run test/architecture.test.ts -u` writes from it.
 */
import { Predicate, type Redacted, type Schema } from "effect"
import type { ClusterKey } from "../crypto/ClusterKey.ts"
import { advertisedAddress, bindAddress, hostNames, ipAddress, networks, peerList } from "./AddressKey.ts"
import type { ConfigKey } from "./ConfigKey.ts"
import { choice, clusterKey, count, encryption, factor, maximumTimer, name, nodeId, nodeName } from "./ConfigKey.ts"
import { directory, path, tags, time, toggle, token } from "./ConfigKey.ts"
import { profileNames, profiles } from "./Profile.ts"

// Local health stretches the probe interval up to nine times, and tombstones live ten times as long as dead members
// are listed: both products must still fit a timer.
const longestInterval = Math.floor(maximumTimer / 9)
const longestRetention = Math.floor(maximumTimer / 10)

// Beyond these, what a limit bounds is not bounded.
const records = { minimum: 1, maximum: 2 ** 20 }
const atOnce = { minimum: 1, maximum: 2 ** 16 }

const { lan } = profiles

/** The keys without a section. */
export const topLevel = {
  /**
   * The network that the times are made for: "lan", "local" for nodes on one machine, or "wan" for distant nodes. Values
   * that are given go before it. All members should have the same. Defaults to "lan".
   */
  profile: choice({ choices: profileNames, default: "lan" })
} as const

/** The keys by section and by the name that they have in code. */
export const keys = {
  network: {
    /**
     * Address and port to listen on: "IPv4:port" or "[IPv6]:port". Port 0 lets the system choose. "0.0.0.0:7946" is every
     * IPv4 interface, "[::]:7946" every interface. Only this machine reaches the default. Defaults to "127.0.0.1:0".
     */
    bind: bindAddress({ default: "127.0.0.1:0" }),
    /**
     * Address at which other nodes reach this one, where it differs: behind NAT, in a container, or with several
     * interfaces. Without a port the bound port is advertised. A host name is looked up at the start and every 30 s, and
     * the node moves when its address changes. Defaults to the bound address.
     */
    advertise: advertisedAddress(),
    /**
     * Nodes to contact at the start: "address:port"; "name:port", for all addresses of a name; or
     * "dns+srv://_gossip._udp.example", for all SRV records of a service. Names are looked up at every attempt. One that
     * answers is enough to join. Two nodes that name no common peer never meet. Defaults to none.
     */
    peers: peerList(),
    /**
     * Identity of this node, below 2^64, decimal or 0x and hexadecimal digits. A fixed one keeps a node's history through
     * a restart; no two nodes may have the same. Defaults to the one in `stateDir`, or a random id at each start.
     */
    nodeId: nodeId(),
    /**
     * Directory in which this node keeps its id, its incarnation and the addresses of members, so that it comes back as
     * itself after a crash, also when every peer is gone. It is made if it is not there, and serves one node at a time.
     * Defaults to none, which keeps nothing.
     */
    stateDir: directory(),
    /**
     * How long to wait for the acknowledgement of a reliable message, such as LEAVE, before it is sent again. Defaults to
     * 500 millis.
     */
    reliableAckTimeout: time({ default: 500 }),
    /** How often a reliable message is sent again before it is given up, 0 to 1000. Defaults to 3. */
    reliableMaxRetries: count({ default: 3, minimum: 0, maximum: 1000 }),
    /**
     * Name of the cluster, at most 255 bytes. Nodes of different names do not join each other: with a key by encryption,
     * without one by a checksum, which guards against accidents only. Nodes of the older implementation have no name.
     * Defaults to "".
     */
    cluster: name({ default: "", maximum: 255 }),
    /**
     * Networks that may send to this node, in CIDR notation; a bare address is a network of one. The address of a sender
     * can be forged: only a key keeps out who can do that. Defaults to none, which allows all.
     */
    allow: networks(),
    /**
     * Datagrams a second that are let in from all sources together, 1 to 1000000; as many may come at once, half of them
     * from members alone. The default costs at most about an eighth of a processor core, and lets 2500 nodes join
     * through this one at once. 0 sets no limit, and then a flood can take all time of this node. Defaults to 5000.
     */
    maxInboundRate: count({ default: 5000, minimum: 0, maximum: 1_000_000 }),
    /**
     * Datagrams that one source may send at once, 1 to 1000000. A source is the address and port of a member, or the
     * address of a stranger. The default lets the table of a cluster of 50000 members through. Defaults to 1000.
     */
    inboundPeerCapacity: count({ default: 1000, minimum: 1, maximum: 1_000_000 }),
    /** Datagrams a second that one source may send after that, 0.1 to 1000000. Defaults to 50. */
    inboundPeerRefillRate: factor({ default: 50, minimum: 0.1, maximum: 1_000_000 }),
    /**
     * The most bytes of a datagram, seal included, 576 to 1460. Every path of IPv6 carries the default, tunnels and
     * overlay networks too. More need fewer datagrams for a large table. Defaults to 1232.
     */
    maxDatagram: count({ default: 1232, minimum: 576, maximum: 1460 }),
    /**
     * Whether datagrams are sealed, so that only nodes with the key read and write them: "off", "accept" or "required".
     * "accept" reads open ones too and protects from nothing yet; set it at all nodes of a running cluster, and then
     * "required". true is "required", false is "off". Defaults to "required" with a key, and to "off" without.
     */
    encryption: encryption(),
    /**
     * Key of the cluster: 64 hexadecimal digits, which gossip keygen makes. It is never printed. `clusterKeyFile` or the
     * variable GOSSIP_CLUSTER_KEY keep it out of the configuration. Defaults to none.
     */
    clusterKey: clusterKey(),
    /**
     * File with the keys of the cluster, one a line; # begins a comment. The first key seals, all of them open. SIGHUP
     * makes gossip run read it again, so keys change without a restart: add the new key below the old one at every node,
     * then move it above, then remove the old one. GOSSIP_CLUSTER_KEY_FILE sets it too. Defaults to none.
     */
    clusterKeyFile: path({ shortVariable: true })
  },
  node: {
    /** Name of this node for people, at most 64 bytes; other members show it. Defaults to the name of the host. */
    name: nodeName(),
    /**
     * Texts that this node tells every member about itself, such as its zone or the port of a service: at most 512 bytes
     * with their keys, name and start of the node. Keys that start with "@" are reserved. --tag zone=a sets one, and can be
     * repeated. Defaults to none.
     */
    tags: tags()
  },
  gossip: {
    /** Most entries in one message, 1 to 65535, as far as a datagram has room. Defaults to 50. */
    fanout: count({ default: 50, minimum: 1, maximum: 65_535 }),
    /** Whether the number of entries in a message grows with the cluster. Defaults to true. */
    adaptiveFanout: toggle({ default: true }),
    /**
     * Members that get the waiting changes in each round, 1 to 65535. More spread a change in fewer rounds, with more
     * datagrams. Defaults to 1.
     */
    maxSends: count({ default: 1, minimum: 1, maximum: 65_535 }),
    /**
     * Whether `gossip.maxSends` is multiplied by log2 of the number of members, which keeps the time that a change takes
     * from growing with the cluster. Defaults to true.
     */
    adaptiveTargets: toggle({ default: true }),
    /** Time between gossip rounds. A round without changes sends nothing. Defaults to 200 millis. */
    interval: time({ default: lan.gossip.interval }),
    /** Time between increments of the heartbeat, which travels with probes. Defaults to 500 millis. */
    heartbeatInterval: time({ default: 500 }),
    /** Most heartbeats that a probe or acknowledgement carries besides changes, 0 to 65535. Defaults to 6. */
    piggybackMax: count({ default: 6, minimum: 0, maximum: 65_535 }),
    /**
     * Time between comparisons of the table with one random member, which repair what gossip lost; 0 turns them off.
     * Defaults to 10 seconds.
     */
    antiEntropyInterval: time({ default: "10 seconds", zero: "off" }),
    /**
     * A change is sent this many times the logarithm of the number of members, 1 to 1000. More survives heavier loss.
     * Defaults to 4.
     */
    retransmitMultiplier: count({ default: 4, minimum: 1, maximum: 1000 }),
    /**
     * Time between attempts to reach a dead member or a peer that has not answered. Less heals partitions sooner.
     * Defaults to 10 seconds.
     */
    healInterval: time({ default: "10 seconds" }),
    /**
     * How long after its death this node tries to reach a member, 0.001 to 9007199254740991; 0 never tries. More heals
     * longer partitions. Defaults to 24 hours.
     */
    healTimeout: time({ default: "24 hours", zero: "never", maximum: Number.MAX_SAFE_INTEGER })
  },
  probes: {
    /**
     * Time between probes of one member each, up to 238609294. Less finds failures sooner, with more datagrams. Defaults
     * to 1 second.
     */
    interval: time({ default: lan.probes.interval, maximum: longestInterval }),
    /**
     * How long to wait for an answer before relays are asked to probe too. It must be less than `probes.interval`, which
     * leaves the rest of it for the relays, and more than a round trip takes on a busy network. Defaults to 500 millis.
     */
    timeout: time({ default: lan.probes.timeout }),
    /**
     * Relays that are asked to probe a member that did not answer, 0 to 255. More keep a bad link from looking like a
     * failure. Defaults to 2.
     */
    indirectK: count({ default: 2, minimum: 0, maximum: 255 }),
    /**
     * How long a suspected member has to refute before it is declared dead, in the smallest cluster. More spares members
     * that pause, and finds failures that much later. Defaults to 3 seconds.
     */
    suspectTimeout: time({ default: lan.probes.suspectTimeout }),
    /**
     * Lengthens `probes.suspectTimeout` by this times log2 of the number of members, 0 to 1000, since a refutation takes
     * longer in a large cluster. Defaults to 0.5.
     */
    suspectMultiplier: factor({ default: 0.5, minimum: 0, maximum: 1000 }),
    /**
     * Most that is added to a suspicion, different for each pair of members, so that the first declaration of a death
     * reaches the others before they declare it too. Defaults to 1 second.
     */
    suspectJitter: time({ default: lan.probes.suspectJitter, zero: "none" }),
    /**
     * How long dead members stay listed, up to 214748364, and then ten times as long in memory, to refuse old news of
     * them. Defaults to 15 seconds.
     */
    deadRetention: time({ default: "15 seconds", maximum: longestRetention }),
    /** Members, on average, that probe a newly suspected member too, 0 to 64. Defaults to 6. */
    witnesses: count({ default: 6, minimum: 0, maximum: 64 }),
    /**
     * The time of a suspicion that several members confirm, as a part of the time of one that nobody confirms, 0.05 to 1.
     * Less finds failures sooner. Defaults to 0.6.
     */
    suspectMinFraction: factor({ default: 0.6, minimum: 0.05, maximum: 1 }),
    /** Time of a suspicion once two members found proof that the process is gone. Defaults to 500 millis. */
    proofTimeout: time({ default: 500 })
  },
  extensions: {
    /**
     * Speak extension level 1 with members that speak it. Without it every message is of version 1, and accusations,
     * second opinions, proof, digests and small probes are off. Defaults to true.
     */
    level1: toggle({ default: true }),
    /** Probe through relays when a direct probe gets no answer. Defaults to true. */
    relays: toggle({ default: true }),
    /** Probe less often and wait longer while this node itself is slow. Defaults to true. */
    localHealth: toggle({ default: true }),
    /** Void the probe in flight and extend suspicions after this process was paused. Defaults to true. */
    pauseAwareness: toggle({ default: true }),
    /** Tell a member at once that it is suspected or held dead, so that it refutes. Defaults to true. */
    telling: toggle({ default: true }),
    /** Shorten a suspicion with every further member that confirms it. Defaults to true. */
    accusations: toggle({ default: true }),
    /** Have `probes.witnesses` random members probe a newly suspected member too. Defaults to true. */
    secondOpinions: toggle({ default: true }),
    /** Look for proof that a process is gone: its port is closed, or another node is there. Defaults to true. */
    proof: toggle({ default: true }),
    /** Suspect a member for longer when it refuted suspicions within the last minute. Defaults to true. */
    damping: toggle({ default: true }),
    /** Let a probe fail early when all its relays report that they got no answer either. Defaults to true. */
    earlyFailure: toggle({ default: true }),
    /** Compare digests of tables first and send only the entries that differ. Defaults to true. */
    digest: toggle({ default: true }),
    /** Leave out of probes what the receiver already knows. Defaults to true. */
    smallProbes: toggle({ default: true }),
    /**
     * Whose rules decide how long a suspicion lasts and what local health changes: "own" ones, or those of HashiCorp's
     * "memberlist", for comparison in simulations; `probes.suspectTimeout`, `probes.suspectMultiplier` and
     * `probes.suspectMinFraction` have no effect then. Defaults to "own".
     */
    rules: choice({ choices: ["own", "memberlist"], default: "own" })
  },
  limits: {
    /** Most members listed, 1 to 1048576, some hundred bytes each. A larger cluster is not seen whole. Defaults to 65536. */
    members: count({ default: 65_536, ...records }),
    /**
     * Most dead members remembered after `probes.deadRetention`, 1 to 1048576; beyond, the oldest is forgotten. Defaults
     * to 8192.
     */
    tombstones: count({ default: 8192, ...records }),
    /** Most dead members remembered that were never listed here, 1 to 1048576. Defaults to 1024. */
    unlistedTombstones: count({ default: 1024, ...records }),
    /** Most tables of other members received at the same time, 1 to 65536, each in chunks. Defaults to 64. */
    assemblies: count({ default: 64, ...atOnce }),
    /** Most probes relayed for others at the same time, 1 to 65536. Defaults to 256. */
    relays: count({ default: 256, ...atOnce }),
    /**
     * Most sources whose datagrams are counted one by one, of members and of strangers each, 1 to 1048576; beyond, the
     * one that was quiet for longest is forgotten. Each takes some fifty bytes. Defaults to 4096.
     */
    sources: count({ default: 4096, ...records }),
    /** Most peers to contact at the start, 1 to 65536; more than that in `peers` are refused. Defaults to 256. */
    bootstrapPeers: count({ default: 256, ...atOnce }),
    /** Most changes that wait for one slow subscriber, 1 to 1048576; beyond, it misses some. Defaults to 1024. */
    eventBuffer: count({ default: 1024, ...records })
  },
  metrics: {
    /** Port at which metrics and health are served over HTTP, 0 to 65535; 0 serves nothing. Defaults to 0. */
    serverPort: count({ default: 0, minimum: 0, maximum: 65_535 }),
    /**
     * Address of this machine at which they are served; "0.0.0.0" and "::" are every interface. Whoever reaches it reads
     * them without a password. Defaults to "127.0.0.1".
     */
    serverHost: ipAddress({ default: "127.0.0.1" }),
    /**
     * Names by which clients may call the node over HTTP, such as "web-1.example.com"; ".example.com" is a domain with all
     * names below it, "*" every name. Addresses, localhost and the name of the machine are always accepted. It keeps web
     * pages of others from reading the node by letting their own name point to it. Defaults to none.
     */
    allowedHosts: hostNames(),
    /** Time between the log lines in which gossip run sums up its state; 0 logs none. Defaults to 10 seconds. */
    logInterval: time({ default: "10 seconds", zero: "off" })
  },
  admin: {
    /**
     * Unix socket at which this node is operated over HTTP: made to leave, given other keys. Only the user that it runs
     * as can connect, without a token. Its directory must exist. Defaults to none.
     */
    socket: path(),
    /**
     * Secret for doing the same over the HTTP of the metrics, as "Authorization: Bearer": 16 to 512 letters, digits or
     * any of . _ ~ + / - which HTTP does not encrypt. Defaults to none, and then nobody can.
     */
    token: token(),
    /** File that holds the token, which keeps it out of the configuration. Defaults to none. */
    tokenFile: path()
  }
} as const

// --- types of the table ----------------------------------------------------------

type ValueOf<K> = K extends { readonly schema: Schema.Codec<infer A, infer _>; readonly default: infer D }
  ? K extends { readonly derived: true }
    ? A
    : undefined extends D
      ? A | undefined
      : A
  : never

type InputOf<K> = K extends { readonly schema: Schema.Codec<infer _, infer I> } ? I : never

type Values<T> = { readonly [K in keyof T]: ValueOf<T[K]> }

type Inputs<T> = { readonly [K in keyof T]?: InputOf<T[K]> | undefined }

/** The sections whose keys are at the top of the options. */
type Bare = "network" | "node"

type Sections = { readonly [S in keyof typeof keys]: Values<(typeof keys)[S]> }

type SectionInputs = {
  readonly [S in Exclude<keyof typeof keys, Bare>]?: Inputs<(typeof keys)[S]> | undefined
}

/**
 * The values of all keys.
 *
 * @category models
 * @since 0.2.0
 */
export interface ConfigValues extends Values<typeof topLevel>, Sections {}

/**
 * A configuration of which every value is present and checked.
 *
 * **Details**
 *
 * All times are `Duration`. `network.advertise` is `undefined` when the bound address is to be advertised, a `Peer.Name`
 * when a host name stands for the address, and its port is 0 when it is to be the bound port. `network.nodeId` is `undefined` when it is to be drawn at random.
 *
 * @category models
 * @since 0.2.0
 */
export interface ClusterConfig extends Omit<ConfigValues, "network"> {
  readonly network: Sections["network"] & {
    /**
     * The keys of the cluster: the first one seals, all of them open. Empty without encryption, and while the keys are
     * only in the file `clusterKeyFile`.
     */
    readonly keys: ReadonlyArray<Redacted.Redacted<ClusterKey>>
  }
}

/**
 * What a program passes: any part of a configuration.
 *
 * **Details**
 *
 * The keys of `network` and `node` are at the top, the others in their sections. Addresses, peers, networks and the node id may be
 * texts. A time is any `Duration.Input`; a bare number is milliseconds. What is left out or `undefined` takes its
 * default.
 *
 * @example
 * ```ts
 * import type { ClusterConfig } from "effect-gossip"
 * import { Config } from "effect"
 *
 * // Each option may be a `Config`, for `NodeCluster.layerConfig`.
 * const options: Config.Wrap<ClusterConfig.ClusterOptions> = {
 *   bind: Config.String("BIND"),
 *   clusterKey: Config.Redacted("CLUSTER_KEY"),
 *   probes: { interval: Config.Duration("PROBE_INTERVAL") }
 * }
 * const config: Config.Config<ClusterConfig.ClusterOptions> = Config.unwrap(options)
 * ```
 *
 * @category models
 * @since 0.2.0
 */
export interface ClusterOptions
  extends Inputs<typeof topLevel>, Inputs<(typeof keys)["network"]>, Inputs<(typeof keys)["node"]>, SectionInputs {}

// --- the names of keys -----------------------------------------------------------

/** A key of the table with all its names. */
export interface Entry {
  readonly key: ConfigKey
  /** The section, in code and in files: `gossip`. Empty for the keys without one. */
  readonly section: string
  /** The name within the section in code: `healInterval`. */
  readonly property: string
  /** The name within the section in files: `heal_interval_ms`. */
  readonly name: string
  /** Section and name in files: `gossip.heal_interval_ms`. Names the key wherever one text has to. */
  readonly path: string
  /** The name among the options, where those of `network` and `node` need no section: `gossip.healInterval`, `bind`. */
  readonly option: string
  /** The environment variable: `GOSSIP_GOSSIP_HEAL_INTERVAL_MS`. */
  readonly variable: string
  /** Another name of the variable, without the section, for the few keys that have one: `GOSSIP_CLUSTER_KEY`. */
  readonly shortVariable: string | undefined
  /** The flag, where those of `network` and `node` need no section: `--gossip-heal-interval-ms`, `--bind`. */
  readonly flag: string
}

/** Whether the keys of a section are named without it in options and flags. */
export const isBare = (section: string): boolean => section === "" || section === "network" || section === "node"

const entryOf = (section: string, property: string, key: ConfigKey): Entry => {
  const words = property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const name = key.unit === undefined ? words : `${words}_${key.unit}`
  const path = section === "" ? name : `${section}.${name}`
  const bare = isBare(section)
  return {
    key,
    section,
    property,
    name,
    path,
    option: bare ? property : `${section}.${property}`,
    variable: `GOSSIP_${path.replace(".", "_")}`.toUpperCase(),
    shortVariable: key.shortVariable === true ? `GOSSIP_${name}`.toUpperCase() : undefined,
    flag: `--${key.flag ?? (bare ? name : path).replace(/[._]/g, "-")}`
  }
}

const entriesOf = (section: string, table: Readonly<Record<string, ConfigKey>>): ReadonlyArray<Entry> =>
  Object.entries(table).map(([property, key]) => entryOf(section, property, key))

/** All keys in the order of the table. */
export const entries: ReadonlyArray<Entry> = [
  ...entriesOf("", topLevel),
  ...Object.entries(keys).flatMap(([section, table]) => entriesOf(section, table))
]

const byPath = new Map(entries.map((entry) => [entry.path, entry]))

/** The key with this path in files: `gossip.fanout`. */
export const entryAt = (path: string): Entry | undefined => byPath.get(path)

/** The names of the sections. */
export const sections: ReadonlyArray<string> = Object.keys(keys)

/** The value of a key in nested records of values: a configuration, or options with all keys in sections. */
export const valueAt = (values: object, { property, section }: Entry): unknown => {
  const table: unknown = section === "" ? values : Reflect.get(values, section)
  return Predicate.hasProperty(table, property) ? table[property] : undefined
}
