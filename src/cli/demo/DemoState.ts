/** What the demo shows, as plain data: the nodes, what each sees of the others, and what happened. */
import type { Change } from "../../domain/Change.ts"
import type { Member, MemberStatus } from "../../domain/Member.ts"
import * as NodeId from "../../domain/NodeId.ts"

/** The real condition of a node, whatever the other nodes hold about it. */
export type Condition = "running" | "cut" | "killed" | "leaving" | "left"

/** A node of the demo. */
export interface DemoNode {
  readonly id: NodeId.NodeId
  /** The port of its address on 127.0.0.1. */
  readonly port: number
  readonly condition: Condition
}

/** One member as one node sees it. */
export interface Cell {
  readonly status: MemberStatus
  readonly incarnation: number
  readonly port: number
  /** When the status began, in ms since 1970. */
  readonly since: number
}

/** What one node sees: cells by member. */
export type View = ReadonlyMap<NodeId.NodeId, Cell>

/** An entry of the log. `at` is in ms since 1970. */
export type Event =
  | { readonly _tag: "Changed"; readonly at: number; readonly observer: NodeId.NodeId; readonly change: Change }
  /** What the demo did to the nodes. */
  | { readonly _tag: "Done"; readonly at: number; readonly text: string }
  /** What the nodes log. */
  | { readonly _tag: "Logged"; readonly at: number; readonly text: string }

/** What a step found, and how long after the start of the step that happened, in ms. */
export interface Finding {
  readonly after: number
  readonly text: string
}

/** A step of the script. */
export interface Step {
  readonly title: string
  readonly state: "waiting" | "running" | "done" | "failed" | "interrupted" | "skipped"
  readonly findings: ReadonlyArray<Finding>
}

/** Everything that the demo shows. */
export interface DemoState {
  /** Which settings the nodes run with, in words. */
  readonly settings: string
  /** Ms since 1970. */
  readonly startedAt: number
  /** By id. */
  readonly nodes: ReadonlyArray<DemoNode>
  /** The views of the running nodes, by observer. */
  readonly views: ReadonlyMap<NodeId.NodeId, View>
  /** The latest, oldest first. */
  readonly events: ReadonlyArray<Event>
  readonly steps: ReadonlyArray<Step>
}

/** Events that are kept. */
const MaxEvents = 1000

/** The state without nodes. */
export const empty = (settings: string, startedAt: number): DemoState => ({
  settings,
  startedAt,
  nodes: [],
  views: new Map(),
  events: [],
  steps: []
})

/** The short name of a node: n3. */
export const nameOf = (id: NodeId.NodeId): string => `n${NodeId.format(id)}`

// --- changing it -------------------------------------------------------------

export const withEvent = (state: DemoState, event: Event): DemoState => ({
  ...state,
  events: [...state.events.slice(1 - MaxEvents), event]
})

/** Adds a node, in the place of one with the same id. */
export const withNode = (state: DemoState, node: DemoNode): DemoState => ({
  ...state,
  nodes: [...state.nodes.filter(({ id }) => id !== node.id), node].sort((a, b) => (a.id < b.id ? -1 : 1))
})

/** Sets the condition of a node. The view of a node that is gone is removed. */
export const withCondition = (state: DemoState, id: NodeId.NodeId, condition: Condition): DemoState => {
  const nodes = state.nodes.map((node) => (node.id === id ? { ...node, condition } : node))
  if (isPresent({ condition })) return { ...state, nodes }
  const views = new Map(state.views)
  views.delete(id)
  return { ...state, nodes, views }
}

/** Sets what a node sees now. Returns the same state if nothing changed. */
export const withView = (state: DemoState, observer: NodeId.NodeId, members: ReadonlyArray<Member>): DemoState => {
  const known = state.views.get(observer)
  const view = new Map(members.map((member) => [member.id, cellOf(member, known?.get(member.id))]))
  const same = known?.size === view.size && [...view].every(([id, cell]) => known.get(id) === cell)
  return same ? state : { ...state, views: new Map(state.views).set(observer, view) }
}

/** The cell of a member; `known` itself if nothing changed. */
const cellOf = (member: Member, known: Cell | undefined): Cell => {
  const { incarnation, status } = member
  const { port } = member.address
  return known !== undefined && known.status === status && known.incarnation === incarnation && known.port === port
    ? known
    : { status, incarnation, port, since: member.since.epochMilliseconds }
}

/** Removes the nodes that are gone and that no node lists any more. */
export const withoutForgotten = (state: DemoState): DemoState => {
  const listed = new Set([...state.views.values()].flatMap((view) => [...view.keys()]))
  const nodes = state.nodes.filter((node) => isPresent(node) || listed.has(node.id))
  return nodes.length === state.nodes.length ? state : { ...state, nodes }
}

/** Changes a step of the script. */
export const withStep = (state: DemoState, index: number, change: (step: Step) => Step): DemoState => ({
  ...state,
  steps: state.steps.map((step, at) => (at === index ? change(step) : step))
})

// --- reading it --------------------------------------------------------------

/** Whether a node runs, reachable or not. */
export const isPresent = ({ condition }: Pick<DemoNode, "condition">): boolean =>
  condition !== "killed" && condition !== "left"

/** The nodes that run and can be reached. */
export const reachable = (state: DemoState): ReadonlyArray<DemoNode> =>
  state.nodes.filter(({ condition }) => condition === "running")

export const cellAt = (state: DemoState, observer: NodeId.NodeId, subject: NodeId.NodeId): Cell | undefined =>
  state.views.get(observer)?.get(subject)

/** The node that noticed something last, and when. */
export interface Last {
  readonly observer: NodeId.NodeId
  readonly at: number
}

/** The last node whose view of a member is as expected, once that of all reachable nodes is; `undefined` before. */
export const lastToSee = (
  state: DemoState,
  subject: NodeId.NodeId,
  expected: (cell: Cell) => boolean
): Last | undefined => {
  let last: Last | undefined
  for (const { id } of reachable(state)) {
    if (id === subject) continue
    const cell = cellAt(state, id, subject)
    if (cell === undefined || !expected(cell)) return undefined
    if (last === undefined || cell.since > last.at) last = { observer: id, at: cell.since }
  }
  return last
}

/** A change of a member, with the node that saw it. */
export interface Seen {
  readonly observer: NodeId.NodeId
  readonly change: MemberChange
  readonly at: number
}

/** A change of a member: all but conflicts and gaps. */
export type MemberChange = Extract<Change, { readonly member: Member }>

/** The changes of a member that nodes saw since a time, oldest first. */
export const seenOf = (state: DemoState, subject: NodeId.NodeId, since: number): ReadonlyArray<Seen> =>
  state.events.flatMap((event) =>
    event._tag === "Changed" && "member" in event.change && event.change.member.id === subject && event.at >= since
      ? [{ observer: event.observer, change: event.change, at: event.at }]
      : []
  )
