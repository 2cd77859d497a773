import { assert, describe, it } from "@effect/vitest"
import { Script, runInNewContext } from "node:vm"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Effect, Schema } from "effect"
import { parseAst } from "vitest/node"
import * as ReportAssets from "../../../src/node/ReportAssets.ts"
import type { VerdictCode, ReportNode, SimulationReport } from "../../../src/simulation/report/Report.ts"
import { memberCounts } from "../../../src/simulation/report/page/MemberCounts.ts"
import { letters, steps } from "../../../src/simulation/report/page/Runs.ts"
import { readers, script, watch } from "../../../src/simulation/report/page/Script.ts"
import { shades } from "../../../src/simulation/report/page/Shades.ts"
import { reportPage } from "../../../src/simulation/report/ReportPage.ts"
import { summaryRows } from "../../../src/simulation/report/SummaryTable.ts"

const node = (number: number, more: Partial<ReportNode> = {}): ReportNode => ({
  name: `n${number}`,
  old: false,
  lives: [{ from: 0, to: undefined, end: undefined }],
  verdicts: "jaas",
  members: [1, 3, 3, 2],
  ...more
})

const example = (more: Partial<SimulationReport> = {}): SimulationReport => ({
  seed: "7",
  duration: 1000,
  nodes: [node(1), node(2), node(3, { verdicts: ".jaD", members: [-1, 3, 3, -1] })],
  samples: {
    times: [250, 500, 750, 1000],
    datagrams: [10, 20, 30, 40],
    bytes: [1000, 2000, 3000, 4000],
    dropped: [0, 0, 1, 2]
  },
  events: [
    { at: 600, kind: "verb", text: "kill n3" },
    { at: 901, kind: "outcome", text: "all nodes see n3 dead" }
  ],
  summary: {
    up: 2,
    converged: 400,
    settled: undefined,
    disagreements: [],
    suspected: undefined,
    detected: { first: 1, median: 2, last: 3 },
    undetected: 0,
    falseSuspicions: 0,
    falseDeaths: 0,
    datagramsPerNodeSecond: 1.5,
    bytesPerNodeSecond: 100,
    dropped: { lost: 3 },
    hash: "0123456789abcdef",
    events: 99
  },
  ...more
})

const library = "window.echarts = {}"
const pageOf = (report: SimulationReport, more: Partial<Parameters<typeof reportPage>[1]> = {}): string =>
  reportPage(report, { rows: summaryRows(report), script: library, ...more })

// --- HTML ----------------------------------------------------------------------------------------

interface Element {
  readonly tag: string
  readonly attributes: ReadonlyMap<string, string>
  /** Its direct content. */
  text: string
}

const voids = new Set(["meta", "input", "path"])
const entities = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["#39", "'"]
])
const unescaped = (text: string): string =>
  text.replace(/&([^;\s]*);/g, (_, name: string) => {
    const character = entities.get(name)
    assert.isDefined(character, `&${name};`)
    return character ?? ""
  })

/** The elements of a page, in order. Fails where tags do not match, or text is not escaped. */
const parse = (page: string): ReadonlyArray<Element> => {
  const elements: Array<Element> = []
  const open: Array<Element> = []
  let rest = page.slice("<!doctype html>\n".length)
  assert.isTrue(page.startsWith("<!doctype html>\n"))
  while (rest !== "") {
    const [, text = ""] = /^([^<]*)/.exec(rest) ?? []
    assert.notInclude(text, ">", "a bare > in text")
    const parent = open.at(-1)
    if (parent !== undefined) parent.text += unescaped(text)
    rest = rest.slice(text.length)
    if (rest === "") break
    const tag = /^<(\/?)([a-z][a-z0-9]*)((?:\s+[a-z-]+(?:="[^"<>]*")?)*)(\/?)>/i.exec(rest)
    if (tag === null) throw new Error(`no tag: ${rest.slice(0, 80)}`)
    rest = rest.slice(tag[0].length)
    const [, closes, name = "", list = "", empty] = tag
    if (closes === "/") {
      assert.strictEqual(open.pop()?.tag, name)
      continue
    }
    const attributes = new Map(
      [...list.matchAll(/([a-z-]+)(?:="([^"]*)")?/gi)].map(([, key = "", value = ""]) => [key, unescaped(value)])
    )
    const element = { tag: name, attributes, text: "" }
    elements.push(element)
    if (name === "script" || name === "style") {
      const end = rest.indexOf(`</${name}`)
      assert.isAtLeast(end, 0)
      element.text = rest.slice(0, end)
      rest = rest.slice(end + `</${name}>`.length)
    } else if (!voids.has(name) && empty === "") open.push(element)
  }
  assert.deepStrictEqual(open, [])
  return elements
}

const withTag = (page: string, tag: string): ReadonlyArray<Element> =>
  parse(page).filter((element) => element.tag === tag)
const embedded = (page: string): ReadonlyArray<string> => withTag(page, "script").map(({ text }) => text)

const Data = Schema.fromJsonString(
  Schema.Struct({
    lines: Schema.Boolean,
    times: Schema.Array(Schema.Number),
    nodes: Schema.Array(Schema.Struct({ name: Schema.String, verdicts: Schema.String, members: Schema.String })),
    memberCounts: Schema.Struct({ outliers: Schema.Array(Schema.Number) })
  })
)
const dataIn = (page: string) => Schema.decodeUnknownSync(Data)(embedded(page)[1])

/** The results of the page's own decoders. */
const read = (name: "readLetters" | "readSteps", text: string): unknown => {
  const result = runInNewContext(`${readers}\nJSON.stringify(${name}(${JSON.stringify(text)}))`)
  return Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Unknown))(result)
}

describe("the page", () => {
  it("is HTML with matching tags and unique ids", () => {
    for (const report of [
      example(),
      example({ nodes: [], samples: { times: [], datagrams: [], bytes: [], dropped: [] } })
    ]) {
      const elements = parse(pageOf(report, { command: "gossip sim --report out.html" }))
      const ids = elements.flatMap(({ attributes }) => attributes.get("id") ?? [])
      assert.strictEqual(new Set(ids).size, ids.length)
      for (const { attributes } of elements) {
        for (const reference of ["aria-labelledby", "aria-describedby"]) {
          const id = attributes.get(reference)
          if (id !== undefined) assert.include(ids, id)
        }
      }
    }
  })

  it("is the same for the same report", () => {
    assert.strictEqual(pageOf(example()), pageOf(example()))
  })

  it("has scripts that parse, and the unchanged library", () => {
    const [first = "", , given = "", last = "", ...more] = embedded(pageOf(example()))
    assert.deepStrictEqual(more, [])
    assert.strictEqual(first.trim(), watch)
    assert.strictEqual(given.trim(), library)
    assert.strictEqual(last.trim(), script)
    assert.doesNotThrow(() => new Script(watch))
    // It is a module, so it must be valid in strict mode too.
    assert.doesNotThrow(() => parseAst(script, { lang: "js" }))
  })

  it("refers to no other resource, and forbids to load any", () => {
    const page = pageOf(example())
    const [policy] = withTag(page, "meta").flatMap(
      ({ attributes }) => attributes.get("content")?.match(/^default.*/) ?? []
    )
    assert.isTrue(policy?.startsWith("default-src 'none';"))
    for (const { attributes } of parse(page)) for (const name of ["src", "href"]) assert.isFalse(attributes.has(name))
    assert.notMatch(page, /url\(|@import|https?:/)
  })

  it("shows the seed, the size, the duration, the command line and all rows of the summary", () => {
    const report = example()
    const page = pageOf(report, { command: "gossip sim --nodes 3" })
    assert.deepStrictEqual(
      withTag(page, "h1").map(({ text }) => text),
      ["Simulation: 3 nodes, 1 virtual second"]
    )
    const texts = parse(page).map(({ text }) => text)
    assert.include(texts, "seed 7 · 4 samples · 2 events")
    assert.include(texts, "gossip sim --nodes 3")
    for (const text of summaryRows(report).flat()) assert.include(texts, text)
    assert.include(
      parse(pageOf(report, { title: "Mine" })).map(({ text }) => text),
      "3 nodes, 1 virtual second · seed 7 · 4 samples · 2 events"
    )
  })

  it("explains every verdict", () => {
    const codes: Record<VerdictCode, true> = { ".": true, j: true, a: true, s: true, d: true, D: true, L: true }
    assert.sameMembers(
      shades.map(({ code }) => code),
      Object.keys(codes)
    )
    const page = pageOf(example())
    const texts = parse(page).map(({ text }) => text)
    for (const { dark, light, meaning } of shades) {
      assert.include(texts, meaning)
      assert.include(page, light)
      assert.include(page, dark)
    }
  })

  it("lists all events, collapsed if they are long", () => {
    const long = `partition ${Array.from({ length: 300 }, (_, i) => `n${i}`).join(" ")}`
    const page = pageOf(example({ events: [...example().events, { at: 950, kind: "verb", text: long }] }))
    const rows = withTag(page, "tr").filter(({ attributes }) => attributes.has("data-at"))
    assert.deepStrictEqual(
      rows.map(({ attributes }) => [attributes.get("data-at"), attributes.get("class")]),
      [
        ["600", "verb"],
        ["901", "outcome"],
        ["950", "verb"]
      ]
    )
    assert.include(page, "<td>0.901 s</td>")
    const folded = /<details><summary>(partition .*?)<\/summary>(.*?)<\/details>/.exec(page)
    assert.strictEqual(`${folded?.[1]}${folded?.[2]}`, long)
  })

  it("describes the charts in words and numbers", () => {
    const page = pageOf(example())
    assert.include(page, "In the last one, at 1 s: 2 suspected, 1 dead.")
    assert.include(page, "3 nodes run at the end, at 1 s, and all see 2.")
    assert.include(page, "100 datagrams per second, of which 3 are dropped, and 10 kB per second.")
    assert.strictEqual(withTag(page, "table").length, 3)
    assert.strictEqual(withTag(page, "caption").length, 3)
  })
})

describe("text from elsewhere in the page", () => {
  const hostile = `</script><script>evil()</script><!--<script>"'&\u2028\u2029</td>`
  const report = example({
    seed: hostile,
    nodes: [node(1, { name: hostile }), node(2)],
    events: [{ at: 1, kind: "verb", text: hostile }],
    summary: { ...example().summary, disagreements: [hostile], hash: hostile }
  })
  const page = pageOf(report, { command: hostile, title: hostile, rows: [[hostile, hostile]] })

  it("stays text", () => {
    const elements = parse(page)
    assert.strictEqual(withTag(page, "script").length, 4)
    const texts = elements.map(({ text }) => text).filter((text) => text === hostile)
    // Title, heading, command, label, value, disagreement and event.
    assert.strictEqual(texts.length, 7)
    const input = elements.find(({ attributes }) => attributes.get("id") === "node")
    assert.strictEqual(input?.attributes.get("placeholder"), hostile)
  })

  it("is unchanged in the data, which cannot end or change the script", () => {
    assert.strictEqual(dataIn(page).nodes[0]?.name, hostile)
    assert.notMatch(embedded(page)[1] ?? "", /[<>\u2028\u2029]/)
  })

  it("means the same in the library, which cannot end its script", () => {
    const text = `result = ["</script>", "<!--", /<\\/script>/.source, "</SCRIPT" + \`<!-- \${1}\`] // </script>`
    const given = embedded(pageOf(example(), { script: text }))[2] ?? ""
    assert.notMatch(given, /<\/script|<!--/i)
    const results = [text, given].map((code) => runInNewContext(`let result; ${code}\nJSON.stringify(result)`))
    // The source of a regular expression differs, but it matches the same.
    assert.strictEqual(results[1].replace("\\\\x3C\\\\/script", "<\\\\/script"), results[0])
  })
})

describe("the data", () => {
  it("is that of the report, in a compact form", () => {
    const report = example()
    const { nodes, times } = dataIn(pageOf(report))
    assert.deepStrictEqual(times, report.samples.times)
    assert.deepStrictEqual(
      nodes.map(({ members, name, verdicts }) => [name, read("readLetters", verdicts), read("readSteps", members)]),
      report.nodes.map(({ members, name, verdicts }) => [name, verdicts, members])
    )
  })

  it.each(["", "a", "aaaaaaaaaaaa", ".jjaassdDDDL...", "ab".repeat(50)])("letters come back: %j", (text) => {
    assert.strictEqual(read("readLetters", letters(text)), text)
  })

  it.each([[[]], [[0]], [[-1, -1, 1, 30, 30, 30, 29, -1]], [[5000, 5000, 0, 0, -1]]])(
    "counts come back: %j",
    (counts) => {
      assert.deepStrictEqual(read("readSteps", steps(counts)), counts)
    }
  )

  it("needs a few bytes for a node without events", () => {
    assert.strictEqual(letters("a".repeat(240)), "a240")
    assert.strictEqual(steps(Array.from({ length: 240 }, () => 1000)), "+1000x240")
  })
})

describe("the member counts of all observers", () => {
  it("cover the nodes that are up", () => {
    const nodes = Array.from({ length: 21 }, (_, i) =>
      node(i + 1, { members: i === 20 ? [5, 21, -1] : i === 0 ? [1, 21, -1] : [10, 21, -1] })
    )
    const report = example({
      nodes: [
        ...nodes.slice(0, 20),
        node(21, {
          members: [5, 21, -1],
          lives: [
            { from: 0, to: 600, end: "killed" },
            { from: 750, to: undefined, end: undefined }
          ]
        })
      ],
      samples: { times: [250, 500, 700], datagrams: [0, 0, 0], bytes: [0, 0, 0], dropped: [0, 0, 0] }
    })
    assert.deepStrictEqual(memberCounts(report), {
      least: [1, 21, null],
      low: [10, 21, null],
      median: [10, 21, null],
      high: [10, 21, null],
      most: [10, 21, null],
      running: [21, 21, 20],
      outliers: [0, 20]
    })
  })

  it("have one line per observer for up to fifty observers", () => {
    const many = (count: number) => example({ nodes: Array.from({ length: count }, (_, i) => node(i + 1)) })
    assert.isTrue(dataIn(pageOf(many(50))).lines)
    assert.isFalse(dataIn(pageOf(many(51))).lines)
  })
})

describe("the library", () => {
  const absent = () => {
    throw new Error("no such package")
  }
  const at = (path: string) => new URL(path, import.meta.url).pathname

  it.effect("is ECharts with its licence, in a checkout", () =>
    Effect.gen(function* () {
      const text = yield* ReportAssets.echarts
      assert.include(text.slice(0, 1000), "Licensed to the Apache Software Foundation")
      assert.include(text, "echarts")
      assert.isDefined(new Script(text))
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("comes from the build if there is one", () =>
    Effect.gen(function* () {
      const text = yield* ReportAssets.echartsFrom(at("ReportPage.test.ts"), absent)
      assert.include(text, "comes from the build if there is one")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("has an error that says what to do if there is none", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ReportAssets.echartsFrom("/nowhere/echarts.min.js", absent))
      assert.strictEqual(error._tag, "ReportAssetError")
      assert.strictEqual(
        error.message,
        "cannot read /nowhere/echarts.min.js, which draws the charts of the report: there is no such file, and no package echarts " +
          "either; install effect-gossip again"
      )
      const directory = yield* Effect.flip(ReportAssets.echartsFrom(at("."), absent))
      assert.match(directory.message, /which draws the charts of the report: it is not a regular file$/)
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})

describe("the colours", () => {
  // Simulation of colour vision deficiencies after Machado et al. (2009), in linear sRGB.
  const sights = new Map([
    ["all cones", [1, 0, 0, 0, 1, 0, 0, 0, 1]],
    ["no L cones", [0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998]],
    ["no M cones", [0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.01182, 0.04294, 0.968881]],
    ["no S cones", [1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.3039]]
  ])
  const times = (matrix: ReadonlyArray<number>, vector: ReadonlyArray<number>): ReadonlyArray<number> =>
    [0, 3, 6].map((row) => vector.reduce((sum, value, i) => sum + value * matrix[row + i]!, 0))
  const linear = (colour: string): ReadonlyArray<number> =>
    [1, 3, 5].map((at) => {
      const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    })
  /** In Oklab, whose distances are perceptual. */
  const oklab = (rgb: ReadonlyArray<number>): ReadonlyArray<number> => {
    const lms = times(
      [
        0.4122214708, 0.5363325363, 0.0514459929, 0.2119034982, 0.6806995451, 0.1073969566, 0.0883024619, 0.2817188376,
        0.6299787005
      ],
      rgb.map((value) => Math.min(1, Math.max(0, value)))
    ).map(Math.cbrt)
    return times(
      [
        0.2104542553, 0.793617785, -0.0040720468, 1.9779984951, -2.428592205, 0.4505937099, 0.0259040371, 0.7827717662,
        -0.808675766
      ],
      lms
    )
  }

  it.each(["light", "dark"] as const)("can be told apart by everybody on a %s page", (mode) => {
    for (const [sight, matrix] of sights) {
      const seen = shades.map((shade) => ({ code: shade.code, place: oklab(times(matrix, linear(shade[mode]))) }))
      for (const [i, a] of seen.entries()) {
        for (const b of seen.slice(0, i)) {
          const distance = Math.hypot(...a.place.map((value, axis) => value - b.place[axis]!))
          assert.isAbove(distance, 0.08, `${a.code} and ${b.code} with ${sight}`)
        }
      }
    }
  })
})
