/** Whether nodes agree on the members of the cluster. */
import type { NodeBase } from "./NodeBase.ts"

/** Reported disagreements. */
const MostReported = 10

/**
 * The part of a node that tells which members it sees.
 *
 * @category models
 * @since 0.2.0
 */
export type MemberView = Pick<NodeBase, "name" | "id" | "statusOf" | "liveCounts">

/**
 * The differences between the views of nodes and the set of these nodes, one line each. There are none if every node sees
 * all of them alive and nobody else.
 *
 * @category testing
 * @since 0.2.0
 */
export const disagreements = (nodes: ReadonlyArray<MemberView>, most = MostReported): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const node of nodes) {
    const { alive, suspect } = node.liveCounts()
    if (alive === nodes.length && suspect === 0) continue
    found.push(`${node.name} sees ${alive} of ${nodes.length} alive and ${suspect} suspect`)
    if (found.length >= most) return found
  }
  if (found.length > 0) return found
  for (const observer of nodes) {
    for (const node of nodes) {
      const status = observer === node ? "alive" : observer.statusOf(node.id)
      if (status === "alive") continue
      found.push(`${observer.name} sees ${node.name} ${status}`)
      if (found.length >= most) return found
    }
  }
  return found
}
