/** `gossip tags`: changes the tags of a running node. */
import { Argument, Command } from "effect/cli"
import * as EndpointFlags from "./EndpointFlags.ts"
import * as LazyHandler from "./LazyHandler.ts"

const setInput = {
  ...EndpointFlags.flags,
  tags: Argument.String("KEY=VALUE").pipe(
    Argument.withDescription("A tag and its value, such as zone=a."),
    Argument.atLeast(1)
  )
}

/** The input of `gossip tags set`. */
export type SetInput = Command.Command.Config.Infer<typeof setInput>

const set = Command.make(
  "set",
  setInput,
  LazyHandler.client(({ setTags }) => setTags)
).pipe(Command.withShortDescription("Give the node these tags, besides those that it has."))

const unsetInput = {
  ...EndpointFlags.flags,
  keys: Argument.String("KEY").pipe(Argument.withDescription("A tag."), Argument.atLeast(1))
}

/** The input of `gossip tags unset`. */
export type UnsetInput = Command.Command.Config.Infer<typeof unsetInput>

const unset = Command.make(
  "unset",
  unsetInput,
  LazyHandler.client(({ unsetTags }) => unsetTags)
).pipe(Command.withShortDescription("Take these tags from the node."))

/** Changes the tags of a running node. */
export const tags = Command.make("tags").pipe(
  Command.withShortDescription("Set and remove the tags of a running node."),
  Command.withDescription(
    [
      "Changes what a running node tells every member about itself, and prints its tags afterwards. The changes last until",
      "  the node restarts. gossip members shows the tags of all members."
    ].join("\n")
  ),
  Command.withSubcommands([set, unset]),
  Command.withExamples([
    { command: "gossip tags set zone=b --endpoint /run/gossip/admin.sock", description: "Move it to another zone" },
    { command: "gossip members --tag zone=b", description: "See who is there" }
  ])
)
