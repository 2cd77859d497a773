import { assert, describe, expect, it } from "@effect/vitest"
import { Arbitrary, ConfigProvider, Duration, Effect, Equal, Option, Predicate, Redacted, Result, Schema } from "effect"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import type { ClusterOptions } from "../../src/config/ClusterConfig.ts"
import { format, valueOf } from "../../src/config/ConfigFile.ts"
import { encode } from "../../src/config/ConfigKey.ts"
import { show } from "../../src/config/ConfigResolution.ts"
import type { Sources } from "../../src/config/ConfigSources.ts"
import * as ConfigSources from "../../src/config/ConfigSources.ts"
import type { Entry } from "../../src/config/ConfigTable.ts"
import { entries, sections } from "../../src/config/ConfigTable.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"
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

type Kind = "time" | "number" | "toggle" | "list" | "networks" | "text" | "name" | "path" | "secret" | "token"

const special = new Map<string, Kind>([
  ["network.allow", "networks"],
  ["network.cluster", "name"],
  ["network.cluster_key_file", "path"],
  ["admin.socket", "path"],
  ["admin.token", "token"],
  ["admin.token_file", "path"]
])

const kindOf = ({ key, path }: Entry): Kind => {
  if (key.secret) return special.get(path) ?? "secret"
  if (key.unit === "ms") return "time"
  const general = key.list
    ? "list"
    : Predicate.isNumber(key.default)
      ? "number"
      : Predicate.isBoolean(key.default)
        ? "toggle"
        : "text"
  return special.get(path) ?? general
}

// A key with no digit twice in a row, so that any part of it can be looked for.
const digits = "6f1c0f7e6d5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c"

const token = "correct-horse_battery~staple.1"

/** Whether a text has a part of the key in it. */
const tells = (text: string): boolean =>
  Array.from({ length: digits.length - 8 }, (_, at) => digits.slice(at, at + 8)).some((part) =>
    text.toLowerCase().includes(part)
  )

describe("names", () => {
  it("are those that are documented", () => {
    expect(sections).toEqual(["network", "gossip", "probes", "extensions", "limits", "metrics", "admin"])
    expect(entries.map((entry) => entry.path)).toEqual([
      "network.bind",
      "network.advertise",
      "network.peers",
      "network.node_id",
      "network.reliable_ack_timeout_ms",
      "network.reliable_max_retries",
      "network.cluster",
      "network.allow",
      "network.max_inbound_rate",
      "network.inbound_peer_capacity",
      "network.inbound_peer_refill_rate",
      "network.max_datagram",
      "network.encryption",
      "network.cluster_key",
      "network.cluster_key_file",
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
      "probes.dead_retention_ms",
      "probes.witnesses",
      "probes.suspect_min_fraction",
      "probes.proof_timeout_ms",
      "extensions.level1",
      "extensions.relays",
      "extensions.local_health",
      "extensions.pause_awareness",
      "extensions.telling",
      "extensions.accusations",
      "extensions.second_opinions",
      "extensions.proof",
      "extensions.damping",
      "extensions.early_failure",
      "extensions.digest",
      "extensions.small_probes",
      "limits.members",
      "limits.tombstones",
      "limits.unlisted_tombstones",
      "limits.assemblies",
      "limits.relays",
      "limits.sources",
      "limits.bootstrap_peers",
      "limits.event_buffer",
      "metrics.server_port",
      "metrics.server_host",
      "metrics.log_interval_ms",
      "admin.socket",
      "admin.token",
      "admin.token_file"
    ])
    expect(entries.flatMap(({ shortVariable }) => shortVariable ?? [])).toEqual([
      "GOSSIP_CLUSTER_KEY",
      "GOSSIP_CLUSTER_KEY_FILE"
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
        cluster = "prod"
        allow = ["10.0.0.0/8", "fd00::/8"]
        max_inbound_rate = 24
        inbound_peer_capacity = 25
        inbound_peer_refill_rate = 26.5
        max_datagram = 1400
        encryption = "accept"
        cluster_key = "${digits}"
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
        witnesses = 24
        suspect_min_fraction = 0.25
        proof_timeout_ms = 26
        [extensions]
        level1 = false
        relays = false
        local_health = false
        pause_awareness = false
        telling = false
        accusations = false
        second_opinions = false
        proof = false
        damping = false
        early_failure = false
        digest = false
        small_probes = false
        [limits]
        members = 24
        tombstones = 25
        unlisted_tombstones = 26
        assemblies = 27
        relays = 28
        sources = 29
        bootstrap_peers = 30
        event_buffer = 31
        [metrics]
        server_port = 32
        server_host = "::1"
        log_interval_ms = 33
        [admin]
        socket = "34"
        token = "${token}"
      `
      const key = `cluster_key = "${digits}"`
      const inFiles = text
        .replace(key, `cluster_key_file = "cluster.key"`)
        .replace(`token = "${token}"`, `token_file = "admin.token"`)
      for (const [given, absent] of [
        [text, ["network.cluster_key_file", "admin.token_file"]],
        [inFiles, ["network.cluster_key", "admin.token"]]
      ] as const) {
        const { config, origins } = yield* load(given)
        const isAbsent = (path: string) => absent.some((one) => one === path)
        const without = (origin: string) =>
          new Map(entries.map(({ path }) => [path, isAbsent(path) ? "default" : origin]))
        expect(origins).toEqual(without("file"))
        for (const entry of entries) {
          assert.strictEqual(Equal.equals(valueOf(config, entry), entry.key.default), isAbsent(entry.path), entry.path)
        }
        const env = environmentOf(config)
        expect(Object.keys(env)).toHaveLength(entries.length - absent.length)
        const fromRecord = yield* ConfigSources.load({ env })
        const fromProvider = yield* ConfigSources.load({ env: ConfigProvider.fromEnvRecord(env) })
        assert.isTrue(Equal.equals(fromRecord.config, config))
        assert.isTrue(Equal.equals(fromProvider.config, config))
        expect(fromProvider.origins).toEqual(without("environment"))
      }
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
  list: [
    `"10.0.0.1:1"`,
    `"x"`,
    "1",
    "true",
    "[1]",
    `["x"]`,
    `["127.0.0.1:1", "x:0"]`,
    `["dns://x"]`,
    "[[]]",
    "{ a = 1 }"
  ],
  networks: [`"10.0.0.0/8"`, "1", "true", "[1]", `["x"]`, `["10.0.0.1/8"]`, `["10.0.0.0/33"]`, `["1.2.3.4:1"]`, "[[]]"],
  text: [`"nowhere"`, `"1.5"`, `""`, "-1", "1.5", "nan", "true", "[]", "{ a = 1 }", "2020-01-01T00:00:00Z"],
  name: [`"${"x".repeat(256)}"`, `"${"é".repeat(128)}"`, `"${digits}"`, "1", "nan", "true", "[]", "{ a = 1 }"],
  path: [`""`, `"\\u0000"`, `"${digits}"`, "1", "nan", "true", "[]", `["f"]`, "{ a = 1 }", "2020-01-01T00:00:00Z"],
  secret: [
    `""`,
    `"${digits}6"`,
    `"${digits.slice(1)}"`,
    `"${digits.slice(1)}O"`,
    `"0x${digits}"`,
    `"${digits},${digits}"`,
    `["${digits}"]`,
    `{ a = "${digits}" }`,
    "123456789",
    "true"
  ],
  token: [
    `""`,
    `"fifteen letters"`,
    `"sixteen  letters"`,
    `"${"x".repeat(513)}"`,
    `"sechzehn-Zeichän"`,
    `[]`,
    "1234567890123456"
  ]
}

const wrongText = {
  time: ["soon", "5 seconds", "-1", "NaN", "Infinity", "1e999", "0x10", "1,2", "true", "{}"],
  number: ["many", "-1", "NaN", "Infinity", "1e999", "0x1", "1,2", "true", "null"],
  toggle: ["maybe", "1", "TRUE", "yes", "null"],
  list: ["nowhere", "127.0.0.1:1,x", "127.0.0.1", "127.0.0.1:1;127.0.0.1:2", "[]", `["127.0.0.1:1"]`],
  networks: ["nowhere", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8,x", "1.2.3.4:1", "::/129", `["::/0"]`, digits],
  text: ["nowhere", "-1", "1.5", "null", "[]", digits],
  name: ["x".repeat(256), "é".repeat(128), digits],
  path: [digits, digits.toUpperCase()],
  secret: ["nowhere", `${digits}6`, digits.slice(1), `${digits.slice(1)}O`, `0x${digits}`, `${digits} ${digits}`],
  token: ["short", "has a blank in it", "x".repeat(513), "=".repeat(20)]
}

// As the options of a program, in JSON.
const wrongOption = {
  time: [`"?"`],
  number: [`"?"`],
  toggle: [`"?"`],
  list: [`"?"`],
  networks: [`"?"`, `["10.0.0.0/8", "?"]`],
  text: [`"?"`],
  name: [`"${"x".repeat(256)}"`, `"\\ud800"`, "3"],
  path: [`""`, `"${digits}"`, "3"],
  secret: [`"?"`, `"${digits}6"`, `["${digits}"]`, "3"],
  token: [`"?"`, `["${digits}"]`, "3"]
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
        if (entry.key.secret) expect(found[0]?.message).toContain("is a secret, and not shown; ")
        expect(tells(JSON.stringify(found))).toBe(false)
      })
    )

    it.effect.each(wrongText[kindOf(entry)])("%s in the environment", (text) =>
      Effect.gen(function* () {
        const found = yield* problemsOf(ConfigSources.load({ env: { [entry.variable]: text } }))
        expect(found).toHaveLength(1)
        expect(found[0]?.key).toBe(path)
        const shown = entry.key.secret ? "a secret, and not shown" : show(text)
        expect(found[0]?.message).toContain(`${entry.variable} (\`${path}\`) is ${shown}; `)
        expect(found[0]?.message).toContain(`expected ${entry.key.expected}`)
        expect(tells(JSON.stringify(found))).toBe(false)
      })
    )

    it.effect.each([`{}`, `null`, ...wrongOption[kindOf(entry)]])("%s as a flag", (json) =>
      Effect.gen(function* () {
        const options = `{ "${entry.property}": ${json} }`
        const flags = untyped(entry.section === "network" ? options : `{ "${entry.section}": ${options} }`)
        const found = yield* problemsOf(ConfigSources.load({ flags }))
        expect(found).toHaveLength(1)
        expect(found[0]?.message).toContain(`${entry.flag} (\`${path}\`) is `)
        expect(found[0]?.message).toContain(`; expected ${entry.key.expected}`)
        expect(tells(JSON.stringify(found))).toBe(false)
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
    [
      "[tls]\ncert = 1",
      "unknown section `tls`; the sections are `network`, `gossip`, `probes`, `extensions`, `limits`, `metrics`, `admin`"
    ],
    [
      "[probes]\ncolour = 1",
      "unknown key `probes.colour`; the keys of `probes` are `interval_ms`, `timeout_ms`, `indirect_k`, " +
        "`suspect_timeout_ms`, `suspect_multiplier`, `suspect_jitter_ms`, `dead_retention_ms`, " +
        "`witnesses`, `suspect_min_fraction`, `proof_timeout_ms`"
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
        GOSSIP_CLUSTER_KEYS: "s3cret",
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
        { name: "GOSSIP_CLUSTER_KEYS", suggestion: "GOSSIP_NETWORK_CLUSTER_KEY" },
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
const secretOf = ({ admin, network }: ClusterConfig.ClusterConfig, { path }: Entry): string | undefined => {
  const { clusterKey } = network
  if (path === "network.cluster_key" && clusterKey !== undefined) return ClusterKey.toText(clusterKey)
  return path === "admin.token" && admin.token !== undefined ? Redacted.value(admin.token) : undefined
}

const environmentOf = (config: ClusterConfig.ClusterConfig): Record<string, string> =>
  Object.fromEntries(
    entries.flatMap((entry) => {
      const value = secretOf(config, entry) ?? encode(entry.key, valueOf(config, entry))
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

// A host name reaches whatever it stands for.
const named = oneOf("seed.example:7946", "SEED.example.:1", "dns+srv://_gossip._udp.example", "bücher.example:65535")

// The peers and the advertised address that a bound address can reach.
const reachable = { "0.0.0.0": either(v4, mapped), "[fd00::1]": v6, "[::]": either(v4, v6, mapped) }

const network = Arbitrary.flatMap(oneOf("0.0.0.0", "[fd00::1]", "[::]"), (host) => {
  const one = reachable[host]
  return Arbitrary.all({
    bind: Arbitrary.map(integer(0, 65535), (port) => `${host}:${port}`),
    advertise: maybe(one),
    peers: maybe(Arbitrary.array(either(one, named), { maxLength: 5 })),
    nodeId: maybe(Arbitrary.schema(NodeId.NodeId)),
    reliableAckTimeout: maybe(time(1, 5000)),
    reliableMaxRetries: maybe(integer(0, 10)),
    cluster: maybe(oneOf("", "prod", "Zu\u0308rich", '#1 "', "é".repeat(127))),
    allow: maybe(oneOf([], ["10.0.0.0/8", "fd00::/8"], ["::ffff:0:0/96", "fd00::/16", "1.2.3.4", "10.0.0.0/8"])),
    maxInboundRate: maybe(integer(2, 1_000_000)),
    inboundPeerCapacity: maybe(integer(1, 1_000_000)),
    inboundPeerRefillRate: maybe(Arbitrary.map(integer(1, 1000), (n) => n / 8)),
    maxDatagram: maybe(integer(576, 1460))
  })
})

const hex = Arbitrary.map(Arbitrary.array(integer(0, 15), { minLength: 64, maxLength: 64 }), (nibbles) =>
  nibbles.map((nibble) => nibble.toString(16)).join("")
)

const keyForm = oneOf<(text: string) => ClusterOptions["clusterKey"]>(
  (text) => text,
  (text) => ` ${text.toUpperCase()} `,
  (text) => Redacted.make(text),
  (text) => Result.getOrThrow(ClusterKey.fromText(text))
)

const encryption = either<Pick<ClusterOptions, "encryption" | "clusterKey" | "clusterKeyFile">>(
  Arbitrary.map(maybe(oneOf("off")), (encryption) => ({
    encryption,
    clusterKey: undefined,
    clusterKeyFile: undefined
  })),
  Arbitrary.map(
    Arbitrary.all([maybe(oneOf("off", "accept", "required")), hex, keyForm]),
    ([encryption, text, form]) => ({
      encryption,
      clusterKey: form(text),
      clusterKeyFile: undefined
    })
  ),
  Arbitrary.map(maybe(oneOf("off", "accept", "required")), (encryption) => ({
    encryption,
    clusterKey: undefined,
    clusterKeyFile: "/etc/gossip/cluster.key"
  }))
)

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
  deadRetention: maybe(time(1, 100_000)),
  witnesses: maybe(integer(0, 64)),
  suspectMinFraction: maybe(Arbitrary.map(integer(1, 16), (n) => n / 16)),
  proofTimeout: maybe(time(1, 5000))
})

const toggle = maybe(Arbitrary.schema(Schema.Boolean))

const extensions = Arbitrary.all({
  level1: toggle,
  relays: toggle,
  localHealth: toggle,
  pauseAwareness: toggle,
  telling: toggle,
  accusations: toggle,
  secondOpinions: toggle,
  proof: toggle,
  damping: toggle,
  earlyFailure: toggle,
  digest: toggle,
  smallProbes: toggle
})

const limits = Arbitrary.all({
  members: maybe(integer(1, 2 ** 20)),
  tombstones: maybe(integer(1, 2 ** 20)),
  unlistedTombstones: maybe(integer(1, 2 ** 20)),
  assemblies: maybe(integer(1, 65536)),
  relays: maybe(integer(1, 65536)),
  sources: maybe(integer(1, 2 ** 20)),
  bootstrapPeers: maybe(integer(5, 65536)),
  eventBuffer: maybe(integer(1, 2 ** 20))
})

const metrics = Arbitrary.all({
  serverPort: maybe(integer(0, 65535)),
  serverHost: maybe(oneOf("0.0.0.0", "127.0.0.1", "::1", "::ffff:10.0.0.1")),
  logInterval: maybe(time(0, 100_000))
})

const admin = either<NonNullable<ClusterOptions["admin"]>>(
  Arbitrary.all({
    socket: maybe(oneOf("/run/gossip.sock", "a b")),
    token: maybe(oneOf<string | Redacted.Redacted<string>>(token, Redacted.make(`${token}==`))),
    tokenFile: oneOf(undefined)
  }),
  Arbitrary.all({ socket: oneOf(undefined), token: oneOf(undefined), tokenFile: oneOf("/etc/gossip/admin.token") })
)

const options = Arbitrary.map(
  Arbitrary.all([network, encryption, gossip, probes, extensions, limits, metrics, admin]),
  ([network, encryption, gossip, probes, extensions, limits, metrics, admin]): ClusterOptions => ({
    ...network,
    ...encryption,
    gossip,
    probes,
    extensions,
    limits,
    metrics,
    admin
  })
)

describe("round trips", () => {
  it.effect.prop("a configuration loads back from its file form, the environment and flags", [options], ([options]) =>
    Effect.gen(function* () {
      const config = yield* Effect.fromResult(ClusterConfig.make(options))
      const env = environmentOf(config)
      // A printed file has everything but the secrets.
      const secrets = {
        GOSSIP_CLUSTER_KEY: env["GOSSIP_NETWORK_CLUSTER_KEY"],
        GOSSIP_ADMIN_TOKEN: env["GOSSIP_ADMIN_TOKEN"]
      }
      const fromFile = yield* load(format(config), { env: secrets })
      const fromEnvironment = yield* ConfigSources.load({ env })
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
          ...Object.keys(options.probes ?? {}).map((name) => `probes.${name}`),
          ...Object.keys(options.extensions ?? {}).map((name) => `extensions.${name}`),
          ...Object.keys(options.limits ?? {}).map((name) => `limits.${name}`),
          ...Object.keys(options.metrics ?? {}).map((name) => `metrics.${name}`),
          ...Object.keys(options.admin ?? {}).map((name) => `admin.${name}`)
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

  it("says that there is a secret, and not what it is", () => {
    const config = Result.getOrThrow(ClusterConfig.make({ clusterKey: digits }))
    const text = format(config, (path) => path)
    expect(text).toContain(`(network.cluster_key)\n# cluster_key = "<redacted>"\n`)
    expect(text).toContain(`encryption = "required"\n`)
    expect(tells(text + JSON.stringify(config) + String(config))).toBe(false)
    expect(format(ClusterConfig.defaults)).toContain("\n# cluster_key =\n")
  })
})

describe("the cluster key", () => {
  const keyOf = (sources: Sources) =>
    Effect.map(ConfigSources.load(sources), ({ config, origins }) => [
      config.network.keys.map(ClusterKey.toText),
      origins.get("network.cluster_key")
    ])

  it.effect("comes from every source", () =>
    Effect.gen(function* () {
      const inFile = file(`[network]\ncluster_key = "${digits.toUpperCase()}"`)
      expect(yield* keyOf({ file: inFile })).toEqual([[digits], "file"])
      expect(yield* keyOf({ env: { GOSSIP_CLUSTER_KEY: ` ${digits}\n` } })).toEqual([[digits], "environment"])
      expect(yield* keyOf({ env: { GOSSIP_NETWORK_CLUSTER_KEY: digits } })).toEqual([[digits], "environment"])
      const both = { GOSSIP_CLUSTER_KEY: digits, GOSSIP_NETWORK_CLUSTER_KEY: `${digits} ` }
      expect(yield* keyOf({ env: both })).toEqual([[digits], "environment"])
      expect(yield* keyOf({ env: { ...both, GOSSIP_CLUSTER_KEY: "" } })).toEqual([[digits], "environment"])
      expect(yield* keyOf({ flags: { clusterKey: Redacted.make(digits) } })).toEqual([[digits], "flag"])
      const path = { GOSSIP_CLUSTER_KEY_FILE: "a.key" }
      const { config, unknownVariables } = yield* ConfigSources.load({ env: path })
      expect(config.network).toMatchObject({ clusterKeyFile: "a.key", keys: [], encryption: "required" })
      expect(unknownVariables).toEqual([])
    })
  )

  it.effect("is refused when its variables differ, without a word of either", () =>
    Effect.gen(function* () {
      const env = { GOSSIP_CLUSTER_KEY: digits, GOSSIP_NETWORK_CLUSTER_KEY: "0".repeat(64) }
      for (const given of [env, ConfigProvider.fromEnvRecord(env)]) {
        const found = yield* problemsOf(ConfigSources.load({ env: given }))
        expect(found).toEqual([
          {
            key: "network.cluster_key",
            message:
              "GOSSIP_CLUSTER_KEY (`network.cluster_key`) and GOSSIP_NETWORK_CLUSTER_KEY are two names of one variable, " +
              "and differ; unset one of them"
          }
        ])
      }
      const files = { GOSSIP_CLUSTER_KEY_FILE: "/a", GOSSIP_NETWORK_CLUSTER_KEY_FILE: "/b" }
      expect(yield* problemsOf(ConfigSources.load({ env: files }))).toMatchObject([{ key: "network.cluster_key_file" }])
    })
  )

  it.effect("and its file are not given both, whatever the sources", () =>
    Effect.gen(function* () {
      const found = yield* problemsOf(
        load(`[network]\ncluster_key = "${digits}"`, { env: { GOSSIP_CLUSTER_KEY_FILE: "cluster.key" } })
      )
      expect(found).toEqual([
        {
          key: "network.cluster_key",
          message:
            "`network.cluster_key` in /etc/gossip.toml and GOSSIP_CLUSTER_KEY_FILE (`network.cluster_key_file`) are both " +
            "given; give the key or the file that holds it"
        }
      ])
    })
  )

  it.effect("is what encryption needs, and the message says how to give one", () =>
    Effect.gen(function* () {
      const found = yield* problemsOf(load(`[network]\nencryption = "accept"`))
      expect(found).toMatchObject([{ key: "network.encryption" }])
      for (const way of [
        "`cluster_key_file`",
        "GOSSIP_CLUSTER_KEY_FILE",
        "--cluster-key-file",
        "`cluster_key`",
        "GOSSIP_CLUSTER_KEY ",
        "--cluster-key;",
        "`clusterKeyFile`",
        "`clusterKey`",
        "gossip keygen"
      ]) {
        expect(found[0]?.message).toContain(way)
      }
      // A key that is refused is one thing to mend, not two.
      const env = { GOSSIP_CLUSTER_KEY: `${digits}0` }
      const bad = yield* problemsOf(load(`[network]\nencryption = "accept"`, { env }))
      expect(bad.map(({ message }) => message)).toEqual([
        "GOSSIP_CLUSTER_KEY (`network.cluster_key`) is a secret, and not shown; expected 64 hexadecimal digits, such as " +
          "gossip keygen makes; it has 65 characters"
      ])
    })
  )

  it.effect("is not printed where it does not belong", () =>
    Effect.gen(function* () {
      for (const { section, variable, key } of entries) {
        const result = yield* Effect.result(ConfigSources.load({ env: { [variable]: digits } }))
        if (key.secret) continue
        assert.isTrue(Result.isFailure(result), variable)
        expect(tells(JSON.stringify(result) + String(result))).toBe(false)
        const misplaced = yield* Effect.flip(load(`[${section}]\nclustr_key = "${digits}"\n[${digits} = 3`))
        expect(tells(misplaced.message)).toBe(false)
      }
    })
  )
})

describe("the token of an operator", () => {
  it.effect("is never written out nor shown", () =>
    Effect.gen(function* () {
      const { config } = yield* load(`[admin]\ntoken = "${token}"`)
      expect(format(config)).toContain('\n# token = "<redacted>"\n')
      expect(JSON.stringify(config)).not.toContain("horse")
      const found = yield* problemsOf(load(`[admin]\ntoken = "correct horse battery"`))
      expect(found.map(({ message }) => message)).toEqual([
        "`admin.token` in /etc/gossip.toml is a secret, and not shown; expected 16 to 512 letters, digits or any of " +
          ". _ ~ + / - without blanks"
      ])
    })
  )

  it.effect("is given itself or by a file", () =>
    Effect.gen(function* () {
      const found = yield* problemsOf(load(`[admin]\ntoken = "${token}"`, { env: { GOSSIP_ADMIN_TOKEN_FILE: "f" } }))
      expect(found).toEqual([
        {
          key: "admin.token",
          message:
            "`admin.token` in /etc/gossip.toml and GOSSIP_ADMIN_TOKEN_FILE (`admin.token_file`) are both given; give " +
            "the token or the file that holds it"
        }
      ])
    })
  )
})
