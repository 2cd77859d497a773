/** `gossip demo`: five nodes on this machine, one of which dies, before the eyes of whoever wants to see. */
import { Console, Duration, Effect, Layer, Schema, SubscriptionRef, Terminal } from "effect"
import { CliError, Command, Flag, TerminalCapabilities } from "effect/cli"
import * as NodeNetwork from "../node/NodeNetwork.ts"
import * as Cast from "./demo/Cast.ts"
import * as Play from "./demo/Play.ts"
import * as Screen from "./demo/Screen.ts"
import * as Stage from "./demo/Stage.ts"

const flags = {
  timing: Flag.Literals("timing", ["fast", "default"]).pipe(
    Flag.withMetavar("SETTINGS"),
    Flag.withDescription("Protocol settings: the defaults, or faster ones that make the demo shorter."),
    Flag.withDefault("fast")
  ),
  stepLimit: Flag.Int("step-limit").pipe(
    Flag.withMetavar("MS"),
    Flag.withDescription("Longest that a step of the play may take, in milliseconds."),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 ** 31 - 1 }))),
    Flag.withDefault(30_000)
  )
}

type Flags = Command.Command.Config.Infer<typeof flags>

/** Plays what a cluster does when a node dies, leaves and comes back: on a screen, or as lines where there is none. */
export const demo = Command.make(
  "demo",
  flags,
  Effect.fnUntraced(function* ({ stepLimit, timing }: Flags) {
    const { canColor, canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
    const limit = Duration.millis(stepLimit)
    // Only who sees the screen and has the keys gets the stage.
    yield* (canPrompt ? onStage(limit, canColor) : inLines(limit)).pipe(
      Effect.mapError((cause) => new CliError.UserError({ cause, userMessage: cause.message })),
      Effect.provide(Layer.provide(Cast.layer(timing), NodeNetwork.layer))
    )
  })
).pipe(
  Command.withShortDescription("Watch five nodes find each other, one die, one leave and one come back."),
  Command.withDescription(
    [
      "Starts five nodes on UDP sockets of 127.0.0.1, all in one process, and shows what each sees of the others while",
      "  one dies without a word, another leaves and the dead one comes back. All times are measured.",
      "",
      "  On a terminal the nodes then stay: k kills one, a adds one, p cuts one off, h heals the cuts, q quits. Without",
      "  one, the same play is printed as lines; the exit code is 0 if every step happened."
    ].join("\n")
  ),
  Command.withExamples([
    { command: "gossip demo", description: "The play, and then the keys" },
    { command: "gossip demo --timing default", description: "The same with the default settings, in about 15 seconds" },
    { command: "gossip demo | cat", description: "As lines" }
  ])
)

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
