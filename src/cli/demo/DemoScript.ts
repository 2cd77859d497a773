/**
 * The script of the demo: a cluster forms, a node fails, another leaves, the failed one comes back. It only sets what is
 * done to the nodes. Each step waits until the other nodes have noticed, and every time is that of a change they reported.
 */
import { Clock, Duration, Effect, Option, Schema, Stream, SubscriptionRef } from "effect"
import * as NodeId from "../../domain/NodeId.ts"
import type { StartError } from "../../cluster/Cluster.ts"
import { DemoNodes } from "./DemoNodes.ts"
import * as DemoText from "./DemoText.ts"
import * as DemoState from "./DemoState.ts"

/** A step did not happen within its time limit. */
export class StepFailed extends Schema.TaggedError<StepFailed>()("StepFailed", {
  number: Schema.Int,
  title: Schema.String,
  limit: Schema.Duration,
  /** What did not happen. */
  missing: Schema.String
}) {
  override get message(): string {
    const limit = DemoText.duration(Duration.toMillis(this.limit))
    return `step ${this.number} did not happen within ${limit}: ${this.title}; missing: ${this.missing}`
  }
}

/** Takes the lines that the script prints while it runs. */
export type Print = (line: string) => Effect.Effect<void>

const id = (n: number) => NodeId.fromWords(0, n)
const all = [1, 2, 3, 4, 5].map(id)
const [first, ...others] = [id(1), id(2), id(3), id(4), id(5)] as const
const failing = id(3)
const leaving = id(5)

/** What a step can do. */
interface StepContext {
  /** When the step began, in ms since 1970. */
  readonly began: number
  /** Waits until `look` finds something; `what` names it for an error. */
  readonly until: <A>(what: string, look: (state: DemoState.DemoState) => A | undefined) => Effect.Effect<A>
  /** Reports what happened, and when. */
  readonly report: (at: number, text: string) => Effect.Effect<void>
}

interface ScriptStep {
  readonly title: string
  readonly run: (context: StepContext) => Effect.Effect<void, StartError, DemoNodes>
}

const converge: ScriptStep = {
  title: "five nodes start and join through n1",
  run: Effect.fnUntraced(function* ({ report, until }) {
    const demo = yield* DemoNodes
    yield* demo.start(first)
    yield* Effect.forEach(others, demo.start, { concurrency: "unbounded", discard: true })
    const last = yield* until("all five nodes see five alive", (state) =>
      latest(all.map((id) => DemoState.lastToSee(state, id, (cell) => cell.status === "alive")))
    )
    yield* report(last.at, `all five nodes see five alive, the last of them ${DemoState.nameOf(last.observer)}`)
  })
}

const fail: ScriptStep = {
  title: `${DemoState.nameOf(failing)} fails without notice`,
  run: Effect.fnUntraced(function* ({ began, report, until }) {
    const demo = yield* DemoNodes
    const name = DemoState.nameOf(failing)
    yield* demo.kill(failing)
    const suspicion = yield* until(`a node suspects ${name}`, (state) =>
      DemoState.seenOf(state, failing, began).find(({ change }) => change._tag === "Suspected")
    )
    yield* report(
      suspicion.at,
      `${DemoState.nameOf(suspicion.observer)} is the first to suspect it: ${DemoText.reason(suspicion.change.cause)}`
    )
    const death = yield* until(`a node declares ${name} dead`, (state) =>
      DemoState.seenOf(state, failing, began).find(({ change }) => change._tag === "Died")
    )
    yield* report(
      death.at,
      `${DemoState.nameOf(death.observer)} is the first to declare it dead: ${DemoText.reason(death.change.cause)}`
    )
    const last = yield* until(`all other nodes see ${name} dead`, (state) =>
      DemoState.lastToSee(state, failing, (cell) => cell.status === "dead")
    )
    yield* report(last.at, `all nodes see it dead, the last of them ${yield* lastWithReason(last, failing, began)}`)
  })
}

const leave: ScriptStep = {
  title: `${DemoState.nameOf(leaving)} leaves the cluster`,
  run: Effect.fnUntraced(function* ({ began, report, until }) {
    const demo = yield* DemoNodes
    yield* Effect.forkChild(demo.leave(leaving))
    const last = yield* until(`all other nodes see that ${DemoState.nameOf(leaving)} left`, (state) =>
      DemoState.lastToSee(state, leaving, (cell) => cell.status === "left" || cell.status === "dead")
    )
    yield* report(
      last.at,
      `all nodes see that it left, the last of them ${yield* lastWithReason(last, leaving, began)}`
    )
  })
}

const comeBack: ScriptStep = {
  title: `${DemoState.nameOf(failing)} comes back with the same id on another port`,
  run: Effect.fnUntraced(function* ({ report, until }) {
    const demo = yield* DemoNodes
    const name = DemoState.nameOf(failing)
    yield* demo.start(failing)
    const { incarnation, last } = yield* until(`all nodes see ${name} alive at its new port`, (state) => {
      const port = state.nodes.find(({ id }) => id === failing)?.port
      const last = DemoState.lastToSee(state, failing, (cell) => cell.status === "alive" && cell.port === port)
      const incarnation = DemoState.cellAt(state, failing, failing)?.incarnation
      return last === undefined || incarnation === undefined ? undefined : { incarnation, last }
    })
    yield* report(
      last.at,
      `all nodes see it alive at incarnation ${incarnation}, the last of them ${DemoState.nameOf(last.observer)}`
    )
    const seen = yield* until(`${name} sees all other nodes alive`, (state) =>
      latest(
        DemoState.reachable(state)
          .filter(({ id }) => id !== failing)
          .map(({ id }) => {
            const cell = DemoState.cellAt(state, failing, id)
            return cell?.status === "alive" ? { observer: failing, at: cell.since } : undefined
          })
      )
    )
    yield* report(seen.at, `it sees all other nodes alive`)
  })
}

const script: ReadonlyArray<ScriptStep> = [converge, fail, leave, comeBack]

/** The latest of all, or `undefined` while one is missing. */
const latest = (all: ReadonlyArray<DemoState.Last | undefined>): DemoState.Last | undefined => {
  let latest: DemoState.Last | undefined
  for (const one of all) {
    if (one === undefined) return undefined
    if (latest === undefined || one.at > latest.at) latest = one
  }
  return latest
}

/** The node that noticed last, with the cause of its change. */
const lastWithReason = Effect.fnUntraced(function* (last: DemoState.Last, subject: NodeId.NodeId, since: number) {
  const { state } = yield* DemoNodes
  const change = DemoState.seenOf(SubscriptionRef.getUnsafe(state), subject, since).findLast(
    ({ observer }) => observer === last.observer
  )
  return `${DemoState.nameOf(last.observer)}${change === undefined ? "" : `: ${DemoText.reason(change.change.cause)}`}`
})

/** How the script runs. */
export interface Options {
  /** Time limit for each step. */
  readonly limit: Duration.Duration
  /** Time between steps, so that viewers can look around. It is part of no step and of no measured time. */
  readonly pause: Duration.Duration
  readonly print: Print
}

/** Runs all steps. */
export const run = Effect.fnUntraced(function* ({ limit, pause, print }: Options) {
  const { note, state } = yield* DemoNodes
  const waiting = script.map(({ title }): DemoState.Step => ({ title, state: "waiting", findings: [] }))
  yield* SubscriptionRef.update(state, (state) => ({ ...state, steps: waiting }))
  const begin = yield* Clock.currentTimeMillis
  const inTurn = Effect.fnUntraced(function* (step: ScriptStep, index: number) {
    if (index > 0) yield* Effect.sleep(pause)
    yield* runStep(index, step, limit, print)
  })
  yield* Effect.forEach(script, inTurn, { discard: true }).pipe(
    Effect.tapError((error) => note(error.message)),
    Effect.onError(() => SubscriptionRef.update(state, skipRest))
  )
  const took = (yield* Clock.currentTimeMillis) - begin
  yield* print(`All ${script.length} steps happened, in ${DemoText.duration(took)}.`)
})

const runStep = Effect.fnUntraced(function* (index: number, step: ScriptStep, limit: Duration.Duration, print: Print) {
  const { state } = yield* DemoNodes
  const began = yield* Clock.currentTimeMillis
  let missing = "the nodes of this step"

  const change = (how: (step: DemoState.Step) => DemoState.Step) =>
    SubscriptionRef.update(state, (state) => DemoState.withStep(state, index, how))
  const enter = (state: DemoState.Step["state"]) => change((step) => ({ ...step, state }))

  const context: StepContext = {
    began,
    until: (what, look) =>
      Effect.suspend(() => {
        missing = what
        return SubscriptionRef.changes(state).pipe(
          Stream.map(look),
          Stream.filter((found) => found !== undefined),
          Stream.runHead,
          Effect.flatMap(Option.match({ onNone: () => Effect.never, onSome: Effect.succeed }))
        )
      }),
    report: (at, text) => {
      const finding = { after: Math.max(0, at - began), text }
      return Effect.andThen(
        change((step) => ({ ...step, findings: [...step.findings, finding] })),
        print(`${DemoText.duration(finding.after).padStart(10)}  ${text}`)
      )
    }
  }

  yield* print(`${index + 1}. ${step.title}`)
  yield* enter("running")
  yield* step.run(context).pipe(
    Effect.timeoutOrElse({
      duration: limit,
      orElse: () => Effect.fail(new StepFailed({ number: index + 1, title: step.title, limit, missing }))
    }),
    Effect.tap(() => enter("done")),
    Effect.tapError(() => enter("failed"))
  )
})

/** Marks the steps that do not run any more. */
const skipRest = (state: DemoState.DemoState): DemoState.DemoState => ({
  ...state,
  steps: state.steps.map((step) => {
    if (step.state === "running") return { ...step, state: "interrupted" }
    return step.state === "waiting" ? { ...step, state: "skipped" } : step
  })
})
