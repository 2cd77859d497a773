/** The nodes of one simulation and the observers of what happens to them. */
import type { AnyNode } from "./SimNode.ts"
import type { SimulationObserver } from "./Verbs.ts"

export class NodeRegistry {
  /** The newest life of every machine, in the order of their numbers. */
  readonly nodes: Array<AnyNode> = []
  /** Every life of every machine. */
  readonly lives: Array<AnyNode> = []
  readonly #observers: Array<SimulationObserver> = []
  #lastId = 0

  get up(): ReadonlyArray<AnyNode> {
    return this.nodes.filter((node) => node.condition === "up")
  }

  /** The number of the next machine. */
  get nextNumber(): number {
    return this.nodes.length + 1
  }

  /** An id that no node has had. */
  nextId(): number {
    return ++this.#lastId
  }

  /** Which life the next node of a machine is. */
  nextLife(number: number): number {
    return (this.nodes[number - 1]?.life ?? 0) + 1
  }

  /** Adds a node that has started. */
  add(node: AnyNode): void {
    this.nodes[node.number - 1] = node
    this.lives.push(node)
    for (const observer of this.#observers) observer.started?.(node)
    this.done(node.life === 1 ? "start" : "restart", [node])
  }

  observe(observer: SimulationObserver): void {
    this.#observers.push(observer)
  }

  removeObservers(): void {
    this.#observers.length = 0
  }

  changed(node: AnyNode): void {
    for (const observer of this.#observers) observer.changed?.(node)
  }

  ended(node: AnyNode): void {
    for (const observer of this.#observers) observer.ended?.(node)
  }

  notify(verb: string, subjects: ReadonlyArray<string>, detail = ""): void {
    for (const observer of this.#observers) observer.verb?.(verb, subjects, detail)
  }

  /** Notifies of a verb that was carried out on nodes. */
  done(verb: string, nodes: ReadonlyArray<AnyNode>, detail = ""): void {
    if (this.#observers.length === 0) return
    this.notify(
      verb,
      nodes.map(({ name }) => name),
      detail
    )
  }
}
