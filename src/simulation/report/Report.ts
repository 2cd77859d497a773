/**
 * The measurements of a simulation: the data of its table and its page. Times are in ms of virtual time.
 *
 * @since 0.2.0
 */

/**
 * The verdict of the cluster on a node at a sample, as one letter: `.` nobody knows it, `j` some know it, `a` all see it
 * alive, `s` some suspect it, `d` some see it dead, `D` all that know it see it dead, `L` like `D`, and some know that it
 * left.
 *
 * @category models
 * @since 0.2.0
 */
export type VerdictCode = "." | "j" | "a" | "s" | "d" | "D" | "L"

/**
 * How the life of a node ended.
 *
 * @category models
 * @since 0.2.0
 */
export type NodeEnd = "left" | "killed" | "crashed"

/**
 * One machine over time.
 *
 * @category models
 * @since 0.2.0
 */
export interface ReportNode {
  readonly name: string
  /** Whether the node is of extension level 0. */
  readonly old: boolean
  /** The begin and the end of each of its lives, and how it ended; `undefined` for one that has not ended. */
  readonly lives: ReadonlyArray<{
    readonly from: number
    readonly to: number | undefined
    readonly end: NodeEnd | undefined
  }>
  /** A `VerdictCode` for each sample. */
  readonly verdicts: string
  /** The number of members that it saw alive at each sample, itself included; -1 while it was not up. */
  readonly members: ReadonlyArray<number>
}

/**
 * An event for people.
 *
 * @category models
 * @since 0.2.0
 */
export interface ReportEvent {
  readonly at: number
  /** A `verb` is what was done to the cluster, an `outcome` what followed. */
  readonly kind: "verb" | "outcome"
  readonly text: string
}

/**
 * The spread of a time over all cases in which it was measured.
 *
 * @category models
 * @since 0.2.0
 */
export interface Spread {
  readonly first: number
  readonly median: number
  readonly last: number
}

/**
 * The measurements of a simulation.
 *
 * @category models
 * @since 0.2.0
 */
export interface SimulationReport {
  readonly seed: string
  readonly duration: number
  readonly nodes: ReadonlyArray<ReportNode>
  readonly samples: {
    readonly times: ReadonlyArray<number>
    /** Counts of the whole cluster since the previous sample, or since the beginning. */
    readonly datagrams: ReadonlyArray<number>
    readonly bytes: ReadonlyArray<number>
    readonly dropped: ReadonlyArray<number>
  }
  readonly events: ReadonlyArray<ReportEvent>
  readonly summary: {
    /** The number of nodes that were up at the end. */
    readonly up: number
    /** When all nodes that were up first had the same members: each other and nobody else. */
    readonly converged: number | undefined
    /**
     * How long after the last verb all nodes that are up had the same members until the end: each other and nobody else. A
     * suspect member is still a member. `undefined` if they did not at the end.
     */
    readonly settled: number | undefined
    /** Disagreements at the end, one line each. */
    readonly disagreements: ReadonlyArray<string>
    /** Times from the kill or crash of a node to its suspicion, over all pairs of such a node and an observer. */
    readonly suspected: Spread | undefined
    /** The same times to its death. */
    readonly detected: Spread | undefined
    /** The number of such pairs without a death, whose observer was up at the end. */
    readonly undetected: number
    /** Suspicions of nodes that were up, by nodes with a path to and from them. Claims about a former life do not count. */
    readonly falseSuspicions: number
    /** Deaths of nodes that were up in the view of nodes with a path to and from them. */
    readonly falseDeaths: number
    /** Datagrams and bytes that were sent, per second and node that was up. */
    readonly datagramsPerNodeSecond: number
    readonly bytesPerNodeSecond: number
    readonly dropped: Readonly<Record<string, number>>
    readonly hash: string
    readonly events: number
  }
}
