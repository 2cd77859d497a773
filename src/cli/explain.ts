/** `gossip explain`: why a member is what it is. */
import { Console, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { show } from "../config/ConfigResolution.ts"
import * as NodeId from "../domain/NodeId.ts"
import * as Endpoint from "./Endpoint.ts"
import { addressIn, byId } from "./MembersView.ts"
import * as Story from "./Story.ts"

/** Tells what became of a member, in sentences. */
export const explain = Command.make(
  "explain",
  {
    ...Endpoint.flags,
    id: Argument.String("ID").pipe(
      Argument.withDescription("The member: its id, decimal or 0x and hexadecimal digits.")
    )
  },
  Effect.fnUntraced(
    function* ({ id: text, ...flags }) {
      const id = yield* Effect.mapError(
        Effect.fromResult(NodeId.fromString(text)),
        ({ message }) => new Endpoint.EndpointError({ message: `ID is ${show(text)}; ${message}` })
      )
      const { ask } = yield* Endpoint.connect(flags)
      const story = yield* ask((node) => node.member({ params: { id } }))
      // Only for the addresses of those whom the story mentions.
      const members =
        Story.mentioned(story).length === 0 ? [] : (yield* ask((node) => node.members({ query: {} }))).nodes
      yield* Console.log(Story.lines(story, addressIn({ members: byId(members) })).join("\n"))
    },
    Effect.scoped,
    Effect.mapError(Endpoint.asUserError)
  )
).pipe(
  Command.withShortDescription("Explain why a member is alive, suspect, dead or gone."),
  Command.withDescription(
    [
      "Tells what a node knows of a member and how that came: which probe failed through which relays, who said so, which",
      "  suspicion ran out. Also of a member that is no longer listed, as long as the node remembers it."
    ].join("\n")
  ),
  Command.withExamples([{ command: "gossip explain 42", description: "Why is it dead?" }])
)
