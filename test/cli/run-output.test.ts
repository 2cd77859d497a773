/** What a node does when standard output does not take its log. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { until, untilTrue } from "../integration/RealNodes.ts"
import { ask } from "../admin/HttpRequests.ts"
import * as InProcess from "./InProcess.ts"

/** A disk that is full while `full` is true. */
const makeDisk = () => {
  const lines: Array<string> = []
  const disk = { full: true, lines }
  const log: InProcess.Options["log"] = (text, done) => {
    if (disk.full) return done(Object.assign(new Error("write ENOSPC"), { code: "ENOSPC" }))
    lines.push(text)
    done()
  }
  return { disk, log }
}

describe("gossip run on a full disk", () => {
  it.live(
    "stays a member, counts the lost lines, and logs how many there were once there is space again",
    () =>
      Effect.gen(function* () {
        const { disk, log } = makeDisk()
        const socket = `${yield* InProcess.directory}/admin.sock`
        const peer = yield* InProcess.running()
        const env = { GOSSIP_ADMIN_SOCKET: socket, GOSSIP_METRICS_LOG_INTERVAL_MS: "20" }
        const node = yield* InProcess.start(["run", "--peers", peer.address, "--node-id", "7"], { env, log })
        yield* InProcess.line(peer, /INFO {2}joined {2}7 \(/)
        const lost = yield* until(
          "lines are counted as lost",
          Effect.map(ask("http://node", "/metrics/json", { socketPath: socket }), ({ json }) =>
            Number(Object(json).swim_log_lines_dropped_total.series[0].value)
          ).pipe(Effect.orElseSucceed(() => 0)),
          (lost) => lost > 10
        )
        assert.deepStrictEqual(disk.lines, [])

        disk.full = false
        const gap = /WARN {2}lost (\d+) log lines: no space is left on the device\n$/
        yield* untilTrue("the gap is logged", () => disk.lines.some((line) => gap.test(line)))
        const [, count] =
          gap.exec(
            disk.lines
              .join("")
              .split(/(?<=\n)/)
              .find((line) => gap.test(line)) ?? ""
          ) ?? []
        assert.isAtLeast(Number(count), lost)

        yield* node.signal("SIGTERM")
        assert.strictEqual(yield* InProcess.ended(node), 0)
        yield* InProcess.line(peer, /INFO {2}left {4}7 \(/)
        assert.strictEqual(disk.lines.filter((line) => gap.test(line)).length, 1)
      }),
    InProcess.timeout
  )
})
