/**
 * The report of a simulation as one HTML page that needs no other file and no network. Apache ECharts draws its charts; the
 * caller supplies the text of ECharts, because it comes from the platform.
 */
import type { ReportEvent, SimulationReport } from "./Report.ts"
import { type MemberCounts, memberCounts } from "./page/MemberCounts.ts"
import { letters, steps } from "./page/Runs.ts"
import { script as pageScript, watch } from "./page/Script.ts"
import { type Shade, shades } from "./page/Shades.ts"
import { style } from "./page/Style.ts"

/** What the page contains beside the report. */
export interface ReportPageOptions {
  /** The summary, as the rows of a table. */
  readonly rows: ReadonlyArray<readonly [label: string, value: string]>
  /** The text of ECharts: `echarts.min.js`. */
  readonly script: string
  /** The heading; by default, the number of nodes and the duration. */
  readonly title?: string | undefined
  /** The command line that made the report. */
  readonly command?: string | undefined
}

/** Escapes text for element content and quoted attributes. */
const escaped = (text: string): string =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;")

/**
 * Escapes JSON for a script element: nothing in it ends the script, begins an HTML comment, which could hide the end of the
 * script, or is a line terminator in old engines.
 */
const embeddedJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[<>\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/**
 * Escapes a script for HTML, for the same reasons. The replaced text can only occur in a string, a regular expression or a
 * comment, where the escape means the same.
 */
const embeddedScript = (text: string): string => text.replace(/<(?=\/script|!--)/gi, "\\x3C")

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(3))} s`

const grouped = (value: number): string => {
  const [whole = "", part] = String(Number(value.toFixed(value < 100 ? 1 : 0))).split(".")
  return whole.replace(/\B(?=(?:\d{3})+$)/g, "\u202f") + (part === undefined ? "" : `.${part}`)
}

const bytesInWords = (count: number): string => {
  const units = ["B", "kB", "MB", "GB"]
  const power = Math.min(units.length - 1, count < 1000 ? 0 : Math.floor(Math.log10(count) / 3))
  return `${Number((count / 1000 ** power).toPrecision(3))} ${units[power]}`
}

/** Up to this many observers have a line each. More are shown as a band, with lines for the few outliers. */
const MaxLines = 50

// --- the data of the script ----------------------------------------------------------------------

const dataOf = (report: SimulationReport, counts: MemberCounts) => ({
  duration: report.duration,
  lines: report.nodes.length <= MaxLines,
  shades,
  times: report.samples.times,
  traffic: {
    datagrams: report.samples.datagrams,
    bytes: report.samples.bytes,
    dropped: report.samples.dropped
  },
  memberCounts: counts,
  nodes: report.nodes.map(({ lives, members, name, old, verdicts }) => ({
    name,
    ...(old ? { old } : {}),
    lives,
    verdicts: letters(verdicts),
    members: steps(members)
  }))
})

// --- the charts in words -------------------------------------------------------------------------

/** The number of nodes with each verdict at a sample. */
const tally = ({ nodes }: SimulationReport, sample: number): ReadonlyArray<readonly [Shade, number]> =>
  shades.map((shade) => [shade, nodes.filter(({ verdicts }) => verdicts[sample] === shade.code).length])

const nodesInWords = (report: SimulationReport): string => {
  const { times } = report.samples
  const last = times.at(-1)
  if (last === undefined) return "No sample was taken."
  const found = tally(report, times.length - 1)
    .filter(([, count]) => count > 0)
    .map(([{ label }, count]) => `${count} ${label}`)
  return (
    `${plural(report.nodes.length, "node")} from top to bottom, ${plural(times.length, "sample")} from left to right. ` +
    `In the last one, at ${seconds(last)}: ${found.join(", ")}.`
  )
}

const membersInWords = ({ samples: { times } }: SimulationReport, counts: MemberCounts): string => {
  const last = times.at(-1) ?? 0
  const [least, median, most] = [counts.least, counts.median, counts.most].map((values) => values.at(-1) ?? undefined)
  if (least === undefined) return "No node is up at the end."
  const running = `${plural(counts.running.at(-1) ?? 0, "node")} run at the end, at ${seconds(last)}, and `
  return running + (least === most ? `all see ${most}.` : `see between ${least} and ${most}, the median ${median}.`)
}

const trafficInWords = ({ duration, samples: { bytes, datagrams, dropped, times } }: SimulationReport): string => {
  if (times.length === 0 || duration === 0) return "No sample was taken."
  const perSecond = (counts: ReadonlyArray<number>) =>
    (counts.reduce((sum, count) => sum + count, 0) / (times.at(-1) ?? duration)) * 1000
  return (
    `All nodes together, on average: ${grouped(perSecond(datagrams))} datagrams per second, of which ` +
    `${grouped(perSecond(dropped))} are dropped, and ${bytesInWords(perSecond(bytes))} per second.`
  )
}

/** The number of samples in the table of numbers. */
const TableSamples = 13

const inNumbers = (report: SimulationReport, counts: MemberCounts): string => {
  const { bytes, datagrams, dropped, times } = report.samples
  const shown = Math.min(TableSamples, times.length)
  const rows = Array.from({ length: shown }, (_, i) => {
    const sample = shown === 1 ? 0 : Math.round((i * (times.length - 1)) / (shown - 1))
    const since = ((times[sample] ?? 0) - (times[sample - 1] ?? 0)) / 1000
    const perSecond = (counts: ReadonlyArray<number>) => grouped((counts[sample] ?? 0) / since)
    const cells = [
      seconds(times[sample] ?? 0),
      ...tally(report, sample).map(([, count]) => String(count)),
      ...[counts.least, counts.median, counts.most].map((values) => String(values[sample] ?? "")),
      ...[datagrams, bytes, dropped].map(perSecond)
    ]
    return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`
  })
  const heads = [
    "Time",
    ...shades.map(({ label }) => `Nodes ${label}`),
    "Fewest members seen",
    "Median",
    "Most",
    "Datagrams per second",
    "Bytes per second",
    "Dropped per second"
  ]
  return `<details>
<summary>The charts in numbers</summary>
<div class="scroll" tabindex="0" role="region" aria-label="The charts in numbers"><table class="numbers">
<caption class="unseen">Nodes by verdict, members seen and traffic at ${plural(shown, "sample")}</caption>
<thead><tr>${heads.map((head) => `<th scope="col">${head}</th>`).join("")}</tr></thead>
<tbody>
${rows.join("\n")}
</tbody></table></div>
</details>`
}

// --- parts of the page ---------------------------------------------------------------------------

const shadeName = ({ code }: Shade): string => `--shade-${code.charCodeAt(0)}`

const shadeColours = (of: (shade: Shade) => string): string =>
  shades.map((shade) => `${shadeName(shade)}: ${of(shade)};`).join(" ")

const styleSheet = `${style}
:root { ${shadeColours(({ light }) => light)} }
@media (prefers-color-scheme: dark) { :root { ${shadeColours(({ dark }) => dark)} } }`

const swatch = (colour: string, more = ""): string => `<span class="swatch" style="background:${colour}${more}"></span>`

const glyph = (path: string): string =>
  `<svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true">` +
  `<path d="${path}" fill="var(--mark)" stroke="var(--halo)" stroke-width="1" paint-order="stroke"/></svg>`

const stroke = (colour: string, width: number, dash = ""): string =>
  `<svg width="22" height="8" viewBox="0 0 22 8" aria-hidden="true">` +
  `<path d="M0 4H22" stroke="${colour}" stroke-width="${width}" stroke-dasharray="${dash}"/></svg>`

const legend = (entries: ReadonlyArray<readonly [picture: string, words: string, title?: string]>): string => {
  const items = entries.map(([picture, words, title]) => {
    const explained = title === undefined ? "" : ` title="${escaped(title)}"`
    return `<li${explained}>${picture}<span>${escaped(words)}</span></li>`
  })
  return `<ul class="legend">${items.join("")}</ul>`
}

const nodesLegend = legend([
  ...shades.map((shade) => [swatch(`var(${shadeName(shade)})`), shade.meaning] as const),
  [glyph("M3.5 1.5L7 5L10.5 1.5L12.5 3.5L9 7L12.5 10.5L10.5 12.5L7 9L3.5 12.5L1.5 10.5L5 7L1.5 3.5Z"), "killed"],
  [glyph("M2 2H12V12H2Z"), "crashed"],
  [glyph("M7 1L12.5 7L7 13L1.5 7Z"), "left"],
  [glyph("M2 2L12 7L2 12Z"), "restarted"]
])

const membersLegend = ({ nodes }: SimulationReport, { outliers }: MemberCounts): string => {
  const running = [stroke("var(--text)", 1.5, "5 4"), "running nodes"] as const
  if (nodes.length <= MaxLines) return legend([[stroke("var(--band)", 1), "one line per observer"], running])
  return legend([
    [stroke("var(--band)", 2.5), "median"],
    [swatch("var(--band)", ";opacity:.5"), "the middle 80 % of observers"],
    [swatch("var(--band)", ";opacity:.25"), "all observers"],
    running,
    ...outliers.map((node, i) => [stroke(`var(--outlier-${i + 1})`, 2), nodes[node]?.name ?? ""] as const)
  ])
}

/** Longer texts are collapsed: a partition names every node. */
const LongText = 240

const eventRow = ({ at, kind, text }: ReportEvent): string => {
  const words =
    text.length <= LongText
      ? escaped(text)
      : `<details><summary>${escaped(text.slice(0, LongText))}</summary>${escaped(text.slice(LongText))}</details>`
  return `<tr class="${kind}" data-at="${at}"><td>${seconds(at)}</td><td>${kind}</td><td>${words}</td></tr>`
}

const summaryTable = (rows: ReportPageOptions["rows"]): string => {
  // Its style removes the table semantics in some browsers, so the roles are explicit.
  const lines = rows.map(
    ([label, value]) =>
      `<tr role="row"><th scope="row" role="rowheader">${escaped(label)}</th><td role="cell">${escaped(value)}</td></tr>`
  )
  return `<table class="summary" role="table">
<caption class="unseen">Summary</caption>
<tbody role="rowgroup">
${lines.join("\n")}
</tbody></table>`
}

const MaxDisagreements = 20

const disagreements = ({ summary }: SimulationReport): string => {
  const lines = summary.disagreements
  if (lines.length === 0) return ""
  const more = lines.length - MaxDisagreements
  const items = [...lines.slice(0, MaxDisagreements), ...(more > 0 ? [`and ${more} more`] : [])]
  return `<details><summary>${plural(lines.length, "disagreement")} at the end</summary>
<ul class="list">${items.map((line) => `<li>${escaped(line)}</li>`).join("")}</ul></details>`
}

/**
 * The page as text. The same report gives the same text.
 *
 * @example
 * ```ts
 * const page = reportPage(measure.report, {
 *   rows: summaryRows(measure.report),
 *   command: "gossip sim --nodes 30",
 *   script: yield* ReportAssets.echarts
 * })
 * ```
 */
export const reportPage = (report: SimulationReport, options: ReportPageOptions): string => {
  const { events, nodes } = report
  const counts = memberCounts(report)
  const size = `${plural(nodes.length, "node")}, ${plural(Number((report.duration / 1000).toFixed(3)), "virtual second")}`
  const title = options.title ?? `Simulation: ${size}`
  const facts = [
    ...(options.title === undefined ? [] : [size]),
    `seed ${report.seed}`,
    plural(report.samples.times.length, "sample"),
    plural(events.length, "event")
  ]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<title>${escaped(title)}</title>
<style>
${styleSheet}
</style>
</head>
<body>
<header>
<h1>${escaped(title)}</h1>
<p class="facts">${facts.map(escaped).join(" · ")}</p>
${options.command === undefined ? "" : `<code class="command">${escaped(options.command)}</code>`}
<p id="failure" class="failure" role="alert" hidden>The charts are incomplete because a script failed:</p>
<noscript><p class="failure">The charts need JavaScript. Everything else does not.</p></noscript>
</header>
<main>
<section aria-labelledby="summary-title">
<h2 id="summary-title">Summary</h2>
${summaryTable(options.rows)}
${disagreements(report)}
</section>
<div class="time" role="group" aria-labelledby="time-title">
<h2 id="time-title">Shown time</h2>
<label>from <input id="from" type="number" min="0" step="any"> <span class="unit">s</span></label>
<label>to <input id="to" type="number" min="0" step="any"> <span class="unit">s</span></label>
<button id="whole" type="button">Whole time</button>
<label>Node <input id="node" type="text" size="9" autocomplete="off" spellcheck="false" placeholder="${escaped(nodes[0]?.name ?? "")}"></label>
<span class="hint">Drag over a chart to zoom, double-click to see all again</span>
</div>
<section aria-labelledby="nodes-title">
<div class="head">
<h2 id="nodes-title">Nodes over time: how the cluster sees them</h2>
<div class="tools"><label><input id="worst-first" type="checkbox"> worst first</label></div>
</div>
${nodesLegend}
<figure>
<div id="nodes" class="chart" role="img" aria-labelledby="nodes-title" aria-describedby="nodes-words"></div>
<figcaption id="nodes-words">${nodesInWords(report)} Where several share a pixel, the most severe is shown.</figcaption>
</figure>
</section>
<section aria-labelledby="members-title">
<h2 id="members-title">Members seen by each observer</h2>
${membersLegend(report, counts)}
<figure>
<div id="members" class="chart" role="img" aria-labelledby="members-title" aria-describedby="members-words"></div>
<figcaption id="members-words">${membersInWords(report, counts)}</figcaption>
</figure>
</section>
<section aria-labelledby="traffic-title">
<h2 id="traffic-title">Traffic of the whole cluster</h2>
${legend([
  [swatch("var(--sent)"), "sent"],
  [swatch("var(--dropped)"), "dropped"]
])}
<figure>
<div id="traffic" class="chart" role="img" aria-labelledby="traffic-title" aria-describedby="traffic-words"></div>
<figcaption id="traffic-words">${trafficInWords(report)}</figcaption>
</figure>
</section>
<section aria-labelledby="events-title">
<div class="head">
<h2 id="events-title">Events</h2>
<div class="tools">
<label>Search <input id="words" type="search" size="18" autocomplete="off" placeholder="kill n3"></label>
<label><input id="verbs" type="checkbox" checked> verbs</label>
<label><input id="outcomes" type="checkbox" checked> outcomes</label>
<label><input id="in-time" type="checkbox" checked> in the shown time only</label>
<span id="events-shown" aria-live="polite">${plural(events.length, "event")}</span>
</div>
</div>
<div class="scroll" tabindex="0" role="region" aria-labelledby="events-title"><table id="events" class="events">
<caption class="unseen">What was done to the cluster, and what followed</caption>
<thead><tr><th scope="col">Time</th><th scope="col">Kind</th><th scope="col">What</th></tr></thead>
<tbody>
${events.map(eventRow).join("\n")}
</tbody></table><p id="no-events" class="none" hidden>No event matches.</p></div>
</section>
<section aria-label="Numbers">
${inNumbers(report, counts)}
</section>
</main>
<script>
${embeddedScript(watch)}
</script>
<script id="data" type="application/json">${embeddedJson(dataOf(report, counts))}</script>
<script>
${embeddedScript(options.script)}
</script>
<script type="module">
${embeddedScript(pageScript)}
</script>
</body>
</html>
`
}
