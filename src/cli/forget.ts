/** `gossip forget`: takes a dead member off the list of all members. */
import { Command } from "effect/cli"
import * as EndpointFlags from "./EndpointFlags.ts"
import * as LazyHandler from "./LazyHandler.ts"
import * as MemberArgument from "./MemberArgument.ts"

const input = {
  ...EndpointFlags.flags,
  id: MemberArgument.id
}

/** What the flags and the argument give. */
export type Input = Command.Command.Config.Infer<typeof input>

/** Takes a dead member off the list of all members. */
export const forget = Command.make(
  "forget",
  input,
  LazyHandler.client(({ forgetMember }) => forgetMember)
).pipe(
  Command.withShortDescription("Take a dead member off the list, at every member."),
  Command.withDescription(
    [
      "Takes a member that is dead or has left off the list before its retention ends, at every member, and ends the",
      "  attempts to reach it. A node that lives after all comes back. Over a network this requires the node's token."
    ].join("\n")
  ),
  Command.withExamples([
    { command: "gossip members --dead", description: "Which members are dead?" },
    { command: "gossip forget 42", description: "This one does not come back" }
  ])
)
