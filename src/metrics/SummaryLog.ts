/**
 * A line of the log, now and then, that sums up what a node sees and sends.
 *
 * @since 0.2.0
 */
import { Duration, Effect, FiberSet, Layer } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import { FailureDetector } from "../failure-detector/FailureDetector.ts"
import { LocalView } from "../membership/LocalView.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { Transport } from "../transport/Transport.ts"
import { summaryLine, type Totals } from "./SummaryLine.ts"

/**
 * Logs a line at every `metrics.logInterval`: how many members have which status,
 * and the traffic since the last line. Logs nothing if the interval is 0.
 *
 * **When to use**
 *
 * Provide it together with a node. `gossip run` does so; `Cluster.layer` does not.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<never, never, CurrentConfig | FailureDetector | LocalView | NodeClock | Transport> =
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { metrics } = yield* CurrentConfig
      const { health } = yield* FailureDetector
      const { every, now } = yield* NodeClock
      const { counters, receiveDropped } = yield* Transport
      const view = yield* LocalView
      const { table } = view
      const period = Duration.toMillis(metrics.logInterval)
      if (period <= 0) return

      const totals = (): Totals => ({
        at: now(),
        alive: table.alive - (view.leaving ? 1 : 0),
        suspect: table.suspect,
        dead: table.dead.length - table.leftCount,
        datagramsIn: counters.datagramsIn,
        bytesIn: counters.bytesIn,
        datagramsOut: counters.datagramsOut,
        bytesOut: counters.bytesOut,
        dropped: Object.values(counters.dropped).reduce((sum, n) => sum + n, counters.overflow + receiveDropped()),
        localHealth: health.score
      })

      const log = yield* FiberSet.makeRuntime<never>()
      let before = totals()
      yield* every("summary log", {
        first: period,
        period: () => period,
        tick: () => {
          const current = totals()
          log(Effect.logInfo(summaryLine(current, before)))
          before = current
        }
      })
    })
  )
