/**
 * The two experiments of the Lifeguard paper (arXiv 1707.00788, section V): of 128
 * members, C block for D and run for I, in lock step. In the first form their
 * packets wait while their timers run, as in the paper; in the second their process
 * stalls, so that timers wait too.
 *
 *     node bench/detection/3-lifeguard.ts --seeds 10 [--alone] [--short]
 *
 * `--alone` compares the mechanisms one by one, in the paper's form only.
 */
import { Effect } from "effect"
import { all, alone, type Mode, plain } from "./Modes.ts"
import * as Plot from "./Plot.ts"
import { type Cluster, options, run, watchDeaths, watchFalseVerdicts } from "./Runs.ts"
import { quantile, seconds, short, table } from "./Statistics.ts"

const { alone: isAlone, modes: chosen, seeds, short: isShort } = options({ seeds: 10, sizes: "128" })
const Nodes = 128
/** How long members block and run in turn at least, in ms. */
const Length = 60_000

type Form = "packets wait" | "process stalls"

/** How many members block, for how long, and how long they run in between, in ms. */
interface Cell {
  readonly blocked: number
  readonly block: number
  readonly run: number
}

// The corners of the paper's grid, and two of its middle.
const corners = [1, 32].flatMap((blocked) =>
  [128, 32_768].flatMap((block) => [1, 16_384].map((run) => ({ blocked, block, run })))
)
const middle: ReadonlyArray<Cell> = [
  { blocked: 8, block: 2048, run: 64 },
  { blocked: 8, block: 8192, run: 64 }
]
const cells: ReadonlyArray<Cell> = isShort ? middle.slice(1) : [...corners, ...middle]
const modes: ReadonlyArray<Mode> = isAlone ? [plain, ...alone, all] : chosen
const forms: ReadonlyArray<Form> = isAlone ? ["packets wait"] : ["packets wait", "process stalls"]

interface Outcome {
  readonly falseDeaths: number
  readonly falseDeathsAtHealthy: number
  readonly blockedDeaths: number
  readonly messages: number
  readonly bytes: number
}

const blocking = (mode: Mode, cell: Cell, form: Form, seed: number): Promise<Outcome> =>
  run({ mode, nodes: Nodes, seed }, ({ nodes, verbs }) =>
    Effect.gen(function* () {
      const blocked = nodes.slice(1, 1 + cell.blocked)
      const isBlocked = new Set<unknown>(blocked)
      yield* Effect.sleep(5000)
      const verdicts = watchFalseVerdicts(nodes, (node) => !isBlocked.has(node))
      const ofBlocked = watchFalseVerdicts(nodes, (node) => isBlocked.has(node))
      const { sent, sentBytes } = verbs.network.counters
      const end = verbs.now() + Length
      const [stop, go] = form === "packets wait" ? [verbs.blockIo, verbs.unblockIo] : [verbs.freeze, verbs.thaw]
      while (verbs.now() < end) {
        for (const node of blocked) yield* stop(node)
        yield* Effect.sleep(cell.block)
        for (const node of blocked) yield* go(node)
        yield* Effect.sleep(cell.run)
      }
      return {
        falseDeaths: verdicts.deaths,
        falseDeathsAtHealthy: verdicts.deathsAtHealthy,
        blockedDeaths: ofBlocked.deaths,
        messages: verbs.network.counters.sent - sent,
        bytes: verbs.network.counters.sentBytes - sentBytes
      }
    })
  )

/** Times of first detection and full dissemination after one member blocks for good, in ms. */
const detection = (mode: Mode, seed: number) =>
  run({ mode, nodes: Nodes, seed }, (cluster: Cluster) =>
    Effect.gen(function* () {
      const { nodes, verbs } = cluster
      yield* Effect.sleep(5000 + ((seed * 377) % 1000))
      const [victim] = nodes
      if (victim === undefined) return { first: NaN, full: NaN }
      const observers = nodes.slice(1)
      const deaths = watchDeaths(cluster, observers, victim)
      const start = verbs.now()
      yield* verbs.blockIo(victim)
      yield* verbs.until("all know of the death", () => deaths.size === observers.length, "3 minutes")
      const times = [...deaths.values()]
      return { first: Math.min(...times) - start, full: Math.max(...times) - start }
    })
  )

for (const form of forms) {
  const totals = new Map<string, ReadonlyArray<Outcome>>()
  const bars: Array<readonly [number, number]> = []
  for (const mode of modes) {
    const outcomes: Array<Outcome> = []
    for (const cell of cells) for (const seed of seeds) outcomes.push(await blocking(mode, cell, form, seed))
    totals.set(mode.name, outcomes)
  }
  const reference = totals.get(plain.name) ?? []
  const sum = (outcomes: ReadonlyArray<Outcome>, of: (outcome: Outcome) => number) =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0)
  const percent = (outcomes: ReadonlyArray<Outcome>, of: (outcome: Outcome) => number) => {
    const whole = sum(reference, of)
    return whole === 0 ? "-" : `${short((100 * sum(outcomes, of)) / whole)} %`
  }
  const counted = (outcomes: ReadonlyArray<Outcome>, of: (outcome: Outcome) => number) =>
    `${sum(outcomes, of)} (${percent(outcomes, of)})`
  const rows: Array<ReadonlyArray<string>> = []
  for (const [index, mode] of modes.entries()) {
    const outcomes = totals.get(mode.name) ?? []
    const found = []
    if (form === "packets wait") for (const seed of seeds) found.push(await detection(mode, seed))
    const firsts = found.map(({ first }) => first)
    const fulls = found.map(({ full }) => full)
    const figures = (values: ReadonlyArray<number>) =>
      [0.5, 0.99, 0.999].map((part) => seconds(quantile(values, part))).join(" / ")
    bars.push([index, sum(outcomes, ({ falseDeaths }) => falseDeaths)])
    rows.push([
      mode.name,
      counted(outcomes, ({ falseDeaths }) => falseDeaths),
      counted(outcomes, ({ falseDeathsAtHealthy }) => falseDeathsAtHealthy),
      String(sum(outcomes, ({ blockedDeaths }) => blockedDeaths)),
      figures(firsts),
      figures(fulls),
      percent(outcomes, ({ messages }) => messages),
      percent(outcomes, ({ bytes }) => bytes)
    ])
  }
  console.log(`\n${form}: ${cells.length} cells x ${seeds.length} seeds\n`)
  console.log(
    table(
      [
        "rules",
        "FP",
        "FP at healthy members",
        "deaths of blocked members",
        "first detection, median / 99 % / 99.9 % (s)",
        "known to all (s)",
        "messages",
        "bytes"
      ],
      rows
    )
  )
  Plot.write(`3-lifeguard-${isAlone ? "alone" : form.replace(" ", "-")}`, {
    title: `False deaths, ${form}`,
    x: modes.map(({ name }, index) => `${index} ${name}`).join(", "),
    y: "false deaths",
    lines: [{ name: "false deaths", points: bars, scattered: true }]
  })
}
