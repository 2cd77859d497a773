/** The part of the page's script with the charts of seen members and of traffic: see `Script.ts`. */
export const lineCharts = String.raw`
// --- scales --------------------------------------------------------------------------------------

/** The shown samples, and one more on each side. */
const shown = () => {
  const inside = times.flatMap((at, i) => (at >= range[0] && at <= range[1] ? [i] : []))
  const first = inside[0] ?? Math.max(0, sampleAt(range[0]))
  return [Math.max(0, first - 1), Math.min(times.length, (inside.at(-1) ?? first) + 2)]
}
const shownOf = (...lists) => lists.flatMap((values) => values.slice(...shown())).filter((value) => value !== null)

/** Rounds up to 1, 2 or 5 times a power of ten. */
const roundStep = (wanted) => {
  const power = 10 ** Math.floor(Math.log10(wanted))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= wanted * 0.999)
}
/** A scale with about "parts" steps and a margin at the top. */
const scale = (low, high, parts, smallest) => {
  const interval = roundStep(Math.max((high - low) / parts, smallest))
  return { min: low, max: Math.max(high + (high - low) * 0.05, low + interval), interval }
}
/** The rows that have room for their names: all that are shown, or every tenth and the like. */
const namedRows = () => {
  const [first, last] = extentOf("nodes", "yAxis")
  const step = roundStep(Math.max(1, ((last - first) * 15) / plotHeight()))
  const rows = Array.from({ length: Math.floor(last / step) }, (_, i) => (i + 1) * step)
  return rows.filter((row) => row >= first)
}
/** The scales for the shown range. */
const scales = {
  nodes: () => [{}, { axisLabel: { customValues: namedRows() } }],
  members: () => {
    const counts = shownOf(memberCounts.least, memberCounts.most, memberCounts.running)
    if (counts.length === 0) return [scale(0, 1, 1, 1)]
    const [low, high] = [Math.min(...counts), Math.max(...counts)]
    // From 0, unless all values would lie on one line.
    if (low < high * 0.7) return [scale(0, high, 4, 1)]
    const fine = scale(low, high, 3, 1)
    return [scale(Math.max(0, Math.floor(low / fine.interval - 0.5) * fine.interval), high, 4, 1)]
  },
  traffic: () => [
    scale(0, Math.max(...shownOf(rate.sent, rate.dropped), 0), 4, 1e-3),
    scale(0, Math.max(...shownOf(rate.bytes), 0), 4, 1e-3)
  ]
}

// --- the chart of members ------------------------------------------------------------------------

const valueAxis = ({ colour, narrow }, more) => ({
  type: "value",
  axisLine: { show: false },
  axisTick: { show: false },
  splitLine: { showMaxLine: false, lineStyle: { color: colour("grid") } },
  axisPointer: { show: false },
  nameTextStyle: { color: colour("muted"), align: "left", fontSize: 12, padding: [0, 0, 0, -(narrow ? 38 : 60)] },
  nameGap: 12,
  ...more,
  axisLabel: { color: colour("muted"), fontSize: narrow ? 11 : 12, showMaxLabel: false, ...more.axisLabel }
})

const points = (values) => values.map((value, i) => [times[i] / unit.ms, value])
const seenBy = (node) => points(nodes[node].members.map((count) => (count < 0 ? null : count)))

const membersOption = (look) => {
  const { colour, narrow } = look
  const { plot, ...rest } = common(look)
  const line = (id, data, lineStyle, more) => ({
    id,
    type: "line",
    data,
    symbol: times.length === 1 ? "circle" : "none",
    silent: true,
    lineStyle,
    itemStyle: { color: lineStyle.color, opacity: lineStyle.width === 0 ? 0 : 1 },
    emphasis: { disabled: true },
    ...more
  })
  /** The area between two lines, as one line stacked on the other. */
  const band = (id, low, high, opacity) => [
    line(id + " from", points(low), { width: 0 }, { stack: id, stackStrategy: "all" }),
    line(
      id,
      points(high.map((value, i) => (value === null ? null : value - low[i]))),
      { width: 0 },
      { stack: id, stackStrategy: "all", areaStyle: { color: colour("band"), opacity } }
    )
  ]
  const outliers = memberCounts.outliers.map((node, i) =>
    line("outlier " + i, seenBy(node), { color: colour("outlier-" + (i + 1)), width: 1.5 }, { z: 4 })
  )
  const few = nodes.length <= 10
  const many = data.lines
    ? nodes.map((_, i) =>
        line(
          "observer " + i,
          seenBy(i),
          { color: colour("band"), width: few ? 1.5 : 1, opacity: few ? 0.9 : 0.55 },
          { z: 3 }
        )
      )
    : [
        ...band("all", memberCounts.least, memberCounts.most, darkness.matches ? 0.28 : 0.16),
        ...band("most", memberCounts.low, memberCounts.high, darkness.matches ? 0.4 : 0.3),
        line("median", points(memberCounts.median), { color: colour("band"), width: 2 }, { z: 5 }),
        ...outliers
      ]
  return {
    ...rest,
    tooltip: { ...rest.tooltip, trigger: "axis", axisPointer: { type: "none" }, formatter: describeSeen },
    grid: { ...plot, top: 14, height: narrow ? 200 : 250 },
    xAxis: timeAxis(look, {}),
    yAxis: valueAxis(look, { axisLabel: { formatter: String } }),
    dataZoom: [zoomInside([0])],
    series: [
      ...many,
      line(
        "running",
        memberCounts.running.map((value, i) => [times[i] / unit.ms, value]),
        { color: colour("text"), width: 1.5, type: [5, 4] },
        { z: 6, markLine: verbLines(look) }
      ),
      line("pinned", pinned < 0 ? [] : seenBy(pinned), { color: colour("pinned"), width: 2.5 }, { z: 7 })
    ]
  }
}

/** How many members which observers see, in groups by number. */
const describeSeen = (params) => {
  const sample = params[0] === undefined ? -1 : sampleAt(params[0].value[0] * unit.ms)
  if (sample < 0) return ""
  const groups = Map.groupBy(
    nodes.filter(({ members }) => members[sample] >= 0),
    ({ members }) => members[sample]
  )
  const sorted = [...groups].sort(([a, those], [b, these]) => these.length - those.length || b - a)
  const lines = sorted
    .slice(0, 6)
    .map(([count, those]) => [
      count + " seen by " + (those.length <= 4 ? those.map(({ name }) => name).join(", ") : those.length + " nodes")
    ])
  const others = sorted.slice(6)
  if (others.length > 0) {
    const counts = others.map(([count]) => count)
    const sum = others.reduce((sum, [, those]) => sum + those.length, 0)
    lines.push([Math.min(...counts) + " to " + Math.max(...counts) + " seen by " + sum + " more nodes"])
  }
  const own =
    pinned < 0 || !(nodes[pinned].members[sample] >= 0)
      ? []
      : [[nodes[pinned].name + " sees " + nodes[pinned].members[sample]]]
  return tip("At " + moment(times[sample]), [memberCounts.running[sample] + " nodes run"], ...own, ...lines)
}

// --- the chart of traffic ------------------------------------------------------------------------

const rates = (counts) => counts.map((count, i) => (count * 1000) / (times[i] - (times[i - 1] ?? 0)))
const rate = { sent: rates(traffic.datagrams), dropped: rates(traffic.dropped), bytes: rates(traffic.bytes) }

const trafficOption = (look) => {
  const { colour, narrow } = look
  const { plot, ...rest } = common(look)
  const height = narrow ? 110 : 130
  // Counts belong to the time since the previous sample.
  const sinceBefore = (values) => [[0, values[0] ?? null], ...points(values)]
  const line = (id, axis, values, colour, more) => ({
    id,
    type: "line",
    step: "start",
    xAxisIndex: axis,
    yAxisIndex: axis,
    data: sinceBefore(values),
    symbol: times.length === 1 ? "circle" : "none",
    silent: true,
    lineStyle: { color: colour, width: 1.2 },
    itemStyle: { color: colour },
    areaStyle: { color: colour, opacity: 0.2 },
    emphasis: { disabled: true },
    ...more
  })
  return {
    ...rest,
    tooltip: { ...rest.tooltip, trigger: "axis", axisPointer: { type: "none" }, formatter: describeTraffic },
    grid: [
      { ...plot, top: 28, height },
      { ...plot, top: 28 + height + 38, height }
    ],
    xAxis: [timeAxis(look, { gridIndex: 0, axisLabel: { show: false } }), timeAxis(look, { gridIndex: 1 })],
    yAxis: [
      valueAxis(look, {
        gridIndex: 0,
        name: "datagrams per second",
        axisLabel: { formatter: (value) => scaled(value, "") }
      }),
      valueAxis(look, {
        gridIndex: 1,
        name: "bytes per second",
        axisLabel: { formatter: (value) => scaled(value, "B") }
      })
    ],
    dataZoom: [zoomInside([0, 1])],
    series: [
      line("sent", 0, rate.sent, colour("sent"), { markLine: verbLines(look) }),
      line("dropped", 0, rate.dropped, colour("dropped"), { areaStyle: { color: colour("dropped"), opacity: 0.45 } }),
      line("bytes", 1, rate.bytes, colour("sent"), { markLine: verbLines(look) })
    ]
  }
}

const describeTraffic = (params) => {
  const at = params[0]?.value[0] * unit.ms
  const sample = at === 0 ? 0 : sampleAt(at)
  if (!(sample >= 0)) return ""
  const { colour } = look()
  return tip(
    moment(times[sample - 1] ?? 0) + " to " + moment(times[sample]),
    [swatch(colour("sent")), scaled(rate.sent[sample], "") + " datagrams/s"],
    [swatch(colour("dropped")), scaled(rate.dropped[sample], "") + " dropped/s"],
    [scaled(rate.bytes[sample], "B/s")]
  )
}
`.trim()
