/** A node on this machine, from options and from Effect's Config, and what its options do. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Duration, Effect, Exit, Layer, Logger, Redacted, Scope } from "effect"
import { NetAddress } from "effect/net"
import { Cluster } from "../../src/cluster/Cluster.ts"
import { CurrentConfig } from "../../src/config/CurrentConfig.ts"
import { Membership } from "../../src/membership/Membership.ts"
import { NodeCluster } from "../../src/node/index.ts"
import { ask } from "../admin/HttpRequests.ts"
import { reserve, start, until, withQuick } from "../integration/RealNodes.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gossip-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A TCP port that is free, or was a moment ago. */
const freePort = Effect.map(reserve(1), ([address = ""]) => NetAddress.inetAddressFromStringUnsafe(address).port)

const key = "6f1c0f7e6d5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c"

describe("NodeCluster.layerConfig", () => {
  it.live("takes a Config for each option", () =>
    Effect.gen(function* () {
      const node = yield* Layer.build(
        NodeCluster.layerConfig({
          bind: Config.String("BIND"),
          peers: Config.map(Config.String("PEERS"), (peers) => peers.split(",")),
          clusterKey: Config.Redacted("KEY"),
          gossip: { interval: Config.Duration("GOSSIP_INTERVAL") },
          leave: Config.succeed("none" as const)
        })
      )
      const { gossip, network } = Context.get(node, CurrentConfig)
      assert.strictEqual(NetAddress.formatInet(network.bind), "127.0.0.1:0")
      assert.deepStrictEqual(network.peers.map(String), ["127.0.0.1:1", "127.0.0.1:2"])
      assert.strictEqual(network.encryption, "required")
      assert.strictEqual(Duration.toMillis(gossip.interval), 300)
    }).pipe(
      Effect.provide(
        ConfigProvider.layer(
          ConfigProvider.fromUnknown({
            BIND: "127.0.0.1:0",
            PEERS: "127.0.0.1:1,127.0.0.1:2",
            KEY: key,
            GOSSIP_INTERVAL: "300 millis"
          })
        )
      )
    )
  )

  it.live("takes one Config of all options, and fails with a ConfigError when one is missing", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(
        Layer.build(NodeCluster.layerConfig(Config.map(Config.String("BIND"), (bind) => ({ bind }))))
      )
      assert.strictEqual(failure._tag, "ConfigError")
    }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({}))))
  )
})

describe("NodeCluster.layer", () => {
  it.live("serves the node over HTTP at metrics.serverPort and admin.socket", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const socket = join(yield* directory, "admin.sock")
      const token = Redacted.make("correct-horse-battery-staple")
      const node = yield* Layer.build(
        NodeCluster.layer(withQuick({ metrics: { serverPort: port }, admin: { socket, token } }))
      )
      const url = `http://127.0.0.1:${port}`
      assert.include((yield* ask(url, "/metrics")).text, "swim_members_alive 1")
      assert.strictEqual((yield* ask(url, "/leave", { method: "POST" })).status, 401)
      const left = yield* ask("http://node", "/leave", { method: "POST", socketPath: socket })
      assert.deepStrictEqual(left.json, { status: "left" })
      yield* Context.get(node, Cluster).awaitLeft
    }).pipe(Effect.provide(Logger.layer([])))
  )

  it.live("fails when the HTTP server cannot be opened, and leaves nothing behind", () =>
    Effect.gen(function* () {
      const [bind = ""] = yield* reserve(1)
      const socket = join(yield* directory, "no", "such", "directory.sock")
      const failure = yield* Effect.flip(Layer.build(NodeCluster.layer(withQuick({ bind, admin: { socket } }))))
      assert.strictEqual(failure._tag, "NodeAdminError")
      yield* Layer.build(NodeCluster.layer(withQuick({ bind })))
    })
  )

  it.live.each(["acknowledged", "announced"] as const)("is shown as left after closing with %s", (leave) =>
    Effect.gen(function* () {
      const other = yield* start()
      const scope = yield* Scope.make()
      const node = yield* Layer.buildWithScope(
        NodeCluster.layer({ ...withQuick({ peers: [other.address] }), leave, joinTimeout: "20 seconds" }),
        scope
      )
      const { id } = yield* Context.get(node, Membership).self
      yield* Scope.close(scope, Exit.void)
      yield* until("the member has left", other.membership.members, (members) =>
        members.some((member) => member.id === id && member.status === "left")
      )
    })
  )

  it.live("fails with every option that is wrong", () =>
    Effect.gen(function* () {
      const failure = yield* Effect.flip(Layer.build(NodeCluster.layer({ bind: "nowhere", gossip: { fanout: 0 } })))
      assert.strictEqual(failure._tag, "ClusterConfigError")
      assert.match(failure.message, /bind[\s\S]*fanout/)
    })
  )
})
