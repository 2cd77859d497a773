/** Cluster keys of `gossip run`: their sources, how they change, and that none is ever printed. */
import { chmodSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { directory, ended, joined, line, type Running, running, start, timeout } from "./InProcess.ts"

const first = "6f1c0f7e6d5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c"
const second = "00d1c2b3a495867768594a3b2c1d0e0f1f2e3d4c5b6a79880716253443526170"

/** Whether a text contains a part of the first key. */
const leaks = (text: string): boolean =>
  Array.from({ length: first.length - 7 }, (_, at) => first.slice(at, at + 8)).some((part) =>
    text.toLowerCase().includes(part)
  )

const write = (path: string, text: string) => {
  writeFileSync(path, text)
  chmodSync(path, 0o600)
}

/** Starts a node that compares its table all the time, so that what it cannot read shows soon. */
const busy = (args: ReadonlyArray<string>) =>
  running(args, {
    env: {
      GOSSIP_GOSSIP_ANTI_ENTROPY_INTERVAL_MS: "100",
      GOSSIP_GOSSIP_HEAL_INTERVAL_MS: "100",
      GOSSIP_PROBES_TIMEOUT_MS: "900"
    }
  })

const unreadable = /cannot read datagrams of/g
const inTheClear = /dropping datagrams of .*: they are not encrypted/g

const times = (node: Running, pattern: RegExp): number => node.stdout().match(pattern)?.length ?? 0

describe("the cluster key", () => {
  it.live(
    "is read from every source, and is not printed",
    () =>
      Effect.gen(function* () {
        const path = yield* directory
        const keyFile = join(path, "cluster.key")
        const config = join(path, "gossip.toml")
        write(keyFile, `${first}\n`)
        write(config, `[network]\ncluster = "prod"\ncluster_key = "${first}"\n`)
        const sources: ReadonlyArray<readonly [args: ReadonlyArray<string>, env: Record<string, string>]> = [
          [["--config", config], {}],
          [["--cluster", "prod"], { GOSSIP_CLUSTER_KEY: first }],
          [["--cluster", "prod"], { GOSSIP_NETWORK_CLUSTER_KEY: ` ${first.toUpperCase()} ` }],
          [["--cluster", "prod", "--cluster-key-file", keyFile], {}],
          [["--cluster", "prod"], { GOSSIP_CLUSTER_KEY_FILE: keyFile }],
          [["--cluster", "prod", "--cluster-key", first], {}]
        ]
        const nodes: Array<Running> = []
        const fingerprints = new Set<string | undefined>()
        for (const [args, env] of sources) {
          const peers = nodes.flatMap((node) => ["--peers", node.address])
          // A misspelt variable is reported without its value.
          const node = yield* running([...args, ...peers, "--log-level", "all"], {
            env: { ...env, GOSSIP_CLUSTERKEY: first }
          })
          const [fingerprint] = yield* line(
            node,
            /INFO {2}cluster "prod": datagrams are encrypted; key ([0-9a-f]{8}) encrypts$/
          )
          fingerprints.add(fingerprint)
          yield* line(
            node,
            /WARN {2}unknown environment variable GOSSIP_CLUSTERKEY has no effect; did you mean GOSSIP_/
          )
          for (const other of nodes) yield* joined(other, node)
          nodes.push(node)
        }
        assert.strictEqual(fingerprints.size, 1)
        for (const node of nodes) yield* node.signal("SIGTERM")
        for (const node of nodes) {
          assert.strictEqual(yield* ended(node), 0)
          assert.isFalse(leaks(node.stdout() + node.stderr()), node.stdout())
        }
      }),
    timeout
  )

  it.live(
    "is not printed in errors either",
    () =>
      Effect.gen(function* () {
        const path = yield* directory
        const name = (file: string, text: string) => {
          write(join(path, file), text)
          return join(path, file)
        }
        const bad = `${first}0`
        const key = (text: string) => `[network]\ncluster_key = ${text}\n`
        const mistakes: ReadonlyArray<readonly [args: ReadonlyArray<string>, env?: Record<string, string>]> = [
          [["--cluster-key", bad]],
          [["--cluster-key", `${first.slice(1)}x`]],
          [["--cluster-key", first, "--cluster-key", first]],
          [["--cluster-key", first, first]],
          [[first]],
          [[`--cluster-key-${first}`]],
          [[`--clusterkey=${first}`]],
          [["--cluster-key", first, "--cluster-key-file", name("good.key", first)]],
          [["--cluster-key-file", name("bad.key", `${first}\n${bad}\n`)]],
          [["--cluster-key-file", name("pair.key", `${first} ${first}\n`)]],
          [["--cluster-key-file", first]],
          [["--cluster-key-file", bad]],
          [["--cluster", first]],
          [["--config", first]],
          [["--bind", first]],
          [["--peers", first]],
          [["--advertise", first]],
          [["--node-id", first]],
          [["--allow", first]],
          [["--encryption", first]],
          [["--log-level", first]],
          [[], { GOSSIP_CLUSTER_KEY: bad }],
          [[], { GOSSIP_CLUSTER_KEY: first, GOSSIP_NETWORK_CLUSTER_KEY: second }],
          [[], { GOSSIP_CLUSTER_KEY: first, GOSSIP_CLUSTER_KEY_FILE: join(path, "good.key") }],
          [[], { GOSSIP_CLUSTER_KEY_FILE: first }],
          [[], { GOSSIP_PROBES_INTERVAL_MS: first }],
          [["--config", name("bad.toml", key(`"${bad}"`))]],
          [["--config", name("list.toml", key(`["${first}"]`))]],
          [["--config", name("table.toml", key(`{ a = "${first}" }`))]],
          [["--config", name("bare.toml", key(first))]],
          [["--config", name("open.toml", key(`"${first}`))]],
          [["--config", name("both.toml", `${key(`"${first}"`)}cluster_key_file = "good.key"\n`)]],
          [["--config", name("section.toml", `[gossip]\ncluster_key = "${first}"\n`)]],
          [["--config", name("slip.toml", `[network]\nclustr_key = "${first}"\n`)]]
        ]
        yield* Effect.forEach(
          mistakes,
          ([args, env = {}]) =>
            Effect.gen(function* () {
              const started = yield* start(["run", "--log-level", "all", ...args], { env })
              const what = JSON.stringify([args, env])
              assert.strictEqual(yield* ended(started), 1, what)
              const text = started.stdout() + started.stderr()
              assert.isFalse(leaks(text), `${what}\n${text}`)
              assert.match(started.stderr(), /^gossip: .*\n$/, what)
            }),
          { concurrency: 4, discard: true }
        )
      }),
    timeout
  )

  it.live(
    "changes on each node in turn, and no member is suspected",
    () =>
      Effect.gen(function* () {
        const path = yield* directory
        const [fileA, fileB] = [join(path, "a.key"), join(path, "b.key")]
        for (const file of [fileA, fileB]) write(file, `${first}\n`)
        const a = yield* busy(["--cluster-key-file", fileA])
        const [oldKey = ""] = yield* line(a, /INFO {2}datagrams are encrypted; key ([0-9a-f]{8}) encrypts$/)
        const b = yield* busy(["--cluster-key-file", fileB, "--peers", a.address])
        yield* joined(a, b)

        const change = (node: Running, file: string, text: string, pattern: RegExp) =>
          Effect.gen(function* () {
            write(file, text)
            yield* node.signal("SIGHUP")
            const [key = ""] = yield* line(node, pattern)
            // Time for all kinds of messages, while the other node still has the keys of before.
            yield* Effect.sleep("1200 millis")
            return key
          })
        const added = new RegExp(
          `INFO {2}SIGHUP: read .* again; key ${oldKey} encrypts, datagrams with key ([0-9a-f]{8}) are accepted too$`
        )
        const newKey = yield* change(a, fileA, `${first}\n${second}\n`, added)
        yield* change(b, fileB, `${first}\n${second}\n`, added)
        const swapped = new RegExp(
          `INFO {2}SIGHUP: .* key ${newKey} encrypts, datagrams with key ${oldKey} are accepted too$`
        )
        yield* change(a, fileA, `${second}\n${first}\n`, swapped)
        yield* change(b, fileB, `${second}\n${first}\n`, swapped)
        const removed = new RegExp(`INFO {2}SIGHUP: .* key ${newKey} encrypts$`)
        yield* change(a, fileA, `${second}\n`, removed)
        yield* change(b, fileB, `${second}\n`, removed)
        for (const node of [a, b]) {
          assert.notMatch(node.stdout(), / (WARN|ERROR) /)
          assert.notMatch(node.stdout(), / (suspect|dead|left) /)
        }

        // A bad key file changes nothing, and is reported in one line each time.
        write(fileA, `${second}\n${first}0\n`)
        yield* a.signal("SIGHUP")
        yield* line(a, /ERROR SIGHUP: key file .*: line 2: expected a key of 64 .* got 65 characters; the keys are un/)
        write(fileA, "")
        yield* a.signal("SIGHUP")
        yield* line(a, /ERROR SIGHUP: key file .*: expected a key of .*, found none; the keys are unchanged$/)
        assert.strictEqual(times(a, / ERROR /g), 2)

        // A node with the old key is no longer accepted, and one with the new key is.
        const outsider = yield* busy(["--cluster-key", first, "--peers", a.address])
        const member = yield* busy(["--cluster-key", second, "--peers", a.address])
        yield* joined(a, member)
        yield* joined(b, member)
        yield* line(a, new RegExp(`WARN {2}cannot read datagrams of ${outsider.address}, which says that it is node `))
        assert.notInclude(a.stdout(), `joined  ${outsider.id}`)
        for (const node of [a, b, outsider, member]) {
          assert.isFalse(leaks(node.stdout() + node.stderr()))
          assert.notMatch(node.stdout(), / (suspect|dead) /)
        }
      }),
    timeout
  )

  it.live.each<readonly [what: string, args: ReadonlyArray<string>, other: ReadonlyArray<string>, told: RegExp]>([
    ["different keys", ["--cluster-key", first], ["--cluster-key", second], unreadable],
    [
      "one key and different names",
      ["--cluster-key", first, "--cluster", "a"],
      ["--cluster-key", first, "--cluster", "b"],
      unreadable
    ],
    ["a key and none", ["--cluster-key", first], [], inTheClear]
  ])(
    "separates nodes that have %s, which is logged once",
    ([, args, others, told]) =>
      Effect.gen(function* () {
        const a = yield* busy(args)
        const b = yield* busy([...others, "--peers", a.address])
        yield* line(a, new RegExp(`WARN {2}${told.source.replace("of .*", `of ${b.address}.*`)}`))
        // The other node keeps trying, ten times a second.
        yield* Effect.sleep("1500 millis")
        assert.strictEqual(times(a, told), 1)
        for (const node of [a, b]) assert.notMatch(node.stdout(), / joined /)
      }),
    timeout
  )

  it.live(
    "can be added to a running cluster without a gap, with nodes that accept both",
    () =>
      Effect.gen(function* () {
        const open = yield* busy([])
        const accepting = yield* busy(["--cluster-key", first, "--encryption", "accept", "--peers", open.address])
        const sealed = yield* busy(["--cluster-key", first, "--peers", accepting.address])
        yield* line(
          accepting,
          /INFO {2}datagrams are encrypted to members that encrypt, and unencrypted ones are accepted; key /
        )
        yield* line(open, /INFO {2}datagrams are not encrypted/)
        yield* joined(open, accepting)
        yield* joined(accepting, sealed)
      }),
    timeout
  )
})
