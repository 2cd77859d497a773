/** The work of `gossip sim`. It is imported on demand, because no other command needs the simulator. */
import { Clock, Console, Duration, Effect, FileSystem, Option, Stdio } from "effect"
import * as ReportAssets from "../node/ReportAssets.ts"
import type { InvariantBroken } from "../simulation/SimulationError.ts"
import type * as Plan from "../simulation/plan/Plan.ts"
import * as PlanFile from "../simulation/plan/PlanFile.ts"
import * as PlanRunner from "../simulation/plan/PlanRunner.ts"
import type { SimulationReport } from "../simulation/report/Report.ts"
import { reportPage } from "../simulation/report/ReportPage.ts"
import { lines, summaryRows, timeText } from "../simulation/report/SummaryTable.ts"
import { Host } from "./Host.ts"
import * as NodeFlags from "./NodeFlags.ts"
import * as Progress from "./Progress.ts"
import * as SimPlan from "./SimPlan.ts"
import * as TraceFile from "./TraceFile.ts"

/** All flags of the command. */
export interface Flags extends SimPlan.Flags {
  readonly report: Option.Option<string>
  readonly trace: Option.Option<string>
  readonly json: boolean
  readonly printPlan: Option.Option<PlanFile.Format>
}

/** Carries out the plan of the flags, and prints the result. */
export const simulate = Effect.fnUntraced(function* (flags: Flags) {
  const loaded = yield* SimPlan.load(flags)
  const { plan } = loaded
  if (Option.isSome(flags.printPlan)) {
    const text = yield* Effect.fromResult(PlanFile.format(plan, flags.printPlan.value))
    return yield* Console.log(text.trimEnd())
  }
  const writePage = yield* Effect.transposeOption(Option.map(flags.report, pageWriter))
  const { unfinished } = yield* Host
  yield* unfinished
  const began = yield* Clock.currentTimeMillis
  const { broken, report } = yield* run(plan, flags)
  const spent = (yield* Clock.currentTimeMillis) - began
  if (Option.isSome(writePage)) yield* writePage.value(report)
  if (flags.json) {
    yield* Console.log(JSON.stringify(broken === undefined ? report : { ...report, broken: { ...broken } }, null, 2))
  } else {
    const rows = [...summaryRows(report), ...recordingRows(loaded, broken), wallRow(report.duration, spent)]
    yield* Console.log(lines(rows).join("\n"))
  }
  if (broken !== undefined) return yield* broken
})

const run = (plan: Plan.Plan, flags: Flags) =>
  Progress.during(Duration.toMillis(plan.duration), (progress) => {
    const options: PlanRunner.PlanOptions = progress === undefined ? {} : { onProgress: progress }
    return Option.match(flags.trace, {
      onNone: () => PlanRunner.run(plan, options),
      onSome: (path) => TraceFile.during(path, (trace) => PlanRunner.run(plan, { ...options, trace }))
    })
  })

/** Makes the function that writes the page. It fails if the page cannot be written, before a long simulation begins. */
const pageWriter = Effect.fnUntraced(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  const { args } = yield* Stdio.Stdio
  const script = yield* ReportAssets.echarts
  yield* Effect.scoped(TraceFile.open(path, "a"))
  const command = commandText(yield* args)
  return (report: SimulationReport) =>
    Effect.mapError(
      files.writeFileString(path, reportPage(report, { rows: summaryRows(report), script, command })),
      TraceFile.unwritable(path)
    )
})

/** The command line, quoted for a shell. */
const commandText = (args: ReadonlyArray<string>): string =>
  ["gossip", ...args].map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`)).join(" ")

/** Whether the recorded violation happened again. */
const recordingRows = (
  { broken: recorded, recording }: SimPlan.Loaded,
  broken: InvariantBroken | undefined
): ReadonlyArray<readonly [string, string]> => {
  if (recording === undefined) return []
  const text = ({ event, invariant, node }: PlanFile.Broken) => `${invariant} broke on ${node} at event ${event}`
  if (recorded === undefined) return [["recorded", broken === undefined ? "nothing broke, as now" : "nothing broke"]]
  const same =
    broken !== undefined &&
    broken.invariant === recorded.invariant &&
    broken.node === recorded.node &&
    broken.event === recorded.event
  return [
    [
      "recorded",
      `${text(recorded)}, ${same ? "as now" : broken === undefined ? "and now nothing" : "but now otherwise"}`
    ]
  ]
}

const wallRow = (virtual: number, spent: number): readonly [string, string] => {
  const times = Number((virtual / Math.max(1, spent)).toPrecision(3))
  return ["wall time", `${timeText(Math.max(1, spent))}, ${times} times as fast as real time`]
}

/** The message of an error for the user. */
export const errorText = (error: Effect.Error<ReturnType<typeof simulate>>): string => {
  switch (error._tag) {
    case "PlanError":
    case "ReportAssetError":
    case "InvariantBroken":
    case "VirtualTimeStuck":
    case "UnwritableFile":
      return error.message
    default:
      return NodeFlags.errorText(error)
  }
}
