/** `gossip members`: whom a node sees, once or for as long as somebody looks. */
import { Console, Effect, Schema } from "effect"
import { Command, Flag, TerminalCapabilities } from "effect/cli"
import * as AdminApi from "../admin/AdminApi.ts"
import { paint } from "./Canvas.ts"
import * as Endpoint from "./Endpoint.ts"
import * as Events from "./events.ts"
import * as MembersView from "./MembersView.ts"
import * as Watch from "./Watch.ts"

const encodeNodes = Schema.encodeEffect(AdminApi.Nodes)

/** Wider than any terminal: a line in a pipe is not cut. */
const NoLimit = 10_000

const print = Effect.fnUntraced(function* (nodes: ReadonlyArray<AdminApi.Node>) {
  const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
  const members = MembersView.byId(nodes)
  const lines = MembersView.table(MembersView.sorted(members), {
    addressOf: MembersView.addressIn({ members }),
    columns: NoLimit,
    symbols: false
  })
  yield* Console.log(lines.map((line) => paint(line, canColor && canAnimate)).join("\n"))
})

/** Lists the members that a node sees. */
export const members = Command.make(
  "members",
  {
    ...Endpoint.flags,
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print JSON, as GET /membership answers."),
      Flag.withDefault(false)
    ),
    watch: Flag.Boolean("watch").pipe(
      Flag.withAlias("w"),
      Flag.withDescription("Show the list and what changes, until q is pressed."),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(
    function* ({ json, watch, ...flags }) {
      if (json && watch) {
        return yield* new Endpoint.EndpointError({
          message: "--json and --watch do not go together; gossip events --json follows the changes"
        })
      }
      const endpoint = yield* Endpoint.connect(flags)
      const answer = yield* endpoint.ask((node) => node.members({ query: {} }))
      if (json) return yield* Console.log(JSON.stringify(yield* Effect.orDie(encodeNodes(answer)), null, 2))
      if (!watch) return yield* print(answer.nodes)
      // Only who sees the screen and has the keys gets it.
      const { canColor, canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
      if (canPrompt) return yield* Watch.perform(endpoint, answer.nodes, canColor)
      yield* print(answer.nodes)
      return yield* Events.inLines(endpoint, answer.nodes)
    },
    Effect.scoped,
    Effect.mapError(Endpoint.asUserError)
  )
).pipe(
  Command.withShortDescription("List the members of the cluster, as a node sees them."),
  Command.withDescription(
    [
      "Lists the members that a node sees: their status, since when and why, and how long the newest probe took there and",
      "  back. With --watch the list stays on the screen with what changes below it; without a terminal, the list is",
      "  printed and then a line for every change."
    ].join("\n")
  ),
  Command.withExamples([
    { command: "gossip members --config gossip.toml", description: "As the node of this file sees them" },
    { command: "gossip members --watch --endpoint http://127.0.0.1:9100", description: "And what becomes of them" },
    { command: "gossip members --json | jq '.nodes[].addr'", description: "For programs" }
  ])
)
