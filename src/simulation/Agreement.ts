/** Whether nodes are of one mind. */
import type { NodeBase } from "./NodeBase.ts"

/** Disagreements that are told. */
const ToldAtMost = 10

/** What it takes of a node to tell its mind. */
export type Mind = Pick<NodeBase, "name" | "id" | "knows" | "live">

/** What keeps nodes from being of one mind, a line each; empty if nothing does. */
export const disagreements = (nodes: ReadonlyArray<Mind>, most = ToldAtMost): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const node of nodes) {
    const { alive, suspect } = node.live()
    if (alive === nodes.length && suspect === 0) continue
    found.push(`${node.name} sees ${alive} of ${nodes.length} alive and ${suspect} suspect`)
    if (found.length >= most) return found
  }
  if (found.length > 0) return found
  for (const observer of nodes) {
    for (const node of nodes) {
      const known = observer === node ? "alive" : observer.knows(node.id)
      if (known === "alive") continue
      found.push(`${observer.name} sees ${node.name} ${known}`)
      if (found.length >= most) return found
    }
  }
  return found
}
