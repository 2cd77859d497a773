/** `gossip demo`: five nodes on this machine, of which one fails, one leaves and one comes back. */
import { Schema } from "effect"
import { Command, Flag } from "effect/cli"
import * as LazyHandler from "./LazyHandler.ts"

const flags = {
  timing: Flag.Literals("timing", ["fast", "default"]).pipe(
    Flag.withMetavar("SETTINGS"),
    Flag.withDescription("Protocol settings: the defaults, or faster ones, which make the demo shorter."),
    Flag.withDefault("fast")
  ),
  stepLimit: Flag.Int("step-limit").pipe(
    Flag.withMetavar("MS"),
    Flag.withDescription("Time limit for each step, in milliseconds."),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 2 ** 31 - 1 }))),
    Flag.withDefault(30_000)
  )
}

/** What these flags give. */
export type Flags = Command.Command.Config.Infer<typeof flags>

/** Shows what a cluster does when a node fails, leaves and comes back: on a screen, or as lines without a terminal. */
export const demo = Command.make(
  "demo",
  flags,
  LazyHandler.make(() => import("./demo/RunDemo.ts").then(({ handle }) => handle))
).pipe(
  Command.withShortDescription("Watch five nodes join, one fail, one leave and one come back."),
  Command.withDescription(
    [
      "Starts five nodes on UDP sockets of 127.0.0.1, all in one process, and shows what each node sees of the others while",
      "  one fails, another leaves and the failed one comes back. All times are measured.",
      "",
      "  On a terminal the nodes then keep running: k kills one, a adds one, p cuts one off, h heals the cuts, q quits.",
      "  Without a terminal the same steps are printed as lines; the exit code is 0 if every step happened."
    ].join("\n")
  ),
  Command.withExamples([
    { command: "gossip demo", description: "The steps, and then the keys" },
    { command: "gossip demo --timing default", description: "The same with the default settings, in about 15 seconds" },
    { command: "gossip demo | cat", description: "As lines" }
  ])
)
