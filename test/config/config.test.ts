import { assert, describe, expect, it } from "@effect/vitest"
import { Config, ConfigProvider, Duration, Effect, Equal, Layer, Redacted, Result, Schema } from "effect"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"

const digits = "6f1c0f7e6d5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c"

const made = (options: ClusterConfig.ClusterOptions) => Result.getOrThrow(ClusterConfig.make(options))

const from = (provider: ConfigProvider.ConfigProvider) => ClusterConfig.config.parse(provider)

describe("ClusterConfig.config", () => {
  const env = {
    GOSSIP_PROFILE: "wan",
    GOSSIP_NETWORK_BIND: "10.0.0.5:7946",
    GOSSIP_NETWORK_PEERS: "10.0.0.1:7946, seed.example:7946",
    GOSSIP_CLUSTER_KEY: digits,
    GOSSIP_PROBES_TIMEOUT_MS: "750",
    GOSSIP_EXTENSIONS_DIGEST: "false",
    OTHER: "x"
  }
  const expected = made({
    profile: "wan",
    bind: "10.0.0.5:7946",
    peers: ["10.0.0.1:7946", "seed.example:7946"],
    clusterKey: digits,
    probes: { timeout: 750 },
    extensions: { digest: false }
  })

  it.effect("is the defaults where nothing is given", () =>
    Effect.gen(function* () {
      assert.isTrue(Equal.equals(yield* from(ConfigProvider.fromUnknown({})), ClusterConfig.defaults))
    })
  )

  it.effect("reads the provider that is installed: variables by default", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        return yield* ClusterConfig.config
      })
      const config = yield* Effect.provide(program, ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
      assert.isTrue(Equal.equals(config, expected))
    })
  )

  it.effect("reads a provider of nested values, or in the case of variables", () =>
    Effect.gen(function* () {
      const values = {
        gossip: {
          profile: "wan",
          network: { bind: "10.0.0.5:7946", peers: ["10.0.0.1:7946", "seed.example:7946"], cluster_key: digits },
          probes: { timeout_ms: 750 },
          extensions: { digest: false }
        }
      }
      assert.isTrue(Equal.equals(yield* from(ConfigProvider.fromUnknown(values)), expected))
      assert.isTrue(Equal.equals(yield* from(ConfigProvider.constantCase(ConfigProvider.fromEnvRecord(env))), expected))
    })
  )

  it.effect("reads TOML under variables", () =>
    Effect.gen(function* () {
      const text = `
        profile = "wan"
        [network]
        bind = "10.0.0.9:1"
        peers = ["10.0.0.1:7946", "seed.example:7946"]
        [probes]
        timeout_ms = 750
        [extensions]
        digest = false
      `
      const file = ClusterConfig.providerToml({ path: "gossip.toml", text })
      const layer = ConfigProvider.layerAdd(Effect.fromResult(file)).pipe(
        Layer.provide(
          ConfigProvider.layer(
            ConfigProvider.fromEnvRecord({ GOSSIP_NETWORK_BIND: env.GOSSIP_NETWORK_BIND, GOSSIP_CLUSTER_KEY: digits })
          )
        )
      )
      const config = yield* Effect.provide(
        Effect.gen(function* () {
          return yield* ClusterConfig.config
        }),
        layer
      )
      assert.isTrue(Equal.equals(config, expected))
    })
  )

  it.effect("fails with everything that is wrong, in one ConfigError, without secrets", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        from(
          ConfigProvider.fromEnvRecord({
            GOSSIP_GOSSIP_FANOUT: "many",
            GOSSIP_PROBES_TIMEOUT_MS: "2000",
            GOSSIP_NETWORK_CLUSTER_KEY: `${digits}0`
          })
        )
      )
      assert(error instanceof Config.ConfigError)
      const lines = error.message.split("\n")
      expect(lines).toHaveLength(4)
      expect(lines[1]).toContain(
        "GOSSIP_NETWORK_CLUSTER_KEY (`network.cluster_key`) is a secret, and not shown; expected 64"
      )
      expect(lines[2]).toContain(
        'GOSSIP_GOSSIP_FANOUT (`gossip.fanout`) is "many"; expected a whole number from 1 to 65535'
      )
      expect(lines[3]).toContain(
        "GOSSIP_PROBES_TIMEOUT_MS (`probes.timeout_ms`) is 2000 ms and `probes.interval_ms` is 1000"
      )
      expect(String(error) + JSON.stringify(error)).not.toContain(digits.slice(0, 8))
    })
  )

  it.effect("fails when the provider fails", () =>
    Effect.gen(function* () {
      const broken = ConfigProvider.make(() => Effect.fail(new ConfigProvider.SourceError({ message: "gone" })))
      expect((yield* Effect.flip(from(broken))).message).toContain("gone")
    })
  )
})

describe("ClusterConfig.providerToml", () => {
  it("refuses keys that do not exist, all of them", () => {
    const file = { path: "gossip.toml", text: "[gossip]\nfanot = 1\nintervl_ms = 2" }
    const error = Result.getOrThrow(Result.flip(ClusterConfig.providerToml(file)))
    expect(error.message.split("\n").slice(1)).toEqual([
      "  unknown key `gossip.fanot`; did you mean `gossip.fanout`? (gossip.toml)",
      "  unknown key `gossip.intervl_ms`; did you mean `gossip.interval_ms`? (gossip.toml)"
    ])
  })

  it("refuses what is not TOML, without its values", () => {
    const error = Result.getOrThrow(Result.flip(ClusterConfig.providerToml({ path: "a.toml", text: "key = s3cret" })))
    expect(error._tag).toBe("ConfigFileError")
    expect(error.message).toMatch(/^a\.toml: .* at line 1, column 13$/)
    expect(JSON.stringify(error)).not.toContain("s3cret")
  })
})

describe("wrapped options", () => {
  const wrapped: Config.Wrap<ClusterConfig.ClusterOptions> = {
    bind: Config.String("BIND"),
    peers: Config.Array(Schema.String, "PEERS"),
    profile: Config.succeed("wan"),
    clusterKey: Config.Redacted("KEY"),
    nodeId: Config.withDefault(Config.String("ID"), undefined),
    probes: { interval: Config.Duration("PROBE_EVERY"), indirectK: Config.Int("RELAYS") }
  }

  it.effect("are unwrapped to options, sections included", () =>
    Effect.gen(function* () {
      const options = yield* Config.unwrap(wrapped).parse(
        ConfigProvider.fromEnvRecord({
          BIND: "10.0.0.5:7946",
          PEERS: "10.0.0.1:7946,10.0.0.2:7946",
          KEY: digits,
          PROBE_EVERY: "3 seconds",
          RELAYS: "4"
        })
      )
      const config = made(options)
      expect(config.network.peers.map(String)).toEqual(["10.0.0.1:7946", "10.0.0.2:7946"])
      expect(config.probes.interval).toEqual(Duration.seconds(3))
      expect(config.probes.indirectK).toBe(4)
      expect(config.probes.timeout).toEqual(Duration.millis(1500))
      expect(config.network).toMatchObject({ encryption: "required", nodeId: undefined })
      assert.isTrue(Redacted.isRedacted(config.network.clusterKey))
    })
  )
})
