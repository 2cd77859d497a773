/**
 * The view that the components of one node share: what the node holds about every member.
 *
 * Programs read members with `Membership`. A component that replaces one of the library's, or adds to them, observes the
 * view and reads its table, which costs no allocation.
 *
 * @since 0.2.0
 */
import { Context, Duration, Effect, Layer, Option } from "effect"
import { NetAddress } from "effect/net"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as Incarnation from "../domain/Incarnation.ts"
import * as NodeId from "../domain/NodeId.ts"
import { roomFor } from "../domain/OwnTags.ts"
import { NodeState } from "../state/NodeState.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { AllowList } from "../transport/AllowList.ts"
import { Transport } from "../transport/Transport.ts"
import { ClusterView } from "./ClusterView.ts"
import { SelfSlot } from "./MemberTable.ts"
import { SharedTags } from "./TagPool.ts"

export type { StatusCode } from "../domain/Claim.ts"
export type { AgeList } from "./AgeList.ts"
export type { ClusterView, ViewOptions } from "./ClusterView.ts"
export type { LastingConflict } from "./Conflicts.ts"
export type { DigestMember } from "./Digest.ts"
export type { OwnLabels } from "../domain/OwnTags.ts"
export type { Findings } from "./Findings.ts"
export type { HeldTags, Labels } from "./HeldTags.ts"
export type { TagPool } from "./TagPool.ts"
export type { IdIndex, Ids } from "./IdIndex.ts"
export type { MemberTable } from "./MemberTable.ts"
export type { Positions, SlotPool } from "./SlotPool.ts"
export type { Conflict, DeathClaim, TagsChange, Transition, TransitionKind, ViewObserver } from "./ViewObserver.ts"

/** The heartbeat of a live node advances at least once in this time, in ms, unless its interval is longer. */
const LongestHeartbeatPause = 10_000

/**
 * What one node holds about every member.
 *
 * **When to use**
 *
 * Use it in a component of a node: `observe` notifies it of changes at once, in the middle of the message that causes
 * them, and `table` has every member in a slot of parallel arrays. In a program use `Membership`.
 *
 * **Gotchas**
 *
 * Observers must not throw, and must not merge claims themselves. A slot belongs to one node until `forgotten` is called
 * for it, and later to another.
 *
 * @category services
 * @since 0.2.0
 */
export class LocalView extends Context.Service<LocalView, ClusterView>()("effect-gossip/membership/LocalView") {}

/**
 * A view that contains the node itself and is kept up to date.
 *
 * **Details**
 *
 * The node's id is the one that `NodeState` keeps, or `network.nodeId`, or a random one. Its heartbeat rises every `gossip.heartbeatInterval`. Members that
 * are dead for `probes.deadRetention` are removed from the list, and are remembered ten times as long, so that old
 * messages do not bring them back. Both go on until the layer closes.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<LocalView, never, CurrentConfig | NodeClock | Transport> = /* @__PURE__ */ Layer.effect(
  LocalView,
  /* @__PURE__ */ Effect.gen(function* () {
    const { gossip, limits, network, node, probes } = yield* CurrentConfig
    const { alarm, clock, every, now, random, seed } = yield* NodeClock
    const transport = yield* Transport
    const kept = Option.getOrUndefined(yield* NodeState)
    const allowed = new AllowList(network.allow)
    // A socket reaches addresses of its family. That of a wildcard of IPv6 reaches both.
    const { bound } = transport
    const isDual = NetAddress.isInetAddressV6(bound) && NetAddress.isUnspecified(bound.address)
    const ownFamily = NetAddress.isInetAddressV4(bound) ? 4 : 6
    const isReachable = (family: number): boolean => isDual || family === ownFamily
    const view = new ClusterView({
      id: kept?.id ?? network.nodeId ?? NodeId.random(random),
      address: transport.advertised,
      incarnation:
        kept?.incarnation ?? (network.nodeId === undefined ? 0 : Incarnation.starting(clock.currentTimeMillisUnsafe())),
      incarnations: kept?.incarnations,
      deadRetention: Duration.toMillis(probes.deadRetention),
      staleAfter: Math.max(LongestHeartbeatPause, 4 * Duration.toMillis(gossip.heartbeatInterval)),
      conflictInterval: Duration.toMillis(probes.interval),
      seed,
      wary: network.encryption !== "required",
      tagPool: yield* SharedTags,
      isAllowed: (address, at) => isReachable(address[at]!) && (allowed.all || allowed.has(address, at)),
      limits
    })
    kept?.incarnations.onGranted(() => view.incarnationsGranted(now()))
    view.table.setSince(SelfSlot, now())
    // The configuration was checked without the start, whose length does not change.
    const room = roomFor(network.maxDatagram)
    const startedAt = Math.round(clock.currentTimeMillisUnsafe())
    yield* Effect.orDie(
      Effect.fromResult(view.startTags(node.tags, { name: node.name, startedAt, room }, kept?.tagVersion))
    )
    transport.setMembers((packed) => view.table.liveAt(packed, 0) >= 0)

    const expiry = yield* alarm("expiry of the dead", {
      next: () => view.nextExpiry(),
      fire: (now) => view.expire(now)
    })
    view.onAging(expiry.reset)

    const beat = Duration.toMillis(gossip.heartbeatInterval)
    yield* every("heartbeat", { first: beat, period: () => beat, tick: () => view.beat() })
    return view
  })
)
