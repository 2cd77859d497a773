/** Runs the demo: on a screen, or as lines where there is none. */
import { Console, Duration, Effect, Layer, SubscriptionRef, Terminal } from "effect"
import { CliError, TerminalCapabilities } from "effect/cli"
import * as NodeNetwork from "../../node/NodeNetwork.ts"
import type { Flags } from "../demo.ts"
import * as DemoNodes from "./DemoNodes.ts"
import * as DemoScript from "./DemoScript.ts"
import * as DemoScreen from "./DemoScreen.ts"
import * as DemoTerminal from "./DemoTerminal.ts"

/** Handles `gossip demo`. */
export const handle = Effect.fnUntraced(function* ({ stepLimit, timing }: Flags) {
  const { canColor, canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  const limit = Duration.millis(stepLimit)
  // The screen needs a terminal for output and for input.
  yield* (canPrompt ? onTerminal(limit, canColor) : inLines(limit)).pipe(
    Effect.mapError((cause) => new CliError.UserError({ cause, userMessage: cause.message })),
    Effect.provide(Layer.provide(DemoNodes.layer(timing), NodeNetwork.layer))
  )
})

const inLines = Effect.fnUntraced(function* (limit: Duration.Duration) {
  const { state } = yield* DemoNodes.DemoNodes
  yield* Console.log("gossip demo: real nodes on UDP sockets of 127.0.0.1, all in this process")
  yield* Console.log(SubscriptionRef.getUnsafe(state).settings)
  yield* DemoScript.run({ limit, pause: Duration.zero, print: (line) => Console.log(line) })
})

const onTerminal = Effect.fnUntraced(function* (limit: Duration.Duration, colour: boolean) {
  const { state } = yield* DemoNodes.DemoNodes
  const terminal = yield* Terminal.Terminal
  // Printed after the screen is gone, which showed the same.
  const report = Effect.gen(function* () {
    const lines = DemoScreen.scriptLines(SubscriptionRef.getUnsafe(state), yield* terminal.columns)
    yield* Console.log(lines.map((line) => DemoScreen.paint(line, colour)).join("\n"))
  })
  yield* Effect.ensuring(DemoTerminal.show(limit, colour), report)
})
