/** The distribution of the number of members that the observers see. */
import type { ReportNode, SimulationReport } from "../Report.ts"

/** The number of observers that differ most from the others, which are shown by name. */
const MaxOutliers = 6

/** Quantiles for each sample; `null` where no node is up. */
export interface MemberCounts {
  readonly least: ReadonlyArray<number | null>
  /** The first decile. */
  readonly low: ReadonlyArray<number | null>
  readonly median: ReadonlyArray<number | null>
  /** The last decile. */
  readonly high: ReadonlyArray<number | null>
  readonly most: ReadonlyArray<number | null>
  /** The number of nodes that really run. */
  readonly running: ReadonlyArray<number>
  /** The indices of the observers that were furthest and longest outside the deciles, the worst first. */
  readonly outliers: ReadonlyArray<number>
}

const runs = ({ lives }: ReportNode, at: number): boolean =>
  lives.some(({ from, to }) => from <= at && (to === undefined || at < to))

/** Summarizes what the observers see. */
export const memberCounts = ({ nodes, samples: { times } }: SimulationReport): MemberCounts => {
  const quantiles: Array<ReadonlyArray<number | null>> = []
  const distance = nodes.map(() => 0)
  for (const sample of times.keys()) {
    const seen = Float64Array.from(nodes, ({ members }) => members[sample] ?? -1)
      .filter((count) => count >= 0)
      .sort()
    const at = (part: number) => seen[Math.round(part * (seen.length - 1))] ?? null
    const [low, high] = [at(0.1), at(0.9)]
    quantiles.push([at(0), low, at(0.5), high, at(1)])
    for (const [i, { members }] of nodes.entries()) {
      const count = members[sample] ?? -1
      if (count < 0 || low === null || high === null) continue
      distance[i]! += Math.max(low - count, count - high, 0)
    }
  }
  const outliers = [...distance.keys()]
    .filter((i) => distance[i]! > 0)
    .sort((a, b) => distance[b]! - distance[a]! || a - b)
    .slice(0, MaxOutliers)
  const [least, low, median, high, most] = [0, 1, 2, 3, 4].map((i) => quantiles.map((row) => row[i] ?? null))
  return {
    least: least ?? [],
    low: low ?? [],
    median: median ?? [],
    high: high ?? [],
    most: most ?? [],
    running: times.map((at) => nodes.filter((node) => runs(node, at)).length),
    outliers
  }
}
