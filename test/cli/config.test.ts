/** `gossip config` from outside: what is wrong with a file, and what a node would be configured with. */
import { chmodSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Toml } from "effect/encoding"
import { directory, file, outcome, refused, timeout } from "./InProcess.ts"

const secret = "6f1c0f7e6d5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c"

describe("gossip config check", () => {
  it.live(
    "says that a file is valid",
    () =>
      Effect.gen(function* () {
        const path = yield* file(`[network]\nbind = "127.0.0.1:7946"\n`)
        assert.deepStrictEqual(yield* outcome(["config", "check", path]), {
          end: 0,
          stdout: `${path} is valid\n`,
          stderr: ""
        })
      }),
    timeout
  )

  it.live(
    "warns of what may not be meant, and exits 0",
    () =>
      Effect.gen(function* () {
        const path = yield* file(
          `[network]\nbind = "0.0.0.0:7946"\ncluster_key_file = "/no/such.key"\nencryption = "accept"\nmax_inbound_rate = 0\n[admin]\ntoken_file = "/no/such.token"\n[gossip]\nfanout = 9\n`
        )
        const { end, stderr, stdout } = yield* outcome(["config", "check", path], {
          env: { GOSSIP_GOSSIP_FANOUT: "8", GOSSIP_GOSSIP_FANUOT: "8", GOSSIP_LOG_LEVEL: "info" }
        })
        assert.strictEqual(end, 0)
        assert.strictEqual(stdout, `${path} is valid\n`)
        const [unknown, overridden, unlimited, accept, key, token, ...more] = stderr.trimEnd().split("\n")
        assert.match(unknown ?? "", /^gossip: warning: .*GOSSIP_GOSSIP_FANUOT .*did you mean GOSSIP_GOSSIP_FANOUT\?$/)
        assert.match(overridden ?? "", /^gossip: warning: `gossip\.fanout` has no effect, as GOSSIP_GOSSIP_FANOUT over/)
        assert.match(unlimited ?? "", /^gossip: warning: `network\.max_inbound_rate` is 0, so a flood /)
        assert.match(accept ?? "", /^gossip: warning: `network\.encryption` is "accept", which protects from nothing/)
        assert.match(
          key ?? "",
          /^gossip: warning: cannot read \/no\/such\.key: there is no such file; without it a node/
        )
        assert.match(token ?? "", /^gossip: warning: cannot read \/no\/such\.token: there is no such file; without it/)
        assert.deepStrictEqual(more, [])
      }),
    timeout
  )

  it.live(
    "warns of a node that others reach and anybody can lie to, and of a key file that others can read",
    () =>
      Effect.gen(function* () {
        const open = yield* file(`[network]\nbind = "0.0.0.0:7946"\n`)
        assert.match(
          (yield* outcome(["config", "check", open])).stderr,
          /^gossip: warning: messages are not encrypted, so whoever can send to 0\.0\.0\.0:7946 can lie; gossip keygen/
        )
        const keyFile = join(yield* directory, "cluster.key")
        writeFileSync(keyFile, `${secret}\n`)
        chmodSync(keyFile, 0o644)
        const sealed = yield* file(`[network]\ncluster_key_file = ${JSON.stringify(keyFile)}\n`)
        const { stderr } = yield* outcome(["config", "check", sealed])
        assert.match(stderr, /^gossip: warning: key file \S+ is open to other users \(mode 0644\): chmod 600 it\n$/)
      }),
    timeout
  )

  it.live(
    "names every mistake, and exits 1",
    () =>
      Effect.gen(function* () {
        const path = yield* file(
          `[gossip]\nfannout = 3\nmax_sends = 0\n[network]\ncluster_key = "${secret.slice(1)}"\n`
        )
        yield* refused(
          ["config", "check", path],
          [
            /^gossip: unknown key `gossip\.fannout`; did you mean `gossip\.fanout`\? \(.*gossip\.toml\)$/,
            /^gossip: `gossip\.max_sends` in .*gossip\.toml is 0; expected a whole number/,
            /^gossip: `network\.cluster_key` in .*gossip\.toml is a secret, and not shown; expected 64 hexadecimal/,
            /^gossip: GOSSIP_PROBES_INTERVAL_MS .*-1/
          ],
          { env: { GOSSIP_PROBES_INTERVAL_MS: "-1" } }
        )
        yield* refused(["config", "check", yield* file("[gossip\n")], [/^gossip: .*gossip\.toml: .*line 1/])
        yield* refused(["config", "check", "/no/such.toml"], [/^gossip: cannot read \/no\/such\.toml: there is no/])
        yield* refused(["config", "check"], [/^gossip: FILE is missing$/])
      }),
    timeout
  )
})

describe("gossip config print", () => {
  it.live(
    "prints every value with where it comes from, and no secret",
    () =>
      Effect.gen(function* () {
        const path = yield* file(`[network]\nnode_id = 7\ncluster = "prod"\n[gossip]\nfanout = 9\n`)
        const { end, stderr, stdout } = yield* outcome(["config", "print", "--config", path, "--bind", "127.0.0.1:7"], {
          env: {
            GOSSIP_CLUSTER_KEY: secret,
            GOSSIP_GOSSIP_FANOUT: "8",
            GOSSIP_NETWORK_PEERS_0: "127.0.0.1:1",
            GOSSIP_XYZZY: "1"
          }
        })
        assert.strictEqual(end, 0)
        assert.match(stderr, /^gossip: warning: unknown environment variable GOSSIP_XYZZY has no effect\n$/)
        const lines = new Map(
          stdout.split("\n").flatMap((line) => {
            const [, value = "", origin] = /^(.*\S) +# (.*)$/.exec(line) ?? []
            return origin === undefined ? [] : [[value, origin] as const]
          })
        )
        assert.strictEqual(lines.get(`bind = "127.0.0.1:7"`), "from --bind")
        assert.strictEqual(lines.get(`peers = ["127.0.0.1:1"]`), "from GOSSIP_NETWORK_PEERS_0")
        assert.strictEqual(lines.get(`node_id = "7"`), `from ${path}`)
        assert.strictEqual(lines.get(`cluster = "prod"`), `from ${path}`)
        assert.strictEqual(lines.get("fanout = 8"), "from GOSSIP_GOSSIP_FANOUT")
        assert.strictEqual(lines.get(`# cluster_key = "<redacted>"`), "from GOSSIP_CLUSTER_KEY")
        assert.strictEqual(lines.get(`encryption = "required"`), "default, as a key is given")
        assert.strictEqual(lines.get("# advertise ="), "default")
        assert.strictEqual(lines.get("heal_interval_ms = 10000"), "default")
        assert.notInclude(stdout, secret.slice(0, 8))
      }),
    timeout
  )

  it.live(
    "tells values of the profile from those that are given",
    () =>
      Effect.gen(function* () {
        const path = yield* file(`profile = "wan"\n[probes]\ntimeout_ms = 700\n`)
        const args = ["--config", path, "--probes-interval-ms", "1500", "--no-extensions-digest", "--metrics-port", "9"]
        const { end, stderr, stdout } = yield* outcome(["config", "print", ...args])
        assert.deepStrictEqual([end, stderr], [0, ""])
        const lines = stdout.split("\n").map((line) => line.replace(/ +# /, "  # "))
        assert.include(lines, `profile = "wan"  # from ${path}`)
        assert.include(lines, `interval_ms = 500  # from the profile "wan"`)
        assert.include(lines, "interval_ms = 1500  # from --probes-interval-ms")
        assert.include(lines, `timeout_ms = 700  # from ${path}`)
        assert.include(lines, `suspect_timeout_ms = 8000  # from the profile "wan"`)
        assert.include(lines, "digest = false  # from --extensions-digest")
        assert.include(lines, "server_port = 9  # from --metrics-server-port")
        assert.include(lines, "witnesses = 6  # default")
      }),
    timeout
  )

  it.live(
    "prints what is itself a file, with the same values",
    () =>
      Effect.gen(function* () {
        const example = new URL("../../gossip.example.toml", import.meta.url)
        const { stdout } = yield* outcome(["config", "print"])
        // The example leaves out what follows from other keys: encryption, and the times of the profile.
        const { gossip, network, probes, ...others } = yield* Effect.fromResult(
          Toml.parse(readFileSync(example, "utf8"))
        )
        const times = { interval_ms: 1000, timeout_ms: 500, suspect_timeout_ms: 3000, suspect_jitter_ms: 1000 }
        assert.deepStrictEqual(yield* Effect.fromResult(Toml.parse(stdout)), {
          ...others,
          network: { ...Object(network), encryption: "off" },
          gossip: { ...Object(gossip), interval_ms: 200 },
          probes: { ...Object(probes), ...times }
        })
        const again = yield* outcome(["config", "print", "--config", yield* file(stdout)])
        assert.strictEqual(again.end, 0)
        assert.deepStrictEqual(
          yield* Effect.fromResult(Toml.parse(again.stdout)),
          yield* Effect.fromResult(Toml.parse(stdout))
        )
      }),
    timeout
  )

  it.live(
    "refuses what gossip run refuses",
    () =>
      Effect.gen(function* () {
        yield* refused(["config", "print", "--bind", "nonsense"], [/^gossip: --bind .*"nonsense".*IP address/])
        yield* refused(["config", "print", "--config", "/no/such.toml"], [/^gossip: cannot read \/no\/such\.toml/])
        yield* refused(["config", "prnt"], [/^gossip: unknown command "prnt"; did you mean print\?$/])
      }),
    timeout
  )
})
