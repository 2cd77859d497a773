/** What the layers of the public API give, how they fail, and what they need. The compiler checks it. */
import { type Config, type Context, Effect, type Layer, type Result, Schema, type Scope, type Stream } from "effect"
import type { RunnerHealth as EffectRunnerHealth, ShardingConfig } from "effect/cluster"
import type { HttpRouter } from "effect/http"
import type { Dns } from "effect/net"
import { describe, expectTypeOf, it } from "vitest"
import { RunnerHealth } from "../../src/effect-cluster/index.ts"
import { type Admin, Journal } from "../../src/admin/index.ts"
import {
  type Activity,
  AntiEntropy,
  type Change,
  Cluster,
  ClusterConfig,
  ClusterEvent,
  type CurrentConfig,
  type Events,
  FailureDetector,
  type Gossip,
  type Join,
  type JoinState,
  type JoinWait,
  type Keys,
  Leader,
  type LocalView,
  type Member,
  type Membership,
  Metrics,
  type Network,
  type NodeClock,
  type Outbox,
  Queries,
  Query,
  Quorum,
  type ReliableDelivery,
  Ring,
  Tags,
  Transport
} from "../../src/index.ts"
import { NodeCluster, NodeNetwork } from "../../src/node/index.ts"
import { Simulation, type SimulationError } from "../../src/testing.ts"
import type { ClusterKeyFileError } from "../../src/node/ClusterKeyFile.ts"

type Start = Transport.BindError | Transport.AdvertiseError | Keys.KeysError | JoinWait.JoinTimeout

describe("the layer of", () => {
  it("a node needs nothing on Node.js, and its network elsewhere", () => {
    expectTypeOf(Cluster.layer).returns.toEqualTypeOf<Layer.Layer<Cluster.Services, Start, Dns.Dns | Network.Network>>()
    expectTypeOf(Cluster.layerOptions).returns.toEqualTypeOf<
      Layer.Layer<Cluster.Services, ClusterConfig.ClusterConfigError | Start, Dns.Dns | Network.Network>
    >()
    expectTypeOf(NodeCluster.layer).returns.toEqualTypeOf<Layer.Layer<Cluster.Services, NodeCluster.StartError>>()
    expectTypeOf(NodeCluster.layerConfig).returns.toEqualTypeOf<
      Layer.Layer<Cluster.Services, Config.ConfigError | NodeCluster.StartError>
    >()
    expectTypeOf<Cluster.StartError>().toEqualTypeOf<Start>()
    expectTypeOf<Membership.Membership>().toExtend<Cluster.Services>()
    expectTypeOf<Events.Events | Queries.Queries | AntiEntropy.AntiEntropy>().toExtend<Cluster.Services>()
  })

  it("a node on Node.js names all that can go wrong", () => {
    expectTypeOf<Start | ClusterConfig.ClusterConfigError>().toExtend<NodeCluster.StartError>()
    expectTypeOf<ClusterKeyFileError>().toExtend<NodeCluster.StartError>()
  })

  it("what stands on membership needs no more than it uses", () => {
    expectTypeOf(Ring.layer).returns.toEqualTypeOf<Layer.Layer<Ring.Ring, never, Membership.Membership>>()
    expectTypeOf(Leader.layer).returns.toEqualTypeOf<Layer.Layer<Leader.Leader, never, Membership.Membership>>()
    expectTypeOf(Leader.layerQuorum).returns.toEqualTypeOf<Layer.Layer<Leader.Leader, never, Quorum.Quorum>>()
    expectTypeOf(Quorum.layer).returns.toEqualTypeOf<
      Layer.Layer<Quorum.Quorum, never, FailureDetector.FailureDetector | Membership.Membership | NodeClock.NodeClock>
    >()
    expectTypeOf(RunnerHealth.layerGossip).returns.toEqualTypeOf<
      Layer.Layer<
        EffectRunnerHealth.RunnerHealth,
        Tags.TagsError,
        Membership.Membership | ShardingConfig.ShardingConfig
      >
    >()
  })

  it("each component needs only what is below it", () => {
    type Base = CurrentConfig.CurrentConfig | LocalView.LocalView | NodeClock.NodeClock | Outbox.Outbox
    expectTypeOf(Transport.layer).toEqualTypeOf<
      Layer.Layer<
        Transport.Transport,
        Transport.BindError | Transport.AdvertiseError,
        CurrentConfig.CurrentConfig | Keys.Keys | Network.Network | NodeClock.NodeClock
      >
    >()
    expectTypeOf<Layer.Services<typeof LocalView.layer>>().toEqualTypeOf<
      CurrentConfig.CurrentConfig | NodeClock.NodeClock | Transport.Transport
    >()
    expectTypeOf<Layer.Services<typeof Outbox.layer>>().toEqualTypeOf<
      CurrentConfig.CurrentConfig | LocalView.LocalView | NodeClock.NodeClock | Transport.Transport
    >()
    expectTypeOf<Layer.Services<typeof Gossip.layer>>().toEqualTypeOf<Activity.Activity | Base>()
    expectTypeOf<Layer.Services<typeof AntiEntropy.layer>>().toEqualTypeOf<Activity.Activity | Base>()
    expectTypeOf(AntiEntropy.layerNone).toEqualTypeOf(AntiEntropy.layer)
    expectTypeOf<Layer.Services<typeof FailureDetector.layer>>().toEqualTypeOf<Activity.Activity | Base>()
    expectTypeOf<Layer.Services<typeof Join.layer>>().toEqualTypeOf<
      Activity.Activity | Base | Dns.Dns | JoinState.JoinState | Transport.Transport
    >()
    expectTypeOf<Layer.Services<typeof ReliableDelivery.layer>>().toExtend<Base>()
    expectTypeOf<Layer.Services<typeof Events.layer>>().toEqualTypeOf<Base>()
    expectTypeOf<Layer.Services<typeof Queries.layer>>().toEqualTypeOf<Base>()
    expectTypeOf(Metrics.layerNone).toEqualTypeOf<Layer.Layer<Metrics.Metrics>>()
    expectTypeOf(NodeNetwork.layer).toEqualTypeOf<Layer.Layer<Network.Network | Dns.Dns>>()
    // None of the others fails: what can go wrong does so when the socket is opened, and before.
    type Others = Layer.Error<
      | typeof LocalView.layer
      | typeof Outbox.layer
      | typeof Gossip.layer
      | typeof AntiEntropy.layer
      | typeof FailureDetector.layer
      | typeof Join.layer
      | typeof ReliableDelivery.layer
      | typeof Events.layer
      | typeof Queries.layer
      | typeof Metrics.layer
    >
    expectTypeOf<Others>().toEqualTypeOf<never>()
  })

  it("the HTTP of a node needs a router, and a node", () => {
    type Routes = ReturnType<typeof Admin.layerRoutes>
    expectTypeOf<Layer.Error<Routes>>().toEqualTypeOf<never>()
    expectTypeOf<Layer.Services<Routes>>().toExtend<HttpRouter.HttpRouter | Cluster.Services>()
    expectTypeOf<Membership.Membership | HttpRouter.HttpRouter>().toExtend<Layer.Services<Routes>>()
    expectTypeOf(Journal.layer).toEqualTypeOf<Layer.Layer<Journal.Journal, never, Membership.Membership>>()
  })

  it("a failure detector is one for both kinds, so that one takes the place of the other", () => {
    expectTypeOf(FailureDetector.layer).toEqualTypeOf(FailureDetector.layerNone)
    expectTypeOf<Layer.Services<typeof FailureDetector.layer>>().toExtend<
      Outbox.Outbox | LocalView.LocalView | CurrentConfig.CurrentConfig | Cluster.Services
    >()
  })
})

describe("the service", () => {
  type Service<T extends { readonly Service: unknown }> = T["Service"]

  it("Membership answers without errors, and refuses tags by name", () => {
    expectTypeOf<Service<typeof Membership.Membership>["alive"]>().toEqualTypeOf<
      Effect.Effect<ReadonlyArray<Member.Member>>
    >()
    expectTypeOf<Service<typeof Membership.Membership>["changes"]>().toEqualTypeOf<Stream.Stream<Change.Change>>()
    expectTypeOf<Service<typeof Membership.Membership>["setTags"]>().returns.toEqualTypeOf<
      Effect.Effect<void, Tags.TagsError>
    >()
    expectTypeOf<Context.Service.Identifier<typeof Membership.Membership>>().toEqualTypeOf<Membership.Membership>()
  })

  it("Queries gives answers of the types of the query", () => {
    const load = Query.make("load", { payload: Schema.Int, success: Schema.Number, error: Schema.String })
    const ask = (queries: Service<typeof Queries.Queries>) => queries.ask(load, 1)
    type Answer = Stream.Success<ReturnType<typeof ask>>
    expectTypeOf<Answer["answer"]>().toEqualTypeOf<Result.Result<number, string>>()
    // @ts-expect-error the payload is a number
    void ((queries: Service<typeof Queries.Queries>) => queries.ask(load, "one"))
    const handler = () => Queries.handle(load, (payload) => Effect.succeed(payload))
    expectTypeOf(handler).returns.toEqualTypeOf<Layer.Layer<never, never, Queries.Queries>>()
  })

  it("Events publishes only payloads of the event", () => {
    const flush = ClusterEvent.make("flush", { payload: Schema.Struct({ cache: Schema.String }) })
    void ((events: Service<typeof Events.Events>) => events.publish(flush, { cache: "users" }))
    // @ts-expect-error the payload has a cache
    void ((events: Service<typeof Events.Events>) => events.publish(flush, {}))
  })

  it("Quorum passes the errors and requirements of an effect on", () => {
    const run = (quorum: Service<typeof Quorum.Quorum>, effect: Effect.Effect<number, "failed", Scope.Scope>) =>
      quorum.whileActive(effect)
    expectTypeOf<Effect.Error<ReturnType<typeof run>>>().toEqualTypeOf<"failed">()
    expectTypeOf<Effect.Services<ReturnType<typeof run>>>().toEqualTypeOf<Scope.Scope>()
  })
})

describe("the function", () => {
  it("ClusterConfig.make gives a value or the error that names every mistake", () => {
    expectTypeOf(ClusterConfig.make).returns.toEqualTypeOf<
      Result.Result<ClusterConfig.ClusterConfig, ClusterConfig.ClusterConfigError>
    >()
  })

  it("Tags.schema gives tags of the types of the schema", () => {
    const service = Tags.schema(Schema.Struct({ http: Schema.Int, zone: Schema.String }))
    expectTypeOf(service.only).returns.toEqualTypeOf<
      ReadonlyArray<{
        readonly member: Member.Member
        readonly tags: { readonly http: number; readonly zone: string }
      }>
    >()
  })

  it("Simulation.run provides the simulation, and names what breaks", () => {
    const run = (effect: Effect.Effect<number, "failed", Simulation.Simulation | Scope.Scope>) => Simulation.run(effect)
    expectTypeOf(run).returns.toEqualTypeOf<
      Effect.Effect<number, "failed" | SimulationError.InvariantBroken | SimulationError.VirtualTimeStuck, Scope.Scope>
    >()
  })
})
