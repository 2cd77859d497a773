/** The program from outside: what a person, a shell script or a service manager sees of it. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { ended, file, line, outcome, pair, refused, running, start, timeout, who } from "./Program.ts"

describe("gossip run", () => {
  it.live(
    "says who and where it is, on standard output and without colours in a pipe",
    () =>
      Effect.gen(function* () {
        const alone = yield* running(["--node-id", "0x2a"], { env: { FORCE_COLOR: "1" } })
        assert.strictEqual(alone.id, "42")
        yield* line(alone, new RegExp(`INFO {2}advertises ${alone.address}, the bound address`))
        yield* line(alone, /INFO {2}no peers/)
        alone.process.kill("SIGTERM")
        assert.strictEqual(yield* ended(alone), 0)
        assert.notInclude(alone.stdout(), "\x1b")
        assert.strictEqual(alone.stderr(), "")
      }),
    timeout
  )

  it.live(
    "is what flags without a command mean, as in the older implementation",
    () =>
      Effect.gen(function* () {
        const node = yield* start(["--bind", "127.0.0.1:0"])
        yield* line(node, /INFO {2}node \d+ is bound to 127\.0\.0\.1:\d+$/)
        const { end, stdout } = yield* outcome(["--generate-key"])
        assert.strictEqual(end, 0)
        assert.match(stdout, /^[0-9a-f]{64}\n$/)
      }),
    timeout
  )

  it.live(
    "takes peers from one list or several, and says whom it joins through",
    () =>
      Effect.gen(function* () {
        const [first, second] = [yield* running(), yield* running()]
        const third = yield* running(["--peers", `${first.address}, ${second.address}`])
        const fourth = yield* running(["--peers", first.address, "--peers", second.address])
        for (const node of [third, fourth]) {
          yield* line(node, new RegExp(`joins through ${first.address}, ${second.address}$`))
          yield* line(node, new RegExp(`joined {2}${who(first)}: `))
          yield* line(node, new RegExp(`joined {2}${who(second)}: `))
        }
      }),
    timeout
  )

  it.live.each(["SIGTERM", "SIGINT"] as const)(
    "%s makes it leave, which the others hear, and exit 0",
    (signal) =>
      Effect.gen(function* () {
        const { first, second } = yield* pair({ env: { GOSSIP_NETWORK_RELIABLE_ACK_TIMEOUT_MS: "5000" } })
        const [took, code] = yield* Effect.timed(
          Effect.andThen(
            Effect.sync(() => second.process.kill(signal)),
            ended(second)
          )
        )
        assert.strictEqual(code, 0)
        // The timeout, for the first attempt and three retries, and a second.
        assert.isBelow(Duration.toSeconds(took), 21)
        yield* line(second, new RegExp(`INFO {2}${signal}: leaves`))
        yield* line(second, /INFO {2}has left, after /)
        yield* line(first, new RegExp(`INFO {2}left {4}${who(second)}: it said goodbye$`))
        assert.strictEqual(second.stderr(), "")
      }),
    timeout
  )

  it.live(
    "leaves in the end when nobody acknowledges it",
    () =>
      Effect.gen(function* () {
        const env = { GOSSIP_NETWORK_RELIABLE_ACK_TIMEOUT_MS: "200", GOSSIP_NETWORK_RELIABLE_MAX_RETRIES: "2" }
        const { first, second } = yield* pair({ env })
        first.process.kill("SIGSTOP")
        second.process.kill("SIGTERM")
        assert.strictEqual(yield* ended(second), 0)
      }),
    timeout
  )

  it.live.each([
    ["SIGTERM", "SIGINT", 130],
    ["SIGINT", "SIGTERM", 143],
    ["SIGINT", "SIGINT", 130]
  ] as const)(
    "%s and then %s exits at once with %i",
    ([once, again, code]) =>
      Effect.gen(function* () {
        // Leaving takes far longer than anybody waits here.
        const { first, second } = yield* pair({ env: { GOSSIP_NETWORK_RELIABLE_ACK_TIMEOUT_MS: "3600000" } })
        first.process.kill("SIGSTOP")
        second.process.kill(once)
        yield* line(second, new RegExp(`INFO {2}${once}: leaves`))
        second.process.kill(again)
        assert.strictEqual(yield* ended(second), code)
        assert.strictEqual(second.stderr(), `gossip: ${again} again, exits at once\n`)
        assert.notInclude(second.stdout(), "has left")
      }),
    timeout
  )

  it.live(
    "tells of a crash: the suspicion, then the death, each with its cause",
    () =>
      Effect.gen(function* () {
        const { first, second } = yield* pair({
          env: {
            GOSSIP_PROBES_INTERVAL_MS: "300",
            GOSSIP_PROBES_TIMEOUT_MS: "150",
            GOSSIP_PROBES_SUSPECT_TIMEOUT_MS: "300"
          }
        })
        second.process.kill("SIGKILL")
        const about = who(second)
        yield* line(first, new RegExp(`WARN {2}suspect ${about}: it did not answer our probe, and no other member`))
        yield* line(first, new RegExp(`WARN {2}dead {4}${about}: suspect for [\\d.]+ m?s, and it did not refute that$`))
      }),
    timeout
  )

  it.live(
    "works the same when an older Node.js has to start it again",
    () =>
      Effect.gen(function* () {
        // What bin/gossip.js sees of such a Node.js; the one it starts is not changed.
        const older = `if (process.env.EFFECT_GOSSIP_STARTED_AGAIN === undefined) {
          Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.0.0" } })
          process.execve = undefined
        }`
        const options = { node: ["--import", `data:text/javascript,${encodeURIComponent(older)}`] }
        const { first, second } = yield* pair(options)
        second.process.kill("SIGTERM")
        assert.strictEqual(yield* ended(second), 0)
        yield* line(first, new RegExp(`left {4}${who(second)}: it said goodbye$`))
        first.process.kill("SIGINT")
        assert.strictEqual(yield* ended(first), 0)
        yield* line(first, /SIGINT: leaves/)
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
    "says less at a higher log level",
    () =>
      Effect.gen(function* () {
        const started = yield* start(["run", "--log-level", "warn"], { env: { GOSSIP_XYZZY: "1" } })
        yield* line(started, /WARN {2}.*GOSSIP_XYZZY/)
        // It may still be starting, and then ends without a word too.
        started.process.kill("SIGTERM")
        assert.strictEqual(yield* ended(started), 0)
        assert.notInclude(started.stdout(), "INFO")
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
    ["a directory", ["run", "--config", "/"], /^gossip: cannot read \/: it is not a file$/],
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
    ["a strange flag", ["run", "--frobnicate"], /^gossip: unknown flag --frobnicate; gossip run --help lists/],
    [
      "a key's flag",
      ["run", "--gossip-fanout", "9"],
      /^gossip: --gossip-fanout is not a flag; set GOSSIP_GOSSIP_FANOUT/
    ],
    ["a flag without its value", ["run", "--bind"], /^gossip: --bind needs a value/],
    ["a flag given twice", ["run", "--bind", "a", "--bind", "b"], /^gossip: --bind may be given once$/],
    ["a wrong log level", ["run", "--log-level", "loud"], /^gossip: --log-level is "loud"; expected all \| trace/],
    ["an argument", ["run", "now"], /^gossip: unexpected "now"$/],
    ["an unknown command", ["rnu"], /^gossip: unknown command "rnu"; did you mean run\?$/],
    ["a strange command", ["frobnicate"], /^gossip: unknown command "frobnicate"; gossip --help lists/]
  ])("%s", ([, args, pattern, env = {}]) => refused(args, [pattern], { env }), timeout)

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

describe("gossip", () => {
  it.live(
    "a mistake in the program shows its cause",
    () =>
      Effect.gen(function* () {
        const broken = `import os from "node:os"
          import { syncBuiltinESMExports } from "node:module"
          os.networkInterfaces = () => { throw new TypeError("broken on purpose") }
          syncBuiltinESMExports()`
        const options = { node: ["--import", `data:text/javascript,${encodeURIComponent(broken)}`] }
        const { end, stderr } = yield* outcome(["run", "--bind", "0.0.0.0:0"], options)
        assert.strictEqual(end, 1)
        assert.match(stderr, /^gossip: this is a mistake in the program/)
        assert.match(stderr, /TypeError: broken on purpose\n\s+at /)
      }),
    timeout
  )

  it.live(
    "--version",
    () =>
      Effect.gen(function* () {
        const { end, stderr, stdout } = yield* outcome(["--version"])
        assert.strictEqual(end, 0)
        assert.strictEqual(stderr, "")
        assert.match(stdout, /^gossip \d+\.\d+\.\d+\S*\n$/)
      }),
    timeout
  )

  it.live.each([
    [["--help"], ["run ", "keygen ", "EXAMPLES"]],
    [[], ["run ", "keygen ", "EXAMPLES"]],
    [
      ["keygen", "--help"],
      ["--out", "GOSSIP_CLUSTER_KEY", "EXAMPLES"]
    ],
    [
      ["run", "--help"],
      [
        "--bind",
        "--peers",
        "--advertise",
        "--node-id",
        "--cluster",
        "--encryption",
        "--cluster-key-file",
        "--cluster-key",
        "process list",
        "--allow",
        "--config",
        "--log-level",
        "GOSSIP_",
        "SIGTERM",
        "SIGHUP",
        "EXAMPLES"
      ]
    ]
  ] as const)(
    "%j shows help, on standard output",
    ([args, mentions]) =>
      Effect.gen(function* () {
        const { end, stderr, stdout } = yield* outcome(args)
        assert.strictEqual(end, 0)
        assert.strictEqual(stderr, "")
        for (const mention of mentions) assert.include(stdout, mention)
        for (const line of stdout.split("\n")) assert.isAtMost(line.length, 120, line)
      }),
    timeout
  )
})
