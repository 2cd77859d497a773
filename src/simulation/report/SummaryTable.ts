/** The summary of a report as a table, for the command line and for the page. */
import type { SimulationReport, Spread } from "./Report.ts"

/** Disagreements that are shown. */
const MostShown = 3

/** Three significant digits, or all digits of a larger whole number. */
const short = (value: number): string => String(value < 999.5 ? Number(value.toPrecision(3)) : Math.round(value))

/** A time in ms as text with a unit. */
export const timeText = (ms: number): string => (ms < 999.5 ? `${short(ms)} ms` : `${Number((ms / 1000).toFixed(3))} s`)

const sizeText = (bytes: number): string => {
  if (bytes < 999.5) return `${short(bytes)} B`
  return bytes < 999_500 ? `${short(bytes / 1000)} kB` : `${short(bytes / 1_000_000)} MB`
}

const spreadText = (spread: Spread | undefined): string =>
  spread === undefined
    ? "none"
    : `${timeText(spread.first)} first, ${timeText(spread.median)} median, ${timeText(spread.last)} last`

const agreementText = ({ disagreements, up }: SimulationReport["summary"]): string => {
  if (disagreements.length === 0) return up === 0 ? "no node is up" : "all agree"
  const more = disagreements.length > MostShown ? `, and more` : ""
  return `${disagreements.slice(0, MostShown).join(", ")}${more}`
}

/** The rows of the summary: names and values. */
export const summaryRows = ({
  duration,
  nodes,
  seed,
  summary
}: SimulationReport): ReadonlyArray<readonly [string, string]> => {
  const dropped = Object.entries(summary.dropped)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${count} ${reason}`)
  return [
    ["seed", seed],
    ["virtual time", timeText(duration)],
    ["up at the end", `${summary.up} of ${nodes.length} nodes`],
    ["at the end", agreementText(summary)],
    ["converged", summary.converged === undefined ? "never" : `after ${timeText(summary.converged)}`],
    [
      "settled",
      summary.settled === undefined ? "not until the end" : `${timeText(summary.settled)} after the last step`
    ],
    ["deaths suspected", spreadText(summary.suspected)],
    ["deaths detected", spreadText(summary.detected)],
    ["deaths undetected", String(summary.undetected)],
    ["false suspicions", String(summary.falseSuspicions)],
    ["false deaths", String(summary.falseDeaths)],
    ["datagrams", `${short(summary.datagramsPerNodeSecond)} per node and second`],
    ["bytes", `${sizeText(summary.bytesPerNodeSecond)} per node and second`],
    ["dropped", dropped.length === 0 ? "none" : dropped.join(", ")],
    ["events", String(summary.events)],
    ["trace hash", summary.hash]
  ]
}

/** Rows as lines of text with aligned values. */
export const lines = (rows: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
}
