/** What the layers of the public API give, how they fail, and what they need. The compiler checks it. */
import { type Config, type Context, Effect, type Layer, type Result, Schema, type Scope, type Stream } from "effect"
import type { RunnerHealth as EffectRunnerHealth, ShardingConfig } from "effect/cluster"
import type { Dns } from "effect/net"
import { describe, expectTypeOf, it } from "vitest"
import { RunnerHealth } from "../../src/effect-cluster/index.ts"
import {
  type AntiEntropy,
  type Change,
  Cluster,
  ClusterConfig,
  ClusterEvent,
  type CurrentConfig,
  type Events,
  FailureDetector,
  type JoinWait,
  type Keys,
  Leader,
  type LocalView,
  type Member,
  type Membership,
  type Network,
  type NodeClock,
  type Outbox,
  Queries,
  Query,
  Quorum,
  Ring,
  Tags,
  type Transport
} from "../../src/index.ts"
import { NodeCluster } from "../../src/node/index.ts"
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
