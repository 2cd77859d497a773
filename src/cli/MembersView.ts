/** The members of a node and their changes, as lines: pure functions of what is known and of the size of the screen. */
import { DateTime, Duration, Option } from "effect"
import { NetAddress } from "effect/net"
import type * as AdminApi from "../admin/AdminApi.ts"
import type * as ChangeJson from "../admin/ChangeJson.ts"
import type { MemberStatus } from "../domain/Member.ts"
import type { NodeId } from "../domain/NodeId.ts"
import { blank, cropped, type Line, type Size, span, type Style, wrapped } from "./Canvas.ts"
import { type AddressOf, changeLine, nodeText, tagsText, why } from "./ChangeLine.ts"

/** A line of the log below the table. */
export interface Entry {
  readonly at: DateTime.Utc
  readonly text: string
  readonly style: Style
}

/** Tags that a member must have to be shown. */
export type WantedTags = ReadonlyArray<readonly [key: string, value: string]>

/** Everything that is shown. */
export interface View {
  /** The URL or path of the node. */
  readonly place: string
  /** All that the node lists: lines about one member name others by their address. */
  readonly members: ReadonlyMap<NodeId, AdminApi.Node>
  /** Only members with these tags are shown. */
  readonly tags: WantedTags
  /** Oldest first. */
  readonly log: ReadonlyArray<Entry>
  /** Why there is no news at the moment, if so. */
  readonly trouble: string | undefined
}

/** Entries of the log that are kept, more than a screen shows. */
const MaxLog = 500

/** The view with one more line in its log. */
export const logged = (view: View, entry: Entry): View => ({ ...view, log: [...view.log, entry].slice(-MaxLog) })

/** The members of an answer, by id. */
export const byId = (nodes: ReadonlyArray<AdminApi.Node>): View["members"] =>
  new Map(nodes.map((node) => [node.id, node]))

const hasTags = (tags: WantedTags, node: Pick<AdminApi.Node, "tags"> | undefined): boolean =>
  tags.every(([key, value]) => node?.tags[key] === value)

/** The members that are shown. */
export const shownIn = ({ members, tags }: Pick<View, "members" | "tags">): View["members"] =>
  tags.length === 0 ? members : new Map([...members].filter(([, node]) => hasTags(tags, node)))

/** Whether a change is about a member that is shown, or was before the change. */
export const isAboutShown = ({ members, tags }: Pick<View, "members" | "tags">, change: ChangeJson.Change): boolean =>
  "member" in change
    ? hasTags(tags, change.member) || hasTags(tags, members.get(change.member.id))
    : hasTags(tags, members.get(change.id))

/** Whether a member that is shown published an event. */
export const isFromShown = ({ members, tags }: Pick<View, "members" | "tags">, event: AdminApi.ClusterEvent): boolean =>
  hasTags(tags, members.get(event.origin))

/** The view after a change. */
export const changed = (before: View, change: ChangeJson.Change): View => {
  const view = isAboutShown(before, change) ? logged(before, entryOf(change, addressIn(before))) : before
  if (!("member" in change)) return view
  const { cause, member } = change
  const rtt = view.members.get(member.id)?.rtt ?? Option.none()
  const members = new Map(view.members).set(member.id, { ...member, rtt, cause: Option.some(cause) })
  if (change._tag === "Removed") members.delete(member.id)
  return { ...view, members }
}

/** Finds the address of a member among those of the view. */
export const addressIn =
  ({ members }: Pick<View, "members">): AddressOf =>
  (id) =>
    members.get(id)?.address

// --- changes -----------------------------------------------------------------

const changeStyles: Readonly<Record<ChangeJson.Change["_tag"], Style>> = {
  Joined: "green",
  Suspected: "yellow",
  Recovered: "green",
  Died: "red",
  Left: "blue",
  Updated: "plain",
  Removed: "plain",
  Conflict: "red",
  Unreadable: "yellow"
}

/** A change as a line of a log. */
export const entryOf = (change: ChangeJson.Change, addressOf: AddressOf): Entry => ({
  at: change.at,
  text: changeText(change, addressOf),
  style: changeStyles[change._tag]
})

const changeText = (change: ChangeJson.Change, addressOf: AddressOf): string => {
  if (change._tag === "Conflict") {
    const what = change.kind === "SameId" ? "two nodes have this id" : "another node claims the address of this node"
    return `conflict ${nodeText(change.id, change.address)}: ${what}`
  }
  if (change._tag === "Unreadable") {
    const what = change.cause._tag === "OtherKey" ? "sealed with an unknown key" : "not encrypted"
    return `unreadable ${nodeText(change.id, change.address)}: its datagrams are ${what}`
  }
  return changeLine(change, addressOf)?.text ?? ""
}

/** An event that a member published, as a line of a log. */
export const publishedEntry = ({ at, name, origin, payload }: AdminApi.ClusterEvent, addressOf: AddressOf): Entry => ({
  at,
  text: `event   ${nodeText(origin, addressOf(origin))}: ${name}${payload === "" ? "" : ` ${payload}`}`,
  style: "blue"
})

/** The line for changes that are lost. */
export const missedText = (count: number | null): string =>
  `missing ${count ?? "an unknown number of"} ${count === 1 ? "change" : "changes"}: they came while the connection was broken`

// --- the table ---------------------------------------------------------------

const looks: Readonly<Record<MemberStatus, readonly [symbol: string, style: Style]>> = {
  alive: ["●", "green"],
  suspect: ["◐", "yellow"],
  dead: ["✗", "red"],
  left: ["○", "blue"]
}

// Members that may need attention come first, because there may be no room for all.
const order: ReadonlyArray<MemberStatus> = ["suspect", "dead", "alive", "left"]

/** The node itself, then the others: those that may need attention first, and by address among equals. */
export const sorted = (members: View["members"]): ReadonlyArray<AdminApi.Node> =>
  [...members.values()].sort(
    (a, b) =>
      Number(b.self) - Number(a.self) ||
      order.indexOf(a.status) - order.indexOf(b.status) ||
      compareTexts(addressKey(a), addressKey(b))
  )

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

// So that 10.0.0.9:80 comes before 10.0.0.10:80.
const addressKey = ({ address, id }: AdminApi.Node): string =>
  `${NetAddress.formatInet(address)} ${id}`.replace(/\d+/g, (digits) => digits.padStart(20, "0"))

/** A round-trip time with its unit. */
export const rttText = (rtt: Option.Option<Duration.Duration>): string => {
  if (Option.isNone(rtt)) return "-"
  const millis = Duration.toMillis(rtt.value)
  return millis < 10
    ? `${millis.toFixed(2)} ms`
    : millis < 1000
      ? `${millis.toFixed(1)} ms`
      : `${(millis / 1000).toFixed(1)} s`
}

/** The time of day. */
export const timeText = (at: DateTime.Utc): string => DateTime.formatIso(at).slice(11, 19)

const reasonText = ({ cause, self }: AdminApi.Node, addressOf: AddressOf): string =>
  self
    ? "this node"
    : Option.match(cause, { onNone: () => "known since the start", onSome: (cause) => why(cause, addressOf) })

const widthOf = (texts: ReadonlyArray<string>): number => texts.reduce((most, text) => Math.max(most, text.length), 0)

/** The narrowest column in which a reason is shown. */
const MinReason = 16

/** The width of a column that is left out if all its texts are empty, or if there is no room for it. */
const columnWidth = (heading: string, texts: ReadonlyArray<string>, room: number): number => {
  if (texts.every((text) => text === "")) return 0
  const width = widthOf([heading, ...texts]) + 2
  return width <= room ? width : 0
}

/** The members in columns, none wider than `columns`; with a mark before each if `symbols`. */
export const table = (
  shown: ReadonlyArray<AdminApi.Node>,
  {
    addressOf,
    columns,
    symbols
  }: { readonly addressOf: AddressOf; readonly columns: number; readonly symbols: boolean }
): ReadonlyArray<Line> => {
  const cells = shown.map((node) => ({
    node,
    id: `${node.id}`,
    address: NetAddress.formatInet(node.address),
    name: node.name ?? "",
    tags: tagsText(node.tags),
    rtt: rttText(node.rtt)
  }))
  const mark = symbols ? 2 : 0
  const idWidth = widthOf(["ID", ...cells.map(({ id }) => id)]) + 2
  const addressWidth = widthOf(["ADDRESS", ...cells.map(({ address }) => address)]) + 2
  const rttWidth = widthOf(["RTT", ...cells.map(({ rtt }) => rtt)])
  const statusWidth = 9
  const sinceWidth = 12
  const fixed = mark + statusWidth + idWidth + addressWidth + rttWidth + sinceWidth
  // Names and tags are shown where somebody has some, and reasons where there is room for them.
  const nameWidth = columnWidth(
    "NAME",
    cells.map(({ name }) => name),
    columns - fixed
  )
  const tagsWidth = columnWidth(
    "TAGS",
    cells.map(({ tags }) => tags),
    columns - fixed - nameWidth
  )
  const reasons = columns - fixed - nameWidth - tagsWidth >= MinReason
  const heading = [
    " ".repeat(mark),
    "STATUS".padEnd(statusWidth),
    "ID".padEnd(idWidth),
    "ADDRESS".padEnd(addressWidth),
    nameWidth === 0 ? "" : "NAME".padEnd(nameWidth),
    "RTT".padStart(rttWidth),
    "  SINCE".padEnd(sinceWidth),
    tagsWidth === 0 ? "" : "TAGS".padEnd(tagsWidth),
    reasons ? "WHY" : ""
  ].join("")
  return [
    [span(heading.trimEnd(), "dim")],
    ...cells.map(({ address, id, name, node, rtt, tags }) => {
      const [symbol, style] = looks[node.status]
      const line = [
        ...(symbols ? [span(`${symbol} `, style)] : []),
        span(node.status.padEnd(statusWidth), style),
        span(id.padEnd(idWidth), node.self ? "bold" : "plain"),
        span(address.padEnd(addressWidth)),
        ...(nameWidth === 0 ? [] : [span(name.padEnd(nameWidth))]),
        span(rtt.padStart(rttWidth), rtt === "-" ? "dim" : "plain"),
        span(`  ${timeText(node.since)}${reasons || tagsWidth > 0 ? "  " : ""}`),
        ...(tagsWidth === 0 ? [] : [span(tags.padEnd(reasons ? tagsWidth : 0))]),
        ...(reasons ? [span(reasonText(node, addressOf), "dim")] : [])
      ]
      return cropped(line, columns)
    })
  ]
}

/** The number of members of each status. */
export const countsLine = (members: Iterable<AdminApi.Node>): Line => {
  const counts = new Map<MemberStatus, number>()
  for (const { status } of members) counts.set(status, (counts.get(status) ?? 0) + 1)
  const statuses: ReadonlyArray<MemberStatus> = ["alive", "suspect", "dead", "left"]
  return statuses
    .filter((status) => status === "alive" || counts.has(status))
    .flatMap((status, index) => [
      ...(index === 0 ? [] : [span("  ")]),
      span(`${counts.get(status) ?? 0} ${status}`, looks[status][1])
    ])
}

// --- the screen --------------------------------------------------------------

/** Lines that the table leaves for the log. */
const MinLog = 5

/** The whole screen: as many lines as there are rows, none longer than there are columns. */
export const render = (view: View, { columns, rows }: Size): ReadonlyArray<Line> => {
  const members = sorted(shownIn(view))
  const state: Line =
    view.trouble === undefined ? [span("  times are UTC", "dim")] : [span(`  ${view.trouble}`, "yellow")]
  const head: ReadonlyArray<Line> = [
    [
      span("gossip members", "bold"),
      ...view.tags.map(([key, value]) => span(`  ${key}=${value}`)),
      span(`  ${view.place}  `),
      ...countsLine(members)
    ],
    blank
  ]
  const foot: ReadonlyArray<Line> = [blank, [span("q", "bold"), span(" quit"), ...state]]
  // One line for the heading of the table, and one between table and log.
  const room = Math.max(1, rows - head.length - foot.length - 2)
  const most = Math.max(1, room - Math.min(MinLog, Math.floor(room / 2)))
  const cut = members.length > most
  const shown = cut ? members.slice(0, most - 1) : members
  const hidden = members.slice(shown.length)
  const lines = [
    ...head,
    ...table(shown, { addressOf: addressIn(view), columns, symbols: true }),
    ...(hidden.length === 0 ? [] : [[span("  and ", "dim"), ...countsLine(hidden), span(" more", "dim")]]),
    blank
  ]
  const log = logIn(view.log, columns, rows - lines.length - foot.length)
  const empty = Array.from({ length: Math.max(0, rows - lines.length - log.length - foot.length) }, () => blank)
  return [...lines, ...log, ...empty, ...foot].slice(0, rows).map((line) => cropped(line, columns))
}

// Indentation of the second line of an entry, below the member in the first.
const Indent = 10

const entryLines = ({ at, style, text }: Entry, columns: number): ReadonlyArray<Line> =>
  wrapped(text, Math.max(Indent, columns - 2 * Indent)).map((part, index) => [
    span(index === 0 ? `${timeText(at)}  ` : " ".repeat(2 * Indent - 2), "dim"),
    span(part, style)
  ])

const logIn = (log: ReadonlyArray<Entry>, columns: number, room: number): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  for (let index = log.length - 1; index >= 0; index--) {
    const entry = log[index]
    const more = entry === undefined ? [] : entryLines(entry, columns)
    if (lines.length + more.length > room) break
    lines.unshift(...more)
  }
  return lines
}
