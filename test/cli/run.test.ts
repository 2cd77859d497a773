/** `gossip run` in this process: what it logs, and how it ends. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { main as onlyRun } from "../../src/cli/onlyRun.ts"
import { outcome, ended, file, joined, line, named, pair, refused, running, start, timeout } from "./InProcess.ts"

describe("gossip run", () => {
  it.live(
    "logs its id and addresses, and nothing on standard error",
    () =>
      Effect.gen(function* () {
        const alone = yield* running(["--node-id", "0x2a"])
        assert.strictEqual(alone.id, "42")
        yield* line(alone, new RegExp(`INFO {2}advertises ${alone.address}, the bound address`))
        yield* line(alone, /INFO {2}no peers are configured/)
        yield* alone.signal("SIGTERM")
        assert.strictEqual(yield* ended(alone), 0)
        assert.strictEqual(alone.stderr(), "")
      }),
    timeout
  )

  it.live(
    "takes peers from one list or several, and logs them",
    () =>
      Effect.gen(function* () {
        const [first, second] = [yield* running(), yield* running()]
        const third = yield* running(["--peers", `${first.address}, ${second.address}`])
        const fourth = yield* running(["--peers", first.address, "--peers", second.address])
        for (const node of [third, fourth]) {
          yield* line(node, new RegExp(`joining through ${first.address}, ${second.address}$`))
          yield* joined(node, first)
          yield* joined(node, second)
        }
      }),
    timeout
  )

  it.live.each(["SIGTERM", "SIGINT"] as const)(
    "leaves at %s, which the other node logs, and exits 0",
    (signal) =>
      Effect.gen(function* () {
        const { first, second } = yield* pair({ env: { GOSSIP_NETWORK_RELIABLE_ACK_TIMEOUT_MS: "5000" } })
        const [took, code] = yield* Effect.timed(Effect.andThen(second.signal(signal), ended(second)))
        assert.strictEqual(code, 0)
        // The timeout, for the first attempt and three retries, and a second.
        assert.isBelow(Duration.toSeconds(took), 21)
        yield* line(second, new RegExp(`INFO {2}${signal}: leaving the cluster; a second signal exits at once$`))
        yield* line(second, /INFO {2}left the cluster after \d+ ms$/)
        yield* line(first, new RegExp(`INFO {2}left {4}${named(second)}: it announced that it leaves$`))
        assert.strictEqual(second.stderr(), "")
      }),
    timeout
  )

  it.live(
    "takes a value from the flag, or else the environment, or else the file",
    () =>
      Effect.gen(function* () {
        const config = yield* file(`[network]\nnode_id = "1"\nadvertise = "127.0.0.1:1111"\n`)
        const env = { GOSSIP_NETWORK_NODE_ID: "2" }
        const fromFile = yield* running(["--config", config])
        const fromEnvironment = yield* running(["--config", config], { env })
        const fromFlag = yield* running(["--config", config, "--node-id", "3"], { env })
        assert.deepStrictEqual([fromFile.id, fromEnvironment.id, fromFlag.id], ["1", "2", "3"])
        yield* line(fromFlag, /advertises 127\.0\.0\.1:1111, as configured$/)
      }),
    timeout
  )

  it.live(
    "warns of variables that have no effect",
    () =>
      Effect.gen(function* () {
        const started = yield* running([], { env: { GOSSIP_PROBES_INTERVALL_MS: "1", GOSSIP_XYZZY: "1" } })
        yield* line(
          started,
          /WARN {2}.*GOSSIP_PROBES_INTERVALL_MS has no effect; did you mean GOSSIP_PROBES_INTERVAL_MS\?$/
        )
        yield* line(started, /WARN {2}.*GOSSIP_XYZZY has no effect$/)
      }),
    timeout
  )

  it.live(
    "warns of secrets in the list of processes",
    () =>
      Effect.gen(function* () {
        const key = "6f1c0f7e6d5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c"
        const started = yield* running(["--cluster-key", key])
        yield* line(
          started,
          /WARN {2}every user of this machine sees the value of --cluster-key in the list of processes/
        )
        assert.notInclude(started.stdout(), key)
        const safe = yield* running([], { env: { GOSSIP_CLUSTER_KEY: key } })
        yield* line(safe, /INFO {2}no peers are configured/)
        assert.notInclude(safe.stdout(), "list of processes")
      }),
    timeout
  )

  it.live(
    "logs less at a higher log level",
    () =>
      Effect.gen(function* () {
        const started = yield* start(["run", "--log-level", "warn"], { env: { GOSSIP_XYZZY: "1" } })
        yield* line(started, /WARN {2}.*GOSSIP_XYZZY/)
        yield* started.signal("SIGTERM")
        assert.strictEqual(yield* ended(started), 0)
        assert.notInclude(started.stdout(), "INFO")
      }),
    timeout
  )

  it.live(
    "runs with its flags alone, without the command",
    () =>
      Effect.gen(function* () {
        const node = yield* start(["--bind", "127.0.0.1:0"])
        yield* line(node, /INFO {2}node \d+ is bound to 127\.0\.0\.1:\d+$/)
      }),
    timeout
  )
})

describe("a mistake of the user is one line on standard error, and exit code 1:", () => {
  it.live(
    "a port that is in use",
    () =>
      Effect.gen(function* () {
        const { address } = yield* running()
        yield* refused(
          ["run", "--bind", address],
          [new RegExp(`^gossip: cannot bind ${address}: the address is in use`)]
        )
      }),
    timeout
  )

  it.live.each<readonly [what: string, args: ReadonlyArray<string>, pattern: RegExp, env?: Record<string, string>]>([
    ["a bad address", ["run", "--bind", "nonsense"], /^gossip: --bind .*"nonsense".*IP address/],
    ["a bad node id", ["run", "--node-id", "0xfffffffffffffffff"], /^gossip: --node-id .*node id below 2\^64/],
    [
      "a file that is not there",
      ["run", "--config", "/no/such.toml"],
      /^gossip: cannot read \/no\/such\.toml: there is no/
    ],
    ["a directory", ["run", "--config", "/"], /^gossip: cannot read \/: it is not a regular file$/],
    ["a wrong variable", ["run"], /^gossip: GOSSIP_GOSSIP_FANOUT .*"many"/, { GOSSIP_GOSSIP_FANOUT: "many" }],
    [
      "a bad network",
      ["run", "--allow", "10.0.0.1/8"],
      /^gossip: --allow .*"10\.0\.0\.1\/8": address has non-zero host/
    ],
    ["a bad mode", ["run", "--encryption", "on"], /^gossip: --encryption is "on"; expected off \| accept \| required$/],
    ["a mode without a key", ["run", "--encryption", "accept"], /^gossip: --encryption .*GOSSIP_CLUSTER_KEY_FILE/],
    ["no key file", ["run", "--cluster-key-file", "/no/such.key"], /^gossip: cannot read \/no\/such\.key: there is no/],
    ["an unknown flag", ["run", "--bnd", "127.0.0.1:0"], /^gossip: unknown flag --bnd; did you mean --bind\?$/],
    ["a strange flag", ["run", "--frobnicate"], /^gossip: unknown flag --frobnicate; see gossip run --help$/],
    [
      "a key's flag of another command",
      ["members", "--gossip-fanout", "9"],
      /^gossip: --gossip-fanout is a flag of gossip run and gossip config print$/
    ],
    [
      "a misspelt key",
      ["run", "--gossip-fanot", "9"],
      /^gossip: unknown flag --gossip-fanot; did you mean --gossip-fanout/
    ],
    [
      "a bad value of a key",
      ["run", "--gossip-fanout", "0"],
      /^gossip: --gossip-fanout .*whole number from 1 to 65535$/
    ],
    ["a flag without its value", ["run", "--bind"], /^gossip: --bind needs a value/],
    ["a flag given twice", ["run", "--bind", "a", "--bind", "b"], /^gossip: --bind may be given once$/],
    ["a wrong log level", ["run", "--log-level", "loud"], /^gossip: --log-level is "loud"; expected all \| trace/],
    ["an argument", ["run", "now"], /^gossip: unexpected "now"$/],
    ["an unknown command", ["rnu"], /^gossip: unknown command "rnu"; did you mean run\?$/],
    ["a strange command", ["frobnicate"], /^gossip: unknown command "frobnicate"; see gossip --help$/]
  ])(
    "%s",
    ([, args, pattern, env = {}]) =>
      Effect.gen(function* () {
        yield* refused(args, [pattern], { env })
        if (args[0] === "run") yield* refused(args, [pattern], { env, program: onlyRun })
      }),
    timeout
  )

  it.live.each<readonly [what: string, args: ReadonlyArray<string>]>([
    ["a path", ["run", "--config", "/\x1b[31m.toml"]],
    ["a flag", ["run", "--\x1b[31m"]],
    ["a command", ["\x9b31mrun"]],
    ["a value", ["run", "--bind", "\x9b31m"]],
    ["an argument", ["run", "\x1b[31m"]]
  ])(
    "%s without its codes for terminals",
    ([, args]) =>
      Effect.gen(function* () {
        const { end, stderr } = yield* outcome(args)
        assert.strictEqual(end, 1)
        // oxlint-disable-next-line no-control-regex -- what must not be there
        assert.match(stderr, /^[^\x00-\x09\x0b-\x1f\x7f-\x9f]+$/)
        assert.match(stderr, /\\u00[19]b/)
      }),
    timeout
  )

  it.live(
    "or one line for each mistake, in every source",
    () =>
      Effect.gen(function* () {
        const config = yield* file(`[gossip]\nfannout = 3\nmax_sends = 0\n`)
        yield* refused(
          ["run", "--config", config, "--advertise", "127.0.0.1"],
          [
            /^gossip: unknown key `gossip\.fannout`; did you mean `gossip\.fanout`\? \(.*gossip\.toml\)$/,
            /^gossip: `gossip\.max_sends` in .*gossip\.toml is 0; expected a whole number/,
            /^gossip: GOSSIP_PROBES_INTERVAL_MS .*-1/
          ],
          { env: { GOSSIP_PROBES_INTERVAL_MS: "-1" } }
        )
        const broken = yield* file("[gossip\n")
        yield* refused(["run", "--config", broken], [/^gossip: .*gossip\.toml: .*line 1/])
      }),
    timeout
  )
})
