/** The rows of the benchmark, measured and shown. */
import { Effect } from "effect"
import * as Live from "./Live.ts"
import * as Merging from "./Merging.ts"
import { type Effort, measure, type Result } from "./Row.ts"
import * as Sealing from "./Sealing.ts"
import * as Sending from "./Sending.ts"
import * as Wire from "./Wire.ts"

/** After so many rows the yardstick is measured again. */
const RowsPerYardstick = 8

export interface Report {
  readonly node: string
  readonly arch: string
  /** How many times the yardstick took as long as in the native implementation. */
  readonly scale: number
  readonly rows: ReadonlyArray<Result>
  /** Bytes that a member takes in a table of 10 000. */
  readonly bytesPerMember: number
  readonly live: ReadonlyArray<Live.Live>
}

/** Measures the rows whose name contains `filter`, and the yardstick. `liveMillis`: how long each live socket; 0 for none. */
export const make = (effort: Effort, liveMillis: number, filter = ""): Effect.Effect<Report> =>
  Effect.gen(function* () {
    const all = [...Wire.rows(), ...Merging.rows(), ...Sending.rows(), ...(yield* Sealing.rows)]
    const chosen = all.filter((row) => row === Wire.yardstick || row.name.includes(filter))
    const rows: Array<Result> = []
    let unit = Infinity
    for (const [i, row] of chosen.entries()) {
      rows.push(yield* Effect.promise(() => measure(row, effort)))
      // Other work on the machine comes and goes, so the yardstick is measured now and then, and its least time counts.
      if (i % RowsPerYardstick !== 0) continue
      unit = Math.min(unit, (yield* Effect.promise(() => measure(Wire.yardstick, effort))).time)
    }
    const bytesPerMember = yield* Effect.sync(Merging.bytesPerMember)
    const live = liveMillis === 0 ? [] : yield* Live.measure(liveMillis)
    return { node: process.version, arch: process.arch, scale: unit / Wire.yardstick.rust, rows, bytesPerMember, live }
  })

const number = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString("en").replaceAll(",", " ") : value.toFixed(1)

/** The rows as a table in Markdown. */
export const table = ({ bytesPerMember, live, rows, scale }: Report): string => {
  const unit = Wire.yardstick
  // The aims are for a machine on which the yardstick takes the time of its own aim.
  const askedScale = (scale * unit.rust) / (unit.asked ?? unit.rust)
  const lines = rows.map(({ asked, bytes, name, rust, time }) => [
    name,
    number(time),
    bytes === undefined ? "" : number(bytes),
    rust === undefined ? "" : (time / (rust * scale)).toFixed(2),
    asked === undefined ? "" : number(asked * askedScale),
    asked === undefined ? "" : time <= asked * askedScale ? "yes" : "no"
  ])
  const ceiling = live.find(({ responder }) => responder === "echo")?.perSecond
  return [
    "| operation | ns | bytes | factor to native | asked | reached |",
    "|---|--:|--:|--:|--:|---|",
    ...lines.map((cells) => `| ${cells.join(" | ")} |`),
    "",
    `A member takes ${bytesPerMember.toFixed(1)} bytes in a table of 10 000.`,
    ...(ceiling === undefined
      ? []
      : [
          "",
          "| answers on a loopback socket | per second of CPU | of the bare socket |",
          "|---|--:|--:|",
          ...live.map(
            ({ perSecond, responder }) =>
              `| ${responder} | ${number(perSecond)} | ${Math.round((100 * perSecond) / ceiling)} % |`
          )
        ])
  ].join("\n")
}
