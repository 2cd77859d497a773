/** `gossip members`: lists the members that a node sees, once or continuously. */
import { Command, Flag } from "effect/cli"
import * as EndpointFlags from "./EndpointFlags.ts"
import * as LazyHandler from "./LazyHandler.ts"

const flags = {
  ...EndpointFlags.flags,
  tag: Flag.String("tag").pipe(
    Flag.withMetavar("KEY=VALUE"),
    Flag.withDescription("Only members with this tag; repeatable."),
    Flag.atLeast(0)
  ),
  dead: Flag.Boolean("dead").pipe(
    Flag.withDescription("Only members that are dead or have left."),
    Flag.withDefault(false)
  ),
  json: Flag.Boolean("json").pipe(
    Flag.withDescription("Print JSON, as GET /membership answers."),
    Flag.withDefault(false)
  ),
  watch: Flag.Boolean("watch").pipe(
    Flag.withAlias("w"),
    Flag.withDescription("Keep the list on the screen and show what changes, until q is pressed."),
    Flag.withDefault(false)
  )
}

/** What these flags give. */
export type Flags = Command.Command.Config.Infer<typeof flags>

/** Lists the members that a node sees. */
export const members = Command.make(
  "members",
  flags,
  LazyHandler.client(({ showMembers }) => showMembers)
).pipe(
  Command.withShortDescription("List the members of the cluster, as a node sees them."),
  Command.withDescription(
    [
      "Lists the members that a node sees: their status, since when and why, and the round-trip time of the newest probe.",
      "  With --watch the list stays on the screen and the changes appear below it. Without a terminal, the list is printed",
      "  once and each change then takes one line. With --tag too, only members with the tag and their changes are shown."
    ].join("\n")
  ),
  Command.withExamples([
    { command: "gossip members --config gossip.toml", description: "As the node of this file sees them" },
    { command: "gossip members --watch --endpoint http://127.0.0.1:9100", description: "With their changes" },
    { command: "gossip members --tag zone=a", description: "Those with a tag" },
    { command: "gossip members --dead", description: "Those that are dead or have left" },
    { command: "gossip members --json | jq '.nodes[].addr'", description: "For programs" }
  ])
)
