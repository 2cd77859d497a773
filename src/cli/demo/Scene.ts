/** What the demo shows, as plain data: the nodes, what each sees of the others, and what happened. */
import type { Change } from "../../domain/Change.ts"
import type { Member, MemberStatus } from "../../domain/Member.ts"
import * as NodeId from "../../domain/NodeId.ts"

/** How a node fares, as the demo knows it, whatever the others think. */
export type Condition = "running" | "cut" | "killed" | "leaving" | "left"

/** A node on the stage. */
export interface Actor {
  readonly id: NodeId.NodeId
  /** Of the address that it has on 127.0.0.1. */
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

/** Something for the log. `at` in ms since 1970. */
export type Event =
  | { readonly _tag: "Changed"; readonly at: number; readonly observer: NodeId.NodeId; readonly change: Change }
  /** What the demo did to the nodes. */
  | { readonly _tag: "Done"; readonly at: number; readonly text: string }
  /** What the nodes log. */
  | { readonly _tag: "Logged"; readonly at: number; readonly text: string }

/** Something that a step of the play brought to light, and how long after its beginning that happened, in ms. */
export interface Finding {
  readonly after: number
  readonly text: string
}

/** A step of the play. */
export interface Step {
  readonly title: string
  readonly state: "waiting" | "running" | "done" | "failed" | "broken-off" | "skipped"
  readonly findings: ReadonlyArray<Finding>
}

/** All of it. */
export interface Scene {
  /** Which settings the nodes run with, in words. */
  readonly settings: string
  /** Ms since 1970. */
  readonly startedAt: number
  /** By id. */
  readonly actors: ReadonlyArray<Actor>
  /** Views of the nodes that run, by observer. */
  readonly views: ReadonlyMap<NodeId.NodeId, View>
  /** The latest, oldest first. */
  readonly events: ReadonlyArray<Event>
  readonly steps: ReadonlyArray<Step>
}

/** Events that are kept. */
const MaxEvents = 1000

/** A stage without nodes. */
export const empty = (settings: string, startedAt: number): Scene => ({
  settings,
  startedAt,
  actors: [],
  views: new Map(),
  events: [],
  steps: []
})

/** What people call a node: n3. */
export const nameOf = (id: NodeId.NodeId): string => `n${NodeId.format(id)}`

// --- changing it -------------------------------------------------------------

export const withEvent = (scene: Scene, event: Event): Scene => ({
  ...scene,
  events: [...scene.events.slice(1 - MaxEvents), event]
})

/** Puts a node on the stage, in the place of one of the same id. */
export const withActor = (scene: Scene, actor: Actor): Scene => ({
  ...scene,
  actors: [...scene.actors.filter(({ id }) => id !== actor.id), actor].sort((a, b) => (a.id < b.id ? -1 : 1))
})

/** Sets a node's condition. What it sees goes with it when it is gone. */
export const withCondition = (scene: Scene, id: NodeId.NodeId, condition: Condition): Scene => {
  const actors = scene.actors.map((actor) => (actor.id === id ? { ...actor, condition } : actor))
  if (isPresent({ condition })) return { ...scene, actors }
  const views = new Map(scene.views)
  views.delete(id)
  return { ...scene, actors, views }
}

/** Takes over what a node sees now. The same scene when that is what it showed. */
export const withView = (scene: Scene, observer: NodeId.NodeId, members: ReadonlyArray<Member>): Scene => {
  const known = scene.views.get(observer)
  const view = new Map(members.map((member) => [member.id, cellOf(member, known?.get(member.id))]))
  const same = known?.size === view.size && [...view].every(([id, cell]) => known.get(id) === cell)
  return same ? scene : { ...scene, views: new Map(scene.views).set(observer, view) }
}

/** The cell of a member, `known` itself if nothing changed. */
const cellOf = (member: Member, known: Cell | undefined): Cell => {
  const { incarnation, status } = member
  const { port } = member.address
  return known !== undefined && known.status === status && known.incarnation === incarnation && known.port === port
    ? known
    : { status, incarnation, port, since: member.since.epochMilliseconds }
}

/** Takes the nodes off the stage that are gone and that nobody lists any more. */
export const withoutForgotten = (scene: Scene): Scene => {
  const listed = new Set([...scene.views.values()].flatMap((view) => [...view.keys()]))
  const actors = scene.actors.filter((actor) => isPresent(actor) || listed.has(actor.id))
  return actors.length === scene.actors.length ? scene : { ...scene, actors }
}

/** Changes a step of the play. */
export const withStep = (scene: Scene, index: number, change: (step: Step) => Step): Scene => ({
  ...scene,
  steps: scene.steps.map((step, at) => (at === index ? change(step) : step))
})

// --- reading it --------------------------------------------------------------

/** Whether a node's process lives. */
export const isPresent = ({ condition }: Pick<Actor, "condition">): boolean =>
  condition !== "killed" && condition !== "left"

/** The nodes that run and can be reached. */
export const reachable = (scene: Scene): ReadonlyArray<Actor> =>
  scene.actors.filter(({ condition }) => condition === "running")

export const cellAt = (scene: Scene, observer: NodeId.NodeId, subject: NodeId.NodeId): Cell | undefined =>
  scene.views.get(observer)?.get(subject)

/** Who came to something last, and when. */
export interface Last {
  readonly observer: NodeId.NodeId
  readonly at: number
}

/** Who was last to see what is asked of a member, once all reachable nodes do; before, `undefined`. */
export const lastToSee = (
  scene: Scene,
  subject: NodeId.NodeId,
  expected: (cell: Cell) => boolean
): Last | undefined => {
  let last: Last | undefined
  for (const { id } of reachable(scene)) {
    if (id === subject) continue
    const cell = cellAt(scene, id, subject)
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

/** What nodes saw happen to a member since a moment, oldest first. */
export const seenOf = (scene: Scene, subject: NodeId.NodeId, since: number): ReadonlyArray<Seen> =>
  scene.events.flatMap((event) =>
    event._tag === "Changed" && "member" in event.change && event.change.member.id === subject && event.at >= since
      ? [{ observer: event.observer, change: event.change, at: event.at }]
      : []
  )
