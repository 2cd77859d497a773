/** The text of Apache ECharts, which draws the charts of a simulation report. */
import { Effect, FileSystem, Schema } from "effect"
import { fileURLToPath } from "node:url"
import * as TextFile from "./TextFile.ts"

/** ECharts cannot be read. `message` is one line that says what to do. */
export class ReportAssetError extends Schema.TaggedError<ReportAssetError>()("ReportAssetError", {
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `cannot read ${this.path}, which draws the charts of the report: ${this.reason}`
  }
}

/** More than the largest file of ECharts. */
const MaxAsset = 16_777_216

/** `echarts` from a file of the build or, if there is none, from an installed package. */
export const echartsFrom = (
  built: string,
  installed: () => string
): Effect.Effect<string, ReportAssetError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const isBuilt = yield* Effect.orElseSucceed(files.exists(built), () => false)
    const path = isBuilt
      ? built
      : yield* Effect.try({
          try: installed,
          catch: () =>
            new ReportAssetError({
              path: built,
              reason: "there is no such file, and no package echarts either; install effect-gossip again"
            })
        })
    return yield* Effect.mapError(TextFile.read(path, MaxAsset), ({ reason }) => new ReportAssetError({ path, reason }))
  })

/** The text of ECharts: a file of the build or, in a checkout, of a development dependency. */
export const echarts: Effect.Effect<string, ReportAssetError, FileSystem.FileSystem> = echartsFrom(
  fileURLToPath(new URL("../assets/echarts.min.js", import.meta.url)),
  () => fileURLToPath(import.meta.resolve("echarts/dist/echarts.min.js"))
)
