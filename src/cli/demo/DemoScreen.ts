/** The state as lines of text: a pure function of the state and the size of the screen. */
import type { MemberStatus } from "../../domain/Member.ts"
import { blank, cropped, type Line, type Size, span, type Style, wrapped } from "../Canvas.ts"
import * as DemoText from "./DemoText.ts"
import * as DemoState from "./DemoState.ts"

export { paint, plain, width } from "../Canvas.ts"

/** The whole screen: at most as many lines as there are rows, none longer than there are columns. */
export const render = (state: DemoState.DemoState, { columns, rows }: Size): ReadonlyArray<Line> => {
  const above = [...header(state, columns), blank, ...table(state, { columns, rows: Math.max(1, rows - 15) }), blank]
  const below = [blank, footer(state)]
  const room = rows - above.length - below.length
  const script = scriptIn(state, columns, room)
  const log = logIn(state, room - script.length)
  const empty = Array.from({ length: Math.max(0, room - script.length - log.length) }, () => blank)
  const lines = [...above, ...script, ...log, ...empty, ...below]
  // If there is no room for everything, the keys are cut off first and the table last.
  return lines.slice(0, rows).map((line) => cropped(line, columns))
}

// --- header and footer -------------------------------------------------------

const header = (state: DemoState.DemoState, columns: number): ReadonlyArray<Line> => [
  [span("gossip demo", "bold"), span("  real nodes on UDP sockets of 127.0.0.1, all in this process")],
  ...wrapped(state.settings, columns).map((text) => [span(text, "dim")])
]

const isScriptRunning = ({ steps }: DemoState.DemoState): boolean =>
  steps.some(({ state }) => state === "waiting" || state === "running")

const footer = (state: DemoState.DemoState): Line => {
  const key = (name: string, does: string): Line => [span(name, "bold"), span(` ${does}   `)]
  const keys = [
    ...key("k", "kill one"),
    ...key("a", "add one"),
    ...key("p", "cut one off"),
    ...key("h", "heal"),
    ...key("q", "quit")
  ]
  return isScriptRunning(state) ? [...keys, span("each ends the script", "dim")] : keys
}

// --- the table ---------------------------------------------------------------

const looks: Readonly<Record<MemberStatus | "unknown", readonly [symbol: string, style: Style]>> = {
  alive: ["●", "green"],
  suspect: ["◐", "yellow"],
  dead: ["✗", "red"],
  left: ["○", "blue"],
  unknown: ["·", "dim"]
}

const conditions: Readonly<Record<DemoState.Condition, readonly [text: string, style: Style]>> = {
  running: ["", "plain"],
  cut: ["cut off", "yellow"],
  killed: ["killed", "red"],
  leaving: ["leaving", "blue"],
  left: ["left", "blue"]
}

const LabelWidth = 12
const WordWidth = 10
const SymbolWidth = 4
const ConditionWidth = 8

const table = (state: DemoState.DemoState, { columns, rows }: Size): ReadonlyArray<Line> => {
  const { nodes } = state
  const room = columns - LabelWidth - ConditionWidth
  const words = nodes.length * WordWidth <= room
  const longest = Math.max(SymbolWidth, ...nodes.map(({ id }) => DemoState.nameOf(id).length + 1))
  const width = words ? WordWidth : longest
  const shown = nodes.slice(0, Math.max(1, Math.floor(room / width)))
  const hiddenColumns = nodes.length - shown.length
  const observers = nodes.length <= rows ? nodes : nodes.slice(0, Math.max(1, rows - 1))
  const hiddenRows = nodes.length - observers.length
  const more = hiddenColumns === 0 ? "" : `+${hiddenColumns}`

  return [
    [
      span("sees:".padEnd(LabelWidth), "dim"),
      ...shown.map(({ id }) => span(DemoState.nameOf(id).padEnd(width), "bold")),
      span(more, "dim")
    ],
    ...observers.map((observer) => row(state, observer, shown, width, words)),
    ...(hiddenRows === 0 ? [] : [[span(`and ${hiddenRows} more`, "dim")]]),
    ...(words ? [] : [legend])
  ]
}

const row = (
  state: DemoState.DemoState,
  observer: DemoState.DemoNode,
  subjects: ReadonlyArray<DemoState.DemoNode>,
  width: number,
  words: boolean
): Line => {
  const [condition, style] = conditions[observer.condition]
  return [
    span(DemoState.nameOf(observer.id).padEnd(4), "bold"),
    span(` :${observer.port}`.padEnd(LabelWidth - 4), "dim"),
    ...subjects.map(({ id }) => {
      if (!state.views.has(observer.id)) return span("".padEnd(width))
      const status = DemoState.cellAt(state, observer.id, id)?.status ?? "unknown"
      const [symbol, style] = looks[status]
      if (id === observer.id) return span((words ? `${symbol} itself` : symbol).padEnd(width), "dim")
      return span((words ? `${symbol} ${status}` : symbol).padEnd(width), style)
    }),
    span(condition, style)
  ]
}

const legend: Line = [
  span("".padEnd(LabelWidth)),
  ...Object.entries(looks).map(([status, [symbol, style]]) => span(`${symbol} ${status}  `, style))
]

// --- the script ----------------------------------------------------------------

/** Lines that the script leaves for the log, unless that is more than half of the room. */
const MinLog = 4

const scriptIn = (state: DemoState.DemoState, columns: number, room: number): ReadonlyArray<Line> => {
  const { steps } = state
  if (steps.length === 0) return []
  const running = steps.findIndex(({ state }) => state === "running" || state === "failed")
  const current = running >= 0 ? running : steps.findLastIndex(({ state }) => state === "done")
  const lines = (withStep: (index: number) => boolean, withFindings: (index: number) => boolean) => [
    ...steps.flatMap((step, index) => (withStep(index) ? stepLines(step, index, columns, withFindings(index)) : [])),
    blank
  ]
  const always = () => true
  const never = () => false
  const isCurrent = (index: number) => index === current
  const versions = [lines(always, always), lines(always, isCurrent), lines(always, never), lines(isCurrent, never)]
  const reserved = Math.min(MinLog, Math.ceil(room / 2))
  return versions.find(({ length }) => length + reserved <= room) ?? []
}

const marks: Readonly<Record<DemoState.Step["state"], readonly [symbol: string, style: Style]>> = {
  waiting: [" ", "dim"],
  running: ["▶", "bold"],
  done: ["✓", "green"],
  failed: ["✗", "red"],
  interrupted: ["-", "dim"],
  skipped: ["-", "dim"]
}

const remarks: Partial<Readonly<Record<DemoState.Step["state"], string>>> = {
  interrupted: " (interrupted)",
  skipped: " (skipped)"
}

const TimeWidth = 10

const stepLines = (
  step: DemoState.Step,
  index: number,
  columns: number,
  withFindings: boolean
): ReadonlyArray<Line> => {
  const [symbol, style] = marks[step.state]
  const title = `${step.title}${remarks[step.state] ?? ""}`
  const took = step.state === "done" && !withFindings ? (step.findings.at(-1)?.after ?? 0) : undefined
  const heading = [
    span(`${symbol} ${index + 1}. `, style),
    span(title, step.state === "running" ? "bold" : step.state === "done" ? "plain" : "dim"),
    ...(took === undefined ? [] : [span(`  ${DemoText.duration(took)}`, "green")])
  ]
  return [heading, ...(withFindings ? step.findings.flatMap((finding) => findingLines(finding, columns)) : [])]
}

const findingLines = ({ after, text }: DemoState.Finding, columns: number): ReadonlyArray<Line> =>
  wrapped(text, columns - TimeWidth - 4).map((part, index) => [
    span(`  ${(index === 0 ? DemoText.duration(after) : "").padStart(TimeWidth)}  `, "green"),
    span(part)
  ])

/** The steps as text, without the rest of the screen. */
export const scriptLines = (state: DemoState.DemoState, columns: number): ReadonlyArray<Line> =>
  state.steps.flatMap((step, index) => stepLines(step, index, columns, true))

// --- the log -----------------------------------------------------------------

const logIn = (state: DemoState.DemoState, room: number): ReadonlyArray<Line> =>
  state.events
    .slice(state.events.length - Math.max(0, Math.min(room, state.events.length)))
    .map((event) => [
      span(`${((event.at - state.startedAt) / 1000).toFixed(2).padStart(8)} s  `, "dim"),
      span(DemoText.line(event), eventStyle(event))
    ])

const eventStyle = (event: DemoState.Event): Style => {
  if (event._tag === "Done") return "bold"
  if (event._tag === "Logged") return "red"
  switch (event.change._tag) {
    case "Suspected":
      return "yellow"
    case "Died":
    case "Conflict":
      return "red"
    case "Left":
      return "blue"
    case "Recovered":
      return "green"
    default:
      return "plain"
  }
}
