/** Runs the demo: on a screen, or as lines where there is none. */
import { Console, Duration, Effect, Layer, SubscriptionRef, Terminal } from "effect"
import { CliError, TerminalCapabilities } from "effect/cli"
import * as NodeNetwork from "../../node/NodeNetwork.ts"
import type { Flags } from "../demo.ts"
import * as Cast from "./Cast.ts"
import * as Play from "./Play.ts"
import * as Screen from "./Screen.ts"
import * as Stage from "./Stage.ts"

/** Handles `gossip demo`. */
export const handle = Effect.fnUntraced(function* ({ stepLimit, timing }: Flags) {
  const { canColor, canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  const limit = Duration.millis(stepLimit)
  // The screen needs a terminal for output and for input.
  yield* (canPrompt ? onStage(limit, canColor) : inLines(limit)).pipe(
    Effect.mapError((cause) => new CliError.UserError({ cause, userMessage: cause.message })),
    Effect.provide(Layer.provide(Cast.layer(timing), NodeNetwork.layer))
  )
})

const inLines = Effect.fnUntraced(function* (limit: Duration.Duration) {
  const { scene } = yield* Cast.Cast
  yield* Console.log("gossip demo: real nodes on UDP sockets of 127.0.0.1, all in this process")
  yield* Console.log(SubscriptionRef.getUnsafe(scene).settings)
  yield* Play.perform({ limit, intermission: Duration.zero, announce: (line) => Console.log(line) })
})

const onStage = Effect.fnUntraced(function* (limit: Duration.Duration, colour: boolean) {
  const { scene } = yield* Cast.Cast
  const terminal = yield* Terminal.Terminal
  // The screen is gone by then, and with it what it showed.
  const report = Effect.gen(function* () {
    const lines = Screen.playLines(SubscriptionRef.getUnsafe(scene), yield* terminal.columns)
    yield* Console.log(lines.map((line) => Screen.paint(line, colour)).join("\n"))
  })
  yield* Effect.ensuring(Stage.perform(limit, colour), report)
})
