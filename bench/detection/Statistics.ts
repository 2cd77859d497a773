/** Figures over many runs. */

/** The value below which a part of the values lies; NaN without values. */
export const quantile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

export const mean = (values: ReadonlyArray<number>): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** A number with at most three significant digits, for tables. */
export const short = (value: number): string =>
  Number.isNaN(value) ? "-" : Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)))

/** Milliseconds as seconds. */
export const seconds = (ms: number): string => (Number.isNaN(ms) ? "-" : (ms / 1000).toFixed(2))

/** A table in Markdown. */
export const table = (columns: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string | number>>): string =>
  [columns, columns.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
