/** What the process that starts a fuzzed node sends to it, and what it gets back. */
import type { Counts } from "../../src/membership/Membership.ts"

/** The options of a run. */
export interface Order {
  readonly mode: "off" | "required"
  readonly seed: number
  /** Datagrams of noise, and as many of mutated messages. */
  readonly datagrams: number
  /** Whether to measure the coverage of src/wire and src/transport, which makes the run slower. */
  readonly coverage: boolean
}

/** A table that packets make grow. */
export interface Bound {
  /** The largest size that was seen. */
  readonly largest: number
  readonly bound: number
}

export interface Tally {
  readonly [what: string]: number
}

/** The results of a run. */
export interface Report {
  readonly order: Order
  readonly sent: number
  /** Datagrams that the node read from its socket, those from itself included. */
  readonly received: number
  readonly seconds: number
  /** How often each outcome occurred. All of them must occur. */
  readonly reached: Tally
  /** Datagrams that the node dropped, by reason. */
  readonly dropped: Tally
  /** Datagrams that the node should have dropped, by reason. */
  readonly foreseen: Tally
  readonly bounds: { readonly [table: string]: Bound }
  /** Bytes in use after a garbage collection: heap and buffers. */
  readonly memoryBefore: number
  readonly memoryAfter: number
  /** Milliseconds until a PING was answered at the end, or -1, and how long that may take. */
  readonly pingMs: number
  readonly probeTimeoutMs: number
  /** Datagrams from the node, and how many of them were no valid message. */
  readonly answers: number
  readonly invalidAnswers: number
  /** Loops and timers of the node that failed, unhandled rejections, uncaught exceptions. */
  readonly deaths: ReadonlyArray<string>
  readonly members: Counts
  /** Lines of src/wire and src/transport that never ran, `file:line`. */
  readonly uncovered: ReadonlyArray<string>
}

/** What is wrong with a run, however fast the machine is. Empty when nothing is. */
export const faultsOf = (report: Report): ReadonlyArray<string> => {
  const { bounds, deaths, invalidAnswers, memoryAfter, memoryBefore, pingMs, reached } = report
  const faults = deaths.map((death) => `died: ${death}`)
  for (const [what, count] of Object.entries(reached)) {
    if (count === 0 && what.startsWith("message ")) faults.push(`never reached: ${what}`)
  }
  for (const [table, { bound, largest }] of Object.entries(bounds)) {
    if (largest > bound) faults.push(`${table}: ${largest} of at most ${bound}`)
  }
  if (invalidAnswers > 0) faults.push(`${invalidAnswers} datagrams of the node are no messages`)
  const grown = memoryAfter - memoryBefore
  if (grown > MaxGrowth) faults.push(`memory grew by ${grown} bytes`)
  if (pingMs < 0) faults.push("a PING was not answered")
  return faults
}

/** What a run missed that a longer one, or one on a quiet machine, should reach. Empty when nothing is. */
export const shortfallsOf = (report: Report): ReadonlyArray<string> => {
  const { dropped, foreseen, pingMs, reached } = report
  const shortfalls: Array<string> = []
  for (const [what, count] of Object.entries(reached)) if (count === 0) shortfalls.push(`never reached: ${what}`)
  // Some datagrams may get lost on the way into the process.
  for (const [reason, count] of Object.entries(foreseen)) {
    const actual = dropped[reason] ?? 0
    if (Math.abs(actual - count) > 20 + count / 50) shortfalls.push(`${reason}: ${actual} dropped and not ${count}`)
  }
  if (report.received < 0.98 * report.sent) shortfalls.push(`only ${report.received} of ${report.sent} arrived`)
  if (pingMs > report.probeTimeoutMs) shortfalls.push(`a PING was answered after ${pingMs} ms`)
  return shortfalls
}

/** By how many bytes the memory of a node may grow: far more than its bounded tables take. */
export const MaxGrowth = 48 * 1024 * 1024
