/** The part of the page's script that draws the charts and handles the input of the user: see `Script.ts`. */
export const controls = String.raw`
// --- drawing -------------------------------------------------------------------------------------

const options = { nodes: nodesOption, members: membersOption, traffic: trafficOption }
const heights = (narrow) => ({
  nodes: Strip + 4 + plotHeight() + 26 + 24,
  members: 14 + (narrow ? 200 : 250) + 26,
  traffic: 28 + 2 * (narrow ? 110 : 130) + 38 + 26
})

/** Chooses the row names again after other rows are shown. */
let rowsShown = ""
const nameRows = () => {
  const rows = String(extentOf("nodes", "yAxis"))
  if (rows === rowsShown) return
  rowsShown = rows
  charts.nodes.setOption({ yAxis: scales.nodes() })
}

/** Sets the range of time of all charts. */
let following = false
const follow = (except) => {
  following = true
  for (const [name, chart] of Object.entries(charts)) {
    if (name === except) continue
    chart.setOption({ yAxis: scales[name]() })
    chart.dispatchAction({
      type: "dataZoom",
      dataZoomIndex: 0,
      startValue: range[0] / unit.ms,
      endValue: range[1] / unit.ms
    })
  }
  following = false
}

const show = (from, to, except) => {
  const shortest = Math.min(end, 1)
  const start = Math.min(Math.max(0, from), end - shortest)
  range = [start, Math.max(start + shortest, Math.min(end, to))]
  follow(except)
  byId("from").value = Number((range[0] / unit.ms).toFixed(3))
  byId("to").value = Number((range[1] / unit.ms).toFixed(3))
  byId("whole").disabled = range[0] === 0 && range[1] === end
  filterEvents()
}

/** Writes the counts of drawn elements into data attributes, for tests of the page. */
const account = (name) => {
  const model = charts[name].getModel()
  const set = byId(name).dataset
  set.series = model.getSeriesCount()
  set.points = 0
  model.eachSeries((series) => (set.points = Number(set.points) + series.getData().count()))
  if (name === "nodes") {
    for (const id of ["verdicts", "killed", "crashed", "left", "restarted", "verbs"]) {
      set[id] = model.queryComponents({ mainType: "series", id })[0].getData().count()
    }
  }
}

const draw = () => {
  const rows = drawnWidth === 0 ? undefined : extentOf("nodes", "yAxis")
  const now = look()
  const high = heights(now.narrow)
  for (const [name, chart] of Object.entries(charts)) {
    byId(name).style.height = high[name] + "px"
    chart.resize()
    chart.setOption(options[name](now), { notMerge: true })
    // On a touch screen, dragging scrolls the page.
    if (!matchMedia("(pointer: coarse)").matches) {
      chart.dispatchAction({ type: "takeGlobalCursor", key: "dataZoomSelect", dataZoomSelectActive: true })
    }
    account(name)
  }
  drawnWidth = now.width
  follow()
  if (rows !== undefined) showRows(...rows)
}
let drawnWidth = 0

/** A line at the same time in all charts. */
const crosshairs = {}
const point = (ms) => {
  for (const [name, chart] of Object.entries(charts)) {
    const line = crosshairs[name]
    if (ms === undefined) {
      line.hide()
      continue
    }
    const x = chart.convertToPixel({ xAxisIndex: mainAxis[name] }, ms / unit.ms)
    line.setShape({
      x1: x,
      x2: x,
      y1: name === "nodes" ? Strip : 14,
      y2: chart.getHeight() - (name === "nodes" ? 50 : 26)
    })
    line.setStyle({ stroke: look().colour("text") })
    line.show()
  }
}

for (const [name, chart] of Object.entries(charts)) {
  const zr = chart.getZr()
  crosshairs[name] = new echarts.graphic.Line({
    silent: true,
    invisible: false,
    z: 100,
    zlevel: 1,
    style: { lineWidth: 1, opacity: 0.5 }
  })
  zr.add(crosshairs[name])
  crosshairs[name].hide()
  zr.on("mousemove", ({ offsetX, offsetY }) => {
    pointer[name] = [offsetX, offsetY]
    const at = chart.convertFromPixel({ xAxisIndex: mainAxis[name] }, offsetX) * unit.ms
    const sample = at >= range[0] && at <= range[1] ? sampleAt(at) : -1
    point(sample < 0 ? undefined : times[sample])
  })
  zr.on("globalout", () => point(undefined))
  chart.on("datazoom", () => {
    if (following) return
    if (name === "nodes") nameRows()
    const [from, to] = extentOf(name, "xAxis")
    if (Math.abs(from * unit.ms - range[0]) < 1e-6 && Math.abs(to * unit.ms - range[1]) < 1e-6) return
    // The vertical scale depends on the range, except for the nodes.
    show(from * unit.ms, to * unit.ms, name === "nodes" ? name : undefined)
  })
  zr.on("dblclick", () => show(0, end))
}

// --- input ---------------------------------------------------------------------------------------

/** Highlights what one node sees, and its row. */
const pin = (node) => {
  pinned = node
  byId("node").value = node < 0 ? "" : nodes[node].name
  charts.nodes.setOption({ series: [{ id: "verb-lines", markArea: { data: pinnedRow() } }] })
  charts.members.setOption({ series: [{ id: "pinned", data: node < 0 ? [] : seenBy(node) }] })
}
const showRows = (first, last) => {
  if (nodes.length <= FewRows) return
  charts.nodes.dispatchAction({ type: "dataZoom", dataZoomIndex: 2, startValue: first, endValue: last })
}

const eventsShown = byId("events-shown")
const filterEvents = () => {
  const words = byId("words")
    .value.toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "")
  const kinds = new Set(["verb", "outcome"].filter((kind) => byId(kind + "s").checked))
  const inTime = byId("in-time").checked
  let count = 0
  for (const { at, kind, row, text } of eventRows) {
    const wanted =
      kinds.has(kind) &&
      (!inTime || (at >= range[0] && at <= range[1])) &&
      words.every((word) => text.toLowerCase().includes(word))
    row.hidden = !wanted
    if (wanted) count++
  }
  eventsShown.textContent = count + " of " + eventRows.length + " events"
  byId("no-events").hidden = count > 0
}

for (const id of ["verbs", "outcomes", "in-time"]) byId(id).addEventListener("change", filterEvents)
byId("words").addEventListener("input", filterEvents)
const showTyped = () => {
  const [from, to] = ["from", "to"].map((id) => byId(id).valueAsNumber * unit.ms)
  if (from < to) show(from, to)
}
for (const id of ["from", "to"]) {
  const input = byId(id)
  input.max = end / unit.ms
  input.addEventListener("change", showTyped)
}
for (const span of document.querySelectorAll(".unit")) span.textContent = unit.name
byId("whole").addEventListener("click", () => show(0, end))
byId("node").addEventListener("change", ({ target }) => {
  const name = target.value.trim().toLowerCase()
  const found = nodes.findIndex((node) => node.name.toLowerCase() === name)
  target.setCustomValidity(name === "" || found >= 0 ? "" : "There is no node with this name.")
  target.reportValidity()
  if (name !== "" && found < 0) return
  pin(found)
  // Show as many rows as have room for their names.
  const first = Math.max(0.5, Math.min(nodes.length - 39.5, rowOf[found] - 20.5))
  if (found >= 0) showRows(first, first + 40)
})
byId("worst-first").addEventListener("change", ({ target }) => {
  arrange(target.checked)
  draw()
})
charts.nodes.getZr().on("click", () => {
  const { node, sample } = cellUnder()
  if (node >= 0 && sample >= 0) pin(node === pinned ? -1 : node)
})

darkness.addEventListener("change", draw)
let waiting = false
new ResizeObserver(() => {
  if (waiting || byId("nodes").clientWidth === drawnWidth) return
  waiting = true
  requestAnimationFrame(() => {
    waiting = false
    draw()
  })
}).observe(byId("nodes"))

arrange(false)
draw()
show(0, end)
document.documentElement.dataset.drawn = "yes"
`.trim()
