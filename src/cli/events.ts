/** `gossip events`: prints the changes that a node sees. */
import { Command, Flag } from "effect/cli"
import * as EndpointFlags from "./EndpointFlags.ts"
import * as LazyHandler from "./LazyHandler.ts"

const flags = {
  ...EndpointFlags.flags,
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print each change as a JSON object."), Flag.withDefault(false))
}

/** What these flags give. */
export type Flags = Command.Command.Config.Infer<typeof flags>

/** Follows the changes that a node sees. */
export const events = Command.make(
  "events",
  flags,
  LazyHandler.client(({ followEvents }) => followEvents)
).pipe(
  Command.withShortDescription("Follow the changes in the cluster, as a node sees them."),
  Command.withDescription(
    [
      "Prints every change and every published event from now on, one line each, until Ctrl-C. When the connection breaks, it is",
      "  opened again, and the changes in between are printed then, as far as the node still has them."
    ].join("\n")
  ),
  Command.withExamples([{ command: "gossip events --json | jq .kind", description: "For programs" }])
)
