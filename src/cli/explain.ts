/** `gossip explain`: explains why a member has its status. */
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

/** Explains why a member has its status. */
export const explain = Command.make(
  "explain",
  input,
  LazyHandler.client(({ explainMember }) => explainMember)
).pipe(
  Command.withShortDescription("Explain why a member is alive, suspect, dead or gone."),
  Command.withDescription(
    [
      "Prints what a node knows about a member and how it came to know it: which probe failed through which relays, which",
      "  member reported it, which suspicion expired. This includes members that are no longer listed, as long as the node",
      "  has their history."
    ].join("\n")
  ),
  Command.withExamples([{ command: "gossip explain 42", description: "Why is it dead?" }])
)
