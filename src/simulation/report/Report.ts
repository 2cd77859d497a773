/** What came of a simulation: the data behind its table and its page. Times are in ms of virtual time. */

/**
 * What the cluster thought of a node when a sample was taken, as one letter:
 * `.` nobody knows it, `j` some know it, `a` all hold it alive, `s` some suspect it,
 * `d` some hold it dead, `D` all who know it do, `L` some of these that it left.
 */
export type VerdictCode = "." | "j" | "a" | "s" | "d" | "D" | "L"

/** How the life of a node ended. */
export type NodeEnd = "left" | "killed" | "crashed"

/** One node's machine over time. */
export interface ReportNode {
  readonly name: string
  /** Speaks version 1 only. */
  readonly old: boolean
  /** From when to when each of its lives was, and how it ended; `undefined` for one that goes on. */
  readonly lives: ReadonlyArray<{
    readonly from: number
    readonly to: number | undefined
    readonly end: NodeEnd | undefined
  }>
  /** An `OpinionCode` for each sample. */
  readonly verdicts: string
  /** How many members it held alive, itself included, at each sample; -1 while it was not up. */
  readonly members: ReadonlyArray<number>
}

/** Something that happened, for people. */
export interface ReportEvent {
  readonly at: number
  /** What was done to the cluster, or what became of that. */
  readonly kind: "verb" | "outcome"
  readonly text: string
}

/** Spread of a time over all that it was measured for. */
export interface Spread {
  readonly first: number
  readonly median: number
  readonly last: number
}

export interface SimulationReport {
  readonly seed: string
  readonly duration: number
  readonly nodes: ReadonlyArray<ReportNode>
  readonly samples: {
    readonly times: ReadonlyArray<number>
    /** Of the whole cluster, from one sample to the next; the first from the beginning. */
    readonly datagrams: ReadonlyArray<number>
    readonly bytes: ReadonlyArray<number>
    readonly dropped: ReadonlyArray<number>
  }
  readonly events: ReadonlyArray<ReportEvent>
  readonly summary: {
    /** How many nodes were up at the end. */
    readonly up: number
    /** When all that were up first had the same members: each other and nobody else. */
    readonly converged: number | undefined
    /**
     * How long after the last verb all had the same members for good: those that are up and nobody else, a suspect one
     * being a member still; `undefined` if they did not at the end.
     */
    readonly settled: number | undefined
    /** Disagreements at the end, a line each. */
    readonly disagreements: ReadonlyArray<string>
    /** From the kill of a node to a node's knowing, over all such pairs. */
    readonly suspected: Spread | undefined
    readonly detected: Spread | undefined
    /** Pairs of a killed node and one that was up to the end and did not learn of it. */
    readonly undetected: number
    /** Suspicions and deaths of nodes that were up, in the eyes of nodes that they reached both ways. */
    readonly falseSuspicions: number
    readonly falseDeaths: number
    /** Datagrams and bytes that were sent, per node that was up and second. */
    readonly datagramsPerNodeSecond: number
    readonly bytesPerNodeSecond: number
    readonly dropped: Readonly<Record<string, number>>
    readonly hash: string
    readonly events: number
  }
}
