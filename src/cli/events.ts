/** `gossip events`: what changes at a node, as lines. */
import { Clock, Console, DateTime, Effect, Result, Schema } from "effect"
import { Command, Flag, TerminalCapabilities } from "effect/cli"
import * as AdminApi from "../admin/AdminApi.ts"
import { type Line, paint, span } from "./Canvas.ts"
import * as Endpoint from "./Endpoint.ts"
import * as Follow from "./Follow.ts"
import * as MembersView from "./MembersView.ts"

const line = ({ at, style, text }: MembersView.Entry): Line => [
  span(DateTime.formatIso(at), "dim"),
  span(" "),
  span(text, style)
]

/** Prints what changes at a node, one line each, for ever. `members` are those that are known, for their addresses. */
export const inLines = Effect.fnUntraced(function* (
  endpoint: Endpoint.Endpoint,
  members: ReadonlyArray<AdminApi.Node>
) {
  const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
  let following = false
  let view: MembersView.View = { place: "", members: MembersView.byId(members), log: [], trouble: undefined }
  const print = (entry: MembersView.Entry) => Console.log(paint(line(entry), canColor && canAnimate))
  return yield* Follow.follow(
    endpoint,
    Effect.fnUntraced(function* (told) {
      const at = DateTime.makeUnsafe(yield* Clock.currentTimeMillis)
      switch (told._tag) {
        case "Changed":
          view = { ...MembersView.changed(view, told.change), log: [] }
          return yield* print(MembersView.entryOf(told.change, MembersView.addressIn(view)))
        case "Missed":
          return yield* print({ at, text: MembersView.missedText(told.count), style: "yellow" })
        case "Lost":
          if (view.trouble !== undefined) return
          view = { ...view, trouble: told.reason }
          return yield* print({ at, text: `no connection: ${told.reason}; tries again`, style: "yellow" })
        case "Connected":
          // So that silence says that nothing changes.
          yield* print({
            at,
            text: following ? "connected again" : `follows the node at ${Endpoint.placeText(endpoint.place)}`,
            style: "dim"
          })
          following = true
          view = { ...view, trouble: undefined }
          return
      }
    })
  )
})

const encodeChange = Schema.encodeResult(AdminApi.Change)

const inJson = (endpoint: Endpoint.Endpoint) =>
  Follow.follow(endpoint, (told) => {
    switch (told._tag) {
      case "Changed":
        return Console.log(JSON.stringify(Result.getOrElse(encodeChange(told.change), () => null)))
      case "Missed":
        return Console.log(JSON.stringify({ kind: "Missed", count: told.count }))
      default:
        return Effect.void
    }
  })

/** Follows what changes at a node. */
export const events = Command.make(
  "events",
  {
    ...Endpoint.flags,
    json: Flag.Boolean("json").pipe(Flag.withDescription("One JSON object for each change."), Flag.withDefault(false))
  },
  Effect.fnUntraced(
    function* ({ json, ...flags }) {
      const endpoint = yield* Endpoint.connect(flags)
      if (json) return yield* inJson(endpoint)
      const { nodes } = yield* endpoint.ask((node) => node.members({ query: {} }))
      return yield* inLines(endpoint, nodes)
    },
    Effect.scoped,
    Effect.mapError(Endpoint.asUserError)
  )
).pipe(
  Command.withShortDescription("Follow what changes in the cluster, as a node sees it."),
  Command.withDescription(
    [
      "Prints every change from now on with its cause, one line each, until Ctrl-C. When the connection breaks it is",
      "  made again, and what happened meanwhile is printed then, as far as the node remembers it."
    ].join("\n")
  ),
  Command.withExamples([{ command: "gossip events --json | jq .kind", description: "For programs" }])
)
