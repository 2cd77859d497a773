/** The scene as lines of text: a pure function of what there is to show and of the room there is for it. */
import type { MemberStatus } from "../../domain/Member.ts"
import { blank, cropped, type Line, type Size, span, type Style, wrapped } from "../Canvas.ts"
import * as Narration from "./Narration.ts"
import * as Scene from "./Scene.ts"

export { paint, plain, width } from "../Canvas.ts"

/** The whole screen: at most as many lines as there are rows, none longer than there are columns. */
export const render = (scene: Scene.Scene, { columns, rows }: Size): ReadonlyArray<Line> => {
  const above = [...header(scene, columns), blank, ...table(scene, { columns, rows: Math.max(1, rows - 15) }), blank]
  const below = [blank, footer(scene)]
  const room = rows - above.length - below.length
  const play = playIn(scene, columns, room)
  const log = logIn(scene, room - play.length)
  const empty = Array.from({ length: Math.max(0, room - play.length - log.length) }, () => blank)
  const lines = [...above, ...play, ...log, ...empty, ...below]
  // Where there is no room for everything, the keys go first and the table last.
  return lines.slice(0, rows).map((line) => cropped(line, columns))
}

// --- header and footer -------------------------------------------------------

const header = (scene: Scene.Scene, columns: number): ReadonlyArray<Line> => [
  [span("gossip demo", "bold"), span("  real nodes on UDP sockets of 127.0.0.1, all in this process")],
  ...wrapped(scene.settings, columns).map((text) => [span(text, "dim")])
]

const isPlaying = ({ steps }: Scene.Scene): boolean =>
  steps.some(({ state }) => state === "waiting" || state === "running")

const footer = (scene: Scene.Scene): Line => {
  const key = (name: string, does: string): Line => [span(name, "bold"), span(` ${does}   `)]
  const keys = [
    ...key("k", "kill one"),
    ...key("a", "add one"),
    ...key("p", "cut one off"),
    ...key("h", "heal"),
    ...key("q", "quit")
  ]
  return isPlaying(scene) ? [...keys, span("each ends the play", "dim")] : keys
}

// --- the table ---------------------------------------------------------------

const looks: Readonly<Record<MemberStatus | "unknown", readonly [symbol: string, style: Style]>> = {
  alive: ["●", "green"],
  suspect: ["◐", "yellow"],
  dead: ["✗", "red"],
  left: ["○", "blue"],
  unknown: ["·", "dim"]
}

const conditions: Readonly<Record<Scene.Condition, readonly [text: string, style: Style]>> = {
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

const table = (scene: Scene.Scene, { columns, rows }: Size): ReadonlyArray<Line> => {
  const { actors } = scene
  const room = columns - LabelWidth - ConditionWidth
  const words = actors.length * WordWidth <= room
  const longest = Math.max(SymbolWidth, ...actors.map(({ id }) => Scene.nameOf(id).length + 1))
  const width = words ? WordWidth : longest
  const shown = actors.slice(0, Math.max(1, Math.floor(room / width)))
  const hiddenColumns = actors.length - shown.length
  const observers = actors.length <= rows ? actors : actors.slice(0, Math.max(1, rows - 1))
  const hiddenRows = actors.length - observers.length
  const more = hiddenColumns === 0 ? "" : `+${hiddenColumns}`

  return [
    [
      span("sees:".padEnd(LabelWidth), "dim"),
      ...shown.map(({ id }) => span(Scene.nameOf(id).padEnd(width), "bold")),
      span(more, "dim")
    ],
    ...observers.map((observer) => row(scene, observer, shown, width, words)),
    ...(hiddenRows === 0 ? [] : [[span(`and ${hiddenRows} more`, "dim")]]),
    ...(words ? [] : [legend])
  ]
}

const row = (
  scene: Scene.Scene,
  observer: Scene.Actor,
  subjects: ReadonlyArray<Scene.Actor>,
  width: number,
  words: boolean
): Line => {
  const [condition, style] = conditions[observer.condition]
  return [
    span(Scene.nameOf(observer.id).padEnd(4), "bold"),
    span(` :${observer.port}`.padEnd(LabelWidth - 4), "dim"),
    ...subjects.map(({ id }) => {
      if (!scene.views.has(observer.id)) return span("".padEnd(width))
      const status = Scene.cellAt(scene, observer.id, id)?.status ?? "unknown"
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

// --- the play ----------------------------------------------------------------

/** Lines that the play leaves to the log, unless that is more than half of the room. */
const MinLog = 4

const playIn = (scene: Scene.Scene, columns: number, room: number): ReadonlyArray<Line> => {
  const { steps } = scene
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

const marks: Readonly<Record<Scene.Step["state"], readonly [symbol: string, style: Style]>> = {
  waiting: [" ", "dim"],
  running: ["▶", "bold"],
  done: ["✓", "green"],
  failed: ["✗", "red"],
  "broken-off": ["-", "dim"],
  skipped: ["-", "dim"]
}

const remarks: Partial<Readonly<Record<Scene.Step["state"], string>>> = {
  "broken-off": " (broken off)",
  skipped: " (not played)"
}

const TimeWidth = 10

const stepLines = (step: Scene.Step, index: number, columns: number, withFindings: boolean): ReadonlyArray<Line> => {
  const [symbol, style] = marks[step.state]
  const title = `${step.title}${remarks[step.state] ?? ""}`
  const took = step.state === "done" && !withFindings ? (step.findings.at(-1)?.after ?? 0) : undefined
  const heading = [
    span(`${symbol} ${index + 1}. `, style),
    span(title, step.state === "running" ? "bold" : step.state === "done" ? "plain" : "dim"),
    ...(took === undefined ? [] : [span(`  ${Narration.span(took)}`, "green")])
  ]
  return [heading, ...(withFindings ? step.findings.flatMap((finding) => findingLines(finding, columns)) : [])]
}

const findingLines = ({ after, text }: Scene.Finding, columns: number): ReadonlyArray<Line> =>
  wrapped(text, columns - TimeWidth - 4).map((part, index) => [
    span(`  ${(index === 0 ? Narration.span(after) : "").padStart(TimeWidth)}  `, "green"),
    span(part)
  ])

/** The steps of the play as text, without a screen around them. */
export const playLines = (scene: Scene.Scene, columns: number): ReadonlyArray<Line> =>
  scene.steps.flatMap((step, index) => stepLines(step, index, columns, true))

// --- the log -----------------------------------------------------------------

const logIn = (scene: Scene.Scene, room: number): ReadonlyArray<Line> =>
  scene.events
    .slice(scene.events.length - Math.max(0, Math.min(room, scene.events.length)))
    .map((event) => [
      span(`${((event.at - scene.startedAt) / 1000).toFixed(2).padStart(8)} s  `, "dim"),
      span(Narration.line(event), eventStyle(event))
    ])

const eventStyle = (event: Scene.Event): Style => {
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
