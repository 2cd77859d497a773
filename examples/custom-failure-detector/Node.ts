// A node composed by hand, with one part replaced: it does not probe. An orchestrator says which members are gone.
import { Context, Effect, Layer, Stream } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import { AntiEntropy, ChangeFeed, Cluster, CurrentConfig, Events, FailureDetector, Gossip, Join } from "effect-gossip"
import { LocalView, Membership, NodeClock, Outbox, Queries, ReliableDelivery, Transport } from "effect-gossip"
import type { ClusterConfig, NodeId } from "effect-gossip"

export class Gone extends Context.Service<Gone, Stream.Stream<NodeId.NodeId>>()("example/Gone") {}

const detector = Layer.effect(
  FailureDetector.FailureDetector,
  Effect.gen(function* () {
    const view = yield* LocalView.LocalView
    const { now } = yield* NodeClock.NodeClock
    const suspect = (id: NodeId.NodeId) =>
      Effect.sync(() => view.suspect(view.slotOf(id), { _tag: "ProbeFailed", relays: [] }, now()))
    yield* Stream.runForEach(yield* Gone, suspect).pipe(Effect.forkScoped)
    // A member that is not gone refutes. If it does not, the suspicion ends in death.
    return yield* FailureDetector.FailureDetector
  })
).pipe(Layer.provide(FailureDetector.layerNone))

export const layer = (config: ClusterConfig.ClusterConfig) =>
  Cluster.layerNode.pipe(
    Layer.provideMerge([detector, Gossip.layer, Join.layer, AntiEntropy.layer]),
    Layer.provideMerge([ReliableDelivery.layer, Events.layer, Queries.layer]),
    Layer.provideMerge([Outbox.layer, Membership.layer]),
    Layer.provideMerge(ChangeFeed.layer),
    Layer.provideMerge(LocalView.layer),
    Layer.provideMerge(Transport.layer),
    Layer.provideMerge(Cluster.layerBase),
    Layer.provide(Layer.succeed(CurrentConfig.CurrentConfig, config)),
    Layer.provide([Kdf.layerWebCrypto, SecureRandom.layerWebCrypto])
  )
