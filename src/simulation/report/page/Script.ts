/**
 * The script of the page: it reads the data, draws it with ECharts, keeps all charts at one range of time and filters the
 * events. It is text and not a module, because the page must contain it.
 */
import { controls } from "./Controls.ts"
import { lineCharts } from "./LineCharts.ts"
import { nodesChart } from "./NodesChart.ts"
import { picture } from "./Picture.ts"

/** Functions that decode the encodings of `Runs.ts`. */
export const readers = String.raw`
/** "a4sd" is "aaaasd". */
const readLetters = (text) => text.replace(/([^0-9])([0-9]+)/g, (_, letter, count) => letter.repeat(Number(count)))

/** "+5x3-1" is 5, 5, 5, 4. */
const readSteps = (text) => {
  const values = []
  let value = 0
  for (const [, step, count] of text.matchAll(/([+-][0-9]+)(?:x([0-9]+))?/g)) {
    value += Number(step)
    for (let left = Number(count ?? 1); left > 0; left--) values.push(value)
  }
  return values
}
`.trim()

/** Shows errors of all scripts of the page. It comes first. */
export const watch = String.raw`
window.addEventListener("error", ({ message }) => {
  const failure = document.getElementById("failure")
  failure.append(" " + message)
  failure.hidden = false
})
`.trim()

const beginning = String.raw`
/** More rows than this get a scroll bar. */
const FewRows = 60

const byId = (id) => document.getElementById(id)
const data = JSON.parse(byId("data").textContent)
const { memberCounts, duration, shades, times, traffic } = data
const rankOf = new Map(shades.map(({ code }, rank) => [code, rank]))
const nodes = data.nodes.map(({ lives, members, name, old, verdicts }) => ({
  name,
  old,
  lives,
  ranks: Uint8Array.from(readLetters(verdicts), (code) => rankOf.get(code)),
  members: readSteps(members)
}))
const end = Math.max(duration, times.at(-1) ?? 0, 1)
const darkness = matchMedia("(prefers-color-scheme: dark)")

// --- words ---------------------------------------------------------------------------------------

/** The unit of the time axis. */
const unit =
  end <= 600_000
    ? { ms: 1000, name: "s" }
    : end <= 36_000_000
      ? { ms: 60_000, name: "min" }
      : { ms: 3_600_000, name: "h" }
const seconds = (ms) => Number((ms / 1000).toFixed(3)) + " s"
const moment = (ms) =>
  unit.name === "s" ? seconds(ms) : seconds(ms) + " (" + (ms / unit.ms).toFixed(2) + " " + unit.name + ")"

const scaled = (value, suffix) => {
  for (const [size, prefix] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"]
  ]) {
    if (value >= size) return Number((value / size).toPrecision(3)) + " " + prefix + suffix
  }
  return Number(value.toPrecision(3)) + (suffix === "" ? "" : " " + suffix)
}
const shortened = (text, length) => (text.length <= length ? text : text.slice(0, length - 1) + "…")

/** Makes an element. Text in it is never parsed as HTML. */
const element = (tag, className, ...children) => {
  const made = document.createElement(tag)
  made.className = className
  made.append(...children)
  return made
}
const swatch = (colour) => {
  const made = element("span", "swatch")
  made.style.background = colour
  return made
}
const tip = (title, ...lines) =>
  element("div", "tip", element("b", "", title), ...lines.map((line) => element("div", "", ...line)))

// --- events --------------------------------------------------------------------------------------

const eventRows = [...byId("events").tBodies[0].rows].map((row) => ({
  row,
  at: Number(row.dataset.at),
  kind: row.className,
  text: row.cells[2].textContent
}))

/** Verbs at one time share one mark. */
const moments = []
for (const { at, kind, text } of eventRows) {
  if (kind !== "verb") continue
  if (moments.at(-1)?.at === at) moments.at(-1).texts.push(text)
  else moments.push({ at, texts: [text] })
}
const momentLabel = ({ texts }) =>
  [...Map.groupBy(texts, (text) => text.split(" ", 1)[0])]
    .map(([verb, those]) => (those.length > 1 ? verb + " ×" + those.length : those[0].length <= 14 ? those[0] : verb))
    .join(", ")
`.trim()

/** Everything else. It comes last, after the data and ECharts. Its parts share one scope. */
export const script = [readers, beginning, picture, nodesChart, lineCharts, controls].join("\n\n")
