/**
 * Carries out plans and measures their results.
 *
 * @since 0.2.0
 */
import { Duration, Effect } from "effect"
import type { InvariantBroken, VirtualTimeStuck } from "../SimulationError.ts"
import type { StartFailure } from "../NodeBase.ts"
import { Measure } from "../report/Measure.ts"
import { Recorder } from "../report/Recorder.ts"
import type { SimulationReport } from "../report/Report.ts"
import type { TraceRecord } from "../report/Trace.ts"
import * as Simulation from "../Simulation.ts"
import type { Verbs } from "../Verbs.ts"
import * as Plan from "./Plan.ts"
import { PlanExecution } from "./PlanExecution.ts"

/**
 * How a plan is carried out. No option changes the history.
 *
 * @category models
 * @since 0.2.0
 */
export interface PlanOptions {
  /** Gets a record of every event, in order. */
  readonly trace?: (record: TraceRecord) => void
  /** Time between two samples: by default a 240th of the duration, and at least 10 ms. */
  readonly sampleEvery?: Duration.Input
  /** Called every 100 ms of real time with the virtual time that has passed, in ms. */
  readonly onProgress?: (ms: number) => Effect.Effect<void>
  /** Whether nodes are checked against the invariants of the protocol; `true` by default. */
  readonly invariants?: boolean
  /** Called with the simulation before its first node starts. */
  readonly onSimulation?: (verbs: Verbs) => void
}

/**
 * The result of a plan.
 *
 * @category models
 * @since 0.2.0
 */
export interface PlanResult {
  /** The measurements up to the end, or up to the event at which an invariant broke. */
  readonly report: SimulationReport
  /** The hash of the history: equal for equal histories. */
  readonly hash: string
  readonly broken: InvariantBroken | undefined
}

/** Real time between two calls of `onProgress`. */
const ProgressEvery = Duration.millis(100)
const Samples = 240
const LeastSampleEvery = 10

/**
 * Carries out a plan. One plan has one result, in every process.
 *
 * **Details**
 *
 * Fails with `PlanError` when the plan cannot be carried out. A broken invariant is no failure but part of the result.
 *
 * @example
 * ```ts
 * import { Console, Duration, Effect } from "effect"
 * import { Plan, PlanRunner } from "effect-gossip/testing"
 *
 * const plan = Plan.make({ nodes: 20, duration: Duration.seconds(60), seed: 7 })
 *
 * const program = Effect.gen(function*() {
 *   const { report } = yield* PlanRunner.run(plan)
 *   yield* Console.log(`converged after ${report.summary.converged} ms`)
 * })
 * ```
 *
 * @category running
 * @since 0.2.0
 */
export const run = Effect.fnUntraced(function* (
  plan: Plan.Plan,
  options: PlanOptions = {}
): Effect.fn.Return<PlanResult, Plan.PlanError | StartFailure | VirtualTimeStuck> {
  const config = yield* Effect.fromResult(Plan.check(plan))
  const { invariants = true, onProgress } = options
  let now = () => 0
  let report = (): SimulationReport | undefined => undefined
  /** The report at the event that broke an invariant, before the nodes end. */
  let last: SimulationReport | undefined

  const scenario = Effect.gen(function* () {
    const verbs = yield* Simulation.Simulation
    now = verbs.now
    const recorder = new Recorder(verbs, options.trace)
    const measure = new Measure(verbs, recorder, samplePeriod(plan, options), plan.nodes)
    options.onSimulation?.(verbs)
    report = () => measure.report
    yield* new PlanExecution(plan, verbs).run
    return measure.report
  }).pipe(
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        last = report()
      })
    )
  )
  const simulated = Simulation.run(scenario, {
    seed: plan.seed,
    config,
    network: Plan.conditionsOf(plan.network),
    invariants
  }).pipe(
    Effect.map((report): PlanResult => ({ report, hash: report.summary.hash, broken: undefined })),
    Effect.catchTag("InvariantBroken", (broken) =>
      last === undefined ? Effect.die(broken) : Effect.succeed({ report: last, hash: last.summary.hash, broken })
    )
  )
  // It runs on the caller's clock, so it has no effect on virtual time.
  const progress =
    onProgress === undefined
      ? Effect.never
      : Effect.sleep(ProgressEvery).pipe(Effect.andThen(Effect.suspend(() => onProgress(now()))), Effect.forever)
  return yield* Effect.raceFirst(simulated, progress)
})

const samplePeriod = ({ duration }: Plan.Plan, { sampleEvery }: PlanOptions): number =>
  Math.max(
    LeastSampleEvery,
    sampleEvery === undefined
      ? Math.ceil(Duration.toMillis(duration) / Samples)
      : Duration.toMillis(Duration.fromInputUnsafe(sampleEvery))
  )
