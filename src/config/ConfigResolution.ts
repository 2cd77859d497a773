/**
 * From the values that sources give to a configuration: what overrides what, which values are refused, and which do not
 * go together.
 */
import { Duration, Predicate, Result, Schema } from "effect"
import { IpNetwork, NetAddress } from "effect/net"
import * as Peer from "../domain/Peer.ts"
import type { ConfigKey } from "./ConfigKey.ts"
import { decode, maximumTimer } from "./ConfigKey.ts"
import type { Entry } from "./ConfigTable.ts"
import { ClusterConfigSchema, entries, keys } from "./ConfigTable.ts"

type Resolved = typeof ClusterConfigSchema.Type

/**
 * A configuration with every value present and checked. All times are `Duration`. `network.advertise` is `undefined`
 * when the bound address is to be advertised, and its port is 0 when it is to be the bound port; `network.nodeId` is
 * `undefined` when it is to be drawn at random. `network.keys` are the keys of the cluster, of which the first seals;
 * none when they are in `network.clusterKeyFile`, until it is read (`withKeys`). Made by `make` or by
 * `ConfigSources.load`.
 */
export interface ClusterConfig extends Resolved {}

/**
 * One thing that is wrong with a configuration. `key` names the key as its source does: `probes.timeout` among
 * options, `probes.timeout_ms` elsewhere. `message` is a sentence that can stand alone.
 */
export const Problem = Schema.Struct({ key: Schema.String, message: Schema.String })

/**
 * One thing that is wrong with a configuration.
 */
export interface Problem extends Schema.Schema.Type<typeof Problem> {}

/**
 * A configuration cannot be used. Holds everything that is wrong with it, not only what was found first; `message` has
 * one line for each.
 */
export class ClusterConfigError extends Schema.TaggedError<ClusterConfigError>()("ClusterConfigError", {
  problems: Schema.Array(Problem)
}) {
  override get message(): string {
    return ["The configuration cannot be used:", ...this.problems.map((problem) => `  ${problem.message}`)].join("\n")
  }
}

/**
 * Where the value of a key came from. What a program passes counts as a flag.
 */
export type Origin = "default" | "file" | "environment" | "flag"

/**
 * A value that a source gives to a key.
 */
export interface Given {
  readonly entry: Entry
  readonly origin: Origin
  /** The value in file form, not yet judged. */
  readonly raw: unknown
  /** The value as it was given, for messages. */
  readonly shown: unknown
  /** Names key and source: "`gossip.fanout` in gossip.toml". */
  readonly name: string
}

/**
 * The values of a configuration, and for each key's path in files where its value came from.
 */
export interface Resolution {
  readonly config: ClusterConfig
  readonly origins: ReadonlyMap<string, Origin>
}

/**
 * A text without what may be a cluster key, which somebody may have put in the wrong place: no other value has so many
 * digits in a row.
 */
export const withoutSecrets = (text: string): string => text.replace(/[0-9a-f]{40,}/gi, "<redacted>")

/**
 * How a value appears in a message: short, on one line, and without what may be a cluster key.
 */
export const show = (value: unknown): string => {
  const text = withoutSecrets(showWhole(value))
  return text.length > 120 ? `${text.slice(0, 117)}...` : text
}

const showWhole = (value: unknown): string => {
  if (Predicate.isString(value)) return JSON.stringify(value)
  if (Duration.isDuration(value)) return `${Duration.toMillis(value)} ms`
  if (Peer.isPeer(value)) return Peer.format(value)
  if (NetAddress.isIpAddress(value)) return JSON.stringify(NetAddress.formatIp(value))
  if (IpNetwork.isIpNetwork(value)) return JSON.stringify(IpNetwork.format(value))
  if (Array.isArray(value)) return `[${value.map(showWhole).join(", ")}]`
  if (Predicate.isDate(value)) return "a date"
  return Predicate.isFunction(value) || Predicate.isObjectKeyword(value) ? "a table" : String(value)
}

const isClusterConfig = Schema.is(ClusterConfigSchema)

/**
 * Joins what the sources give, later ones over earlier ones and all over the defaults, and judges every value, also
 * one that is overridden, and then how they go together. `earlier` holds what was found wrong before. `keyOf` gives the
 * name of a key for `Problem.key`.
 */
export const resolve = (
  given: ReadonlyArray<Given>,
  earlier: ReadonlyArray<Problem>,
  keyOf: (entry: Entry) => string
): Result.Result<Resolution, ClusterConfigError> => {
  const problems = [...earlier]
  const refused = new Set<ConfigKey<unknown>>()
  const values = new Map<ConfigKey<unknown>, unknown>()
  const sources = new Map<ConfigKey<unknown>, Given>()

  for (const item of given) {
    const { entry } = item
    const result = decode(entry.key, item.raw)
    if (Result.isFailure(result)) {
      refused.add(entry.key)
      const shown = entry.key.secret ? "a secret, and not shown" : show(item.shown)
      problems.push({ key: keyOf(entry), message: `${item.name} is ${shown}; ${withoutSecrets(result.failure)}` })
    } else {
      values.set(entry.key, result.success)
      sources.set(entry.key, item)
    }
  }

  const draft: Record<string, Record<string, unknown>> = {}
  const origins = new Map<string, Origin>()
  for (const { key, path, property, section } of entries) {
    const table = (draft[section] ??= {})
    table[property] = values.has(key) ? values.get(key) : key.default
    origins.set(path, sources.get(key)?.origin ?? "default")
  }
  deriveEncryption(draft)

  // Always so while each key's `schema` gives what its `field` holds.
  if (!isClusterConfig(draft)) {
    problems.push({ key: "", message: "a value is of another kind than its key" })
    return Result.fail(new ClusterConfigError({ problems }))
  }

  const entryOf = new Map(entries.map((entry) => [entry.key, entry]))
  const nameOf = (key: ConfigKey<unknown>): string => {
    const entry = entryOf.get(key)
    return sources.get(key)?.name ?? (entry === undefined ? "" : `\`${keyOf(entry)}\``)
  }
  const clause = (key: ConfigKey<unknown>, value: unknown): string =>
    `${nameOf(key)} is ${show(value)}${sources.has(key) ? "" : " by default"}`

  for (const conflict of conflicts(draft, nameOf, clause)) {
    // The default that stands in for a refused value proves nothing.
    if (conflict.keys.some((key) => refused.has(key))) continue
    const entry = entryOf.get(conflict.keys[0])
    problems.push({ key: entry === undefined ? "" : keyOf(entry), message: conflict.message })
  }
  return problems.length === 0
    ? Result.succeed({ config: draft, origins })
    : Result.fail(new ClusterConfigError({ problems }))
}

// What no key's own default can say.
const deriveEncryption = (draft: Record<string, Record<string, unknown>>): void => {
  const network = (draft["network"] ??= {})
  const { clusterKey, clusterKeyFile } = network
  network["keys"] = clusterKey === undefined ? [] : [clusterKey]
  network["encryption"] ??= clusterKey === undefined && clusterKeyFile === undefined ? "off" : "required"
}

interface Conflict {
  readonly keys: readonly [ConfigKey<unknown>, ...ReadonlyArray<ConfigKey<unknown>>]
  readonly message: string
}

// A cluster as large as anyone is likely to run; its logarithm stretches suspicions.
const largestLog2 = 20

function* conflicts(
  { admin, limits, network, probes }: ClusterConfig,
  nameOf: (key: ConfigKey<unknown>) => string,
  clause: (key: ConfigKey<unknown>, value: unknown) => string
): Generator<Conflict> {
  if (Duration.isGreaterThanOrEqualTo(probes.timeout, probes.interval)) {
    yield {
      keys: [keys.probes.timeout, keys.probes.interval],
      message:
        `${clause(keys.probes.timeout, probes.timeout)} and ${clause(keys.probes.interval, probes.interval)}; the ` +
        "timeout must be less than the interval, which leaves the rest of it for indirect probes: lower the timeout or " +
        "raise the interval"
    }
  }

  const longest =
    Duration.toMillis(probes.suspectTimeout) * (1 + probes.suspectMultiplier * largestLog2) +
    Duration.toMillis(probes.suspectJitter)
  if (longest > maximumTimer) {
    yield {
      keys: [keys.probes.suspectTimeout, keys.probes.suspectMultiplier, keys.probes.suspectJitter],
      message:
        `${clause(keys.probes.suspectTimeout, probes.suspectTimeout)}, ` +
        `${clause(keys.probes.suspectMultiplier, probes.suspectMultiplier)} and ` +
        `${clause(keys.probes.suspectJitter, probes.suspectJitter)}; in a cluster of a million members a suspicion would ` +
        `then last longer than a timer can, ${maximumTimer} ms: lower the timeout or the multiplier`
    }
  }

  const { advertise, bind, peers } = network
  const bound = clause(keys.network.bind, bind)
  const advertised = clause(keys.network.advertise, advertise)
  if (advertise !== undefined) {
    if (!canExchange(bind, advertise)) {
      yield {
        keys: [keys.network.advertise, keys.network.bind],
        message:
          `${advertised} and ${bound}; nothing sent to an ${familyOf(advertise)} address arrives there: ` +
          `advertise an ${familyOf(bind)} address, or bind ${wildcards(advertise)}`
      }
    } else if (NetAddress.isLoopback(bind.address) && !NetAddress.isLoopback(advertise.address)) {
      yield {
        keys: [keys.network.advertise, keys.network.bind],
        message:
          `${advertised} and ${bound}; only this machine can reach a loopback address: ` +
          `bind ${wildcards(advertise)}, or advertise nothing`
      }
    } else if (
      NetAddress.isLoopback(advertise.address) &&
      !NetAddress.isLoopback(bind.address) &&
      !NetAddress.isUnspecified(bind.address)
    ) {
      yield {
        keys: [keys.network.advertise, keys.network.bind],
        message:
          `${advertised} and ${bound}; what is sent to a loopback address does not arrive at another one: ` +
          "advertise the bound address, or nothing"
      }
    }
  }

  // What a name stands for is not known before it is looked up.
  const addresses = peers.filter(NetAddress.isInetAddress)
  const strange = addresses.filter((peer) => !canExchange(bind, peer))
  const [first] = strange
  if (first !== undefined) {
    yield {
      keys: [keys.network.peers, keys.network.bind],
      message:
        `${nameOf(keys.network.peers)} has ${show(strange)} and ${bound}; an ${familyOf(bind)} socket cannot send to an ` +
        `${familyOf(first)} address: name ${familyOf(bind)} peers, or bind ${wildcards(first)}`
    }
  }
  const remote = addresses.filter((peer) => canExchange(bind, peer) && !NetAddress.isLoopback(peer.address))
  const [nearest] = remote
  if (nearest !== undefined && NetAddress.isLoopback(bind.address)) {
    yield {
      keys: [keys.network.peers, keys.network.bind],
      message:
        `${nameOf(keys.network.peers)} has ${show(remote)} and ${bound}; from a loopback address only this machine can ` +
        `be reached: bind ${wildcards(nearest)}`
    }
  }
  if (peers.length > limits.bootstrapPeers) {
    yield {
      keys: [keys.network.peers, keys.limits.bootstrapPeers],
      message:
        `${nameOf(keys.network.peers)} has ${peers.length} peers and ` +
        `${clause(keys.limits.bootstrapPeers, limits.bootstrapPeers)}; any one peer is enough to join: name fewer, or ` +
        "raise the limit"
    }
  }

  const { allow } = network
  const allowed = ({ address }: NetAddress.InetAddress): boolean =>
    allow.length === 0 || allow.some((network) => IpNetwork.contains(network, address))
  const listed = clause(keys.network.allow, allow)
  if (advertise !== undefined && !allowed(advertise)) {
    yield {
      keys: [keys.network.advertise, keys.network.allow],
      message:
        `${advertised} and ${listed}; members with this list would not listen to the node: advertise an address in ` +
        "one of these networks, or add one"
    }
  }
  const unheard = addresses.filter((peer) => !allowed(peer))
  if (unheard.length > 0) {
    yield {
      keys: [keys.network.peers, keys.network.allow],
      message:
        `${nameOf(keys.network.peers)} has ${show(unheard)} and ${listed}; the answer of such a peer would be ` +
        "dropped: name peers in one of these networks, or add one"
    }
  }

  const { clusterKey, clusterKeyFile, encryption } = network
  if (clusterKey !== undefined && clusterKeyFile !== undefined) {
    yield {
      keys: [keys.network.clusterKey, keys.network.clusterKeyFile],
      message:
        `${nameOf(keys.network.clusterKey)} and ${nameOf(keys.network.clusterKeyFile)} are both given; give the key ` +
        "or the file that holds it"
    }
  }
  if (encryption !== "off" && clusterKey === undefined && clusterKeyFile === undefined) {
    yield {
      keys: [keys.network.encryption, keys.network.clusterKey, keys.network.clusterKeyFile],
      message: `${clause(keys.network.encryption, encryption)}, which ${noKey}`
    }
  }
  if (admin.token !== undefined && admin.tokenFile !== undefined) {
    yield {
      keys: [keys.admin.token, keys.admin.tokenFile],
      message:
        `${nameOf(keys.admin.token)} and ${nameOf(keys.admin.tokenFile)} are both given; give the token or the file ` +
        "that holds it"
    }
  }
}

/**
 * Why a mode of encryption cannot be, without a key, and all the ways to give one.
 */
export const noKey =
  "needs the cluster key: name the file that holds it, by `cluster_key_file` in the section `[network]`, " +
  "GOSSIP_CLUSTER_KEY_FILE or --cluster-key-file, or give the key itself, by `cluster_key`, GOSSIP_CLUSTER_KEY or " +
  "--cluster-key; in code by `clusterKeyFile` or `clusterKey`; gossip keygen makes one"

const familyOf = (address: NetAddress.InetAddress): string => NetAddress.familyOf(address)

/**
 * Whether a socket bound to one address can send to another and hear from it: `::` takes both families, any other
 * address those of its own.
 */
export const canExchange = (bind: NetAddress.InetAddress, other: NetAddress.InetAddress): boolean =>
  familyOf(bind) === familyOf(other) || (NetAddress.isInetAddressV6(bind) && NetAddress.isUnspecified(bind.address))

const wildcards = (address: NetAddress.InetAddress): string =>
  NetAddress.isInetAddressV4(address) ? `"0.0.0.0:7946" or an address of this machine` : `"[::]:7946", which takes both`
