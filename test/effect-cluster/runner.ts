/**
 * A runner of `effect/cluster` in a process of its own, with an entity that says which runner answers.
 *
 *     node test/effect-cluster/runner.ts RUNNER_PORT BIND PEERS DATABASE gossip|ping LOCK_SECONDS
 *
 * With the health by ping, BIND and PEERS are not used. It prints a line of JSON for each answer that comes from another
 * runner than the answer before: the entity, the port of the runner, and the time in ms.
 */
import { NodeClusterSocket, NodeRuntime } from "@effect/platform-node"
import { Effect, Layer, Option, Schema } from "effect"
import * as EffectCluster from "effect/cluster"
import { Rpc, RpcSerialization } from "effect/rpc"
import { RunnerHealth } from "../../src/effect-cluster/index.ts"
import * as NodeCluster from "../../src/node/NodeCluster.ts"
import * as Sqlite from "../../examples/effect-cluster/Sqlite.ts"

const [port = "", bind = "", peers = "", database = "", health = "", lockSeconds = ""] = process.argv.slice(2)

const WhoAnswers = Rpc.make("WhoAnswers", { success: Schema.String })
const Witness = EffectCluster.Entity.make("Witness", [WhoAnswers])
const WitnessLayer = Witness.toLayer(Effect.succeed(Witness.of({ WhoAnswers: () => Effect.succeed(port) })))

const address = EffectCluster.RunnerAddress.RunnerAddress.make({ host: "127.0.0.1", port: Number(port) })
const Config = EffectCluster.ShardingConfig.layer({
  runnerAddress: Option.some(address),
  runnerListenAddress: Option.some(address),
  // Both kinds of health are asked as often as they can be, so that what differs is how soon they know.
  runnerHealthCheckInterval: "1 second",
  refreshAssignmentsInterval: "1 second",
  shardLockExpiration: `${Number(lockSeconds)} seconds`,
  shardLockRefreshInterval: `${Number(lockSeconds) / 4} seconds`,
  shardsPerGroup: 30
})

const Node = NodeCluster.layer({ bind, peers: peers === "" ? [] : peers.split(",") })
const Health =
  health === "gossip"
    ? Layer.provide(RunnerHealth.layerGossip(), Node)
    : EffectCluster.RunnerHealth.layerPing.pipe(
        Layer.provide(EffectCluster.Runners.layerRpc),
        Layer.provide(NodeClusterSocket.layerClientProtocol)
      )

const Runner = EffectCluster.SocketRunner.layer.pipe(
  Layer.provide([NodeClusterSocket.layerSocketServer, NodeClusterSocket.layerClientProtocol]),
  Layer.provide(Health),
  Layer.provideMerge(EffectCluster.MessageStorage.layerNoop),
  Layer.provide(Layer.orDie(EffectCluster.SqlRunnerStorage.layer)),
  Layer.provide(Sqlite.layer(database)),
  Layer.provide(Config),
  Layer.provide(RpcSerialization.layerSchemaBinary())
)

/** Asks every entity again and again. */
const program = Effect.gen(function* () {
  const clientOf = yield* Witness.client
  const watch = (entity: string) => {
    let last = ""
    return clientOf(entity)
      .WhoAnswers()
      .pipe(
        Effect.timeout("2 seconds"),
        Effect.matchCause({
          onFailure: () => {},
          onSuccess: (runner) => {
            if (runner === last) return
            last = runner
            process.stdout.write(`${JSON.stringify({ entity, runner, at: Date.now() })}\n`)
          }
        }),
        Effect.andThen(Effect.sleep("100 millis")),
        Effect.forever
      )
  }
  yield* Effect.forEach(
    Array.from({ length: 12 }, (_, index) => `e${index}`),
    watch,
    { concurrency: "unbounded" }
  )
})

program.pipe(Effect.provide(Layer.provideMerge(WitnessLayer, Runner)), NodeRuntime.runMain)
