/** The commands that ask a running node, in this process. */
import { chmodSync, writeFileSync } from "node:fs"
import * as Net from "node:net"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Program from "../integration/Program.ts"
import {
  directory,
  ended,
  freePort,
  line,
  outcome,
  refused,
  running,
  start,
  type Options,
  timeout,
  named
} from "./InProcess.ts"

const quick = {
  GOSSIP_PROBES_INTERVAL_MS: "300",
  GOSSIP_PROBES_TIMEOUT_MS: "150",
  GOSSIP_PROBES_SUSPECT_TIMEOUT_MS: "300"
}
const token = "a-token-that-is-long-enough"
const firstKey = "6f1c0f7e6d5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c"
const secondKey = "00d1c2b3a495867768594a3b2c1d0e0f1f2e3d4c5b6a79880716253443526170"

const secret = (path: string, text: string): string => {
  writeFileSync(path, `${text}\n`)
  chmodSync(path, 0o600)
  return path
}

/** A node with a Unix socket. */
const served = (args: ReadonlyArray<string> = [], env: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const socket = join(yield* directory, "admin.sock")
    const node = yield* running(args, { env: { ...quick, ...env, GOSSIP_ADMIN_SOCKET: socket } })
    yield* line(node, /INFO {2}HTTP at /)
    return { ...node, socket }
  })

/** The output of a command that must succeed. */
const printed = (args: ReadonlyArray<string>, options: Options = {}) =>
  Effect.map(outcome(args, options), ({ end, stderr, stdout }) => {
    assert.strictEqual(end, 0, stderr)
    assert.strictEqual(stderr, "")
    assert.notInclude(stdout, "\x1b")
    return stdout
  })

describe("a running node", () => {
  it.live(
    "prints its members, its health, its changes, and why a member is dead",
    () =>
      Effect.gen(function* () {
        const first = yield* served(["--name", "first", "--tag", "zone=a"])
        // A process of its own, because it is killed.
        const second = yield* Program.running(["--peers", first.address], { env: quick })
        yield* line(first, new RegExp(`joined {2}${Program.named(second)}: `))
        const at = ["--endpoint", first.socket]

        const table = (yield* printed(["members", ...at])).trimEnd().split("\n")
        assert.strictEqual(table.length, 3)
        assert.match(table[0] ?? "", /^STATUS +ID +ADDRESS +NAME +RTT +SINCE +TAGS +WHY$/)
        assert.match(
          table[1] ?? "",
          new RegExp(`^alive +${first.id} +${first.address} +first +- .* zone=a +this node$`)
        )
        assert.match(table[2] ?? "", new RegExp(`^alive +${second.id} +${second.address} .*it sent a message$`))

        const { nodes } = JSON.parse(yield* printed(["members", "--json", ...at]))
        assert.deepStrictEqual(
          nodes.map(({ addr, id, status }: Record<string, unknown>) => ({ addr, id, status })),
          [
            { addr: first.address, id: first.id, status: "alive" },
            { addr: second.address, id: second.id, status: "alive" }
          ]
        )

        assert.strictEqual(yield* printed(["tags", "set", "zone=b", "rack=7", ...at]), "zone=b rack=7\n")
        assert.strictEqual(yield* printed(["tags", "unset", "rack", ...at]), "zone=b\n")
        const inZone = (zone: string) => printed(["members", "--json", "--tag", `zone=${zone}`, ...at])
        assert.deepStrictEqual(JSON.parse(yield* inZone("a")), { nodes: [] })
        const [found] = JSON.parse(yield* inZone("b")).nodes
        assert.deepInclude(found, { id: first.id, name: "first", tags: { zone: "b" } })
        const refusedTags = yield* outcome(["tags", "set", "@name=x", ...at])
        assert.notStrictEqual(refusedTags.end, 0)
        assert.include(refusedTags.stderr, 'the tag "@name" starts with "@", which is reserved')
        yield* Program.line(second, new RegExp(`changed ${named(first)}: tags zone=b`))

        const status = yield* printed(["status", ...at])
        assert.match(status, new RegExp(`^node +${first.id} \\(${first.address}\\), incarnation \\d+$`, "m"))
        assert.match(status, /^health +ok$/m)
        assert.match(status, /^ready +yes$/m)
        assert.match(status, /^members +2 alive$/m)

        const json = yield* start(["events", "--json", ...at])
        const events = yield* start(["events", ...at])
        const watch = yield* start(["members", "--watch", ...at])
        yield* line(watch, /^alive +\d+ .*this node$/)
        const inZoneA = yield* start(["members", "--watch", "--tag", "zone=a", ...at])
        yield* line(inZoneA, /^\S+Z following the node at /)
        assert.notMatch(inZoneA.stdout(), /^alive /m)
        assert.strictEqual(yield* printed(["tags", "set", "zone=a", ...at]), "zone=a\n")
        yield* line(inZoneA, new RegExp(`^\\S+Z changed ${named(first)}: tags zone=a`))
        for (const started of [events, watch]) yield* line(started, /^\S+Z following the node at /)
        assert.strictEqual(yield* printed(["event", "send", "deploy", "now", ...at]), "published deploy\n")
        for (const started of [events, watch]) {
          yield* line(started, new RegExp(`^\\S+Z event {3}${named(first)}: deploy "now"$`))
        }
        const [sent = ""] = yield* line(json, /^(\{"kind":"Published".*)$/)
        assert.deepInclude(JSON.parse(sent), { name: "deploy", payload: '"now"', origin: first.id })
        const answers = yield* printed(["query", "ping", ...at])
        assert.match(answers, new RegExp(`^first ${named(first)}: \\{"version":"[^"]+","uptimeMs":\\d+\\}$`, "m"))
        assert.match(answers, new RegExp(` ${Program.named(second)}: \\{"version":`, "m"))
        assert.strictEqual(yield* printed(["query", "none", "--timeout-ms", "10", ...at]), "no member answered\n")
        second.process.kill("SIGKILL")
        const about = Program.named(second)
        for (const started of [events, watch]) {
          yield* line(started, new RegExp(`^\\S+Z suspect ${about}: `))
          yield* line(started, new RegExp(`^\\S+Z dead {4}${about}: `))
          assert.notInclude(started.stdout(), "\x1b")
        }
        assert.notMatch(inZoneA.stdout(), new RegExp(`(suspect|dead) +${about}`))
        const [died = ""] = yield* line(json, /^(\{"kind":"Died".*)$/)
        assert.strictEqual(JSON.parse(died).member.id, second.id)
        for (const started of [events, json, watch, inZoneA]) {
          yield* started.signal("SIGINT")
          assert.strictEqual(yield* ended(started), 0)
          assert.strictEqual(started.stderr(), "")
        }

        const [headline, blank, ...history] = (yield* printed(["explain", second.id, ...at])).trimEnd().split("\n")
        assert.match(headline ?? "", new RegExp(`^${about} has been dead since \\S+Z: (suspect for|reported by)`))
        assert.strictEqual(blank, "")
        assert.match(history[0] ?? "", /Z {2}Joined: /)
        assert.match(history.at(-1) ?? "", /Z {2}Declared dead: /)
      }),
    timeout
  )

  it.live(
    "is followed across a restart",
    () =>
      Effect.gen(function* () {
        const path = yield* directory
        const env = { ...quick, GOSSIP_ADMIN_SOCKET: join(path, "admin.sock") }
        const first = yield* running([], { env })
        yield* line(first, /HTTP at /)
        const events = yield* start(["events", "--endpoint", env.GOSSIP_ADMIN_SOCKET])
        yield* line(events, /^\S+Z following the node at /)
        const joiner = yield* running(["--peers", first.address], { env: quick })
        yield* line(events, new RegExp(`^\\S+Z joined {2}${named(joiner)}: `))
        yield* first.signal("SIGTERM")
        assert.strictEqual(yield* ended(first), 0)
        yield* line(events, /^\S+Z no connection: /)
        const again = yield* running([], { env })
        yield* line(events, /^\S+Z connected again$/)
        const other = yield* running(["--peers", again.address], { env: quick })
        yield* line(events, new RegExp(`^\\S+Z joined {2}${named(other)}: `))
        assert.strictEqual(events.stdout().match(/no connection/g)?.length, 1)
      }),
    timeout
  )

  it.live(
    "changes its keys, read from a file or standard input, and never prints one",
    () =>
      Effect.gen(function* () {
        const path = yield* directory
        const keyFile = secret(join(path, "cluster.key"), firstKey)
        const node = yield* served(["--cluster-key-file", keyFile])
        const at = ["--endpoint", node.socket]
        const [old = ""] =
          /^([0-9a-f]{8}) {2}encrypts and decrypts\n$/.exec(yield* printed(["keys", "list", ...at]))?.slice(1) ?? []
        assert.notStrictEqual(old, "")

        const added = yield* printed(["keys", "add", secret(join(path, "new.key"), secondKey), ...at])
        const [fresh = ""] =
          new RegExp(`^${old} {2}encrypts and decrypts\n([0-9a-f]{8}) {2}decrypts\n$`).exec(added)?.slice(1) ?? []
        assert.notStrictEqual(fresh, "", added)

        assert.strictEqual(
          yield* printed(["keys", "use", fresh, ...at]),
          `${fresh}  encrypts and decrypts\n${old}  decrypts\n`
        )
        yield* refused(["keys", "remove", fresh, ...at], [new RegExp(`^gossip: key ${fresh} is the primary`)])
        assert.strictEqual(yield* printed(["keys", "remove", old, ...at]), `${fresh}  encrypts and decrypts\n`)

        yield* refused(["keys", "use", old, ...at], [new RegExp(`^gossip: no key .* ${old}$`)])
        yield* refused(["keys", "use", firstKey, ...at], [/^gossip: FINGERPRINT has 8 hexadecimal digits/])
        yield* refused(
          ["keys", "add", secret(join(path, "bad.key"), "12"), ...at],
          [/bad\.key: line 1: expected a key/]
        )
        yield* refused(["keys", "add", ...at], [/^gossip: standard input: expected a key .* found none$/], {
          stdin: ""
        })
        yield* refused(
          ["keys", "add", ...at],
          [/^gossip: name the file with the key, or give the key on standard input/]
        )
        assert.notInclude(node.stdout(), secondKey.slice(0, 16))
      }),
    timeout
  )

  it.live(
    "is found by its configuration, and can be operated over a network only with its token",
    () =>
      Effect.gen(function* () {
        const path = yield* directory
        const port = yield* freePort
        const tokenFile = secret(join(path, "admin.token"), token)
        const config = join(path, "gossip.toml")
        writeFileSync(config, `[metrics]\nserver_port = ${port}\n`)
        const node = yield* running(["--config", config], { env: { GOSSIP_ADMIN_TOKEN_FILE: tokenFile } })
        yield* line(node, /HTTP at /)

        assert.match(yield* printed(["status", "--config", config]), /^ready +yes$/m)
        assert.match(yield* printed(["status"], { env: { GOSSIP_METRICS_SERVER_PORT: `${port}` } }), /^ready +yes$/m)
        assert.match(yield* printed(["status", "-e", `127.0.0.1:${port}`]), /^ready +yes$/m)

        const wrong = secret(join(path, "wrong.token"), "another-token-than-the-right-one")
        const refusal = [/^gossip: the node at http:\/\/127\.0\.0\.1:\d+ refuses this token: .*--token-file FILE$/]
        yield* refused(["leave", "--config", config], refusal)
        yield* refused(["leave", "--config", config, "--token-file", wrong], refusal)
        yield* refused(["leave", "--config", config, "--token-file", "/no/such"], [/^gossip: cannot read \/no\/such: /])
        yield* refused(["explain", "1", "--config", config], [/^gossip: there is no member 1, and no history of one$/])

        assert.match(
          yield* printed(["leave", "--config", config, "--token-file", tokenFile]),
          /^the node at .* has left the cluster$/m
        )
        assert.strictEqual(yield* ended(node), 0)
        yield* refused(
          ["status", "--config", config],
          [/^gossip: cannot reach .*: nothing listens there; set `metrics\.server_port`/]
        )
      }),
    timeout
  )

  it.live(
    "that cannot be reached is reported in one line on standard error, with exit code 1",
    () =>
      Effect.gen(function* () {
        yield* refused(["members"], [/^gossip: no endpoint: .*`metrics\.server_port` \(GOSSIP_METRICS_SERVER_PORT\)/])
        yield* refused(
          ["members", "-e", "/no/such.sock"],
          [/^gossip: cannot reach .*: there is no such socket; set `admin\.so/]
        )
        yield* refused(["members", "-e", "nowhere"], [/^gossip: --endpoint is "nowhere"; expected http:/])
        yield* refused(["explain", "x", "-e", "/no/such.sock"], [/^gossip: ID is "x"; expected a node id/])
        yield* refused(["explain", "-e", "/no/such.sock"], [/^gossip: ID is missing$/])
        yield* refused(["members", "--json", "--watch", "-e", "/x"], [/^gossip: --json and --watch exclude each other/])

        const stranger = Net.createServer((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"))
        const port = yield* Effect.acquireRelease(
          Effect.callback<number>((resume) => {
            stranger.listen(0, "127.0.0.1", () => {
              const address = stranger.address()
              resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
            })
          }),
          () => Effect.sync(() => stranger.close())
        )
        yield* refused(
          ["members", "-e", `127.0.0.1:${port}`],
          [/^gossip: the server at .* is not a node of this version/]
        )
      }),
    timeout
  )
})
