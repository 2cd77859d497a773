/**
 * Which values of a configuration do not work together.
 */
import { Duration, Result } from "effect"
import { IpNetwork, NetAddress } from "effect/net"
import * as OwnTags from "../domain/OwnTags.ts"
import { type ConfigKey as Key, maximumTimer } from "./ConfigKey.ts"
import { show } from "./ConfigProblem.ts"
import { type ClusterConfig, keys } from "./ConfigTable.ts"

/** The keys whose values do not work together, and a message that says why, and what to do about it. */
export type Conflict = readonly [keys: readonly [Key, ...ReadonlyArray<Key>], message: string]

/** How a key appears in a message. */
export interface Naming {
  /** The key with its source: "`gossip.fanout` in gossip.toml". */
  readonly name: (key: Key) => string
  /** The same with its value: "`gossip.fanout` in gossip.toml is 3". */
  readonly is: (key: Key) => string
}

/** What ends the message about a mode of encryption that has no key. */
export const noKey =
  "needs the cluster key: name the file that holds it, by `cluster_key_file` in the section `[network]`, " +
  "GOSSIP_CLUSTER_KEY_FILE or --cluster-key-file, or give the key itself, by `cluster_key`, GOSSIP_CLUSTER_KEY or " +
  "--cluster-key; in code by `clusterKeyFile` or `clusterKey`; gossip keygen makes one"

/** Everything that does not go together. */
export function* conflicts(config: ClusterConfig, naming: Naming): Generator<Conflict> {
  yield* timeConflicts(config, naming)
  yield* advertiseConflicts(config, naming)
  yield* peerConflicts(config, naming)
  yield* secretConflicts(config, naming)
  yield* tagConflicts(config, naming)
}

function* tagConflicts({ network, node }: ClusterConfig, { name }: Naming): Generator<Conflict> {
  const checked = OwnTags.checkRoom(node.tags, node.name, network.maxDatagram)
  if (Result.isFailure(checked)) yield [[keys.node.tags], `${name(keys.node.tags)}: ${checked.failure.message}`]
}

/** A cluster as large as anyone is likely to run; its logarithm lengthens suspicions. */
const largestLog2 = 20

function* timeConflicts({ probes }: ClusterConfig, { is }: Naming): Generator<Conflict> {
  const { interval, suspectJitter, suspectMultiplier, suspectTimeout, timeout } = keys.probes
  if (Duration.isGreaterThanOrEqualTo(probes.timeout, probes.interval)) {
    const why = "the timeout must be less than the interval, which leaves the rest of it for indirect probes"
    yield [[timeout, interval], `${is(timeout)} and ${is(interval)}; ${why}: lower the timeout or raise the interval`]
  }
  const longest = Duration.toMillis(probes.suspectTimeout) * (1 + probes.suspectMultiplier * largestLog2)
  if (longest + Duration.toMillis(probes.suspectJitter) > maximumTimer) {
    const why = `in a cluster of a million members a suspicion would then last longer than a timer can, ${maximumTimer} ms`
    yield [
      [suspectTimeout, suspectMultiplier, suspectJitter],
      `${is(suspectTimeout)}, ${is(suspectMultiplier)} and ${is(suspectJitter)}; ${why}: lower the timeout or the multiplier`
    ]
  }
}

const familyOf = (address: NetAddress.InetAddress): string => NetAddress.familyOf(address)

/**
 * Whether a socket bound to one address can exchange datagrams with another address: `::` takes both families, any other
 * address those of its own.
 */
export const canExchange = (bind: NetAddress.InetAddress, other: NetAddress.InetAddress): boolean =>
  familyOf(bind) === familyOf(other) || (NetAddress.isInetAddressV6(bind) && NetAddress.isUnspecified(bind.address))

const isLoopback = ({ address }: NetAddress.InetAddress): boolean => NetAddress.isLoopback(address)

const wildcard = (address: NetAddress.InetAddress): string =>
  NetAddress.isInetAddressV4(address) ? `"0.0.0.0:7946" or an address of this machine` : `"[::]:7946", which takes both`

const allows = ({ allow }: ClusterConfig["network"], { address }: NetAddress.InetAddress): boolean =>
  allow.length === 0 || allow.some((network) => IpNetwork.contains(network, address))

function* advertiseConflicts({ network }: ClusterConfig, { is }: Naming): Generator<Conflict> {
  const { advertise, allow, bind } = keys.network
  const { advertise: to, bind: at } = network
  // The addresses of a name are not known before it is looked up.
  if (to === undefined || !NetAddress.isInetAddress(to)) return
  const refuse = (message: string): Conflict => [[advertise, bind], `${is(advertise)} and ${is(bind)}; ${message}`]
  if (!canExchange(at, to)) {
    const remedy = `advertise an ${familyOf(at)} address, or bind ${wildcard(to)}`
    yield refuse(`nothing sent to an ${familyOf(to)} address arrives there: ${remedy}`)
  } else if (isLoopback(at) && !isLoopback(to)) {
    yield refuse(`only this machine can reach a loopback address: bind ${wildcard(to)}, or advertise nothing`)
  } else if (isLoopback(to) && !isLoopback(at) && !NetAddress.isUnspecified(at.address)) {
    const remedy = "advertise the bound address, or nothing"
    yield refuse(`what is sent to a loopback address does not arrive at another one: ${remedy}`)
  }
  if (!allows(network, to)) {
    const why = "members with this list would drop what the node sends"
    yield [
      [advertise, allow],
      `${is(advertise)} and ${is(allow)}; ${why}: advertise an address in one of these networks, or add one`
    ]
  }
}

function* peerConflicts({ limits, network }: ClusterConfig, { is, name }: Naming): Generator<Conflict> {
  const { allow, bind, peers } = keys.network
  const { bootstrapPeers } = keys.limits
  // The addresses of a name are not known before it is looked up.
  const addresses = network.peers.filter(NetAddress.isInetAddress)
  const refuse = (some: ReadonlyArray<NetAddress.InetAddress>, key: Key, message: string): Conflict => [
    [peers, key],
    `${name(peers)} has ${show(some)} and ${is(key)}; ${message}`
  ]
  const strange = addresses.filter((peer) => !canExchange(network.bind, peer))
  if (strange[0] !== undefined) {
    const [own, other] = [familyOf(network.bind), familyOf(strange[0])]
    const remedy = `name ${own} peers, or bind ${wildcard(strange[0])}`
    yield refuse(strange, bind, `an ${own} socket cannot send to an ${other} address: ${remedy}`)
  }
  const remote = addresses.filter((peer) => canExchange(network.bind, peer) && !isLoopback(peer))
  if (remote[0] !== undefined && isLoopback(network.bind)) {
    yield refuse(remote, bind, `from a loopback address only this machine can be reached: bind ${wildcard(remote[0])}`)
  }
  if (network.peers.length > limits.bootstrapPeers) {
    const remedy = "any one peer is enough to join: name fewer, or raise the limit"
    yield [
      [peers, bootstrapPeers],
      `${name(peers)} has ${network.peers.length} peers and ${is(bootstrapPeers)}; ${remedy}`
    ]
  }
  const dropped = addresses.filter((peer) => !allows(network, peer))
  if (dropped.length > 0) {
    const remedy = "name peers in one of these networks, or add one"
    yield refuse(dropped, allow, `the answer of such a peer would be dropped: ${remedy}`)
  }
}

function* secretConflicts({ admin, network }: ClusterConfig, { is, name }: Naming): Generator<Conflict> {
  const { clusterKey, clusterKeyFile, encryption } = keys.network
  const { token, tokenFile } = keys.admin
  const both = (secret: Key, file: Key, what: string): Conflict => [
    [secret, file],
    `${name(secret)} and ${name(file)} are both given; give the ${what} or the file that holds it`
  ]
  const hasFile = network.clusterKeyFile !== undefined
  if (network.clusterKey !== undefined && hasFile) yield both(clusterKey, clusterKeyFile, "key")
  if (admin.token !== undefined && admin.tokenFile !== undefined) yield both(token, tokenFile, "token")
  if (network.encryption !== "off" && network.clusterKey === undefined && !hasFile) {
    yield [[encryption, clusterKey, clusterKeyFile], `${is(encryption)}, which ${noKey}`]
  }
}
