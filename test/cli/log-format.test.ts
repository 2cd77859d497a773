/** The formats and levels of the log. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ended, line, outcome, refused, running, start, type Started, timeout } from "./InProcess.ts"

const json = { GOSSIP_LOG_FORMAT: "json" }

interface Line {
  readonly time: string
  readonly level: string
  readonly message: string
  readonly change?: Readonly<Record<string, unknown>>
}

/** Every line, each of which must be a JSON object. */
const lines = (started: Started): ReadonlyArray<Line> =>
  started
    .stdout()
    .split("\n")
    .slice(0, -1)
    .map((text): Line => JSON.parse(text))

/** A node that logs JSON, and its id. */
const up = (args: ReadonlyArray<string>, env: Readonly<Record<string, string>> = json) =>
  Effect.gen(function* () {
    const started = yield* start(["run", ...args], { env })
    const [id = "", address = ""] = yield* line(started, /"message":"node (\d+) is bound to (127\.0\.0\.1:\d+)"/)
    return { started, id, address }
  })

describe("gossip run", () => {
  it.live(
    "logs JSON with the changes of membership, with ids as strings",
    () =>
      Effect.gen(function* () {
        const first = yield* up(["--log-format", "json", "--node-id", "18446744073709551615"], {})
        const second = yield* up(["--peers", first.address, "--node-id", "9007199254740993"])
        yield* line(first.started, /"kind":"Joined"/)
        yield* second.started.signal("SIGTERM")
        assert.strictEqual(yield* ended(second.started), 0)
        yield* line(first.started, /"kind":"Left"/)

        for (const { level, message, time } of lines(first.started)) {
          assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
          assert.include(["info", "warn"], level)
          assert.isString(message)
        }
        // Its name may come later than itself, as a change between the two.
        const ofKind = (kind: string) => lines(first.started).find((line) => line.change?.["kind"] === kind)
        const joined = ofKind("Joined")
        const left = ofKind("Left")
        assert.strictEqual(joined?.level, "info")
        assert.match(joined?.message ?? "", /^joined {2}9007199254740993 \(127\.0\.0\.1:\d+\): it sent a message$/)
        assert.deepStrictEqual(left?.change?.["cause"], { kind: "LeaveReceived" })
        assert.deepInclude(left?.change?.["member"], {
          id: "9007199254740993",
          addr: second.address,
          status: "left",
          self: false
        })
        assert.strictEqual(first.started.stderr(), "")
      }),
    timeout
  )

  it.live(
    "takes the format and the level from the flag, or else the environment, and warns about neither variable",
    () =>
      Effect.gen(function* () {
        const env = { GOSSIP_LOG_FORMAT: "json", GOSSIP_LOG_LEVEL: "warn", GOSSIP_LOG_FORMATT: "1" }
        const human = yield* running(["--log-format", "human", "--log-level", "info"], { env })
        assert.include(human.stdout(), "GOSSIP_LOG_FORMATT has no effect; did you mean GOSSIP_LOG_FORMAT?")
        assert.strictEqual(human.stdout().match(/has no effect/g)?.length, 1)

        const quiet = yield* start(["run"], { env })
        yield* line(quiet, /"level":"warn"/)
        yield* quiet.signal("SIGTERM")
        assert.strictEqual(yield* ended(quiet), 0)
        assert.strictEqual(lines(quiet).length, 1)
      }),
    timeout
  )

  it.live(
    "refuses unknown formats and levels",
    () =>
      Effect.gen(function* () {
        yield* refused(["run"], [/^gossip: GOSSIP_LOG_LEVEL is "loud"; expected all \| trace \| debug/], {
          env: { GOSSIP_LOG_LEVEL: "loud" }
        })
        yield* refused(
          ["run", "--log-format", "json"],
          [/^gossip: GOSSIP_LOG_FORMAT is "xml"; expected human \| json$/],
          {
            env: { GOSSIP_LOG_FORMAT: "xml" }
          }
        )
        yield* refused(["run", "--log-format", "xml"], [/^gossip: --log-format is "xml"; expected human \| json$/])
        const { stdout } = yield* outcome(["run", "--help"])
        for (const mention of ["--log-format", "GOSSIP_LOG_FORMAT", "GOSSIP_LOG_LEVEL"]) assert.include(stdout, mention)
      }),
    timeout
  )
})
