import { assert, describe, expect, it } from "@effect/vitest"
import { Duration, Equal, Redacted, Result } from "effect"
import { Host, IpNetwork, NetAddress } from "effect/net"
import { inspect } from "node:util"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import type { ClusterOptions } from "../../src/config/ClusterConfig.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"
import * as Peer from "../../src/domain/Peer.ts"

const made = (options: ClusterOptions) => Result.getOrThrow(ClusterConfig.make(options))

const problems = (options: ClusterOptions) =>
  Result.match(ClusterConfig.make(options), {
    onFailure: (error) => error.problems,
    onSuccess: () => []
  })

const hex = "ab".repeat(32)

const inet = NetAddress.inetAddressFromStringUnsafe

// What the types forbid may still come from JavaScript.
const untyped = (json: string): ClusterOptions => JSON.parse(json)

describe("defaults", () => {
  it("are those that the documentation names", () => {
    assert.isTrue(
      Equal.equals(ClusterConfig.defaults, {
        profile: "lan",
        network: {
          bind: inet("127.0.0.1:0"),
          advertise: undefined,
          peers: [],
          nodeId: undefined,
          stateDir: undefined,
          reliableAckTimeout: Duration.millis(500),
          reliableMaxRetries: 3,
          cluster: "",
          allow: [],
          maxInboundRate: 5000,
          inboundPeerCapacity: 1000,
          inboundPeerRefillRate: 50,
          maxDatagram: 1232,
          encryption: "off",
          clusterKey: undefined,
          clusterKeyFile: undefined,
          keys: []
        },
        node: { name: undefined, tags: {} },
        gossip: {
          fanout: 50,
          adaptiveFanout: true,
          maxSends: 1,
          adaptiveTargets: true,
          interval: Duration.millis(200),
          heartbeatInterval: Duration.millis(500),
          piggybackMax: 6,
          antiEntropyInterval: Duration.seconds(10),
          retransmitMultiplier: 4,
          healInterval: Duration.seconds(10),
          healTimeout: Duration.hours(24)
        },
        probes: {
          interval: Duration.seconds(1),
          timeout: Duration.millis(500),
          indirectK: 2,
          suspectTimeout: Duration.seconds(3),
          suspectMultiplier: 0.5,
          suspectJitter: Duration.seconds(1),
          deadRetention: Duration.seconds(15),
          witnesses: 6,
          suspectMinFraction: 0.6,
          proofTimeout: Duration.millis(500)
        },
        extensions: {
          level1: true,
          relays: true,
          localHealth: true,
          pauseAwareness: true,
          telling: true,
          accusations: true,
          secondOpinions: true,
          proof: true,
          damping: true,
          earlyFailure: true,
          digest: true,
          smallProbes: true,
          rules: "own"
        },
        limits: {
          members: 65_536,
          tombstones: 8192,
          unlistedTombstones: 1024,
          assemblies: 64,
          relays: 256,
          sources: 4096,
          bootstrapPeers: 256,
          eventBuffer: 1024
        },
        metrics: {
          serverPort: 0,
          serverHost: NetAddress.ipFromStringUnsafe("127.0.0.1"),
          allowedHosts: [],
          logInterval: Duration.seconds(10)
        },
        admin: {
          socket: undefined,
          token: undefined,
          tokenFile: undefined
        }
      })
    )
  })
})

describe("make", () => {
  it("accepts texts and values for the same options", () => {
    const texts = made({
      bind: "10.0.0.5:7946",
      advertise: "192.0.2.1:7000",
      peers: ["10.0.0.1:7946"],
      nodeId: "0x2a",
      reliableAckTimeout: "1 second",
      gossip: { fanout: 7, interval: "0.25 seconds", antiEntropyInterval: 0 },
      probes: { suspectJitter: "0 millis", indirectK: 0 }
    })
    const values = made({
      bind: inet("10.0.0.5:7946"),
      advertise: inet("192.0.2.1:7000"),
      peers: [inet("10.0.0.1:7946")],
      nodeId: made({ nodeId: "42" }).network.nodeId,
      reliableAckTimeout: Duration.seconds(1),
      gossip: { fanout: 7, interval: 250, antiEntropyInterval: Duration.zero },
      probes: { suspectJitter: Duration.zero, indirectK: 0 }
    })
    assert.isTrue(Equal.equals(texts, values))
    assert.isFalse(Equal.equals(texts, ClusterConfig.defaults))
    expect(texts.network.nodeId).toBe(42n)
    expect(Duration.toMillis(texts.gossip.interval)).toBe(250)
    expect(Duration.isZero(texts.gossip.antiEntropyInterval)).toBe(true)
  })

  it("treats undefined as not given", () => {
    assert.isTrue(
      Equal.equals(
        made({ bind: undefined, peers: undefined, gossip: undefined, probes: { interval: undefined } }),
        ClusterConfig.defaults
      )
    )
  })

  it("accepts peers by name and by service, whose addresses are not checked yet", () => {
    const peers = [
      "10.0.0.1:1",
      "Seed.Example:7946",
      "seed.example:7946",
      "localhost:1",
      "DNS+SRV://_Gossip._udp.example"
    ]
    const { network } = made({ bind: "10.0.0.5:1", allow: ["10.0.0.0/8"], peers })
    expect(network.peers).toEqual([
      inet("10.0.0.1:1"),
      new Peer.Name({ host: Host.domainNameFromStringUnsafe("seed.example"), port: 7946 }),
      new Peer.Name({ host: Host.domainNameFromStringUnsafe("localhost"), port: 1 }),
      new Peer.Service({ name: Host.domainNameFromStringUnsafe("_gossip._udp.example") })
    ])
    expect(made({ bind: "10.0.0.5:1", peers: network.peers }).network.peers).toEqual(network.peers)
    expect(problems({ bind: "10.0.0.5:1", peers: [...network.peers, "[fd00::1]:1"] })[0]?.message).toContain(
      "`peers` has [[fd00::1]:1] and"
    )
  })

  it("turns IPv4-mapped addresses into IPv4, and keeps each peer once", () => {
    const { network } = made({
      bind: "[::]:7946",
      advertise: "[::ffff:192.0.2.1]:7946",
      peers: ["[::ffff:10.0.0.1]:7946", "10.0.0.1:7946", inet("[::ffff:10.0.0.1]:7946"), "[fd00:0::1]:7946"]
    })
    expect(String(network.advertise)).toBe("192.0.2.1:7946")
    expect(network.peers.map(String)).toEqual(["10.0.0.1:7946", "[fd00::1]:7946"])
  })

  it.each([
    ["10.0.0.5", "0.0.0.0:1", "10.0.0.5:0"],
    ["10.0.0.5:0", "0.0.0.0:1", "10.0.0.5:0"],
    ["10.0.0.5:99", "0.0.0.0:1", "10.0.0.5:99"],
    ["fd00::5", "[::]:1", "[fd00::5]:0"],
    ["[fd00::5]", "[::]:1", "[fd00::5]:0"],
    ["[fd00::5]:0", "[::]:1", "[fd00::5]:0"]
  ])("advertise %s", (advertise, bind, expected) => {
    expect(String(made({ bind, advertise }).network.advertise)).toBe(expected)
  })

  it.each([
    ["db", /"db" has no port$/],
    ["db:", /"db:" has no port$/],
    ["db:0", /has port 0/],
    ["db:65536", /"65536", which is no whole number from 1 to 65535/],
    ["db:07946", /"07946", which is no whole number/],
    ["db:gossip", /"gossip", which is no whole number/],
    ["-db:7946", /is no name of a host: .*hyphen/],
    ["a..b:7946", /is no name of a host: .*empty/],
    [`${"x".repeat(64)}:7946`, /is no name of a host: .*63/],
    ["me@db:7946", /is no name of a host: /],
    ["db.1:7946", /is no name of a host: .*numeric/],
    ["dns://db", /begins with "dns:\/\/", where only dns\+srv:\/\/ is known/],
    ["dns+srv://_gossip._udp.example:7946", /has a port, which a service's records give/],
    ["dns+srv://", /is no name of a host: .*empty/],
    ["dns+srv://.", /is the root of DNS/],
    ["dns+srv://a/b", /is no name of a host: /],
    ["10.0.0.1", /has no port/],
    ["[fd00::1]", /has no port/],
    ["fd00::1", /bracketed/],
    ["10.0.0.1:0", /has port 0/],
    ["10.0.0.1:65536", /65535/],
    ["10.0.0.256:1", /255/],
    ["0.0.0.0:1", /every address/],
    ["[::]:1", /every address/],
    ["[::ffff:0.0.0.0]:1", /every address/],
    ["224.0.0.1:1", /multicast/],
    ["[ff02::1]:1", /multicast/],
    ["255.255.255.255:1", /broadcast/],
    ["[fe80::1]:1", /link-local/],
    ["[fd00::1%3]:1", /zone/],
    ["", /expected/]
  ])("refuses the peer %j", (peer, reason) => {
    const found = problems({ bind: "[::]:0", peers: ["10.0.0.9:1", peer] })
    expect(found).toHaveLength(1)
    expect(found[0]?.key).toBe("peers")
    expect(found[0]?.message).toMatch(reason)
    expect(found[0]?.message).toContain(JSON.stringify(peer))
    expect(found[0]?.message).toContain(`expected a list of IP addresses with ports, such as "10.0.0.5:7946"`)
  })

  it.each([
    ["host", "host", 0],
    ["node1.example:7946", "node1.example", 7946]
  ])("advertises the name %s", (advertise, host, port) => {
    expect(made({ bind: "0.0.0.0:0", advertise }).network.advertise).toMatchObject({ _tag: "Name", host, port })
  })

  it.each([
    "0.0.0.0",
    "0.0.0.0:1",
    "::",
    "[::]:1",
    "host:0",
    "host:x",
    "dns+srv://_gossip._udp.example",
    "224.0.0.1",
    "fe80::1",
    "10.0.0.1:",
    "10.0.0.1:x"
  ])("refuses to advertise %j", (advertise) => {
    expect(problems({ bind: "[::]:0", advertise })).toMatchObject([{ key: "advertise" }])
  })

  it.each([
    "10.0.0.1",
    "",
    ":1",
    "*:1",
    "localhost:1",
    "224.0.0.1:1",
    "[fe80::1]:1",
    "[fd00::1%2]:0",
    "10.0.0.1:99999"
  ])("refuses to bind %j", (bind) => {
    expect(problems({ bind })).toMatchObject([{ key: "bind" }])
  })

  it("refuses times that are zero, negative, infinite or longer than a timer can wait", () => {
    const wrong = [
      0,
      -1,
      NaN,
      Infinity,
      2 ** 31,
      0.0009,
      -5n,
      "0 millis",
      "-1 seconds",
      "Infinity",
      Duration.infinity,
      Duration.negativeInfinity,
      Duration.nanos(1n),
      { seconds: NaN },
      [NaN, 0]
    ] as const
    for (const value of wrong) {
      expect(problems({ gossip: { healInterval: value } })).toMatchObject([{ key: "gossip.healInterval" }])
    }
    for (const value of [0.001, 1, 2 ** 31 - 1, "1.5 millis", 1000n] as const) {
      expect(problems({ gossip: { healInterval: value } })).toEqual([])
    }
  })

  it("accepts zero where it has a meaning, and nothing else that is no time", () => {
    const zero = { gossip: { antiEntropyInterval: 0, healTimeout: 0 }, probes: { suspectJitter: 0 } }
    expect(problems(zero)).toEqual([])
    for (const value of [NaN, -1, Infinity, [NaN, 0], { seconds: NaN }] as const) {
      expect(
        problems({ gossip: { antiEntropyInterval: value, healTimeout: value }, probes: { suspectJitter: value } })
      ).toHaveLength(3)
    }
    for (const json of [`{}`, `{ "second": 1 }`, `{ "seconds": "1" }`, `[1]`, `true`, `null`, `"soon"`]) {
      expect(problems(untyped(`{ "gossip": { "antiEntropyInterval": ${json} } }`))).toHaveLength(1)
    }
    expect(Duration.toMillis(made({ gossip: { healTimeout: { days: 365, hours: 1 } } }).gossip.healTimeout)).toBe(
      366 * 86_400_000 - 23 * 3_600_000
    )
  })

  it.each<readonly [string, ClusterOptions]>([
    ["gossip.fanout", { gossip: { fanout: 0 } }],
    ["gossip.fanout", { gossip: { fanout: 1.5 } }],
    ["gossip.maxSends", { gossip: { maxSends: 0 } }],
    ["gossip.piggybackMax", { gossip: { piggybackMax: -1 } }],
    ["gossip.retransmitMultiplier", { gossip: { retransmitMultiplier: 0 } }],
    ["gossip.antiEntropyInterval", { gossip: { antiEntropyInterval: -1 } }],
    ["probes.indirectK", { probes: { indirectK: -1 } }],
    ["probes.suspectMultiplier", { probes: { suspectMultiplier: -0.1 } }],
    ["probes.suspectMultiplier", { probes: { suspectMultiplier: NaN } }],
    ["probes.suspectTimeout", { probes: { suspectTimeout: 0 } }],
    ["probes.deadRetention", { probes: { deadRetention: 0 } }],
    ["probes.interval", { probes: { interval: "3 days" } }],
    ["reliableMaxRetries", { reliableMaxRetries: -1 }],
    ["maxInboundRate", { maxInboundRate: -1 }],
    ["maxInboundRate", { maxInboundRate: 1_000_001 }],
    ["cluster", { cluster: "x".repeat(256) }],
    ["limits.members", { limits: { members: 0 } }],
    ["limits.members", { limits: { members: 2 ** 20 + 1 } }],
    ["limits.relays", { limits: { relays: 2 ** 16 + 1 } }],
    ["limits.eventBuffer", { limits: { eventBuffer: 0.5 } }],
    ["metrics.serverPort", { metrics: { serverPort: 65536 } }],
    ["metrics.logInterval", { metrics: { logInterval: -1 } }],
    ["nodeId", { nodeId: "18446744073709551616" }],
    ["nodeId", { nodeId: "-1" }]
  ])("refuses a %s out of bounds", (key, options) => {
    const found = problems(options)
    expect(found).toMatchObject([{ key }])
    expect(found[0]?.message).toMatch(new RegExp(`^\`${key}\` is .*; expected `))
  })

  it("turns minus zero into zero", () => {
    expect(made({ probes: { suspectMultiplier: -0 } }).probes.suspectMultiplier).toBe(0)
  })

  it("accepts the bounds themselves", () => {
    expect(
      problems({
        reliableMaxRetries: 0,
        cluster: "x".repeat(255),
        maxInboundRate: 0,
        limits: { members: 2 ** 20, tombstones: 1, assemblies: 2 ** 16 },
        gossip: { fanout: 1, maxSends: 1, piggybackMax: 0, retransmitMultiplier: 1 },
        probes: { indirectK: 0, suspectMultiplier: 0, suspectJitter: 0 }
      })
    ).toEqual([])
  })

  it("accepts an IP address to serve metrics at, and says what is wrong with anything else", () => {
    for (const serverHost of ["::1", "::ffff:10.0.0.1", NetAddress.ipFromStringUnsafe("0.0.0.0")]) {
      expect(problems({ metrics: { serverHost } })).toEqual([])
    }
    expect(NetAddress.formatIp(made({ metrics: { serverHost: "::ffff:10.0.0.1" } }).metrics.serverHost)).toBe(
      "10.0.0.1"
    )
    const expected = `expected an IP address without a port, such as "0.0.0.0" or "::1"`
    const refused = (serverHost: string | NetAddress.IpAddress) =>
      problems({ metrics: { serverHost } }).map(({ message }) => message)
    expect(refused("localhost")).toEqual([
      `\`metrics.serverHost\` is "localhost"; ${expected}; "localhost" is not an IP address, and host names are not looked up`
    ])
    expect(refused("127.0.0.1:9090")[0]).toContain(`\`metrics.serverHost\` is "127.0.0.1:9090"; ${expected}; `)
    expect(refused(NetAddress.ipFromStringUnsafe("224.0.0.1"))).toEqual([
      `\`metrics.serverHost\` is "224.0.0.1"; ${expected}; "224.0.0.1" is a multicast address, give the address of one host`
    ])
  })

  it("refuses a probe timeout that is not less than the interval, and names both", () => {
    for (const timeout of [2000, 2001]) {
      const found = problems({ probes: { timeout, interval: "2 seconds" } })
      expect(found).toMatchObject([{ key: "probes.timeout" }])
      expect(found[0]?.message).toContain(`\`probes.timeout\` is ${timeout} ms and \`probes.interval\` is 2000 ms`)
      expect(found[0]?.message).toContain("lower the timeout or raise the interval")
    }
    expect(problems({ probes: { timeout: 1999, interval: 2000 } })).toEqual([])
    expect(problems({ probes: { timeout: 1000 } })[0]?.message).toContain("`probes.interval` is 1000 ms by default")
  })

  it("refuses suspicions that no timer can hold", () => {
    const found = problems({ probes: { suspectTimeout: "10 days", suspectMultiplier: 1 } })
    expect(found).toMatchObject([{ key: "probes.suspectTimeout" }])
    expect(found[0]?.message).toMatch(/suspectTimeout.*864000000 ms.*suspectMultiplier.* 1 .*suspectJitter.*1000 ms/)
  })

  it.each<readonly [string, RegExp, ClusterOptions]>([
    ["advertise", /IPv6.*10\.0\.0\.1|10\.0\.0\.1/, { bind: "10.0.0.1:1", advertise: "fd00::1" }],
    ["advertise", /\[fd00::1\]:1.*"0\.0\.0\.0/, { bind: "[fd00::1]:1", advertise: "10.0.0.1" }],
    ["advertise", /loopback.*0\.0\.0\.0:7946/, { advertise: "10.0.0.1:7946" }],
    ["advertise", /loopback/, { bind: "10.0.0.1:1", advertise: "127.0.0.1" }],
    ["peers", /10\.0\.0\.1:1.*fd00|fd00.*10\.0\.0\.1:1/, { bind: "10.0.0.1:1", peers: ["[fd00::1]:1"] }],
    ["peers", /IPv4/, { bind: "[fd00::1]:1", peers: ["10.0.0.1:1"] }],
    ["peers", /an IPv4 socket cannot send/, { bind: "0.0.0.0:1", peers: ["[fd00::1]:1"] }],
    ["peers", /only this machine.*0\.0\.0\.0:7946/, { peers: ["10.0.0.1:7946"] }],
    ["peers", /only this machine/, { bind: "[::1]:0", peers: ["[fd00::1]:1"] }]
  ])("refuses addresses that cannot work together: %s %s", (key, message, options) => {
    const found = problems(options)
    expect(found).toMatchObject([{ key }])
    expect(found[0]?.message).toMatch(message)
    expect(found[0]?.message).toContain("`bind` is ")
  })

  it.each<ClusterOptions>([
    { bind: "[::]:0", advertise: "10.0.0.1", peers: ["10.0.0.1:1", "[fd00::1]:1", "127.0.0.1:1"] },
    { bind: "0.0.0.0:0", advertise: "127.0.0.1", peers: ["127.0.0.1:1"] },
    { bind: "127.0.0.1:0", advertise: "127.0.0.1:5", peers: ["127.0.0.2:1"] },
    { bind: "10.0.0.1:0", advertise: "192.0.2.1:5", peers: ["10.0.0.1:1", "127.0.0.1:1"] },
    { bind: "[::1]:0", peers: ["[::1]:1"] },
    { bind: "[::ffff:127.0.0.1]:0", peers: ["127.0.0.1:1"] }
  ])("accepts addresses that can: %j", (options) => {
    expect(problems(options)).toEqual([])
  })

  it("accepts networks as texts and values, turns IPv4-mapped ones into IPv4, and keeps each once", () => {
    const { network } = made({
      allow: [
        "10.0.0.0/8",
        IpNetwork.fromStringUnsafe("fd00::/8"),
        "::ffff:10.0.0.0/104",
        "1.2.3.4",
        "::1",
        "0.0.0.0/0"
      ]
    })
    expect(network.allow.map(String)).toEqual(["10.0.0.0/8", "fd00::/8", "1.2.3.4/32", "::1/128", "0.0.0.0/0"])
  })

  it.each([
    ["db1", /host names are not looked up/],
    ["10.0.0.1/8", /non-zero host bits/],
    ["10.0.0.0/33", /prefix/],
    ["10.0.0.0:1", /"10\.0\.0\.0:1"/],
    ["", /expected/]
  ])("refuses the network %j", (network, reason) => {
    const found = problems({ allow: ["10.0.0.0/8", network] })
    expect(found).toMatchObject([{ key: "allow" }])
    expect(found[0]?.message).toMatch(reason)
    expect(found[0]?.message).toContain(JSON.stringify(network))
  })

  it("refuses an advertised address or peers outside the allowed networks", () => {
    const allow = ["10.0.0.0/8", "fd00::/8"]
    const found = problems({ bind: "[::]:0", advertise: "192.0.2.1", peers: ["10.0.0.1:1", "[fc00::1]:1"], allow })
    expect(found).toMatchObject([{ key: "advertise" }, { key: "peers" }])
    expect(found[0]?.message).toContain('`advertise` is 192.0.2.1:0 and `allow` is ["10.0.0.0/8", "fd00::/8"]; ')
    expect(found[1]?.message).toContain('`peers` has [[fc00::1]:1] and `allow` is ["10.0.0.0/8", "fd00::/8"]; ')
    const mapped = { bind: "[::]:0", advertise: "::ffff:10.0.0.5", peers: ["[::ffff:10.0.0.1]:1", "[fd00::1]:1"] }
    expect(problems({ ...mapped, allow })).toEqual([])
    // IPv6 networks hold no IPv4 address.
    expect(problems({ ...mapped, allow: ["::/0"] })).toHaveLength(2)
  })

  it("refuses more peers than the limit", () => {
    const peers = ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]
    const found = problems({ peers, limits: { bootstrapPeers: 2 } })
    expect(found).toMatchObject([{ key: "peers" }])
    expect(found[0]?.message).toContain("`peers` has 3 peers and `limits.bootstrapPeers` is 2; ")
    expect(problems({ peers, limits: { bootstrapPeers: 3 } })).toEqual([])
    const many = Array.from({ length: 257 }, (_, port) => `127.0.0.1:${port + 1}`)
    expect(problems({ peers: many })[0]?.message).toContain("`limits.bootstrapPeers` is 256 by default")
  })

  it("treats cluster names that look alike as the same", () => {
    expect(made({ cluster: "Zu\u0308rich" }).network.cluster).toBe("Z\u00fcrich")
    expect(made({ cluster: "e\u0301".repeat(127) }).network.cluster).toHaveLength(127)
  })

  it("requires encryption when there is a key, unless a mode is given", () => {
    expect(made({}).network).toMatchObject({ encryption: "off", keys: [] })
    expect(made({ clusterKey: hex }).network).toMatchObject({ encryption: "required", clusterKeyFile: undefined })
    expect(made({ clusterKeyFile: "f" }).network).toMatchObject({ encryption: "required", keys: [] })
    expect(made({ clusterKey: hex, encryption: "off" }).network.encryption).toBe("off")
    expect(made({ clusterKeyFile: "f", encryption: "accept" }).network.encryption).toBe("accept")
    for (const encryption of ["accept", "required"] as const) {
      expect(problems({ encryption })).toMatchObject([{ key: "encryption" }])
    }
    expect(problems({ clusterKey: hex, clusterKeyFile: "f" })).toMatchObject([{ key: "clusterKey" }])
  })

  it("accepts true and false in place of a mode of encryption", () => {
    expect(made({ clusterKey: hex, encryption: true }).network.encryption).toBe("required")
    expect(made({ clusterKey: hex, encryption: false }).network.encryption).toBe("off")
    expect(problems({ encryption: true })).toMatchObject([{ key: "encryption" }])
  })

  it("accepts a key in each form, and never shows it", () => {
    const key = Result.getOrThrow(ClusterKey.fromText(hex))
    for (const clusterKey of [hex, ` ${hex.toUpperCase()}\n`, Redacted.make(hex), key]) {
      const config = made({ clusterKey })
      expect(config.network.keys.map(ClusterKey.toText)).toEqual([hex])
      assert.isTrue(Equal.equals(config.network.clusterKey, key))
      expect(`${JSON.stringify(config)}${inspect(config, { depth: 9, showHidden: true })}`).not.toContain("abab")
    }
    for (const clusterKey of [`${hex}a`, Redacted.make(hex.slice(1)), "", Redacted.make(`${hex.slice(1)}x`)]) {
      const found = problems({ clusterKey })
      expect(found).toMatchObject([{ key: "clusterKey" }])
      expect(found[0]?.message).toContain("`clusterKey` is a secret, and not shown; expected 64 hexadecimal digits")
      expect(found[0]?.message).not.toContain("abab")
    }
    const strange = problems(untyped(`{ "clusterKey": { "key": "${hex}" }, "clusterkey": "${hex}" }`))
    expect(strange).toHaveLength(2)
    expect(JSON.stringify(strange)).not.toContain("abab")
  })

  it("reports every problem at once, one line each", () => {
    const result = ClusterConfig.make({
      bind: "nowhere",
      nodeId: "x",
      gossip: { fanout: 0, interval: -1 },
      probes: { timeout: 2000, suspectTimeout: 0 }
    })
    const error = Result.getOrThrow(Result.flip(result))
    expect(error._tag).toBe("ClusterConfigError")
    expect(error.problems.map((problem) => problem.key)).toEqual([
      "bind",
      "nodeId",
      "gossip.fanout",
      "gossip.interval",
      "probes.suspectTimeout",
      "probes.timeout"
    ])
    expect(error.message.split("\n")).toEqual([
      "The configuration cannot be used:",
      ...error.problems.map((problem) => `  ${problem.message}`)
    ])
  })

  it("reports no conflict with the default of a key whose value is refused", () => {
    expect(problems({ probes: { interval: -1, timeout: 900 } })).toMatchObject([{ key: "probes.interval" }])
    expect(problems({ bind: "nowhere", peers: ["10.0.0.1:1"] })).toMatchObject([{ key: "bind" }])
  })

  it("refuses options that do not exist", () => {
    expect(
      problems(untyped(`{ "bnd": "x", "gossip": { "fanot": 1, "interval_ms": 2 }, "probes": 3, "zzzzzz": 1 }`))
    ).toMatchObject([
      { key: "bnd", message: "`bnd` is not an option; did you mean `bind`?" },
      { key: "gossip.fanot", message: "`gossip.fanot` is not an option; did you mean `gossip.fanout`?" },
      { key: "gossip.interval_ms", message: "`gossip.interval_ms` is not an option; did you mean `gossip.interval`?" },
      { key: "probes", message: "`probes` is 3; expected an object of options" },
      { key: "zzzzzz", message: "`zzzzzz` is not an option" }
    ])
    expect(problems(untyped(`{ "gossip": [], "probes": null }`))).toHaveLength(2)
  })
})

describe("a profile", () => {
  const times = (options: ClusterOptions) => {
    const { gossip, probes } = made(options)
    return [gossip.interval, probes.interval, probes.timeout, probes.suspectTimeout, probes.suspectJitter].map(
      Duration.toMillis
    )
  }

  it("sets the times of probes, suspicions and gossip", () => {
    expect(times({})).toEqual([200, 1000, 500, 3000, 1000])
    expect(times({ profile: "lan" })).toEqual([200, 1000, 500, 3000, 1000])
    expect(times({ profile: "local" })).toEqual([100, 500, 200, 1500, 300])
    expect(times({ profile: "wan" })).toEqual([500, 2000, 1500, 8000, 1000])
    expect(made({ profile: "wan" }).profile).toBe("wan")
  })

  it("sets nothing that is given", () => {
    expect(times({ profile: "local", probes: { interval: "2 seconds" } })).toEqual([100, 2000, 200, 1500, 300])
  })

  it("is named where its times conflict with a value that is given", () => {
    expect(problems({ profile: "local", probes: { timeout: 700 } }).map(({ message }) => message)).toEqual([
      '`probes.timeout` is 700 ms and `probes.interval` of the profile "local" is 500 ms; the timeout must be less than ' +
        "the interval, which leaves the rest of it for indirect probes: lower the timeout or raise the interval"
    ])
  })

  it("has a known name", () => {
    expect(problems(untyped(`{ "profile": "lam" }`))).toEqual([
      { key: "profile", message: '`profile` is "lam"; expected one of "lan", "local", "wan"' }
    ])
  })
})

describe("withKeys", () => {
  const key = (byte: number) => ClusterKey.fromBytes(new Uint8Array(32).fill(byte))

  it("adds the keys of a file", () => {
    const config = made({ clusterKeyFile: "f", cluster: "prod" })
    const loaded = Result.getOrThrow(ClusterConfig.withKeys(config, [key(1), key(2)]))
    assert.isTrue(Equal.equals(loaded.network.keys, [key(1), key(2)]))
    assert.isTrue(Equal.equals({ ...loaded, network: { ...loaded.network, keys: [] } }, config))
    expect(config.network.keys).toEqual([])
  })

  it("refuses no keys where encryption needs one", () => {
    const error = Result.getOrThrow(Result.flip(ClusterConfig.withKeys(made({ clusterKeyFile: "f" }), [])))
    expect(error.problems).toMatchObject([{ key: "encryption", message: expect.stringContaining("gossip keygen") }])
    expect(Result.isSuccess(ClusterConfig.withKeys(ClusterConfig.defaults, []))).toBe(true)
  })
})
