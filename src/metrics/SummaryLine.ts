/** The state and traffic of a node in one line of a log. */

/** What the line is made of. Counts are from the start of the node. */
export interface Totals {
  /** When, in ms of the monotonic clock. */
  readonly at: number
  readonly alive: number
  readonly suspect: number
  readonly dead: number
  readonly datagramsIn: number
  readonly bytesIn: number
  readonly datagramsOut: number
  readonly bytesOut: number
  /** Datagrams dropped on either way, for any reason. */
  readonly dropped: number
  readonly localHealth: number
}

/** A rate to two or three figures: `0`, `0.25`, `3.1`, `120`. */
const rate = (amount: number, seconds: number): string => {
  const perSecond = seconds > 0 ? amount / seconds : 0
  return String(Number(perSecond.toFixed(perSecond < 1 ? 2 : perSecond < 100 ? 1 : 0)))
}

/**
 * The state of a node at `now`, and its traffic since `before`:
 * `5 alive, 0 suspect, 0 dead; 2.1 datagrams/s (170 B/s) in, 2.1 (170 B/s) out, 0 dropped; local health 0`.
 */
export const summaryLine = (now: Totals, before: Totals): string => {
  const seconds = (now.at - before.at) / 1000
  const per = (name: "datagramsIn" | "bytesIn" | "datagramsOut" | "bytesOut"): string =>
    rate(now[name] - before[name], seconds)
  return (
    `${now.alive} alive, ${now.suspect} suspect, ${now.dead} dead; ` +
    `${per("datagramsIn")} datagrams/s (${per("bytesIn")} B/s) in, ` +
    `${per("datagramsOut")} (${per("bytesOut")} B/s) out, ` +
    `${now.dropped - before.dropped} dropped; local health ${now.localHealth}`
  )
}
