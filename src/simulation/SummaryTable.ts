/** The numbers of a report, for people: for the command line and for the page alike. */
import type { SimulationReport, Spread } from "./Report.ts"

/** Disagreements that are named. */
const Named = 3

const round = (value: number, digits: number): string => String(Number(value.toPrecision(digits)))

/** A time in ms, for people. */
export const timeText = (ms: number): string =>
  ms < 1000 ? `${round(ms, 3)} ms` : `${round(ms / 1000, Math.max(3, Math.floor(Math.log10(ms)) + 1))} s`

const sizeText = (bytes: number): string => {
  if (bytes < 1000) return `${round(bytes, 3)} B`
  return bytes < 1_000_000 ? `${round(bytes / 1000, 3)} kB` : `${round(bytes / 1_000_000, 3)} MB`
}

const spreadText = (spread: Spread | undefined): string =>
  spread === undefined
    ? "none"
    : `${timeText(spread.first)} first, ${timeText(spread.median)} median, ${timeText(spread.last)} last`

const agreementText = ({ disagreements, up }: SimulationReport["summary"]): string => {
  if (disagreements.length === 0) return up === 0 ? "nobody is up" : "all agree"
  const more = disagreements.length > Named ? `, and more` : ""
  return `${disagreements.slice(0, Named).join(", ")}${more}`
}

/** What stands in a table of the report: names and values. */
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
    ["datagrams", `${round(summary.datagramsPerNodeSecond, 3)} per node and second`],
    ["bytes", `${sizeText(summary.bytesPerNodeSecond)} per node and second`],
    ["dropped", dropped.length === 0 ? "none" : dropped.join(", ")],
    ["events", String(summary.events)],
    ["trace hash", summary.hash]
  ]
}

/** Names and values as lines, the values one below the other. */
export const lines = (rows: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`)
}
