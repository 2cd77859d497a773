/** The terminal: draws the scene when it changes, and takes keys. */
import { Cause, Duration, Effect, Exit, Fiber, Stream, SubscriptionRef, Terminal } from "effect"
import * as NodeId from "../../domain/NodeId.ts"
import * as Canvas from "../Canvas.ts"
import { Cast } from "./Cast.ts"
import * as Play from "./Play.ts"
import * as Scene from "./Scene.ts"
import * as Screen from "./Screen.ts"

/** Time from one frame to the next at least, in ms. */
const FrameInterval = 100

/** Time between the steps of the play: some of them are over before anybody has seen them begin. */
const intermission = Duration.seconds(2)

/** Nodes that may run at once: what one process is good for while it draws, too. */
const MaxNodes = 32

const draw = Effect.fnUntraced(function* (colour: boolean) {
  const terminal = yield* Terminal.Terminal
  const { scene } = yield* Cast
  const sizes = yield* terminal.size
  let shown = ""
  yield* SubscriptionRef.changes(scene).pipe(
    Stream.zipLatest(Stream.fromQueue(sizes)),
    Stream.buffer({ capacity: 1, strategy: "sliding" }),
    Stream.runForEach(
      Effect.fnUntraced(function* ([scene, size]) {
        const next = Canvas.frame(Screen.render(scene, size), size.columns, colour)
        if (next === shown) return
        shown = next
        yield* terminal.display(next)
        yield* Effect.sleep(FrameInterval)
      })
    )
  )
})

// --- keys --------------------------------------------------------------------

/** The node that a key is about: the latest that runs. The last of all stays, to have somebody who sees. */
const latestOf = (scene: Scene.Scene): Scene.Actor | undefined => Scene.reachable(scene).slice(1).at(-1)

const killOne = Effect.gen(function* () {
  const { kill, note, scene } = yield* Cast
  const victim = latestOf(SubscriptionRef.getUnsafe(scene))
  yield* victim === undefined
    ? note("the last node that can be reached is not killed: a adds another")
    : kill(victim.id)
})

const cutOne = Effect.gen(function* () {
  const { cut, note, scene } = yield* Cast
  const victim = latestOf(SubscriptionRef.getUnsafe(scene))
  yield* victim === undefined
    ? note("the last node that can be reached is not cut off: a adds another")
    : cut(victim.id)
})

const addOne = Effect.gen(function* () {
  const { note, scene, start } = yield* Cast
  const { actors, events } = SubscriptionRef.getUnsafe(scene)
  if (actors.filter(Scene.isPresent).length >= MaxNodes) return yield* note(`more than ${MaxNodes} nodes are too many`)
  const ids = [
    ...actors.map(({ id }) => id),
    ...events.flatMap((event) => (event._tag === "Changed" ? [event.observer] : []))
  ]
  // An id that was never there: one of a former node would be its return.
  const highest = ids.reduce((highest, id) => (id > highest ? id : highest), NodeId.fromWords(0, 0))
  yield* Effect.catch(start(NodeId.fromWords(0, NodeId.lo(highest) + 1)), (error) => note(error.message))
})

const healAll = Effect.gen(function* () {
  const { heal, note, scene } = yield* Cast
  const isCut = SubscriptionRef.getUnsafe(scene).actors.some(({ condition }) => condition === "cut")
  yield* isCut ? heal : note("nobody is cut off: p cuts one off")
})

const keys: Readonly<Record<string, Effect.Effect<void, never, Cast>>> = {
  k: killOne,
  a: addOne,
  p: cutOne,
  h: healAll
}

/**
 * Shows the play and then lets the audience act, until it quits: by `q`, or by Ctrl-C, which ends the input. Whatever
 * happens, the terminal is given back as it was. Fails if the play did.
 */
export const perform = Effect.fnUntraced(function* (limit: Duration.Duration, colour: boolean) {
  const terminal = yield* Terminal.Terminal
  yield* Effect.acquireRelease(terminal.display(Canvas.enter), () => Effect.ignore(terminal.display(Canvas.exit)))
  const input = yield* terminal.readInput
  const drawing = yield* Effect.forkScoped(draw(colour))
  const play = yield* Play.perform({ limit, intermission, announce: () => Effect.void }).pipe(
    Effect.result,
    Effect.forkScoped
  )
  // A step that fails ends the play only: there is still something to see.
  const broken = Effect.flatMap(Fiber.await(play), (exit) =>
    Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? Effect.never : exit
  )

  const press = Effect.fnUntraced(function* ({ key }: Terminal.UserInput) {
    const act = key.ctrl || key.meta ? undefined : keys[key.name]
    if (act === undefined) return
    yield* Fiber.interrupt(play)
    yield* act
  })
  yield* Stream.fromQueue(input).pipe(
    Stream.takeWhile(({ key }) => key.name !== "q" && !(key.ctrl && key.name === "c")),
    Stream.runForEach(press),
    Effect.raceFirst(Fiber.join(drawing)),
    Effect.raceFirst(broken)
  )
  const played = play.pollUnsafe()
  if (played !== undefined && Exit.isSuccess(played)) yield* Effect.fromResult(played.value)
}, Effect.scoped)
