/** Shows the members that a node sees: as a table, as JSON, or on a screen with their changes. */
import { Console, Effect, Schema } from "effect"
import { TerminalCapabilities } from "effect/cli"
import { NetAddress } from "effect/net"
import * as AdminApi from "../admin/AdminApi.ts"
import { paint } from "./Canvas.ts"
import * as Endpoint from "./Endpoint.ts"
import * as EventLines from "./EventLines.ts"
import type { Flags } from "./members.ts"
import * as MembersView from "./MembersView.ts"
import * as TagArguments from "./TagArguments.ts"
import * as Watch from "./Watch.ts"
import { visibleJson } from "../domain/VisibleText.ts"

const encodeNodes = Schema.encodeEffect(AdminApi.Nodes)

/** Wider than any terminal: a line in a pipe is not cut. */
const NoLimit = 10_000

const isGone = ({ status }: AdminApi.Node): boolean => status === "dead" || status === "left"

/** Which members are printed: those with all tags, and of them only the dead ones where that is asked. */
interface Wanted {
  readonly tags: MembersView.WantedTags
  readonly dead: boolean
}

const print = Effect.fnUntraced(function* (nodes: ReadonlyArray<AdminApi.Node>, { dead, tags }: Wanted) {
  const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
  // Reasons name members that are not shown.
  const members = MembersView.byId(nodes)
  const shown = MembersView.shownIn({ members: dead ? MembersView.byId(nodes.filter(isGone)) : members, tags })
  const lines = MembersView.table(MembersView.sorted(shown), {
    addressOf: MembersView.addressIn({ members }),
    columns: NoLimit,
    symbols: false
  })
  yield* Console.log(lines.map((line) => paint(line, canColor && canAnimate)).join("\n"))
})

const conflictText = ({ addresses, id, kind }: AdminApi.LastingConflict): string => {
  const places = addresses.map(NetAddress.formatInet).join(" and ")
  return kind === "SameId"
    ? `conflict: nodes at ${places} have the id ${id}`
    : `conflict: node ${id} claims the address of this node, ${places}`
}

/** Handles `gossip members`. */
export const handle = Effect.fnUntraced(
  function* ({ dead, json, tag, watch, ...flags }: Flags) {
    if (json && watch) {
      return yield* new Endpoint.EndpointError({
        message: "--json and --watch exclude each other; gossip events --json follows the changes"
      })
    }
    if (dead && watch) {
      return yield* new Endpoint.EndpointError({ message: "--dead and --watch exclude each other" })
    }
    const tags = yield* Effect.fromResult(TagArguments.parse(tag))
    const endpoint = yield* Endpoint.connect(flags)
    if (json) {
      const query = Object.fromEntries(tags.map(([key, value]) => [`tag.${key}` as const, value]))
      const answer = yield* endpoint.ask((node) => node.members({ query }))
      const wanted = dead ? { ...answer, nodes: answer.nodes.filter(isGone) } : answer
      return yield* Console.log(visibleJson(JSON.stringify(yield* Effect.orDie(encodeNodes(wanted)), null, 2)))
    }
    // All of them: reasons name members that are not shown, and a member that gets the tag is shown from then on.
    const { conflicts = [], nodes } = yield* endpoint.ask((node) => node.members({ query: {} }))
    if (!watch) {
      yield* print(nodes, { tags, dead })
      return yield* Effect.forEach(conflicts, (conflict) => Console.log(conflictText(conflict)), { discard: true })
    }
    // The screen needs a terminal for output and for input.
    const { canColor, canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
    if (canPrompt) return yield* Watch.show(endpoint, nodes, { colour: canColor, tags })
    yield* print(nodes, { tags, dead })
    return yield* EventLines.print(endpoint, nodes, tags)
  },
  Effect.scoped,
  Effect.mapError(Endpoint.asUserError)
)
