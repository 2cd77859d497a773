import { assert, describe, expect, it } from "@effect/vitest"
import { Arbitrary, ConfigProvider, Duration, Effect, Equal, Option, Predicate, Result, Schema } from "effect"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import type { ClusterOptions } from "../../src/config/ClusterConfig.ts"
import { format, valueOf } from "../../src/config/ConfigFile.ts"
import { encode } from "../../src/config/ConfigKey.ts"
import type { Sources } from "../../src/config/ConfigSources.ts"
import * as ConfigSources from "../../src/config/ConfigSources.ts"
import type { Entry } from "../../src/config/ConfigTable.ts"
import { entries, sections } from "../../src/config/ConfigTable.ts"
import * as NodeId from "../../src/domain/NodeId.ts"

const file = (text: string) => Option.some({ path: "/etc/gossip.toml", text })

const load = (text: string, others: Omit<Sources, "file"> = {}) => ConfigSources.load({ ...others, file: file(text) })

const problemsOf = (effect: ReturnType<typeof load>) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(effect)
    assert(error._tag === "ClusterConfigError")
    return error.problems
  })

const untyped = (json: string): ClusterOptions => JSON.parse(json)

const kindOf = ({ key }: Entry): "time" | "number" | "toggle" | "list" | "text" =>
  key.unit === "ms"
    ? "time"
    : key.list
      ? "list"
      : Predicate.isNumber(key.default)
        ? "number"
        : Predicate.isBoolean(key.default)
          ? "toggle"
          : "text"

describe("names", () => {
  it("are those that are documented", () => {
    expect(sections).toEqual(["network", "gossip", "probes"])
    expect(entries.map((entry) => entry.path)).toEqual([
      "network.bind",
      "network.advertise",
      "network.peers",
      "network.node_id",
      "network.reliable_ack_timeout_ms",
      "network.reliable_max_retries",
      "gossip.fanout",
      "gossip.adaptive_fanout",
      "gossip.max_sends",
      "gossip.adaptive_targets",
      "gossip.interval_ms",
      "gossip.heartbeat_interval_ms",
      "gossip.piggyback_max",
      "gossip.anti_entropy_interval_ms",
      "gossip.retransmit_multiplier",
      "gossip.heal_interval_ms",
      "gossip.heal_timeout_ms",
      "probes.interval_ms",
      "probes.timeout_ms",
      "probes.indirect_k",
      "probes.suspect_timeout_ms",
      "probes.suspect_multiplier",
      "probes.suspect_jitter_ms",
      "probes.dead_retention_ms"
    ])
    const names = ({ flag, option, variable }: Entry) => [variable, flag, option]
    const some = new Set(["network.reliable_ack_timeout_ms", "gossip.fanout", "probes.suspect_timeout_ms"])
    expect(entries.filter((entry) => some.has(entry.path)).map(names)).toEqual([
      ["GOSSIP_NETWORK_RELIABLE_ACK_TIMEOUT_MS", "--reliable-ack-timeout", "reliableAckTimeout"],
      ["GOSSIP_GOSSIP_FANOUT", "--gossip-fanout", "gossip.fanout"],
      ["GOSSIP_PROBES_SUSPECT_TIMEOUT_MS", "--probes-suspect-timeout", "probes.suspectTimeout"]
    ])
  })
})

describe("precedence", () => {
  it.effect("no source gives the defaults", () =>
    Effect.gen(function* () {
      const loaded = yield* ConfigSources.load({})
      assert.isTrue(Equal.equals(loaded.config, ClusterConfig.defaults))
      expect([...loaded.origins.keys()]).toEqual(entries.map((entry) => entry.path))
      expect(new Set(loaded.origins.values())).toEqual(new Set(["default"]))
      assert.isTrue(Equal.equals((yield* load("")).config, ClusterConfig.defaults))
    })
  )

  it.effect("flag, then environment, then file, then default", () =>
    Effect.gen(function* () {
      const text = "[gossip]\nfanout = 2\nmax_sends = 2\npiggyback_max = 2"
      const env = { GOSSIP_GOSSIP_FANOUT: "3", GOSSIP_GOSSIP_MAX_SENDS: "3" }
      const flags = { gossip: { fanout: 4 } }
      const { config, origins } = yield* load(text, { env, flags })
      expect(config.gossip).toMatchObject({ fanout: 4, maxSends: 3, piggybackMax: 2, retransmitMultiplier: 4 })
      expect(origins.get("gossip.fanout")).toBe("flag")
      expect(origins.get("gossip.max_sends")).toBe("environment")
      expect(origins.get("gossip.piggyback_max")).toBe("file")
      expect(origins.get("gossip.retransmit_multiplier")).toBe("default")
    })
  )

  it.effect("a later source replaces a whole list", () =>
    Effect.gen(function* () {
      const text = `[network]\npeers = ["127.0.0.1:1", "127.0.0.1:2"]`
      const env = { GOSSIP_NETWORK_PEERS: " 127.0.0.1:3 ,127.0.0.1:4," }
      expect((yield* load(text)).config.network.peers.map(String)).toEqual(["127.0.0.1:1", "127.0.0.1:2"])
      expect((yield* load(text, { env })).config.network.peers.map(String)).toEqual(["127.0.0.1:3", "127.0.0.1:4"])
      expect((yield* load(text, { env, flags: { peers: [] } })).config.network.peers).toEqual([])
    })
  )

  it.effect("an empty variable is none", () =>
    Effect.gen(function* () {
      const env = Object.fromEntries(entries.map((entry) => [entry.variable, ""]))
      const { config, origins } = yield* load("[gossip]\nfanout = 2", { env })
      expect(config.gossip.fanout).toBe(2)
      expect(origins.get("gossip.fanout")).toBe("file")
    })
  )

  it.effect("reads every key from the environment, and from any provider", () =>
    Effect.gen(function* () {
      const text = `
        [network]
        bind = "[::]:1"
        advertise = "10.0.0.1:2"
        peers = ["10.0.0.2:3", "[fd00::2]:4"]
        node_id = "5"
        reliable_ack_timeout_ms = 6
        reliable_max_retries = 7
        [gossip]
        fanout = 8
        adaptive_fanout = false
        max_sends = 9
        adaptive_targets = false
        interval_ms = 10
        heartbeat_interval_ms = 11
        piggyback_max = 12
        anti_entropy_interval_ms = 13
        retransmit_multiplier = 14
        heal_interval_ms = 15
        heal_timeout_ms = 16
        [probes]
        interval_ms = 18
        timeout_ms = 17.5
        indirect_k = 19
        suspect_timeout_ms = 20
        suspect_multiplier = 0.21
        suspect_jitter_ms = 22
        dead_retention_ms = 23
      `
      const { config, origins } = yield* load(text)
      expect(new Set(origins.values())).toEqual(new Set(["file"]))
      for (const entry of entries) {
        assert.isFalse(Equal.equals(valueOf(config, entry), entry.key.default), entry.path)
      }
      const env = environmentOf(config)
      expect(Object.keys(env)).toHaveLength(entries.length)
      const fromRecord = yield* ConfigSources.load({ env })
      const fromProvider = yield* ConfigSources.load({ env: ConfigProvider.fromEnvRecord(env) })
      assert.isTrue(Equal.equals(fromRecord.config, config))
      assert.isTrue(Equal.equals(fromProvider.config, config))
      expect(new Set(fromProvider.origins.values())).toEqual(new Set(["environment"]))
    })
  )

  it.effect("a provider may give a list item by item", () =>
    Effect.gen(function* () {
      const env = { GOSSIP_NETWORK_PEERS_0: "127.0.0.1:1", GOSSIP_NETWORK_PEERS_1: " 127.0.0.1:2" }
      const { config, unknownVariables } = yield* ConfigSources.load({ env })
      expect(config.network.peers.map(String)).toEqual(["127.0.0.1:1", "127.0.0.1:2"])
      expect(unknownVariables).toEqual([])
    })
  )

  it.effect("a provider that fails is a problem of each key", () =>
    Effect.gen(function* () {
      const env = ConfigProvider.make(() => Effect.fail(new ConfigProvider.SourceError({ message: "gone" })))
      const found = yield* problemsOf(ConfigSources.load({ env }))
      expect(found.map((problem) => problem.key)).toEqual(entries.map((entry) => entry.path))
      expect(found[0]?.message).toBe("GOSSIP_NETWORK_BIND (`network.bind`) cannot be read: gone")
    })
  )
})

const wrong = {
  time: [`"soon"`, `"5 seconds"`, "true", "-1", "-0.5", "nan", "inf", "-inf", "0.0001", "1e300", "[]", "{ a = 1 }"],
  number: [`"many"`, `"3"`, "false", "-1", "nan", "inf", "1e9", "[1]", "{ a = 1 }", "2020-01-01T00:00:00Z"],
  toggle: [`"true"`, `"yes"`, "1", "0", "nan", "[true]", "{ a = 1 }"],
  list: [`"10.0.0.1:1"`, `"x"`, "1", "true", "[1]", `["x"]`, `["127.0.0.1:1", "x:1"]`, "[[]]", "{ a = 1 }"],
  text: [`"nowhere"`, `"1.5"`, `""`, "-1", "1.5", "nan", "true", "[]", "{ a = 1 }", "2020-01-01T00:00:00Z"]
}

const wrongText = {
  time: ["soon", "5 seconds", "-1", "NaN", "Infinity", "1e999", "0x10", "1,2", "true", "{}"],
  number: ["many", "-1", "NaN", "Infinity", "1e999", "0x1", "1,2", "true", "null"],
  toggle: ["maybe", "1", "TRUE", "yes", "null"],
  list: ["nowhere", "127.0.0.1:1,x", "127.0.0.1", "127.0.0.1:1;127.0.0.1:2", "[]", `["127.0.0.1:1"]`],
  text: ["nowhere", "-1", "1.5", "null", "[]"]
}

describe("wrong values", () => {
  describe.each(entries.map((entry) => [entry.path, entry] as const))("%s", (path, entry) => {
    it.effect.each(wrong[kindOf(entry)])("%s in a file", (literal) =>
      Effect.gen(function* () {
        const found = yield* problemsOf(load(`[${entry.section}]\n${entry.name} = ${literal}`))
        expect(found).toHaveLength(1)
        expect(found[0]?.key).toBe(path)
        expect(found[0]?.message).toMatch(`\`${path}\` in /etc/gossip.toml is `)
        expect(found[0]?.message).toContain(`; expected ${entry.key.expected}`)
      })
    )

    it.effect.each(wrongText[kindOf(entry)])("%s in the environment", (text) =>
      Effect.gen(function* () {
        const found = yield* problemsOf(ConfigSources.load({ env: { [entry.variable]: text } }))
        expect(found).toHaveLength(1)
        expect(found[0]?.key).toBe(path)
        expect(found[0]?.message).toContain(`${entry.variable} (\`${path}\`) is ${JSON.stringify(text)}; `)
        expect(found[0]?.message).toContain(`expected ${entry.key.expected}`)
      })
    )

    it.effect.each([`{}`, `null`, `"?"`])("%s as a flag", (json) =>
      Effect.gen(function* () {
        const options = `{ "${entry.property}": ${json} }`
        const flags = untyped(entry.section === "network" ? options : `{ "${entry.section}": ${options} }`)
        const found = yield* problemsOf(ConfigSources.load({ flags }))
        expect(found).toHaveLength(1)
        expect(found[0]?.message).toContain(`${entry.flag} (\`${path}\`) is `)
        expect(found[0]?.message).toContain(`; expected ${entry.key.expected}`)
      })
    )
  })

  it.effect("are refused under a value that is right", () =>
    Effect.gen(function* () {
      const others = { env: { GOSSIP_GOSSIP_FANOUT: "many" }, flags: { gossip: { fanout: 3 } } }
      const found = yield* problemsOf(load("[gossip]\nfanout = 0", others))
      expect(found.map((problem) => problem.message)).toEqual([
        "`gossip.fanout` in /etc/gossip.toml is 0; expected a whole number from 1 to 65535",
        'GOSSIP_GOSSIP_FANOUT (`gossip.fanout`) is "many"; expected a whole number from 1 to 65535'
      ])
    })
  )

  it.effect("do not hide the rest of their section, nor what does not go together", () =>
    Effect.gen(function* () {
      const text = "[gossip]\nfanout = 0\nmax_sends = 0\n[probes]\ntimeout_ms = 300\nindirect_k = -1"
      const found = yield* problemsOf(load(text, { env: { GOSSIP_PROBES_INTERVAL_MS: "300" } }))
      expect(found.map((problem) => problem.key)).toEqual([
        "gossip.fanout",
        "gossip.max_sends",
        "probes.indirect_k",
        "probes.timeout_ms"
      ])
      expect(found[3]?.message).toMatch(
        "`probes.timeout_ms` in /etc/gossip.toml is 300 ms and GOSSIP_PROBES_INTERVAL_MS (`probes.interval_ms`) is 300 ms"
      )
    })
  )
})

describe("node_id", () => {
  it.effect("may be a number as far as numbers are exact", () =>
    Effect.gen(function* () {
      expect((yield* load("[network]\nnode_id = 42")).config.network.nodeId).toBe(42n)
      expect((yield* load('[network]\nnode_id = "0xffffffffffffffff"')).config.network.nodeId).toBe(2n ** 64n - 1n)
      const error = yield* Effect.flip(load("[network]\nnode_id = 9007199254740993"))
      expect(error._tag).toBe("ConfigFileError")
    })
  )
})

describe("unknown names in a file", () => {
  it.effect.each([
    ["[gossip]\nfanot = 1", "unknown key `gossip.fanot`; did you mean `gossip.fanout`?"],
    ["[gossip]\ninterval = 1", "unknown key `gossip.interval`; did you mean `gossip.interval_ms`?"],
    ["[gossip]\nadaptiveFanout = true", "unknown key `gossip.adaptiveFanout`; did you mean `gossip.adaptive_fanout`?"],
    ["[network]\nfanout = 1", "unknown key `network.fanout`; did you mean `gossip.fanout`?"],
    ["[network.bind]\nport = 1", undefined],
    ["fanout = 1", "unknown key `fanout`; did you mean `gossip.fanout`?"],
    ["[gosip]\nfanout = 1", "unknown section `gosip`; did you mean `gossip`?"],
    ["[tls]\ncert = 1", "unknown section `tls`; the sections are `network`, `gossip`, `probes`"],
    [
      "[probes]\ncolour = 1",
      "unknown key `probes.colour`; the keys of `probes` are `interval_ms`, `timeout_ms`, `indirect_k`, " +
        "`suspect_timeout_ms`, `suspect_multiplier`, `suspect_jitter_ms`, `dead_retention_ms`"
    ],
    ["gossip = 3", "`gossip` is 3; expected a section, `[gossip]`"],
    ["[[gossip]]\nfanout = 3", "`gossip` is [a table]; expected a section, `[gossip]`"],
    ["[gossip]\n__proto__ = 3", undefined],
    ["[constructor]\na = 3", undefined],
    ['[gossip]\n"fanout.x" = 3', undefined]
  ] as const)("%j", ([text, message]) =>
    Effect.gen(function* () {
      const found = yield* problemsOf(load(text))
      expect(found).toHaveLength(1)
      if (message !== undefined) expect(found[0]?.message).toBe(`${message} (/etc/gossip.toml)`)
    })
  )

  it.effect("are reported with everything else", () =>
    Effect.gen(function* () {
      const found = yield* problemsOf(
        load("[gossip]\nfanot = 1\nfanout = 0", { env: { GOSSIP_PROBES_INDIRECT_K: "x" } })
      )
      expect(found.map((problem) => problem.key)).toEqual(["gossip.fanot", "gossip.fanout", "probes.indirect_k"])
    })
  )

  it.effect("never print the value, which may be a secret", () =>
    Effect.gen(function* () {
      const text = `key = "s3cret"\n[encryption]\nkey = "s3cret"\n[network]\nkey = "s3cret"\n[gossip.s]\nkey = "s3cret"`
      const error = yield* Effect.flip(load(text))
      expect(error.message.split("\n")).toHaveLength(5)
      expect(JSON.stringify(error) + error.message).not.toContain("s3cret")
    })
  )
})

describe("unknown variables", () => {
  it.effect("are returned, not refused", () =>
    Effect.gen(function* () {
      const env = {
        GOSSIP_CLUSTER_KEY: "s3cret",
        GOSSIP_FANOUT: "x",
        GOSSIP_GOSSIP_FANOT: "x",
        GOSSIP_PROBES_INTERVAL: "x",
        GOSSIP_UNSET: undefined,
        GOSSIP_GOSSIP_MAX_SENDS: "2",
        GOSSIPY: "x",
        PATH: "x"
      }
      const { config, unknownVariables } = yield* ConfigSources.load({ env })
      expect(config.gossip.maxSends).toBe(2)
      expect(unknownVariables).toEqual([
        { name: "GOSSIP_CLUSTER_KEY", suggestion: undefined },
        { name: "GOSSIP_FANOUT", suggestion: "GOSSIP_GOSSIP_FANOUT" },
        { name: "GOSSIP_GOSSIP_FANOT", suggestion: "GOSSIP_GOSSIP_FANOUT" },
        { name: "GOSSIP_PROBES_INTERVAL", suggestion: "GOSSIP_PROBES_INTERVAL_MS" }
      ])
    })
  )
})

describe("a file that is not TOML", () => {
  it.effect.each([
    "key = s3cret",
    'key = s3cret"',
    'key = "s3cret',
    'key = "s3cret\\q"',
    'key = "s3cret" s3cret',
    '[network\nkey = "s3cret"',
    "key = 's3cret\n",
    'key = ["s3cret"',
    "key = 2020-13-01T00:00:00s3cret",
    'a = 1\na = "s3cret"',
    'key "s3cret"',
    'key = "s3cret"\n= 1',
    "key = { a = s3cret }",
    "key = '''s3cret\nat line 1, column 1"
  ])("%j is refused without a word of it", (text) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(load(text))
      assert(error._tag === "ConfigFileError")
      expect(error.path).toBe("/etc/gossip.toml")
      expect(error.message).toMatch(/^\/etc\/gossip\.toml: .* at line \d+, column \d+$/)
      expect(`${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause}`).not.toContain("s3cret")
    })
  )

  it.effect.each(["99999999999999999999", "2020-13-01", "25:00:00", "2020-01-01T99:00:00Z", "0xzz", "12ab"])(
    "value %s",
    (secret) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(load(`[network]\nnode_id = ${secret}`))
        expect(error._tag).toBe("ConfigFileError")
        expect(error.message).not.toContain(secret)
        expect(error.message).toContain("at line 2")
      })
  )

  it.effect("names a key that is given twice", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(load("[gossip]\nfanout = 1\nfanout = 2"))
      expect(error.message).toContain("Cannot redefine existing key 'fanout' at line 3")
    })
  )
})

// Each value as the text that an environment variable would have.
const environmentOf = (config: ClusterConfig.ClusterConfig): Record<string, string> =>
  Object.fromEntries(
    entries.flatMap((entry) => {
      const value = encode(entry.key, valueOf(config, entry))
      return value === undefined ? [] : [[entry.variable, String(value)]]
    })
  )

const integer = (minimum: number, maximum: number) =>
  Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const oneOf = <const A>(...choices: readonly [A, ...ReadonlyArray<A>]): Arbitrary.Arbitrary<A> =>
  Arbitrary.map(integer(0, choices.length - 1), (index) => choices[index] ?? choices[0])

const maybe = <A>(arbitrary: Arbitrary.Arbitrary<A>): Arbitrary.Arbitrary<A | undefined> =>
  Arbitrary.map(Arbitrary.all([Arbitrary.schema(Schema.Boolean), arbitrary]), ([given, value]) =>
    given ? value : undefined
  )

const timeForm = oneOf<(ms: number) => Duration.Input>(
  (ms) => ms,
  (ms) => `${ms} millis`,
  (ms) => `${ms / 1000} seconds`,
  (ms) => Duration.millis(ms),
  (ms) => Duration.nanos(BigInt(Math.round(ms * 1e6)))
)

const time = (minimum: number, maximum: number): Arbitrary.Arbitrary<Duration.Input> =>
  Arbitrary.map(Arbitrary.all([integer(minimum * 1000, maximum * 1000), timeForm]), ([micros, form]) =>
    form(micros / 1000)
  )

const v4 = Arbitrary.map(
  Arbitrary.all([integer(0, 255), integer(0, 255), integer(1, 254), integer(1, 65535)]),
  ([a, b, c, port]) => `10.${a}.${b}.${c}:${port}`
)

const v6 = Arbitrary.map(
  Arbitrary.all([integer(0, 65535), integer(1, 65535), integer(1, 65535)]),
  ([a, b, port]) => `[fd00:${a.toString(16)}::${b.toString(16)}]:${port}`
)

const mapped = Arbitrary.map(v4, (text) => `[::ffff:${text.replace(":", "]:")}`)

const either = <A>(...arbitraries: readonly [Arbitrary.Arbitrary<A>, ...ReadonlyArray<Arbitrary.Arbitrary<A>>]) =>
  Arbitrary.flatMap(oneOf(...arbitraries), (arbitrary) => arbitrary)

// The peers and the advertised address that a bound address can reach.
const reachable = { "0.0.0.0": either(v4, mapped), "[fd00::1]": v6, "[::]": either(v4, v6, mapped) }

const network = Arbitrary.flatMap(oneOf("0.0.0.0", "[fd00::1]", "[::]"), (host) => {
  const one = reachable[host]
  return Arbitrary.all({
    bind: Arbitrary.map(integer(0, 65535), (port) => `${host}:${port}`),
    advertise: maybe(one),
    peers: maybe(Arbitrary.array(one, { maxLength: 5 })),
    nodeId: maybe(Arbitrary.schema(NodeId.NodeId)),
    reliableAckTimeout: maybe(time(1, 5000)),
    reliableMaxRetries: maybe(integer(0, 10))
  })
})

const gossip = Arbitrary.all({
  fanout: maybe(integer(1, 1000)),
  adaptiveFanout: maybe(Arbitrary.schema(Schema.Boolean)),
  maxSends: maybe(integer(1, 100)),
  adaptiveTargets: maybe(Arbitrary.schema(Schema.Boolean)),
  interval: maybe(time(1, 100_000)),
  heartbeatInterval: maybe(time(1, 100_000)),
  piggybackMax: maybe(integer(0, 100)),
  antiEntropyInterval: maybe(time(0, 100_000)),
  retransmitMultiplier: maybe(integer(1, 100)),
  healInterval: maybe(time(1, 100_000)),
  healTimeout: maybe(time(0, 10_000_000))
})

const probes = Arbitrary.all({
  interval: time(600, 100_000),
  timeout: maybe(time(1, 599)),
  indirectK: maybe(integer(0, 10)),
  suspectTimeout: maybe(time(1, 100_000)),
  suspectMultiplier: maybe(Arbitrary.map(integer(0, 1000), (n) => n / 16)),
  suspectJitter: maybe(time(0, 100_000)),
  deadRetention: maybe(time(1, 100_000))
})

const options = Arbitrary.map(
  Arbitrary.all([network, gossip, probes]),
  ([network, gossip, probes]): ClusterOptions => ({ ...network, gossip, probes })
)

describe("round trips", () => {
  it.effect.prop("a configuration loads back from its file form, the environment and flags", [options], ([options]) =>
    Effect.gen(function* () {
      const config = yield* Effect.fromResult(ClusterConfig.make(options))
      const fromFile = yield* load(format(config))
      const fromEnvironment = yield* ConfigSources.load({ env: environmentOf(config) })
      const fromFlags = yield* ConfigSources.load({ flags: options })
      for (const loaded of [fromFile, fromEnvironment, fromFlags]) {
        assert.isTrue(Equal.equals(loaded.config, config))
      }
    })
  )

  it("cover every key", () => {
    const given = new Set(
      Result.getOrThrow(Effect.runSync(Effect.result(Arbitrary.sampleEffect(options, { size: 1 })))).flatMap(
        (options) => [
          ...Object.keys(options),
          ...Object.keys(options.gossip ?? {}).map((name) => `gossip.${name}`),
          ...Object.keys(options.probes ?? {}).map((name) => `probes.${name}`)
        ]
      )
    )
    for (const { option } of entries) expect(given).toContain(option)
  })
})

describe("format", () => {
  it("writes every key with its purpose, and remarks where asked", () => {
    const text = format(ClusterConfig.defaults, (path) => (path === "gossip.fanout" ? "default" : undefined))
    for (const { key, name, section } of entries) {
      expect(text).toContain(`[${section}]`)
      expect(text).toContain(`# ${key.doc}`)
      expect(text).toMatch(new RegExp(`^(# )?${name} =`, "m"))
    }
    expect(text).toContain("within the 1400 bytes that one holds. (default)\nfanout = 50\n")
    expect(text.match(/\(default\)/g)).toHaveLength(1)
  })
})
