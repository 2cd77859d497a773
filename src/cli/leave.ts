/** `gossip leave`: makes a node leave its cluster. */
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import * as Endpoint from "./Endpoint.ts"

/** Makes a node say goodbye. */
export const leave = Command.make(
  "leave",
  Endpoint.flags,
  Effect.fnUntraced(
    function* (flags: Endpoint.Flags) {
      const { askPatiently, place } = yield* Endpoint.connect(flags)
      yield* askPatiently((node) => node.leave())
      yield* Console.log(`the node at ${Endpoint.placeText(place)} has left`)
    },
    Effect.scoped,
    Effect.mapError(Endpoint.asUserError)
  )
).pipe(
  Command.withShortDescription("Make a node leave its cluster."),
  Command.withDescription(
    [
      "Makes a node say goodbye, as SIGTERM does, and waits until the others know or cannot be told. Over a network this",
      "  takes the node's token; over its Unix socket, the user that runs it."
    ].join("\n")
  ),
  Command.withExamples([
    { command: "gossip leave --endpoint /run/gossip/admin.sock", description: "Before maintenance" }
  ])
)
