/** The demo on a terminal: draws the state when it changes, and takes keys. */
import { Cause, Duration, Effect, Exit, Fiber, Stream, SubscriptionRef, Terminal } from "effect"
import * as NodeId from "../../domain/NodeId.ts"
import * as Canvas from "../Canvas.ts"
import { DemoNodes } from "./DemoNodes.ts"
import * as DemoScript from "./DemoScript.ts"
import * as DemoState from "./DemoState.ts"
import * as DemoScreen from "./DemoScreen.ts"

/** Shortest time between frames, in ms. */
const FrameInterval = 100

/** Time between the steps, some of which take less time than it takes to read them. */
const pause = Duration.seconds(2)

/** The most nodes that run at once. */
const MaxNodes = 32

const draw = Effect.fnUntraced(function* (colour: boolean) {
  const terminal = yield* Terminal.Terminal
  const { state } = yield* DemoNodes
  const sizes = yield* terminal.size
  let shown = ""
  yield* SubscriptionRef.changes(state).pipe(
    Stream.zipLatest(Stream.fromQueue(sizes)),
    Stream.buffer({ capacity: 1, strategy: "sliding" }),
    Stream.runForEach(
      Effect.fnUntraced(function* ([state, size]) {
        const next = Canvas.frame(DemoScreen.render(state, size), size.columns, colour)
        if (next === shown) return
        shown = next
        yield* terminal.display(next)
        yield* Effect.sleep(FrameInterval)
      })
    )
  )
})

// --- keys --------------------------------------------------------------------

/** The node that a key acts on: the newest that is reachable. One node always stays, so that there is a view. */
const latestOf = (state: DemoState.DemoState): DemoState.DemoNode | undefined =>
  DemoState.reachable(state).slice(1).at(-1)

const killOne = Effect.gen(function* () {
  const { kill, note, state } = yield* DemoNodes
  const victim = latestOf(SubscriptionRef.getUnsafe(state))
  yield* victim === undefined ? note("the last reachable node is not killed; a adds another") : kill(victim.id)
})

const cutOne = Effect.gen(function* () {
  const { cut, note, state } = yield* DemoNodes
  const victim = latestOf(SubscriptionRef.getUnsafe(state))
  yield* victim === undefined ? note("the last reachable node is not cut off; a adds another") : cut(victim.id)
})

const addOne = Effect.gen(function* () {
  const { note, state, start } = yield* DemoNodes
  const { nodes, events } = SubscriptionRef.getUnsafe(state)
  if (nodes.filter(DemoState.isPresent).length >= MaxNodes)
    return yield* note(`no more than ${MaxNodes} nodes can run at once`)
  const ids = [
    ...nodes.map(({ id }) => id),
    ...events.flatMap((event) => (event._tag === "Changed" ? [event.observer] : []))
  ]
  // A new id: a node with the id of an earlier one would be its return.
  const highest = ids.reduce((highest, id) => (id > highest ? id : highest), NodeId.fromWords(0, 0))
  yield* Effect.catch(start(NodeId.fromWords(0, NodeId.lo(highest) + 1)), (error) => note(error.message))
})

const healAll = Effect.gen(function* () {
  const { heal, note, state } = yield* DemoNodes
  const isCut = SubscriptionRef.getUnsafe(state).nodes.some(({ condition }) => condition === "cut")
  yield* isCut ? heal : note("no node is cut off; p cuts one off")
})

const keys: Readonly<Record<string, Effect.Effect<void, never, DemoNodes>>> = {
  k: killOne,
  a: addOne,
  p: cutOne,
  h: healAll
}

/**
 * Shows the script, and takes keys until `q` or Ctrl-C, which ends the input. The terminal is restored however this
 * ends. Fails if the script did.
 */
export const show = Effect.fnUntraced(function* (limit: Duration.Duration, colour: boolean) {
  const terminal = yield* Terminal.Terminal
  yield* Effect.acquireRelease(terminal.display(Canvas.enter), () => Effect.ignore(terminal.display(Canvas.exit)))
  const input = yield* terminal.readInput
  const drawing = yield* Effect.forkScoped(draw(colour))
  const script = yield* DemoScript.run({ limit, pause, print: () => Effect.void }).pipe(
    Effect.result,
    Effect.forkScoped
  )
  // An interrupted script ends nothing: the nodes keep running.
  const failed = Effect.flatMap(Fiber.await(script), (exit) =>
    Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? Effect.never : exit
  )

  const press = Effect.fnUntraced(function* ({ key }: Terminal.UserInput) {
    const act = key.ctrl || key.meta ? undefined : keys[key.name]
    if (act === undefined) return
    yield* Fiber.interrupt(script)
    yield* act
  })
  yield* Stream.fromQueue(input).pipe(
    Stream.takeWhile(({ key }) => key.name !== "q" && !(key.ctrl && key.name === "c")),
    Stream.runForEach(press),
    Effect.raceFirst(Fiber.join(drawing)),
    Effect.raceFirst(failed)
  )
  const result = script.pollUnsafe()
  if (result !== undefined && Exit.isSuccess(result)) yield* Effect.fromResult(result.value)
}, Effect.scoped)
