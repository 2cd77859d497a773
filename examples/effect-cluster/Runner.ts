// A runner of `effect/cluster` whose health is judged by gossip, with an entity that says which runner answers.
import { NodeClusterSocket } from "@effect/platform-node"
import { Effect, Layer, Option, Schema } from "effect"
import * as EffectCluster from "effect/cluster"
import { Rpc, RpcSerialization } from "effect/rpc"
import { RunnerHealth } from "effect-gossip/cluster"
import { NodeCluster } from "effect-gossip/node"
import * as Sqlite from "./Sqlite.ts"

export const Witness = EffectCluster.Entity.make("Witness", [Rpc.make("WhoAnswers", { success: Schema.Int })])

/** The address of the runner and that of its node have the same port: one is TCP, the other UDP. */
export const layer = (port: number, peers: ReadonlyArray<string>, database: string) => {
  const address = EffectCluster.RunnerAddress.RunnerAddress.make({ host: "127.0.0.1", port })
  const config = EffectCluster.ShardingConfig.layer({
    runnerAddress: Option.some(address),
    runnerListenAddress: Option.some(address),
    // Asking costs nothing, and the locks of a crashed runner must expire before others take its shards.
    runnerHealthCheckInterval: "1 second",
    refreshAssignmentsInterval: "1 second",
    shardLockExpiration: "5 seconds",
    shardLockRefreshInterval: "1 second",
    shardsPerGroup: 30
  })
  const node = NodeCluster.layer({ bind: `127.0.0.1:${port}`, peers })
  const witness = Witness.toLayer(Effect.succeed(Witness.of({ WhoAnswers: () => Effect.succeed(port) })))
  return Layer.provideMerge(witness, EffectCluster.SocketRunner.layer).pipe(
    Layer.provide([NodeClusterSocket.layerSocketServer, NodeClusterSocket.layerClientProtocol]),
    Layer.provide(Layer.provide(RunnerHealth.layerGossip(), node)),
    Layer.provide(EffectCluster.MessageStorage.layerNoop),
    Layer.provide(Layer.orDie(EffectCluster.SqlRunnerStorage.layer)),
    Layer.provide([Sqlite.layer(database), config, RpcSerialization.layerSchemaBinary()])
  )
}
