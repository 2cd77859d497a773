/** The changes that a node sees, one line each. */
import { Clock, Console, DateTime, Effect, Result, Schema } from "effect"
import { TerminalCapabilities } from "effect/cli"
import * as AdminApi from "../admin/AdminApi.ts"
import * as ChangeJson from "../admin/ChangeJson.ts"
import { type Line, paint, span } from "./Canvas.ts"
import * as Endpoint from "./Endpoint.ts"
import type { Flags } from "./events.ts"
import * as Follow from "./Follow.ts"
import * as MembersView from "./MembersView.ts"
import { visibleJson } from "../domain/VisibleText.ts"

const line = ({ at, style, text }: MembersView.Entry): Line => [
  span(DateTime.formatIso(at), "dim"),
  span(" "),
  span(text, style)
]

/**
 * Prints the changes that a node sees until it is interrupted, of members with these tags. The addresses in the lines are
 * those of `members`.
 */
export const print = Effect.fnUntraced(function* (
  endpoint: Endpoint.Endpoint,
  members: ReadonlyArray<AdminApi.Node>,
  tags: MembersView.WantedTags = []
) {
  const { canAnimate, canColor } = yield* TerminalCapabilities.TerminalCapabilities
  let following = false
  let view: MembersView.View = { place: "", members: MembersView.byId(members), tags, log: [], trouble: undefined }
  const printEntry = (entry: MembersView.Entry) => Console.log(paint(line(entry), canColor && canAnimate))
  return yield* Follow.follow(
    endpoint,
    Effect.fnUntraced(function* (notice) {
      const at = DateTime.makeUnsafe(yield* Clock.currentTimeMillis)
      switch (notice._tag) {
        case "Changed": {
          const isShown = MembersView.isAboutShown(view, notice.change)
          view = { ...MembersView.changed(view, notice.change), log: [] }
          if (isShown) yield* printEntry(MembersView.entryOf(notice.change, MembersView.addressIn(view)))
          return
        }
        case "Published":
          if (!MembersView.isFromShown(view, notice.event)) return
          return yield* printEntry(MembersView.publishedEntry(notice.event, MembersView.addressIn(view)))
        case "Missed":
          return yield* printEntry({ at, text: MembersView.missedText(notice.count), style: "yellow" })
        case "Lost":
          if (view.trouble !== undefined) return
          view = { ...view, trouble: notice.reason }
          return yield* printEntry({ at, text: `no connection: ${notice.reason}; retrying`, style: "yellow" })
        case "Connected":
          // With this line, no further output means that nothing changes.
          yield* printEntry({
            at,
            text: following ? "connected again" : `following the node at ${Endpoint.placeText(endpoint.place)}`,
            style: "dim"
          })
          following = true
          view = { ...view, trouble: undefined }
          return
      }
    })
  )
})

const encodeEvent = Schema.encodeResult(AdminApi.ClusterEvent)
const encodeChange = Schema.encodeResult(ChangeJson.Change)

const printValue = (value: unknown): Effect.Effect<void> => Console.log(visibleJson(JSON.stringify(value)))

const printJson = (endpoint: Endpoint.Endpoint) =>
  Follow.follow(endpoint, (notice) => {
    switch (notice._tag) {
      case "Changed":
        return printValue(Result.getOrElse(encodeChange(notice.change), () => null))
      case "Published":
        return printValue({ kind: "Published", ...Result.getOrElse(encodeEvent(notice.event), () => null) })
      case "Missed":
        return printValue({ kind: "Missed", count: notice.count })
      default:
        return Effect.void
    }
  })

/** Handles `gossip events`. */
export const handle = Effect.fnUntraced(
  function* ({ json, ...flags }: Flags) {
    const endpoint = yield* Endpoint.connect(flags)
    if (json) return yield* printJson(endpoint)
    const { nodes } = yield* endpoint.ask((node) => node.members({ query: {} }))
    return yield* print(endpoint, nodes)
  },
  Effect.scoped,
  Effect.mapError(Endpoint.asUserError)
)
