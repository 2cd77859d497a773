/**
 * The play: a cluster forms, a node dies, another leaves, the dead one comes back. Nothing is scripted but what is done
 * to the nodes: each step waits until the others have taken it in, and every time is that of a change they reported.
 */
import { Clock, Duration, Effect, Option, Schema, Stream, SubscriptionRef } from "effect"
import * as NodeId from "../../domain/NodeId.ts"
import type { StartError } from "../../cluster/Cluster.ts"
import { Cast } from "./Cast.ts"
import * as Narration from "./Narration.ts"
import * as Scene from "./Scene.ts"

/** A step of the play did not happen within its limit. */
export class StepFailed extends Schema.TaggedError<StepFailed>()("StepFailed", {
  number: Schema.Int,
  title: Schema.String,
  limit: Schema.Duration,
  /** What was waited for in vain. */
  missing: Schema.String
}) {
  override get message(): string {
    const limit = Narration.span(Duration.toMillis(this.limit))
    return `step ${this.number} did not happen within ${limit}: ${this.title}; waited in vain for ${this.missing}`
  }
}

/** What the play tells while it runs. */
export type Announce = (line: string) => Effect.Effect<void>

const id = (n: number) => NodeId.fromWords(0, n)
const all = [1, 2, 3, 4, 5].map(id)
const [first, ...others] = [id(1), id(2), id(3), id(4), id(5)] as const
const mortal = id(3)
const leaver = id(5)

/** What a step may do. */
interface Stage {
  /** When the step began, in ms since 1970. */
  readonly began: number
  /** Waits for what `look` finds; `what` says in words what that is. */
  readonly until: <A>(what: string, look: (scene: Scene.Scene) => A | undefined) => Effect.Effect<A>
  /** Tells what happened, and when. */
  readonly tell: (at: number, text: string) => Effect.Effect<void>
}

interface Act {
  readonly title: string
  readonly perform: (stage: Stage) => Effect.Effect<void, StartError, Cast>
}

const converge: Act = {
  title: "five nodes start and find each other through n1",
  perform: Effect.fnUntraced(function* ({ tell, until }) {
    const cast = yield* Cast
    yield* cast.start(first)
    yield* Effect.forEach(others, cast.start, { concurrency: "unbounded", discard: true })
    const last = yield* until("all five to see five alive", (scene) =>
      latest(all.map((id) => Scene.lastToSee(scene, id, (cell) => cell.status === "alive")))
    )
    yield* tell(last.at, `all five see five alive; the last to was ${Scene.nameOf(last.observer)}`)
  })
}

const die: Act = {
  title: `${Scene.nameOf(mortal)} dies without a word`,
  perform: Effect.fnUntraced(function* ({ began, tell, until }) {
    const cast = yield* Cast
    const name = Scene.nameOf(mortal)
    yield* cast.kill(mortal)
    const suspicion = yield* until(`somebody to suspect ${name}`, (scene) =>
      Scene.seenOf(scene, mortal, began).find(({ change }) => change._tag === "Suspected")
    )
    yield* tell(
      suspicion.at,
      `${Scene.nameOf(suspicion.observer)} is the first to suspect it: ${Narration.reason(suspicion.change.cause)}`
    )
    const death = yield* until(`somebody to hold ${name} dead`, (scene) =>
      Scene.seenOf(scene, mortal, began).find(({ change }) => change._tag === "Died")
    )
    yield* tell(
      death.at,
      `${Scene.nameOf(death.observer)} is the first to hold it dead: ${Narration.reason(death.change.cause)}`
    )
    const last = yield* until(`all others to hold ${name} dead`, (scene) =>
      Scene.lastToSee(scene, mortal, (cell) => cell.status === "dead")
    )
    yield* tell(last.at, `all hold it dead; the last to know was ${yield* lastWithReason(last, mortal, began)}`)
  })
}

const leave: Act = {
  title: `${Scene.nameOf(leaver)} leaves of its own will`,
  perform: Effect.fnUntraced(function* ({ began, tell, until }) {
    const cast = yield* Cast
    yield* Effect.forkChild(cast.leave(leaver))
    const last = yield* until(`all others to know that ${Scene.nameOf(leaver)} left`, (scene) =>
      Scene.lastToSee(scene, leaver, (cell) => cell.status === "left" || cell.status === "dead")
    )
    yield* tell(last.at, `all know it; the last to was ${yield* lastWithReason(last, leaver, began)}`)
  })
}

const comeBack: Act = {
  title: `${Scene.nameOf(mortal)} comes back, with the same id and on another port`,
  perform: Effect.fnUntraced(function* ({ tell, until }) {
    const cast = yield* Cast
    const name = Scene.nameOf(mortal)
    yield* cast.start(mortal)
    const { incarnation, last } = yield* until(`all to see ${name} alive, where it is now`, (scene) => {
      const port = scene.actors.find(({ id }) => id === mortal)?.port
      const last = Scene.lastToSee(scene, mortal, (cell) => cell.status === "alive" && cell.port === port)
      const incarnation = Scene.cellAt(scene, mortal, mortal)?.incarnation
      return last === undefined || incarnation === undefined ? undefined : { incarnation, last }
    })
    yield* tell(
      last.at,
      `all see it alive, in incarnation ${incarnation}; the last to was ${Scene.nameOf(last.observer)}`
    )
    const seen = yield* until(`${name} to see all others alive`, (scene) =>
      latest(
        Scene.reachable(scene)
          .filter(({ id }) => id !== mortal)
          .map(({ id }) => {
            const cell = Scene.cellAt(scene, mortal, id)
            return cell?.status === "alive" ? { observer: mortal, at: cell.since } : undefined
          })
      )
    )
    yield* tell(seen.at, `it sees all others alive itself`)
  })
}

const acts: ReadonlyArray<Act> = [converge, die, leave, comeBack]

/** The latest of all, or `undefined` as long as one is missing. */
const latest = (all: ReadonlyArray<Scene.Last | undefined>): Scene.Last | undefined => {
  let latest: Scene.Last | undefined
  for (const one of all) {
    if (one === undefined) return undefined
    if (latest === undefined || one.at > latest.at) latest = one
  }
  return latest
}

/** Who came to something last, and what made it do so. */
const lastWithReason = Effect.fnUntraced(function* (last: Scene.Last, subject: NodeId.NodeId, since: number) {
  const { scene } = yield* Cast
  const change = Scene.seenOf(SubscriptionRef.getUnsafe(scene), subject, since).findLast(
    ({ observer }) => observer === last.observer
  )
  return `${Scene.nameOf(last.observer)}${change === undefined ? "" : `: ${Narration.reason(change.change.cause)}`}`
})

/** How the play is given. */
export interface Performance {
  /** The longest that any step may take. */
  readonly limit: Duration.Duration
  /** Time between steps, for an audience to look round. No step waits for anything in it, and none is measured by it. */
  readonly intermission: Duration.Duration
  readonly announce: Announce
}

/** Performs all steps. */
export const perform = Effect.fnUntraced(function* ({ announce, intermission, limit }: Performance) {
  const { note, scene } = yield* Cast
  const steps = acts.map(({ title }): Scene.Step => ({ title, state: "waiting", findings: [] }))
  yield* SubscriptionRef.update(scene, (scene) => ({ ...scene, steps }))
  const begin = yield* Clock.currentTimeMillis
  const inTurn = Effect.fnUntraced(function* (act: Act, index: number) {
    if (index > 0) yield* Effect.sleep(intermission)
    yield* performAct(index, act, limit, announce)
  })
  yield* Effect.forEach(acts, inTurn, { discard: true }).pipe(
    Effect.tapError((error) => note(error.message)),
    Effect.onError(() => SubscriptionRef.update(scene, skipRest))
  )
  const took = (yield* Clock.currentTimeMillis) - begin
  yield* announce(`All ${acts.length} steps happened, in ${Narration.span(took)}.`)
})

const performAct = Effect.fnUntraced(function* (index: number, act: Act, limit: Duration.Duration, announce: Announce) {
  const { scene } = yield* Cast
  const began = yield* Clock.currentTimeMillis
  let missing = "the nodes to do it"

  const change = (how: (step: Scene.Step) => Scene.Step) =>
    SubscriptionRef.update(scene, (scene) => Scene.withStep(scene, index, how))
  const enter = (state: Scene.Step["state"]) => change((step) => ({ ...step, state }))

  const stage: Stage = {
    began,
    until: (what, look) =>
      Effect.suspend(() => {
        missing = what
        return SubscriptionRef.changes(scene).pipe(
          Stream.map(look),
          Stream.filter((found) => found !== undefined),
          Stream.runHead,
          Effect.flatMap(Option.match({ onNone: () => Effect.never, onSome: Effect.succeed }))
        )
      }),
    tell: (at, text) => {
      const finding = { after: Math.max(0, at - began), text }
      return Effect.andThen(
        change((step) => ({ ...step, findings: [...step.findings, finding] })),
        announce(`${Narration.span(finding.after).padStart(10)}  ${text}`)
      )
    }
  }

  yield* announce(`${index + 1}. ${act.title}`)
  yield* enter("running")
  yield* act.perform(stage).pipe(
    Effect.timeoutOrElse({
      duration: limit,
      orElse: () => Effect.fail(new StepFailed({ number: index + 1, title: act.title, limit, missing }))
    }),
    Effect.tap(() => enter("done")),
    Effect.tapError(() => enter("failed"))
  )
})

/** Marks what is not played any more, as the play was broken off. */
const skipRest = (scene: Scene.Scene): Scene.Scene => ({
  ...scene,
  steps: scene.steps.map((step) => {
    if (step.state === "running") return { ...step, state: "broken-off" }
    return step.state === "waiting" ? { ...step, state: "skipped" } : step
  })
})
