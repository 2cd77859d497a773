/** Line plots as SVG files, drawn by ECharts without a browser. */
import { mkdirSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as echarts from "echarts"

/** One line of a plot. */
export interface Line {
  readonly name: string
  readonly points: ReadonlyArray<readonly [x: number, y: number]>
  /** Points without a line between them. */
  readonly scattered?: boolean
}

/** A plot. Axes are linear unless said otherwise. */
export interface Plot {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly logX?: boolean
  readonly logY?: boolean
  readonly lines: ReadonlyArray<Line>
}

/** Writes `docs/<folder>/<name>.svg`, unless the run is a short one, whose figures mean little. */
export const write = (name: string, plot: Plot, folder = "detection"): void => {
  if (process.argv.includes("--short")) return
  const directory = fileURLToPath(new URL(`../../docs/${folder}/`, import.meta.url))
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: 760, height: 440 })
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    title: { text: plot.title, left: "center", textStyle: { fontSize: 15 } },
    legend: { bottom: 0 },
    grid: { left: 70, right: 30, top: 50, bottom: 80 },
    xAxis: { type: plot.logX === true ? "log" : "value", name: plot.x, nameLocation: "middle", nameGap: 28 },
    yAxis: { type: plot.logY === true ? "log" : "value", name: plot.y, nameLocation: "middle", nameGap: 48 },
    series: plot.lines.map(({ name, points, scattered }) => ({
      name,
      type: scattered === true ? "scatter" : "line",
      symbolSize: 6,
      data: points.map((point) => [...point])
    }))
  })
  mkdirSync(directory, { recursive: true })
  // Identifiers of the drawing differ from run to run; the rest is the same for the same figures.
  writeFileSync(`${directory}${name}.svg`, `${chart.renderToSVGString().replaceAll(/zr\d+-/g, "zr-")}\n`)
  chart.dispose()
}
