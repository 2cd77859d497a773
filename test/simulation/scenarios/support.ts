/** What scenarios share: a record of who thought what of whom and when, and the times that the protocol promises. */
import type { MemberCause } from "../../../src/domain/Change.ts"
import type { NodeId } from "../../../src/domain/NodeId.ts"
import type { TransitionKind } from "../../../src/membership/ViewObserver.ts"
import type { AnyNode } from "../../../src/simulation/SimNode.ts"
import type { Simulation } from "../../../src/simulation/Simulation.ts"

type Mood = Exclude<TransitionKind, "Updated">

/** A node changed its mind about another: a new incarnation or address alone is none. */
export interface Note {
  /** When, in ms of virtual time. */
  readonly at: number
  /** The name of the one who changed its mind. */
  readonly by: string
  /** Whom it is about. */
  readonly of: NodeId
  readonly kind: Mood
  readonly cause: MemberCause
  /** Whether the other one was up at that time. */
  readonly up: boolean
}

/** Which notes are asked for; what is left out is any. */
export interface Query {
  readonly kind?: Mood
  readonly of?: AnyNode
  readonly by?: AnyNode
  /** From when on, in ms. */
  readonly since?: number
}

/** Everything that nodes started from now on think of each other. */
export const chronicle = (simulation: Simulation["Service"]) => {
  const notes: Array<Note> = []
  const newest = new Map<NodeId, AnyNode>()
  simulation.observe({
    started: (node) => {
      newest.set(node.id, node)
      if (node.kind !== "node") return
      const { name, view } = node
      view.observe({
        transition: ({ cause, kind, slot }) => {
          if (kind === "Updated") return
          const of = view.idOf(slot)
          notes.push({ at: simulation.now(), by: name, of, kind, cause, up: newest.get(of)?.condition === "up" })
        }
      })
    }
  })
  return {
    notes,
    find: ({ by, kind, of, since = 0 }: Query): ReadonlyArray<Note> =>
      notes.filter(
        (note) =>
          note.at >= since &&
          (kind === undefined || note.kind === kind) &&
          (of === undefined || note.of === of.id) &&
          (by === undefined || note.by === by.name)
      ),
    /** When nodes that were up were taken for dead or gone. */
    wrongs: (since = 0): ReadonlyArray<Note> =>
      notes.filter(({ at, kind, up }) => up && at >= since && (kind === "Died" || kind === "Left"))
  }
}

/** Histories in which what is cheap is tried. */
export const Seeds = [1, 2, 3, 4, 5] as const

/** And what is dearer. */
export const FewSeeds = [1, 2, 3] as const

/** Time for what takes some seconds of a whole processor, where the machine has other things to do, in ms. */
export const Patience = 120_000

/**
 * The longest that a suspicion lasts in a cluster of `n`, in ms: `suspect_timeout x (1 + suspect_multiplier x log2 n)`
 * and all of `suspect_jitter`, as they are by default.
 */
export const suspicion = (n: number): number => shortestSuspicion(n) + 1000

/** The same without the jitter: the shortest. */
export const shortestSuspicion = (n: number): number => 3000 * (1 + 0.5 * Math.log2(n))

/** News of a change, or of a refutation: some gossip rounds of 200 ms, with a probe between that may have to bring it. */
export const Spread = 2000

/** The same where datagrams are lost: a suspicion may stand between, and its refutation need another round trip or two. */
export const LossySpread = 5000

/**
 * Until all of `n` hold one dead that does not answer, in ms: 2n - 1 probes of 1 s bring anybody's ring to it, the
 * suspicion runs out, and the news goes round.
 */
export const detection = (n: number): number => (2 * n - 1) * 1000 + suspicion(n) + Spread

/**
 * `heal_interval` (10 s) and its jitter of a quarter, in ms: in this time every node has tried one of those that it lost,
 * and the first that answers is enough.
 */
export const HealTry = 12_500
