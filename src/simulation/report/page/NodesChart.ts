/** The part of the page's script with the chart of nodes, and with what all charts share: see `Script.ts`. */
export const nodesChart = String.raw`
// --- the charts ----------------------------------------------------------------------------------

/** The shown range of time, and the selected node. */
let range = [0, end]
let pinned = -1

const charts = {}
for (const name of ["nodes", "members", "traffic"]) charts[name] = echarts.init(byId(name))
/** The axes that have the shown range. */
const mainAxis = { nodes: 1, members: 0, traffic: 0 }
const extentOf = (name, axis) => charts[name].getModel().getComponent(axis, mainAxis[name]).axis.scale.getExtent()
/** The position of the mouse over each chart. */
const pointer = { nodes: [0, 0], members: [0, 0], traffic: [0, 0] }

const look = () => {
  const style = getComputedStyle(document.documentElement)
  const colour = (name) => style.getPropertyValue("--" + name).trim()
  const width = byId("nodes").clientWidth
  return { colour, narrow: width < 560, width, font: getComputedStyle(document.body).fontFamily }
}

/** Options that all charts share. All plots begin and end at the same place. */
const common = ({ colour, font, narrow }) => ({
  animation: false,
  textStyle: { fontFamily: font, color: colour("text") },
  tooltip: {
    confine: true,
    transitionDuration: 0,
    backgroundColor: colour("surface"),
    borderColor: colour("line"),
    padding: [6, 10],
    textStyle: { color: colour("text"), fontSize: 12.5 },
    extraCssText: "max-width: 340px; white-space: normal; overflow-wrap: anywhere;"
  },
  // Its icons are hidden, since dragging over a plot always selects a time.
  toolbox: {
    left: -100,
    itemSize: 1,
    feature: {
      dataZoom: {
        xAxisIndex: "all",
        yAxisIndex: "none",
        filterMode: "none",
        brushStyle: { color: colour("accent"), opacity: 0.15, borderWidth: 0 }
      }
    }
  },
  plot: { left: narrow ? 46 : 68, right: nodes.length > FewRows ? 34 : 20, outerBoundsMode: "none" }
})

const timeAxis = ({ colour, narrow }, more) => ({
  type: "value",
  min: 0,
  max: end / unit.ms,
  splitNumber: narrow ? 4 : 10,
  axisLine: { show: true, onZero: false, lineStyle: { color: colour("line") } },
  axisTick: { show: true, lineStyle: { color: colour("line") } },
  splitLine: { show: false },
  axisLabel: {
    color: colour("muted"),
    fontSize: 12,
    hideOverlap: true,
    // The ends of a range are not round numbers and get no label.
    formatter: (value) => {
      const digits = Math.max(0, Math.ceil(-Math.log10((range[1] - range[0]) / unit.ms / 25)))
      const round = Number(value.toFixed(digits))
      return Math.abs(round - value) < 1e-9 ? round + " " + unit.name : ""
    }
  },
  ...more
})

const zoomInside = (axes) => ({
  type: "inside",
  xAxisIndex: axes,
  filterMode: "none",
  zoomOnMouseWheel: "ctrl",
  moveOnMouseMove: false,
  moveOnMouseWheel: false,
  preventDefaultMouseMove: false
})

const verbLines = ({ colour }) => ({
  silent: true,
  symbol: "none",
  animation: false,
  label: { show: false },
  lineStyle: { color: colour("muted"), type: [3, 3], width: 1, opacity: 0.7 },
  // More lines would hide the chart.
  data: moments.length <= 30 ? moments.map(({ at }) => ({ xAxis: at / unit.ms })) : []
})

// --- the chart of nodes --------------------------------------------------------------------------

/** The height of the strip of verbs. */
const Strip = 26

/** The label of a time, if it ends before the next mark. */
const labelThatFits = (index) => {
  const label = momentLabel(moments[index])
  const x = (i) => charts.nodes.convertToPixel({ xAxisIndex: 1 }, moments[i].at / unit.ms)
  const room = (index + 1 < moments.length ? x(index + 1) - 8 : charts.nodes.getWidth()) - x(index) - 9
  return echarts.format.getTextRect(label, "12px " + look().font).width < room ? label : ""
}

/** Hides a mark that overlaps an earlier one. */
const sparse = (size) => {
  let taken = new Set()
  return ([at, row], { dataIndex }) => {
    if (dataIndex === 0) taken = new Set()
    const place = charts.nodes.convertToPixel({ xAxisIndex: 1, yAxisIndex: 1 }, [at, row])
    const cell = place.map((pixel) => Math.floor(pixel / size)).join(" ")
    if (taken.has(cell)) return 0
    taken.add(cell)
    return size
  }
}

/** At most as high as a screen. A row of a small cluster is as high as a line of text. */
const plotHeight = () => {
  const rows = nodes.length
  const row = rows <= 12 ? 26 : rows <= 40 ? 18 : Math.max(1, Math.floor(680 / rows))
  return Math.min(720, rows * row)
}

const marks = { killed: [], crashed: [], left: [], restarted: [] }
const collectMarks = () => {
  for (const name of Object.keys(marks)) marks[name] = []
  for (const [i, { lives }] of nodes.entries()) {
    for (const [life, { end, from, to }] of lives.entries()) {
      if (life > 0) marks.restarted.push([from / unit.ms, rowOf[i], i])
      if (end !== undefined) marks[end].push([to / unit.ms, rowOf[i], i])
    }
  }
}

const pinnedRow = () => (pinned < 0 ? [] : [[{ yAxis: rowOf[pinned] - 0.5 }, { yAxis: rowOf[pinned] + 0.5 }]])

const slider = (colour) => ({
  showDataShadow: false,
  showDetail: false,
  brushSelect: false,
  borderColor: colour("line"),
  backgroundColor: colour("page"),
  fillerColor: colour("accent") + "26",
  handleStyle: { color: colour("surface"), borderColor: colour("muted") },
  moveHandleSize: 0,
  emphasis: { handleStyle: { borderColor: colour("accent") } }
})

const nodesOption = (look) => {
  const { colour, narrow } = look
  const { plot, ...rest } = common(look)
  const height = plotHeight()
  const rowHeight = height / Math.max(1, nodes.length)
  // Marks of several nodes overlap where rows are thin.
  const size = Math.max(7, Math.min(13, rowHeight * 0.7))
  collectMarks()
  const mark = (name, symbol, more) => ({
    id: name,
    type: "scatter",
    xAxisIndex: 1,
    yAxisIndex: 1,
    data: marks[name],
    symbol,
    symbolSize: sparse(size),
    clip: true,
    z: 5,
    itemStyle: { color: colour("mark"), borderColor: colour("halo"), borderWidth: rowHeight < 8 ? 0.75 : 1.5 },
    emphasis: { disabled: true },
    tooltip: {
      formatter: ({ value: [at, , node] }) => tip(nodes[node].name + " " + name, ["at " + moment(at * unit.ms)])
    },
    ...more
  })
  return {
    ...rest,
    grid: [
      { ...plot, top: 0, height: Strip },
      { ...plot, top: Strip + 4, height }
    ],
    xAxis: [timeAxis(look, { show: false, gridIndex: 0 }), timeAxis(look, { gridIndex: 1 })],
    yAxis: [
      { type: "value", show: false, gridIndex: 0, min: 0, max: 1, axisPointer: { show: false } },
      {
        type: "value",
        gridIndex: 1,
        inverse: true,
        min: 0.5,
        max: nodes.length + 0.5,
        axisLine: { show: false },
        axisTick: { show: false },
        splitLine: { show: false },
        axisPointer: { show: false },
        axisLabel: {
          color: colour("muted"),
          fontSize: narrow ? 11 : 12,
          width: narrow ? 38 : 60,
          overflow: "truncate",
          hideOverlap: true,
          formatter: (row) => (Number.isInteger(row) ? (nodes[order[row - 1]]?.name ?? "") : "")
        }
      }
    ],
    dataZoom: [
      {
        type: "slider",
        xAxisIndex: [0, 1],
        filterMode: "none",
        left: plot.left,
        right: plot.right,
        bottom: 2,
        height: 20,
        ...slider(colour)
      },
      zoomInside([0, 1]),
      ...(nodes.length > FewRows
        ? [
            {
              type: "slider",
              id: "rows",
              orient: "vertical",
              yAxisIndex: 1,
              filterMode: "none",
              right: 2,
              top: Strip + 4,
              height,
              width: 18,
              ...slider(colour)
            }
          ]
        : [])
    ],
    series: [
      {
        id: "verdicts",
        type: "custom",
        xAxisIndex: 1,
        yAxisIndex: 1,
        clip: true,
        progressive: 0,
        // A row each; the first of them draws the picture of all.
        data: nodes.map((_, i) => [0, rowOf[i]]),
        renderItem: ({ coordSys, dataIndex }, api) => {
          if (dataIndex !== 0 || times.length === 0) return undefined
          const snap = (length) => Math.round(length * devicePixelRatio)
          const [left, top, right, bottom] = [
            snap(coordSys.x),
            snap(coordSys.y),
            snap(coordSys.x + coordSys.width),
            snap(coordSys.y + coordSys.height)
          ]
          const [x0, y0] = api.coord([0, 0])
          const [x1, y1] = api.coord([1, 1])
          const timeAt = (x) => ((x / devicePixelRatio - x0) / (x1 - x0)) * unit.ms
          const rowAt = (y) => (y / devicePixelRatio - y0) / (y1 - y0)
          return {
            type: "image",
            style: {
              image: paint(right - left, bottom - top, timeAt(left), timeAt(right), rowAt(top), rowAt(bottom)),
              x: left / devicePixelRatio,
              y: top / devicePixelRatio,
              width: (right - left) / devicePixelRatio,
              height: (bottom - top) / devicePixelRatio
            }
          }
        },
        emphasis: { disabled: true },
        tooltip: { formatter: () => describeCell() ?? "" }
      },
      mark("killed", "path://M2 0L5 3L8 0L10 2L7 5L10 8L8 10L5 7L2 10L0 8L3 5L0 2Z"),
      mark("crashed", "rect"),
      mark("left", "diamond"),
      mark("restarted", "triangle", { symbolRotate: -90 }),
      {
        id: "verbs",
        type: "scatter",
        xAxisIndex: 0,
        yAxisIndex: 0,
        data: moments.map(({ at }) => [at / unit.ms, 0.2]),
        symbol: "triangle",
        symbolRotate: 180,
        symbolSize: 9,
        itemStyle: { color: colour("text") },
        emphasis: { disabled: true },
        label: {
          show: true,
          position: "right",
          distance: 4,
          color: colour("text"),
          fontSize: 12,
          formatter: ({ dataIndex }) => labelThatFits(dataIndex)
        },
        tooltip: {
          formatter: ({ dataIndex }) => {
            const { at, texts } = moments[dataIndex]
            const more = texts.length - 8
            return tip(
              moment(at),
              ...texts.slice(0, 8).map((text) => [shortened(text, 160)]),
              ...(more > 0 ? [["and " + more + " more"]] : [])
            )
          }
        }
      },
      {
        id: "verb-lines",
        type: "scatter",
        xAxisIndex: 1,
        yAxisIndex: 1,
        data: [],
        markLine: verbLines(look),
        markArea: {
          silent: true,
          itemStyle: { color: "transparent", borderColor: colour("pinned"), borderWidth: 2 },
          data: pinnedRow()
        }
      }
    ]
  }
}

/** The node and sample under the mouse. */
const cellUnder = () => {
  const [x, y] = pointer.nodes
  const [at, row] = charts.nodes.convertFromPixel({ xAxisIndex: 1, yAxisIndex: 1 }, [x, y])
  return { node: order[Math.round(row) - 1] ?? -1, sample: sampleAt(at * unit.ms) }
}
const describeCell = () => {
  const { node, sample } = cellUnder()
  if (node < 0 || sample < 0) return undefined
  const { lives, members, name, old, ranks } = nodes[node]
  const at = times[sample]
  const shade = shades[ranks[sample]]
  const past = lives.findLast(({ from }) => from <= at)
  const state =
    past === undefined
      ? "not started yet"
      : past.to === undefined || at < past.to
        ? members[sample] < 0
          ? "is frozen or leaves"
          : "sees " + members[sample] + " alive, itself included"
        : past.end + " at " + moment(past.to)
  return tip(
    name + " at " + moment(at),
    [swatch(darkness.matches ? shade.dark : shade.light), shade.meaning],
    [state],
    ...(old ? [["speaks version 1 only"]] : [])
  )
}
`.trim()
