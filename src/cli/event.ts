/** `gossip event`: publishes events through a running node. */
import { Argument, Command } from "effect/cli"
import * as EndpointFlags from "./EndpointFlags.ts"
import * as LazyHandler from "./LazyHandler.ts"
import * as PayloadArgument from "./PayloadArgument.ts"

const sendInput = {
  ...EndpointFlags.flags,
  name: Argument.String("NAME").pipe(Argument.withDescription("The name of the event.")),
  payload: PayloadArgument.payload
}

/** The input of `gossip event send`. */
export type SendInput = Command.Command.Config.Infer<typeof sendInput>

const send = Command.make(
  "send",
  sendInput,
  LazyHandler.client(({ sendEvent }) => sendEvent)
).pipe(Command.withShortDescription("Publish an event to every member."))

/** Publishes events through a running node. */
export const event = Command.make("event").pipe(
  Command.withShortDescription("Publish an event to every member of the cluster."),
  Command.withDescription(
    [
      "Publishes an event through a running node. Programs in the cluster receive it, and gossip events prints it. An event",
      "  is not kept: a member that joins later does not get it."
    ].join("\n")
  ),
  Command.withSubcommands([send]),
  Command.withExamples([{ command: `gossip event send deploy '{"version":"1.2.3"}'`, description: "With a payload" }])
)
