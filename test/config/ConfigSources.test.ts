import { assert, describe, expect, it } from "@effect/vitest"
import { Effect, Equal, Option, Predicate, Redacted } from "effect"
import * as fc from "fast-check"
import * as Cli from "../../src/cli/config.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { show } from "../../src/config/ConfigProblem.ts"
import type { Sources } from "../../src/config/ConfigSources.ts"
import * as ConfigSources from "../../src/config/ConfigSources.ts"
import { type Entry, entries, entryAt, sections } from "../../src/config/ConfigTable.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"

const path = "/etc/gossip.toml"

const load = (text: string, others: Omit<Sources, "file"> = {}) =>
  ConfigSources.load({ ...others, file: { path, text } })

const problemsOf = (effect: ReturnType<typeof load>) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(effect)
    assert(error._tag === "ClusterConfigError")
    return error.problems
  })

const messagesOf = (effect: ReturnType<typeof load>) =>
  Effect.map(problemsOf(effect), (problems) => problems.map(({ message }) => message))

const at = (path: string): Entry => {
  const entry = entryAt(path)
  assert(entry !== undefined)
  return entry
}

/** A file that gives one key. */
const fileOf = ({ name, section }: Entry, literal: string): string =>
  `${section === "" ? "" : `[${section}]\n`}${name} = ${literal}`

// A key with no digit twice in a row, so that any part of it can be looked for.
const digits = "6f1c0f7e6d5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c"

const token = "correct-horse_battery~staple.1"

/** Whether a text has a part of the key in it. */
const tells = (text: string): boolean =>
  Array.from({ length: digits.length - 8 }, (_, at) => digits.slice(at, at + 8)).some((part) =>
    text.toLowerCase().includes(part)
  )

describe("the names of keys", () => {
  it("follow from section and property", () => {
    expect(sections).toEqual(["network", "node", "gossip", "probes", "extensions", "limits", "metrics", "admin"])
    const names = (path: string) => {
      const { flag, option, variable } = at(path)
      return [variable, flag, option]
    }
    expect(names("profile")).toEqual(["GOSSIP_PROFILE", "--profile", "profile"])
    expect(names("network.bind")).toEqual(["GOSSIP_NETWORK_BIND", "--bind", "bind"])
    expect(names("network.reliable_ack_timeout_ms")).toEqual([
      "GOSSIP_NETWORK_RELIABLE_ACK_TIMEOUT_MS",
      "--reliable-ack-timeout-ms",
      "reliableAckTimeout"
    ])
    expect(names("probes.suspect_timeout_ms")).toEqual([
      "GOSSIP_PROBES_SUSPECT_TIMEOUT_MS",
      "--probes-suspect-timeout-ms",
      "probes.suspectTimeout"
    ])
    expect(entries.flatMap(({ shortVariable }) => shortVariable ?? [])).toEqual([
      "GOSSIP_CLUSTER_KEY",
      "GOSSIP_CLUSTER_KEY_FILE"
    ])
  })

  it("are different for different keys", () => {
    for (const names of [
      entries.map(({ flag }) => flag),
      entries.map(({ option }) => option),
      entries.flatMap(({ shortVariable, variable }) => [variable, shortVariable ?? []].flat())
    ]) {
      expect(new Set(names).size).toBe(names.length)
    }
  })
})

describe("precedence", () => {
  it.effect("without sources every value is the default", () =>
    Effect.gen(function* () {
      const loaded = yield* ConfigSources.load({})
      assert.isTrue(Equal.equals(loaded.config, ClusterConfig.defaults))
      expect([...loaded.origins.keys()]).toEqual(entries.map((entry) => entry.path))
      expect(new Set(loaded.origins.values())).toEqual(new Set(["default"]))
      assert.isTrue(Equal.equals((yield* load("")).config, ClusterConfig.defaults))
    })
  )

  it.effect("a flag goes before the environment, that before the file, the file before profile and default", () =>
    Effect.gen(function* () {
      const text = `
        profile = "wan"
        [gossip]
        fanout = 2
        max_sends = 2
        piggyback_max = 2
        interval_ms = 300
      `
      const env = { GOSSIP_GOSSIP_FANOUT: "3", GOSSIP_GOSSIP_MAX_SENDS: "3" }
      const { config, origins } = yield* load(text, { env, flags: { "gossip.fanout": "4" } })
      expect(config.gossip).toMatchObject({ fanout: 4, maxSends: 3, piggybackMax: 2, retransmitMultiplier: 4 })
      const paths = ["fanout", "max_sends", "piggyback_max", "interval_ms", "retransmit_multiplier"]
      expect(paths.map((name) => origins.get(`gossip.${name}`))).toEqual([
        "flag",
        "environment",
        "file",
        "file",
        "default"
      ])
      expect(origins.get("probes.interval_ms")).toBe("profile")
      expect(origins.get("profile")).toBe("file")
    })
  )

  it.effect("the profile of the strongest source counts", () =>
    Effect.gen(function* () {
      const env = { GOSSIP_PROFILE: "wan" }
      const timeout = ({ config }: ConfigSources.Loaded) => String(config.probes.timeout)
      expect(timeout(yield* load(`profile = "local"`))).toBe("200 millis")
      expect(timeout(yield* load(`profile = "local"`, { env }))).toBe("1500 millis")
      expect(timeout(yield* load(`profile = "local"`, { env, flags: { profile: "lan" } }))).toBe("500 millis")
      expect(yield* messagesOf(load(`profile = "wann"`))).toEqual([
        `\`profile\` in ${path} is "wann"; expected one of "lan", "local", "wan"`
      ])
    })
  )

  it.effect("a list replaces the list of a weaker source", () =>
    Effect.gen(function* () {
      const text = `[network]\npeers = ["127.0.0.1:1", "127.0.0.1:2"]`
      const env = { GOSSIP_NETWORK_PEERS: " 127.0.0.1:3 ,127.0.0.1:4," }
      const peers = ({ config }: ConfigSources.Loaded) => config.network.peers.map(String)
      expect(peers(yield* load(text))).toEqual(["127.0.0.1:1", "127.0.0.1:2"])
      expect(peers(yield* load(text, { env }))).toEqual(["127.0.0.1:3", "127.0.0.1:4"])
      expect(peers(yield* load(text, { env, flags: { "network.peers": "" } }))).toEqual([])
    })
  )

  it.effect("an empty variable is not given", () =>
    Effect.gen(function* () {
      const env = Object.fromEntries(entries.map((entry, index) => [entry.variable, index % 2 === 0 ? "" : "  "]))
      const { config, origins } = yield* load("[gossip]\nfanout = 2", { env })
      expect(config.gossip.fanout).toBe(2)
      expect([...new Set(origins.values())].sort()).toEqual(["default", "file"])
    })
  )

  it.effect("a list may be spread over numbered variables, all of which must be there", () =>
    Effect.gen(function* () {
      const env = { GOSSIP_NETWORK_PEERS_0: "127.0.0.1:1", GOSSIP_NETWORK_PEERS_1: " 127.0.0.1:2" }
      const { config, unknownVariables } = yield* ConfigSources.load({ env })
      expect(config.network.peers.map(String)).toEqual(["127.0.0.1:1", "127.0.0.1:2"])
      expect(unknownVariables).toEqual([])
      const [found] = yield* messagesOf(ConfigSources.load({ env: { GOSSIP_NETWORK_PEERS_1: "127.0.0.1:2" } }))
      expect(found).toMatch(/^GOSSIP_NETWORK_PEERS .* is \[(undefined|""), "127\.0\.0\.1:2"\]; expected a list/)
    })
  )
})

// For one key of each kind: what is wrong in a file, and what is wrong as the text of a variable or flag.
const wrong: ReadonlyArray<readonly [path: string, literals: ReadonlyArray<string>, texts: ReadonlyArray<string>]> = [
  [
    "gossip.interval_ms",
    [`"soon"`, `"5 seconds"`, "true", "0", "-1", "nan", "inf", "-inf", "0.0001", "1e300", "[]"],
    ["soon", "5 seconds", "-1", "NaN", "Infinity", "1e999", "1,2", "true", "{}"]
  ],
  [
    "gossip.fanout",
    [`"many"`, `"3"`, "false", "-1", "0", "1.5", "nan", "1e9", "[1]", "2020-01-01T00:00:00Z"],
    ["many", "-1", "NaN", "Infinity", "1,2", "true", "null"]
  ],
  ["gossip.adaptive_fanout", [`"true"`, `"yes"`, "1", "0", "[true]"], ["maybe", "1", "TRUE", "yes", "null"]],
  [
    "network.peers",
    [`"10.0.0.1:1"`, "1", "[1]", `["x"]`, `["127.0.0.1:1", "x:0"]`, `["dns://x"]`, "[[]]"],
    ["nowhere", "127.0.0.1:1,x", "127.0.0.1", "127.0.0.1:1;127.0.0.1:2", "[]", `["127.0.0.1:1"]`]
  ],
  [
    "network.allow",
    [`"10.0.0.0/8"`, "[1]", `["x"]`, `["10.0.0.1/8"]`, `["10.0.0.0/33"]`, `["1.2.3.4:1"]`],
    ["nowhere", "10.0.0.1/8", "10.0.0.0/8,x", "::/129", `["::/0"]`, digits]
  ],
  ["network.bind", [`"nowhere"`, `"1.5"`, `""`, "-1", "true", "[]"], ["nowhere", "-1", "1.5", "null", digits]],
  ["network.node_id", [`"x"`, `""`, "-1", "1.5", "true"], ["-1", "1.5", "0x", "18446744073709551616", digits]],
  ["network.encryption", [`"on"`, "1", "[]"], ["on", "1", digits]],
  ["network.cluster", [`"${"x".repeat(256)}"`, `"${digits}"`, "1"], ["x".repeat(256), "é".repeat(128), digits]],
  ["admin.socket", [`""`, `"\\u0000"`, `"${digits}"`, "1", `["f"]`], [digits, digits.toUpperCase()]],
  [
    "network.cluster_key",
    [`""`, `"${digits}6"`, `"${digits.slice(1)}O"`, `"0x${digits}"`, `["${digits}"]`, `{ a = "${digits}" }`, "12345"],
    ["nowhere", `${digits}6`, digits.slice(1), `${digits.slice(1)}O`, `0x${digits}`, `${digits} ${digits}`]
  ],
  [
    "admin.token",
    [`""`, `"fifteen letters"`, `"${"x".repeat(513)}"`, `"sechzehn-Zeichän"`, "1234567890123456"],
    ["short", "has a blank in it", "=".repeat(20)]
  ]
]

describe("a wrong value", () => {
  describe.each(wrong)("of %s", (path, literals, texts) => {
    const entry = at(path)
    const shownAs = (shown: string) => (entry.key.secret === true ? "a secret, and not shown" : shown)

    it.effect.each(literals)("%s in a file is refused", (literal) =>
      Effect.gen(function* () {
        const [found, ...others] = yield* problemsOf(load(fileOf(entry, literal)))
        expect(others).toEqual([])
        expect(found?.key).toBe(path)
        expect(found?.message).toContain(`\`${path}\` in /etc/gossip.toml is ${shownAs("")}`)
        expect(found?.message).toContain(`; expected ${entry.key.expected}`)
        expect(tells(JSON.stringify(found))).toBe(false)
      })
    )

    it.effect.each(texts)("%s in a variable or a flag is refused", (text) =>
      Effect.gen(function* () {
        const inVariable = yield* problemsOf(ConfigSources.load({ env: { [entry.variable]: text } }))
        const inFlag = yield* problemsOf(ConfigSources.load({ flags: { [path]: text } }))
        const end = `(\`${path}\`) is ${shownAs(show(text))}; expected ${entry.key.expected}`
        expect([...inVariable, ...inFlag]).toEqual([
          { key: path, message: expect.stringContaining(`${entry.variable} ${end}`) },
          { key: path, message: expect.stringContaining(`${entry.flag} ${end}`) }
        ])
        expect(tells(JSON.stringify([inVariable, inFlag]))).toBe(false)
      })
    )
  })

  it.effect("of another kind is refused for every key, with what is expected", () =>
    Effect.gen(function* () {
      for (const entry of entries) {
        const { key, path } = entry
        const shown = key.secret === true ? "a secret, and not shown" : "a table"
        expect(yield* messagesOf(load(fileOf(entry, "{ a = 1 }")))).toEqual([
          `\`${path}\` in /etc/gossip.toml is ${shown}; expected ${key.expected}`
        ])
        for (const value of [key.record === true ? ["a"] : {}, null, Symbol("x")]) {
          const table: object = { [entry.property]: value }
          const options = entry.option === entry.property ? table : { [entry.section]: table }
          const result = yield* Effect.result(Effect.fromResult(ClusterConfig.make(options)))
          assert(result._tag === "Failure")
          expect(result.failure.problems.map((problem) => problem.key)).toEqual([entry.option])
        }
      }
    })
  )

  it.effect("is refused under a value that is right", () =>
    Effect.gen(function* () {
      const others = { env: { GOSSIP_GOSSIP_FANOUT: "many" }, flags: { "gossip.fanout": "3" } }
      expect(yield* messagesOf(load("[gossip]\nfanout = 0", others))).toEqual([
        "`gossip.fanout` in /etc/gossip.toml is 0; expected a whole number from 1 to 65535",
        'GOSSIP_GOSSIP_FANOUT (`gossip.fanout`) is "many"; expected a whole number from 1 to 65535'
      ])
    })
  )

  it.effect("does not hide other problems", () =>
    Effect.gen(function* () {
      const text = "[gossip]\nfanot = 1\nfanout = 0\nmax_sends = 0\n[probes]\ntimeout_ms = 300\nindirect_k = -1"
      const found = yield* problemsOf(load(text, { env: { GOSSIP_PROBES_INTERVAL_MS: "300" } }))
      expect(found.map((problem) => problem.key)).toEqual([
        "gossip.fanot",
        "gossip.fanout",
        "gossip.max_sends",
        "probes.indirect_k",
        "probes.timeout_ms"
      ])
      expect(found[4]?.message).toContain(
        "`probes.timeout_ms` in /etc/gossip.toml is 300 ms and GOSSIP_PROBES_INTERVAL_MS (`probes.interval_ms`) is 300 ms"
      )
    })
  )
})

describe("a node id", () => {
  it.effect("may be a number as far as numbers are exact", () =>
    Effect.gen(function* () {
      expect((yield* load("[network]\nnode_id = 42")).config.network.nodeId).toBe(42n)
      expect((yield* load('[network]\nnode_id = "0xffffffffffffffff"')).config.network.nodeId).toBe(2n ** 64n - 1n)
      const error = yield* Effect.flip(load("[network]\nnode_id = 9007199254740993"))
      expect(error._tag).toBe("ConfigFileError")
    })
  )
})

describe("an unknown name in a file", () => {
  const theSections =
    "the sections are `network`, `node`, `gossip`, `probes`, `extensions`, `limits`, `metrics`, `admin`"

  it.effect.each([
    ["[gossip]\nfanot = 1", "unknown key `gossip.fanot`; did you mean `gossip.fanout`?"],
    ["[gossip]\ninterval = 1", "unknown key `gossip.interval`; did you mean `gossip.interval_ms`?"],
    ["[gossip]\nadaptiveFanout = true", "unknown key `gossip.adaptiveFanout`; did you mean `gossip.adaptive_fanout`?"],
    ["[network]\nfanout = 1", "unknown key `network.fanout`; did you mean `gossip.fanout`?"],
    [
      "[network]\ninbound_per_capacity = 1",
      "unknown key `network.inbound_per_capacity`; did you mean `network.inbound_peer_capacity`?"
    ],
    ["[network.bind]\nport = 1", undefined],
    ["fanout = 1", "unknown key `fanout`; did you mean `gossip.fanout`?"],
    ["profil = 1", "unknown key `profil`; did you mean `profile`?"],
    ["[gosip]\nfanout = 1", "unknown section `gosip`; did you mean `gossip`?"],
    ["[tls]\ncert = 1", `unknown section \`tls\`; ${theSections}`],
    [
      "[metrics]\ncolour = 1",
      "unknown key `metrics.colour`; the keys of `metrics` are `server_port`, `server_host`, `allowed_hosts`, `log_interval_ms`"
    ],
    ["gossip = 3", "`gossip` is 3; expected a section, `[gossip]`"],
    ["[[gossip]]\nfanout = 3", "`gossip` is [a table]; expected a section, `[gossip]`"],
    ["[profile]\na = 3", undefined],
    ["[gossip]\n__proto__ = 3", undefined],
    ["[constructor]\na = 3", undefined],
    ['[gossip]\n"fanout.x" = 3', undefined]
  ] as const)("is refused: %j", ([text, message]) =>
    Effect.gen(function* () {
      const found = yield* messagesOf(load(text))
      expect(found).toHaveLength(1)
      if (message !== undefined) expect(found[0]).toBe(`${message} (/etc/gossip.toml)`)
    })
  )

  it.effect("is refused without its value, which may be a secret", () =>
    Effect.gen(function* () {
      const text = `key = "s3cret"\n[encryption]\nkey = "s3cret"\n[network]\nkey = "s3cret"\n[gossip.s]\nkey = "s3cret"`
      const error = yield* Effect.flip(load(text))
      expect(error.message.split("\n")).toHaveLength(5)
      expect(JSON.stringify(error) + error.message).not.toContain("s3cret")
    })
  )
})

describe("unknown variables", () => {
  it.effect("are returned with a suggestion, and not refused", () =>
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
  ])("is refused with the place and without its values: %j", (text) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(load(text))
      assert(error._tag === "ConfigFileError")
      expect(error.path).toBe("/etc/gossip.toml")
      expect(error.message).toMatch(/^\/etc\/gossip\.toml: .* at line \d+, column \d+$/)
      expect(`${error.message} ${error.stack} ${JSON.stringify(error)} ${error.cause}`).not.toContain("s3cret")
    })
  )

  it.effect("is refused where tables and lists are within each other without end", () =>
    Effect.gen(function* () {
      const lists = (depth: number) => `[gossip]\nfanout = ${"[".repeat(depth)}${"]".repeat(depth)}`
      const tables = (depth: number) => `[${Array.from({ length: depth }, () => "a").join(".")}]`
      for (const text of [lists(40), lists(200_000), tables(40), tables(200_000)]) {
        const error = yield* Effect.flip(load(text))
        expect([error._tag, error.message]).toEqual([
          "ConfigFileError",
          "/etc/gossip.toml: more than 32 tables and lists are within each other"
        ])
      }
      expect((yield* Effect.flip(load(lists(20))))._tag).toBe("ClusterConfigError")
    })
  )

  it.effect("is refused without a number or date that is out of range", () =>
    Effect.gen(function* () {
      for (const secret of ["99999999999999999999", "2020-13-01", "25:00:00", "2020-01-01T99:00:00Z", "0xzz", "12ab"]) {
        const error = yield* Effect.flip(load(`[network]\nnode_id = ${secret}`))
        expect(error._tag).toBe("ConfigFileError")
        expect(error.message).not.toContain(secret)
        expect(error.message).toContain("at line 2")
      }
    })
  )

  it.effect("is refused with the name of a key that is given twice", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(load("[gossip]\nfanout = 1\nfanout = 2"))
      expect(error.message).toContain("Cannot redefine existing key 'fanout' at line 3")
    })
  )
})

// --- every key through every source ----------------------------------------------

type Raw = string | number | boolean | ReadonlyArray<string> | { readonly [key: string]: string }

/** Values of keys whose form does not tell which values work together. */
const chosen: Readonly<Record<string, ReadonlyArray<Raw>>> = {
  profile: ["lan", "local", "wan"],
  "extensions.rules": ["own", "memberlist"],
  "network.bind": ["[::]:1", "[::]:65535"],
  "network.advertise": ["10.0.0.1:0", "[fd00::2]:4", "[::ffff:10.0.0.9]:5", "node1.example:6", "node1"],
  "network.peers": [[], ["10.0.0.2:3", "[fd00::2]:4"], ["seed.example:1", "dns+srv://_gossip._udp.example"]],
  "network.node_id": ["5", "0xffffffffffffffff", 42],
  "network.state_dir": ["/var/lib/gossip", "C:\\a b"],
  "network.cluster": ["", "prod", "Zu\u0308rich", '#1 "'],
  "network.allow": [[], ["10.0.0.0/8", "fd00::/8"], ["::ffff:0:0/96", "fd00::/16", "10.0.0.0/8"]],
  "network.encryption": ["off", "accept", "required", true, false],
  "network.cluster_key": [digits, digits.toUpperCase()],
  "network.cluster_key_file": ["cluster.key"],
  "node.name": ["web-1", "Zürich"],
  "node.tags": [{ zone: "a" }, { hosts: "a,b", rack: "7=x" }],
  "metrics.server_host": ["::1", "0.0.0.0", "::ffff:10.0.0.1"],
  "metrics.allowed_hosts": [[], ["web-1.example.com", ".example.com", "*"]],
  "admin.socket": ["/run/a b.sock"],
  "admin.token": [token],
  "admin.token_file": ["/etc/gossip/admin.token"],
  // Within what works together: the timeout is less than the interval, and suspicions fit a timer.
  "probes.interval_ms": [600, 1234.5],
  "probes.timeout_ms": [1, 499.001],
  "probes.suspect_timeout_ms": [0.001, 100_000],
  "probes.suspect_multiplier": [0, 0.0625, 1000],
  "probes.suspect_jitter_ms": [0, 0.5, 100_000],
  "limits.bootstrap_peers": [5, 65_536]
}

const rawOf = ({ key, path }: Entry): fc.Arbitrary<Raw> => {
  const choices = chosen[path] ?? (Predicate.isBoolean(key.default) ? [true, false] : undefined)
  if (choices !== undefined) return fc.constantFrom(...choices)
  const [, minimum, maximum] = /from ([\d.]+) to (\d+)/.exec(key.expected) ?? []
  assert(minimum !== undefined, path)
  return fc.oneof(
    fc.constantFrom(Number(minimum), Number(maximum)),
    fc.integer({ min: 1000, max: 1232 }).map((n) => Math.max(Math.min(n, Number(maximum)), Math.ceil(Number(minimum))))
  )
}

/** Values for some of the keys. Keys of which only one can be given are not given both. */
const raws = fc
  .record(Object.fromEntries(entries.map((entry) => [entry.path, fc.option(rawOf(entry), { nil: undefined })])))
  .map((given): ReadonlyMap<Entry, Raw> => {
    const values: Record<string, Raw | undefined> = { ...given, "network.bind": given["network.bind"] ?? "[::]:0" }
    if (values["network.cluster_key"] !== undefined) values["network.cluster_key_file"] = undefined
    else if (values["network.cluster_key_file"] === undefined) values["network.encryption"] = undefined
    if (values["admin.token"] !== undefined) values["admin.token_file"] = undefined
    values["probes.timeout_ms"] ??= 100
    const found = entries.map((entry) => [entry, values[entry.path]] as const)
    return new Map(found.flatMap(([entry, raw]) => (raw === undefined ? [] : [[entry, raw] as const])))
  })

const isTable = (raw: Raw): raw is { readonly [key: string]: string } => Predicate.isObject(raw) && !Array.isArray(raw)

const tomlValue = (raw: Raw): string =>
  isTable(raw)
    ? `{ ${Object.entries(raw)
        .map(([key, text]) => `${key} = ${JSON.stringify(text)}`)
        .join(", ")} }`
    : JSON.stringify(raw)

const textOfRaw = (raw: Raw): string =>
  isTable(raw)
    ? Object.entries(raw)
        .map((pair) => pair.join("="))
        .join(",")
    : String(raw)

const tomlOf = (values: ReadonlyMap<Entry, Raw>): string =>
  ["", ...sections]
    .flatMap((section) => [
      section === "" ? "" : `[${section}]`,
      ...[...values]
        .filter(([entry]) => entry.section === section)
        .map(([{ name }, raw]) => `${name} = ${tomlValue(raw)}`)
    ])
    .join("\n")

const textsOf = (values: ReadonlyMap<Entry, Raw>, nameOf: (entry: Entry) => string): Record<string, string> =>
  Object.fromEntries([...values].map(([entry, raw]) => [nameOf(entry), textOfRaw(raw)]))

const optionsOf = (values: ReadonlyMap<Entry, Raw>): ClusterConfig.ClusterOptions => {
  const options: Record<string, Record<string, Raw> | Raw> = {}
  for (const [{ option, property, section }, raw] of values) {
    if (option === property) options[property] = raw
    else options[section] = { ...Object(options[section]), [property]: raw }
  }
  return options
}

describe("every key", () => {
  it("has the same value from a file, variables, flags and options, and from its printed form", () =>
    fc.assert(
      fc.asyncProperty(raws, async (values) => {
        await Effect.runPromise(
          Effect.gen(function* () {
            const expected = yield* Effect.fromResult(ClusterConfig.make(optionsOf(values)))
            const env = textsOf(values, ({ variable }) => variable)
            const fromFile = yield* load(tomlOf(values))
            const printed = Cli.text(fromFile, Option.none(), {})
            // A printed file has everything but the secrets.
            const secrets = Object.fromEntries(Object.entries(env).filter(([name]) => /_(KEY|TOKEN)$/.test(name)))
            const others = [
              fromFile,
              yield* ConfigSources.load({ env: { ...env, GOSSIP_NETWORK_PEERS: env["GOSSIP_NETWORK_PEERS"] } }),
              yield* ConfigSources.load({ flags: textsOf(values, ({ path }) => path) }),
              yield* load(printed, { env: secrets })
            ]
            for (const { config } of others) assert.isTrue(Equal.equals(config, expected))
            for (const [{ path }] of values) expect(fromFile.origins.get(path)).toBe("file")
            expect(tells(printed)).toBe(false)
            expect(printed).not.toContain(token)
          })
        )
      })
    ))

  it("is given in some of these runs", () => {
    const given = new Set(fc.sample(raws, 100).flatMap((values) => [...values.keys()].map(({ path }) => path)))
    expect([...given].sort()).toEqual(entries.map(({ path }) => path).sort())
  })
})

describe("the cluster key", () => {
  const keyOf = (sources: Sources) =>
    Effect.map(ConfigSources.load(sources), ({ config, origins }) => [
      config.network.keys.map(ClusterKey.toText),
      origins.get("network.cluster_key")
    ])

  it.effect("has a short variable too", () =>
    Effect.gen(function* () {
      expect(yield* keyOf({ env: { GOSSIP_CLUSTER_KEY: ` ${digits}\n` } })).toEqual([[digits], "environment"])
      const both = { GOSSIP_CLUSTER_KEY: digits, GOSSIP_NETWORK_CLUSTER_KEY: `${digits} ` }
      expect(yield* keyOf({ env: both })).toEqual([[digits], "environment"])
      expect(yield* keyOf({ env: { ...both, GOSSIP_CLUSTER_KEY: "" } })).toEqual([[digits], "environment"])
      const file = yield* ConfigSources.load({ env: { GOSSIP_CLUSTER_KEY_FILE: "a.key" } })
      expect(file.config.network).toMatchObject({ clusterKeyFile: "a.key", keys: [], encryption: "required" })
      expect(file.unknownVariables).toEqual([])
    })
  )

  it.effect("is not printed where it is the name of a key or section", () =>
    Effect.gen(function* () {
      for (const text of [
        `${digits} = 1`,
        `"${digits}" = 1`,
        `[network]\n${digits} = 1`,
        `[${digits}]\na = 1`,
        `[network.${digits}]\na = 1`,
        `${digits} = 1\n${digits} = 1`,
        `[${digits}]\n[${digits}]`,
        `${digits} 1`
      ]) {
        const error = yield* Effect.flip(ConfigSources.load({ file: { path: "gossip.toml", text } }))
        expect(`${error.message} ${JSON.stringify(error)}`).not.toMatch(/[0-9a-f]{40}/)
      }
    })
  )

  it.effect("is refused without a part of it when its two variables differ", () =>
    Effect.gen(function* () {
      const env = { GOSSIP_CLUSTER_KEY: digits, GOSSIP_NETWORK_CLUSTER_KEY: "0".repeat(64) }
      expect(yield* problemsOf(ConfigSources.load({ env }))).toEqual([
        {
          key: "network.cluster_key",
          message:
            "GOSSIP_CLUSTER_KEY (`network.cluster_key`) and GOSSIP_NETWORK_CLUSTER_KEY are two names of one variable, " +
            "and differ; unset one of them"
        }
      ])
    })
  )

  it.effect("and its file are not given both, whatever the sources", () =>
    Effect.gen(function* () {
      const env = { GOSSIP_CLUSTER_KEY_FILE: "cluster.key" }
      expect(yield* problemsOf(load(`[network]\ncluster_key = "${digits}"`, { env }))).toEqual([
        {
          key: "network.cluster_key",
          message:
            "`network.cluster_key` in /etc/gossip.toml and GOSSIP_CLUSTER_KEY_FILE (`network.cluster_key_file`) are both " +
            "given; give the key or the file that holds it"
        }
      ])
    })
  )

  it.effect("is needed by encryption, and the message names every way to give it", () =>
    Effect.gen(function* () {
      const [message] = yield* messagesOf(load(`[network]\nencryption = "accept"`))
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
        expect(message).toContain(way)
      }
      // A key that is refused is one thing to mend, not two.
      const env = { GOSSIP_CLUSTER_KEY: `${digits}0` }
      expect(yield* messagesOf(load(`[network]\nencryption = "accept"`, { env }))).toEqual([
        "GOSSIP_CLUSTER_KEY (`network.cluster_key`) is a secret, and not shown; expected 64 hexadecimal digits, such as " +
          "gossip keygen makes; it has 65 characters"
      ])
    })
  )

  it.effect("is not printed where it does not belong", () =>
    Effect.gen(function* () {
      for (const { section, variable, key } of entries) {
        if (key.secret === true || section === "") continue
        const error = yield* Effect.flip(ConfigSources.load({ env: { [variable]: digits } }))
        expect(tells(JSON.stringify(error) + String(error))).toBe(false)
        const misplaced = yield* Effect.flip(load(`[${section}]\nclustr_key = "${digits}"\n[${digits} = 3`))
        expect(tells(misplaced.message)).toBe(false)
      }
    })
  )
})

describe("the token of the operator", () => {
  it.effect("is never shown", () =>
    Effect.gen(function* () {
      const { config } = yield* load(`[admin]\ntoken = "${token}"`)
      expect(config.admin.token === undefined ? "" : Redacted.value(config.admin.token)).toBe(token)
      expect(JSON.stringify(config)).not.toContain("horse")
      expect(yield* messagesOf(load(`[admin]\ntoken = "correct horse battery"`))).toEqual([
        "`admin.token` in /etc/gossip.toml is a secret, and not shown; expected 16 to 512 letters, digits or any of " +
          ". _ ~ + / - without blanks"
      ])
    })
  )

  it.effect("and its file are not given both", () =>
    Effect.gen(function* () {
      const env = { GOSSIP_ADMIN_TOKEN_FILE: "f" }
      expect(yield* messagesOf(load(`[admin]\ntoken = "${token}"`, { env }))).toEqual([
        "`admin.token` in /etc/gossip.toml and GOSSIP_ADMIN_TOKEN_FILE (`admin.token_file`) are both given; give the " +
          "token or the file that holds it"
      ])
    })
  )
})
