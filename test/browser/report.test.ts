/** The page of a simulation in a real browser. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import * as ReportAssets from "../../src/node/ReportAssets.ts"
import { Measure } from "../../src/simulation/report/Measure.ts"
import { Recorder } from "../../src/simulation/report/Recorder.ts"
import type { ReportNode, SimulationReport } from "../../src/simulation/report/Report.ts"
import { shades } from "../../src/simulation/report/page/Shades.ts"
import { reportPage } from "../../src/simulation/report/ReportPage.ts"
import * as Simulation from "../../src/simulation/Simulation.ts"
import { openText, type Page, timeout } from "./Chromium.ts"
import { summaryRows } from "../../src/simulation/report/SummaryTable.ts"

/** An instance of ECharts and its model, which the page does not hand out. */
const chart = (name: string): string => `echarts.getInstanceByDom(document.getElementById("${name}"))`
const data = (name: string, key: string): string => `Number(document.getElementById("${name}").dataset.${key})`
const input = (id: string, set: string, event: string): string =>
  `(() => { const input = document.getElementById("${id}"); ${set}; input.dispatchEvent(new Event("${event}")) })()`
const visibleEvents = `[...document.querySelectorAll("#events tbody tr")].filter((row) => !row.hidden).map((row) => row.cells[2].textContent)`
const axis = { nodes: 1, members: 0, traffic: 0 }
const extent = (name: keyof typeof axis): string =>
  `${chart(name)}.getModel().getComponent("xAxis", ${axis[name]}).axis.scale.getExtent()`

const decodePlace = Schema.decodeUnknownSync(Schema.Tuple([Schema.Number, Schema.Number]))
/** Where something is in the window, once it is scrolled there. */
const place = (page: Page, name: keyof typeof axis, seconds: number, y: number) =>
  Effect.map(
    page.value(`(() => {
      const chart = ${chart(name)}
      chart.getDom().scrollIntoView({ block: "center" })
      const box = chart.getDom().getBoundingClientRect()
      const finder = { xAxisIndex: ${axis[name]}, yAxisIndex: ${axis[name]} }
      const [x, y] = chart.convertToPixel(finder, [${seconds}, ${y}])
      return [box.x + x, box.y + y]
    })()`),
    (value) => decodePlace(value)
  )

/** The colours of all cells of nodes by time, a little beside their middle: there is a line where a verb was. */
const cellColours = (rows: number, times: ReadonlyArray<number>): string => `(() => {
  const chart = ${chart("nodes")}
  const canvas = chart.getDom().querySelector("canvas")
  const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
  const cells = []
  for (let row = 1; row <= ${rows}; row++) {
    for (const time of ${JSON.stringify(times)}) {
      const [x, y] = chart.convertToPixel({ xAxisIndex: 1, yAxisIndex: 1 }, [time / 1000, row])
      const at = (Math.floor(y) * width + Math.floor(x + 3)) * 4
      cells.push("#" + [...data.slice(at, at + 3)].map((part) => part.toString(16).padStart(2, "0")).join(""))
    }
  }
  return cells
})()`

// --- a report of a real cluster ------------------------------------------------------------------

const Nodes = 30
const Period = 250

const clusterReport = Simulation.run(
  Effect.gen(function* () {
    const simulation = yield* Simulation.Simulation
    const measure = new Measure(simulation, new Recorder(simulation, undefined), Period)
    const nodes = yield* simulation.start(Nodes)
    const at = (seconds: number) => Effect.sleep(seconds * 1000 - simulation.now())
    yield* at(5)
    yield* simulation.kill(nodes[1])
    yield* simulation.kill(nodes[2])
    yield* at(12)
    yield* simulation.partition(nodes.slice(0, 6), nodes.slice(6))
    yield* at(18)
    yield* simulation.heal
    yield* at(20)
    yield* simulation.restart(nodes[1])
    yield* simulation.stop(nodes[9])
    yield* at(30.1)
    return measure.report
  }),
  { seed: 7 }
)

/** Nobody, and no time. */
const emptyReport = Simulation.run(
  Effect.map(
    Simulation.Simulation,
    (simulation) => new Measure(simulation, new Recorder(simulation, undefined), Period).report
  )
)

const command = `gossip sim --nodes 30 --seed '</script><script>throw new Error("broken out")</script>'`

class Shown extends Context.Service<Shown, { readonly report: SimulationReport; readonly page: Page }>()(
  "test/browser/Shown"
) {}

const pageText = Effect.fnUntraced(function* (report: SimulationReport) {
  const script = yield* Effect.provide(ReportAssets.echarts, NodeFileSystem.layer)
  return reportPage(report, { rows: summaryRows(report), command, script })
})

const shown = Effect.gen(function* () {
  const report = yield* clusterReport
  return Shown.of({ report, page: yield* openText(yield* pageText(report)) })
})

layer(Layer.effect(Shown, shown), { excludeTestServices: true, timeout })("the page of thirty nodes", (it) => {
  it.effect("is drawn by ECharts, with a row, line or mark for everything", () =>
    Effect.gen(function* () {
      const { page, report } = yield* Shown
      const samples = report.samples.times.length
      const lives = report.nodes.flatMap(({ lives }) => lives)
      const count = (name: string, key: string) => page.number(data(name, key))
      assert.strictEqual(yield* count("nodes", "verdicts"), Nodes)
      assert.strictEqual(yield* count("nodes", "killed"), lives.filter(({ end }) => end === "killed").length)
      assert.strictEqual(yield* count("nodes", "left"), 1)
      assert.strictEqual(yield* count("nodes", "restarted"), 1)
      const moments = new Set(report.events.flatMap(({ at, kind }) => (kind === "verb" ? [at] : [])))
      assert.strictEqual(yield* count("nodes", "verbs"), moments.size)
      // A line for each observer, one for how many run, and one for the node that is asked for, which is none.
      assert.strictEqual(yield* count("members", "series"), Nodes + 2)
      assert.strictEqual(yield* count("members", "points"), (Nodes + 1) * samples)
      // What was sent, dropped, and its bytes, from the beginning.
      assert.strictEqual(yield* count("traffic", "series"), 3)
      assert.strictEqual(yield* count("traffic", "points"), 3 * (samples + 1))
      assert.strictEqual(yield* page.number(`document.querySelectorAll("#nodes canvas").length > 0 ? 1 : 0`), 1)
    })
  )

  const cells = Effect.fnUntraced(function* (mode: "light" | "dark") {
    const { page, report } = yield* Shown
    const { times } = report.samples
    const colours = yield* page.texts(cellColours(Nodes, times))
    const marks = report.nodes.flatMap(({ lives }, row) =>
      lives.flatMap(({ from, to }, life) =>
        [...(life > 0 ? [from] : []), ...(to === undefined ? [] : [to])].map((at) => ({ at, row }))
      )
    )
    const seen = new Set<string>()
    for (const [row, { name, verdicts }] of report.nodes.entries()) {
      for (const [sample, time] of times.entries()) {
        if (marks.some((mark) => mark.row === row && Math.abs(mark.at - time) <= 2 * Period)) continue
        const code = verdicts[sample] ?? ""
        const shade = shades.find((shade) => shade.code === code)
        assert.strictEqual(colours[row * times.length + sample], shade?.[mode], `${name} at ${time} ms: ${code}`)
        seen.add(code)
      }
    }
    assert.includeMembers([...seen], ["a", "s", "d", "D"])
  })

  it.effect("colours each cell by its verdict", () => cells("light"), timeout)

  it.effect("lists the events, which can be searched and filtered", () =>
    Effect.gen(function* () {
      const { page, report } = yield* Shown
      const texts = report.events.map(({ text }) => text)
      assert.deepStrictEqual(yield* page.texts(visibleEvents), texts)
      const verbs = report.events.filter(({ kind }) => kind === "verb").map(({ text }) => text)
      yield* page.value(input("outcomes", "input.checked = false", "change"))
      assert.deepStrictEqual(yield* page.texts(visibleEvents), verbs)
      yield* page.value(input("words", `input.value = "N3 Kill"`, "input"))
      assert.deepStrictEqual(yield* page.texts(visibleEvents), ["kill n3"])
      assert.deepStrictEqual(yield* page.texts(`[document.getElementById("events-shown").textContent]`), [
        `1 of ${texts.length} events`
      ])
      yield* page.value(input("outcomes", "input.checked = true", "change"))
      yield* page.value(input("words", `input.value = ""`, "input"))
      assert.deepStrictEqual(yield* page.texts(visibleEvents), texts)
    })
  )

  it.effect("describes the node under the mouse", () =>
    Effect.gen(function* () {
      const { page, report } = yield* Shown
      const [x, y] = yield* place(page, "nodes", 4, 7)
      yield* page.mouse("mouseMoved", [x - 5, y])
      yield* page.mouse("mouseMoved", [x, y])
      yield* page.until("the words are there", `document.querySelector("#nodes .tip") !== null`)
      const [tip] = yield* page.texts(`[document.querySelector("#nodes .tip").innerText]`)
      const members = report.nodes[6]?.members[report.samples.times.indexOf(4000)]
      assert.deepStrictEqual(tip?.split("\n"), [
        "n7 at 4 s",
        "all see it alive",
        `sees ${members} alive, itself included`
      ])
    })
  )

  it.effect("shows a time range in all charts after it was chosen in one, and then the whole again", () =>
    Effect.gen(function* () {
      const { page, report } = yield* Shown
      const [from, to] = [yield* place(page, "members", 10, 15), yield* place(page, "members", 20, 15)]
      yield* page.mouse("mouseMoved", from)
      yield* page.mouse("mousePressed", from)
      yield* page.mouse("mouseMoved", [from[0] + 50, from[1]])
      yield* page.mouse("mouseMoved", to)
      yield* page.mouse("mouseReleased", to)
      yield* page.until("a stretch is shown", `document.getElementById("from").valueAsNumber > 0`)
      const [start, end] = [
        yield* page.number(`document.getElementById("from").valueAsNumber`),
        yield* page.number(`document.getElementById("to").valueAsNumber`)
      ]
      assert.approximately(start, 10, 0.05)
      assert.approximately(end, 20, 0.05)
      for (const name of ["nodes", "members", "traffic"] as const) {
        const [first, last] = decodePlace(yield* page.value(extent(name)))
        assert.approximately(first, start, 0.001, name)
        assert.approximately(last, end, 0.001, name)
      }
      assert.deepStrictEqual(
        yield* page.texts(visibleEvents),
        report.events.filter(({ at }) => at >= start * 1000 && at <= end * 1000).map(({ text }) => text)
      )
      yield* page.value(`document.getElementById("whole").click()`)
      for (const name of ["nodes", "members", "traffic"] as const) {
        assert.deepStrictEqual(yield* page.value(extent(name)), [0, report.duration / 1000])
      }
      assert.strictEqual((yield* page.texts(visibleEvents)).length, report.events.length)
    })
  )

  it.effect("shows the view of a node that is clicked, until it is clicked again", () =>
    Effect.gen(function* () {
      const { page, report } = yield* Shown
      const pinned = `${chart("members")}.getModel().getSeries().at(-1).getData().count()`
      const click = Effect.gen(function* () {
        const at = yield* place(page, "nodes", 4, 12)
        yield* page.mouse("mouseMoved", at)
        yield* page.mouse("mousePressed", at)
        yield* page.mouse("mouseReleased", at)
      })
      yield* click
      yield* page.until("its line is there", `${pinned} === ${report.samples.times.length}`)
      assert.strictEqual(yield* page.value(`document.getElementById("node").value`), "n12")
      yield* click
      yield* page.until("its line is gone", `${pinned} === 0`)
      assert.strictEqual(yield* page.value(`document.getElementById("node").value`), "")
    })
  )

  it.effect("puts the nodes with the most suspicions and deaths first if asked for", () =>
    Effect.gen(function* () {
      const { page, report } = yield* Shown
      const before = yield* page.texts(cellColours(1, report.samples.times))
      yield* page.value(input("worst-first", "input.checked = true", "change"))
      const first = yield* page.texts(cellColours(1, report.samples.times))
      const bad = (colours: ReadonlyArray<string>) =>
        colours.filter((colour) => shades.some(({ code, light }) => light === colour && "sdD".includes(code))).length
      assert.isAbove(bad(first), bad(before))
      yield* page.value(input("worst-first", "input.checked = false", "change"))
      assert.deepStrictEqual(yield* page.texts(cellColours(1, report.samples.times)), before)
    })
  )

  it.effect(
    "is dark where the user likes it dark, and fits a phone",
    () =>
      Effect.gen(function* () {
        const { page } = yield* Shown
        yield* page.look({ dark: true })
        yield* cells("dark")
        yield* page.look({ width: 390 })
        yield* page.until("the charts are narrow", `${chart("nodes")}.getWidth() < 390`)
        assert.strictEqual(yield* page.number("document.documentElement.scrollWidth"), 390)
        yield* page.look({})
        yield* page.until("the charts are wide", `${chart("nodes")}.getWidth() > 1000`)
      }),
    timeout
  )

  it.effect("did all of that without an error and without a network", () =>
    Effect.gen(function* () {
      const { page } = yield* Shown
      assert.deepStrictEqual(page.mistakes(), [])
      assert.isTrue(yield* page.value(`document.getElementById("failure").hidden`))
      assert.strictEqual(yield* page.value(`document.querySelector(".command").textContent`), command)
      assert.strictEqual(page.requests().length, 1)
      assert.isTrue(page.requests().every((url) => url.startsWith("file:")))
    })
  )
})

// --- many nodes ----------------------------------------------------------------------------------

const Many = 1000
const Samples = 240

/** A quiet cluster in which one node is dead. */
const quiet = (report: SimulationReport): SimulationReport => {
  const repeat = <A>(value: A) => Array.from({ length: Samples }, () => value)
  const node = (number: number): ReportNode => ({
    name: `n${number}`,
    old: false,
    lives: [{ from: 0, to: undefined, end: undefined }],
    verdicts: (number === 500 ? "D" : "a").repeat(Samples),
    members: repeat(number === 17 ? 1 : Many - 1)
  })
  return {
    ...report,
    duration: Samples * Period,
    nodes: Array.from({ length: Many }, (_, i) => node(i + 1)),
    samples: {
      times: Array.from({ length: Samples }, (_, i) => (i + 1) * Period),
      datagrams: repeat(2000),
      bytes: repeat(100_000),
      dropped: repeat(0)
    }
  }
}

class LargePage extends Context.Service<LargePage, Page>()("test/browser/LargePage") {}

const largePage = Effect.gen(function* () {
  return LargePage.of(yield* openText(yield* pageText(quiet(yield* emptyReport))))
})

layer(Layer.effect(LargePage, largePage), { excludeTestServices: true, timeout })(
  "the page of a thousand nodes",
  (it) => {
    it.effect("has a row each, and a band and the one that differs instead of lines", () =>
      Effect.gen(function* () {
        const page = yield* LargePage
        assert.strictEqual(yield* page.number(data("nodes", "verdicts")), Many)
        // Two bands of two lines each, the median, how many run, the one that differs, and none that is asked for.
        assert.strictEqual(yield* page.number(data("members", "series")), 8)
        assert.deepStrictEqual(page.mistakes(), [])
      })
    )

    it.effect("shows one dead node where there are more nodes than pixels", () =>
      Effect.gen(function* () {
        const page = yield* LargePage
        const dead = shades.find(({ code }) => code === "D")?.light
        const colours = yield* page.texts(cellColours(Many, [30_000]))
        const rows = colours.flatMap((colour, i) => (colour === dead ? [i + 1] : []))
        assert.include(rows, 500)
        assert.isAtMost(rows.length, 3)
      })
    )

    it.effect("shows some rows after a node is asked for", () =>
      Effect.gen(function* () {
        const page = yield* LargePage
        yield* page.value(input("node", `input.value = "N500"`, "change"))
        const rows = decodePlace(
          yield* page.value(`${chart("nodes")}.getModel().getComponent("yAxis", 1).axis.scale.getExtent()`)
        )
        assert.deepStrictEqual(rows, [479.5, 519.5])
      })
    )
  }
)

describe("a page with nothing to show", () => {
  layer(Layer.empty, { excludeTestServices: true, timeout })((it) => {
    it.effect(
      "is drawn all the same",
      () =>
        Effect.gen(function* () {
          const page = yield* openText(yield* pageText(yield* emptyReport))
          assert.deepStrictEqual(page.mistakes(), [])
          assert.isTrue(yield* page.value(`document.getElementById("failure").hidden`))
        }),
      timeout
    )
  })
})
