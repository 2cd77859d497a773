/** A record of all changes of status in the views of nodes. */
import type { MemberCause } from "../../../src/domain/Change.ts"
import type { NodeId } from "../../../src/domain/NodeId.ts"
import * as SerialNumber from "../../../src/domain/SerialNumber.ts"
import type { TransitionKind } from "../../../src/membership/ViewObserver.ts"
import type { AnyNode } from "../../../src/simulation/SimNode.ts"
import type { Simulation } from "../../../src/simulation/Simulation.ts"

type ChangeKind = Exclude<TransitionKind, "Updated">

/** A change of status in the view of a node. */
export interface RecordedChange {
  /** When, in ms of virtual time. */
  readonly at: number
  /** The name of the node whose view changed. */
  readonly by: string
  /** The member. */
  readonly of: NodeId
  readonly kind: ChangeKind
  readonly cause: MemberCause
  /** Whether the member was up at that time, and the claim was about its present life. */
  readonly up: boolean
}

/** Selects changes. A missing field matches all. */
export interface Query {
  readonly kind?: ChangeKind
  readonly of?: AnyNode
  readonly by?: AnyNode
  /** The earliest time, in ms. */
  readonly since?: number
}

/** Records the changes of status in the views of all nodes that start from now on. */
export const recordViews = (simulation: Simulation["Service"]) => {
  const changes: Array<RecordedChange> = []
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
          const member = newest.get(of)
          const isPresent =
            member !== undefined && SerialNumber.compare(view.table.incarnation(slot), member.firstIncarnation) >= 0
          const up = isPresent && member.condition === "up"
          changes.push({ at: simulation.now(), by: name, of, kind, cause, up })
        }
      })
    }
  })
  return {
    changes: changes,
    find: ({ by, kind, of, since = 0 }: Query): ReadonlyArray<RecordedChange> =>
      changes.filter(
        (change) =>
          change.at >= since &&
          (kind === undefined || change.kind === kind) &&
          (of === undefined || change.of === of.id) &&
          (by === undefined || change.by === by.name)
      ),
    /** Changes by which a node that was up became dead or left. */
    falseDeaths: (since = 0): ReadonlyArray<RecordedChange> =>
      changes.filter(({ at, kind, up }) => up && at >= since && (kind === "Died" || kind === "Left"))
  }
}
