/** The membership of a node without a protocol: the test hands each message to its view. */
import { Context, Duration, Effect, Layer, Result } from "effect"
import { NetAddress } from "effect/net"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { CurrentConfig } from "../../src/config/CurrentConfig.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import * as ChangeFeed from "../../src/membership/ChangeFeed.ts"
import { Findings } from "../../src/membership/Findings.ts"
import * as JoinState from "../../src/membership/JoinState.ts"
import * as LocalView from "../../src/membership/LocalView.ts"
import * as Membership from "../../src/membership/Membership.ts"
import * as VirtualNetwork from "../../src/simulation/network/VirtualNetwork.ts"
import * as NodeClock from "../../src/time/NodeClock.ts"
import * as Keys from "../../src/transport/Keys.ts"
import * as Transport from "../../src/transport/Transport.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as Message from "../../src/wire/Message.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"

export const Self = NodeId.fromWords(0, 100)
export const idOf = (n: number): NodeId.NodeId => NodeId.fromWords(0, n)
export const addressOf = (n: number): NetAddress.InetAddress =>
  NetAddress.inetAddressFromStringUnsafe(`10.0.0.${n}:7946`)

/**
 * Builds the node in the scope of the test. Node `n` has the id `n` and the address 10.0.0.n:7946. This one is 100, and
 * its only member is 9.
 */
export const make = Effect.fnUntraced(function* (options: ClusterConfig.ClusterOptions = {}) {
  const network = yield* VirtualNetwork.make()
  const config = Result.getOrThrow(ClusterConfig.make({ bind: "10.0.0.100:7946", nodeId: "100", ...options }))
  const services = yield* Layer.build(
    Membership.layer.pipe(
      Layer.provideMerge(ChangeFeed.layer),
      Layer.provideMerge(LocalView.layer),
      Layer.provideMerge(Transport.layer),
      Layer.provideMerge(
        Layer.mergeAll(NodeClock.layer({ pauseThreshold: "1 second" }), JoinState.layer, Keys.layerNone)
      ),
      Layer.provide(Layer.succeed(CurrentConfig, config)),
      Layer.provide(network.host("n100", ["10.0.0.100"]).layer)
    )
  )
  const view = Context.get(services, LocalView.LocalView)
  const { now } = Context.get(services, NodeClock.NodeClock)
  const inbound = new Inbound()
  const findings = new Findings()

  /** Node 9 passes on a claim about node `n`; with `n` 9 it speaks of itself. */
  const claim = (
    status: Message.MessageEntry["status"],
    n: number,
    { address = addressOf(n), heartbeat = 0, incarnation = 0 } = {}
  ): void => {
    const bytes = Result.getOrThrow(
      Message.encode({
        _tag: "Gossip",
        senderId: idOf(9),
        heartbeat: 0,
        incarnation: 0,
        flags: 0,
        level: 0,
        entries: [{ nodeId: idOf(n), incarnation, heartbeat, status, address }]
      })
    )
    inbound.decode(bytes)
    PackedAddress.write(addressOf(9), inbound.source, 0)
    view.receive(inbound, now(), findings)
  }

  claim("Alive", 9)
  return {
    services,
    view,
    membership: Context.get(services, Membership.Membership),
    feed: Context.get(services, ChangeFeed.ChangeFeed),
    joinState: Context.get(services, JoinState.JoinState),
    claim,
    /** Nodes join, in this order. */
    join: (...nodes: ReadonlyArray<number>): void => nodes.forEach((n) => claim("Alive", n)),
    suspect: (n: number): void => view.suspect(view.slotOf(idOf(n)), { _tag: "ProbeFailed", relays: [] }, now()),
    declareDead: (n: number): void =>
      view.declareDead(view.slotOf(idOf(n)), { _tag: "SuspicionExpired", after: Duration.seconds(4) }, now())
  }
})
