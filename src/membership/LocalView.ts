/** The view that the components of one node share. */
import { Context, Duration, Effect, Layer } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as Incarnation from "../domain/Incarnation.ts"
import * as NodeId from "../domain/NodeId.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { AllowList } from "../transport/AllowList.ts"
import { Transport } from "../transport/Transport.ts"
import { ClusterView } from "./ClusterView.ts"
import { SelfSlot } from "./MemberTable.ts"

/** A live node's heartbeat rises at least once in this time, whatever it is set to within reason, in ms. */
const LongestPause = 10_000

/** A node's view of the cluster, kept in time: heartbeats rise, the dead are buried and tombstones forgotten. */
export class LocalView extends Context.Service<LocalView, ClusterView>()("effect-gossip/membership/LocalView") {}

export const layer: Layer.Layer<LocalView, never, CurrentConfig | NodeClock | Transport> = Layer.effect(
  LocalView,
  Effect.gen(function* () {
    const { gossip, limits, network, probes } = yield* CurrentConfig
    const { alarm, clock, every, now, random, seed } = yield* NodeClock
    const transport = yield* Transport
    const allowed = new AllowList(network.allow)
    const view = new ClusterView({
      id: network.nodeId ?? NodeId.random(random),
      address: transport.advertised,
      incarnation: network.nodeId === undefined ? 0 : Incarnation.starting(clock.currentTimeMillisUnsafe()),
      deadRetention: Duration.toMillis(probes.deadRetention),
      staleAfter: Math.max(LongestPause, 4 * Duration.toMillis(gossip.heartbeatInterval)),
      conflictInterval: Duration.toMillis(probes.interval),
      seed,
      isAllowed: (address, at) => allowed.all || allowed.has(address, at),
      limits
    })
    view.table.since[SelfSlot] = now()
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
