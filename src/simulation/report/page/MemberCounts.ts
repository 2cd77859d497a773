/** How many members the observers see, all of them taken together. */
import type { ReportNode, SimulationReport } from "../Report.ts"

/** So many observers differ from the others the most, and are shown by name. */
const MaxOutliers = 6

/** What observers see, for each sample; `null` where nobody observes. */
export interface MemberCounts {
  readonly least: ReadonlyArray<number | null>
  /** A tenth of them sees fewer. */
  readonly low: ReadonlyArray<number | null>
  readonly median: ReadonlyArray<number | null>
  /** A tenth of them sees more. */
  readonly high: ReadonlyArray<number | null>
  readonly most: ReadonlyArray<number | null>
  /** How many nodes really run. */
  readonly running: ReadonlyArray<number>
  /** Indices of the observers that were outside the middle eight tenths the furthest and longest, the worst first. */
  readonly outliers: ReadonlyArray<number>
}

const runs = ({ lives }: ReportNode, at: number): boolean =>
  lives.some(({ from, to }) => from <= at && (to === undefined || at < to))

/** Sums up what observers see. */
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
