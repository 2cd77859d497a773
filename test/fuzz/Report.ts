/** What a run of the fuzzer is asked for and what it tells, between the process that is fuzzed and who started it. */
import type { Counts } from "../../src/membership/Membership.ts"

/** How a run is to be. */
export interface Order {
  readonly mode: "off" | "required"
  readonly seed: number
  /** Datagrams of noise, and as many of mutated messages. */
  readonly datagrams: number
  /** Whether to find out what of src/wire and src/transport was executed, which makes the run slower. */
  readonly coverage: boolean
}

/** A table that packets make grow. */
export interface Bound {
  /** The largest that it was whenever we looked. */
  readonly largest: number
  readonly bound: number
}

export interface Tally {
  readonly [what: string]: number
}

/** What became of a run. */
export interface Report {
  readonly order: Order
  readonly sent: number
  /** Datagrams that the node took out of its socket, its own among them. */
  readonly received: number
  readonly seconds: number
  /** Every outcome that is to be reached, and how often it was. */
  readonly reached: Tally
  /** Datagrams that the node dropped, by reason. */
  readonly dropped: Tally
  /** The same as the fuzzer foresaw it. */
  readonly foreseen: Tally
  readonly bounds: { readonly [table: string]: Bound }
  /** Bytes in use after a collection: heap and buffers. */
  readonly memoryBefore: number
  readonly memoryAfter: number
  /** Milliseconds until a PING was answered after it all, or -1, and what it may take. */
  readonly pingMs: number
  readonly probeTimeoutMs: number
  /** Datagrams of the node: how many came, and how many of them were no valid message. */
  readonly answers: number
  readonly invalidAnswers: number
  /** Loops and timers of the node that died, rejections that nobody handled, exceptions that nobody caught. */
  readonly deaths: ReadonlyArray<string>
  readonly members: Counts
  /** Lines of src/wire and src/transport that never ran, `file:line`. */
  readonly uncovered: ReadonlyArray<string>
}

/** What is wrong with a run; nothing, if all is well. */
export const faultsOf = (report: Report): ReadonlyArray<string> => {
  const { bounds, deaths, dropped, foreseen, invalidAnswers, memoryAfter, memoryBefore, pingMs, reached } = report
  const faults = deaths.map((death) => `died: ${death}`)
  for (const [what, count] of Object.entries(reached)) if (count === 0) faults.push(`never reached: ${what}`)
  for (const [table, { bound, largest }] of Object.entries(bounds)) {
    if (largest > bound) faults.push(`${table}: ${largest} of at most ${bound}`)
  }
  // Some datagrams may get lost on the way into the process.
  for (const [reason, count] of Object.entries(foreseen)) {
    const actual = dropped[reason] ?? 0
    if (Math.abs(actual - count) > 20 + count / 50) faults.push(`${reason}: ${actual} dropped and not ${count}`)
  }
  if (report.received < 0.98 * report.sent) faults.push(`only ${report.received} of ${report.sent} came through`)
  if (invalidAnswers > 0) faults.push(`${invalidAnswers} datagrams of the node are no messages`)
  const grown = memoryAfter - memoryBefore
  if (grown > MaxGrowth) faults.push(`memory grew by ${grown} bytes`)
  if (pingMs < 0 || pingMs > report.probeTimeoutMs) faults.push(`a PING was answered after ${pingMs} ms`)
  return faults
}

/** Bytes that a node may have more in use after it all: far beyond what its bounded tables take. */
export const MaxGrowth = 48 * 1024 * 1024
