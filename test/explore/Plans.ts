/**
 * Random plans: clusters, configurations, networks and faults. They are drawn in the form of a file, with times in ms.
 *
 * The distribution is not uniform. Faults coincide more often than by chance, since that is where mistakes hide: in each
 * plan most steps select a few nodes, and all steps are within a short time.
 */
import { Result } from "effect"
import * as fc from "fast-check"
import * as Plan from "../../src/simulation/plan/Plan.ts"
import * as PlanFile from "../../src/simulation/plan/PlanFile.ts"
import { calmAt, quietTime } from "./Expectations.ts"

/** A plan in the form of a file. */
export type Draft = typeof Plan.Plan.Encoded
export type DraftStep = NonNullable<Draft["step"]>[number]
type Config = NonNullable<Draft["config"]>
type Network = NonNullable<Draft["network"]>

/** The plan of a draft, if it can be carried out. */
export const planOf = (draft: Draft): Plan.Plan | undefined => Result.getOrElse(PlanFile.decode(draft), () => undefined)

/** How long a plan goes on after agreement, in ms, to check that the nodes continue to agree. */
const Rest = 20_000
/** How long a plan with permanent faults goes on, in ms. */
const Endless = 60_000
/** The longest quiet time, multiplied by the number of nodes. It is better to try other plans than to wait longer. */
const LongestQuiet = 6_000_000

/** A draft with a duration after which agreement can be checked, if it can be at all. */
export const withQuiet = (draft: Draft, rest: number = Rest): Draft => {
  const plan = planOf({ ...draft, duration_ms: Plan.MaxMillis })
  if (plan === undefined) return draft
  const calm = calmAt(plan)
  const quiet = quietTime(plan)
  if (calm === Infinity) {
    const last = Math.max(draft.join_over_ms ?? 0, ...(draft.step ?? []).map(({ at_ms }) => at_ms))
    return { ...draft, duration_ms: last + Endless }
  }
  if (quiet * Plan.machines(plan) > LongestQuiet)
    return { ...draft, duration_ms: Math.ceil(calm + LongestQuiet / Plan.machines(plan)) }
  return { ...draft, duration_ms: Math.ceil(calm + quiet + rest) }
}

// --- random choices ----------------------------------------------------------------

/** Makes random choices: see `fc.gen`. */
type Draw = fc.GeneratorValue

const oneOf = <A>(draw: Draw, ...values: readonly [A, ...ReadonlyArray<A>]): A =>
  draw(fc.constantFrom<Array<A>>, ...values)

/** `true` with probability 1 / `n`. */
const oneIn = (draw: Draw, n: number): boolean => draw(fc.integer, { min: 1, max: n }) === 1

const below = (draw: Draw, n: number): number => draw(fc.integer, { min: 0, max: Math.max(0, n - 1) })

/** From `least` to `most`, with a uniform logarithm. */
const upTo = (draw: Draw, least: number, most: number): number => {
  const at = draw(fc.integer, { min: 0, max: 1000 }) / 1000
  const value = least * (most / least) ** at
  return value < 10 ? Number(value.toPrecision(2)) : Math.round(value)
}

const percent = (draw: Draw, most: number): number => upTo(draw, 0.002, most)

// --- configurations ------------------------------------------------------------------

/** A configuration in which one key in `often` differs from its default. */
const drawConfig = (draw: Draw, often: number): Config => {
  const config: Record<string, Record<string, number | boolean | string>> = {}
  const maybe = (section: string, key: string, value: () => number | boolean): void => {
    if (!oneIn(draw, often)) return
    const table = (config[section] ??= {})
    table[key] = value()
  }
  const interval = oneIn(draw, often) ? oneOf(draw, 200, 500, 2000) : 1000
  const timeout = Math.round(interval * (oneIn(draw, often) ? oneOf(draw, 0.1, 0.3, 0.8) : 0.5))
  if (interval !== 1000 || timeout !== 500) config["probes"] = { interval_ms: interval, timeout_ms: timeout }
  maybe("probes", "indirect_k", () => oneOf(draw, 0, 1, 3, 5))
  maybe("probes", "suspect_timeout_ms", () => oneOf(draw, 500, 1000, 2000, 6000))
  maybe("probes", "suspect_multiplier", () => oneOf(draw, 0, 0.2, 1, 2))
  maybe("probes", "suspect_jitter_ms", () => oneOf(draw, 0, 100, 3000))
  maybe("probes", "dead_retention_ms", () => oneOf(draw, 200, 1000, 3000, 60_000))
  maybe("gossip", "fanout", () => oneOf(draw, 1, 2, 5))
  maybe("gossip", "adaptive_fanout", () => false)
  maybe("gossip", "max_sends", () => oneOf(draw, 2, 4))
  maybe("gossip", "adaptive_targets", () => false)
  maybe("gossip", "interval_ms", () => oneOf(draw, 50, 100, 500, 1000))
  maybe("gossip", "heartbeat_interval_ms", () => oneOf(draw, 50, 200, 2000))
  maybe("gossip", "piggyback_max", () => oneOf(draw, 0, 1, 20))
  maybe("gossip", "retransmit_multiplier", () => oneOf(draw, 1, 2, 8))
  maybe("gossip", "anti_entropy_interval_ms", () => (oneIn(draw, 6) ? 0 : oneOf(draw, 1000, 3000, 20_000)))
  // The default of 10 s makes histories long.
  if (!oneIn(draw, 4)) {
    config["gossip"] = { ...config["gossip"], heal_interval_ms: oneOf(draw, 500, 1000, 3000) }
  }
  if (oneIn(draw, 12)) {
    const limits = {
      tombstones: [1, 2, 8],
      unlisted_tombstones: [1, 2],
      assemblies: [1, 2],
      relays: [1, 2],
      sources: [1, 4],
      members: [2, 6, 12]
    }
    for (const [key, values] of Object.entries(limits)) {
      if (oneIn(draw, 3)) config["limits"] = { ...config["limits"], [key]: values[below(draw, values.length)]! }
    }
  }
  if (oneIn(draw, 20)) config["network"] = { max_inbound_rate: oneOf(draw, 20, 100, 500) }
  maybe("network", "reliable_ack_timeout_ms", () => oneOf(draw, 50, 200, 2000))
  maybe("network", "reliable_max_retries", () => oneOf(draw, 0, 1, 10))
  return config
}

// --- networks ------------------------------------------------------------------------

/** Conditions under which a probe with a timeout of `timeout` ms succeeds. */
const drawCalmNetwork = (draw: Draw, timeout: number): Network => {
  const leg = 0.4 * timeout
  const network: Record<string, number> = {}
  if (oneIn(draw, 3)) network["latency_ms"] = upTo(draw, 0.05, leg / 3)
  if (oneIn(draw, 3)) network["jitter_ms"] = upTo(draw, 0.05, leg / 3)
  if (oneIn(draw, 4)) network["duplicate"] = percent(draw, 1)
  if (oneIn(draw, 4)) {
    network["reorder"] = percent(draw, 0.5)
    network["reorder_by_ms"] = upTo(draw, 1, leg / 3)
  }
  return network
}

const drawBadNetwork = (draw: Draw): Network => {
  const network: Record<string, number> = {}
  const kinds = draw(fc.integer, { min: 1, max: 3 })
  for (let i = 0; i < kinds; i++) {
    switch (below(draw, 10)) {
      case 0:
      case 1:
        network["loss"] = oneIn(draw, 6) ? 1 : percent(draw, 0.8)
        break
      case 2:
        network["latency_ms"] = upTo(draw, 1, 3000)
        break
      case 3:
        network["jitter_ms"] = upTo(draw, 1, 3000)
        break
      case 4:
        network["duplicate"] = percent(draw, 1)
        break
      case 5:
        network["corrupt"] = percent(draw, 0.3)
        break
      case 6:
        network["reorder"] = percent(draw, 1)
        network["reorder_by_ms"] = upTo(draw, 1, 10_000)
        break
      case 7:
        network["reject"] = oneIn(draw, 3) ? 1 : percent(draw, 0.8)
        break
      case 8:
        network["bandwidth"] = upTo(draw, 200, 100_000)
        network["queue"] = upTo(draw, 1, 100_000)
        break
      default:
        network["mtu"] = oneOf(draw, 76, 100, 200, 600, 1300)
    }
  }
  return network
}

// --- steps ---------------------------------------------------------------------------

/** The nodes and the time of the steps to draw. */
interface Range {
  readonly draw: Draw
  readonly nodes: number
  /** Names of the nodes that most steps select. */
  readonly victims: ReadonlyArray<string>
  readonly from: number
  readonly length: number
}

const nameOf = (index: number): string => `n${index + 1}`

const drawName = ({ draw, nodes, victims }: Range): string =>
  oneIn(draw, 3) ? nameOf(below(draw, nodes)) : victims[below(draw, victims.length)]!

const drawNames = (range: Range, most: number): ReadonlyArray<string> => {
  const { draw } = range
  const count = oneIn(draw, 2) ? 1 : draw(fc.integer, { min: 1, max: Math.max(1, most) })
  return [...new Set(Array.from({ length: count }, () => drawName(range)))]
}

const drawSelection = (range: Range): number | ReadonlyArray<string> =>
  oneIn(range.draw, 4)
    ? drawCount(range, Math.ceil(range.nodes / 2))
    : oneIn(range.draw, 12)
      ? Array.from({ length: range.nodes }, (_, i) => nameOf(i))
      : drawNames(range, Math.ceil(range.nodes / 2))

const drawCount = ({ draw }: Range, most: number): number => draw(fc.integer, { min: 1, max: Math.max(1, most) })

const drawAt = ({ draw, from, length }: Range): number => from + Math.round(below(draw, 1001) * (length / 1000))

const drawFor = ({ draw }: Range): number => upTo(draw, 20, 60_000)

/** Rarely without an end. */
const perhapsEnding = (range: Range): { readonly for_ms?: number } =>
  oneIn(range.draw, 25) ? {} : { for_ms: drawFor(range) }

const drawGroups = (range: Range): ReadonlyArray<ReadonlyArray<string>> => {
  const { draw, nodes } = range
  const parts = draw(fc.integer, { min: 1, max: 3 })
  const groups: Array<Array<string>> = Array.from({ length: parts }, () => [])
  for (let i = 0; i < nodes; i++) groups[below(draw, parts + 1)]?.push(nameOf(i))
  const filled = groups.filter((group) => group.length > 0)
  return filled.length > 0 ? filled : [[drawName(range)]]
}

type StepOf<Kind extends DraftStep["do"]> = Extract<DraftStep, { readonly do: Kind }>

const kinds: { readonly [Kind in DraftStep["do"]]: (range: Range) => StepOf<Kind> } = {
  kill: (range) => ({ do: "kill", at_ms: drawAt(range), nodes: drawSelection(range) }),
  crash: (range) => ({ do: "crash", at_ms: drawAt(range), nodes: drawSelection(range) }),
  stop: (range) => ({ do: "stop", at_ms: drawAt(range), nodes: drawSelection(range) }),
  restart: (range) => {
    const { draw } = range
    return {
      do: "restart",
      at_ms: drawAt(range),
      nodes: drawSelection(range),
      ...(oneIn(draw, 3) ? { identity: "new" as const } : {}),
      ...(oneIn(draw, 3) ? { clock_behind_ms: upTo(draw, 1, 2_000_000) } : {})
    }
  },
  freeze: (range) => ({ do: "freeze", at_ms: drawAt(range), nodes: drawSelection(range), ...perhapsEnding(range) }),
  block_io: (range) => ({ do: "block_io", at_ms: drawAt(range), nodes: drawSelection(range), ...perhapsEnding(range) }),
  partition: (range) => ({
    do: "partition",
    at_ms: drawAt(range),
    ...(oneIn(range.draw, 3) ? { part: below(range.draw, 101) / 100 } : { groups: drawGroups(range) }),
    ...perhapsEnding(range)
  }),
  cut: (range) => ({
    do: "cut",
    at_ms: drawAt(range),
    from: drawNames(range, 3),
    to: drawNames(range, 3),
    ...(oneIn(range.draw, 2) ? { both_ways: true } : {}),
    ...perhapsEnding(range)
  }),
  heal: (range) => ({ do: "heal", at_ms: drawAt(range) }),
  slow: (range) => ({
    do: "slow",
    at_ms: drawAt(range),
    nodes: drawSelection(range),
    by_ms: upTo(range.draw, 1, 5000),
    ...perhapsEnding(range)
  }),
  skew: (range) => ({
    do: "skew",
    at_ms: drawAt(range),
    nodes: drawSelection(range),
    rate: oneIn(range.draw, 3) ? upTo(range.draw, 0.05, 20) : upTo(range.draw, 0.9, 1.1),
    ...perhapsEnding(range)
  }),
  network: (range) => {
    const { draw } = range
    const where = below(draw, 4)
    return {
      do: "network",
      at_ms: drawAt(range),
      ...perhapsEnding(range),
      ...drawBadNetwork(draw),
      ...(where === 1 ? { from: drawNames(range, 3), to: drawNames(range, 3) } : {}),
      ...(where === 1 && oneIn(draw, 2) ? { both_ways: true } : {}),
      ...(where === 2 ? { inbound: drawSelection(range) } : {}),
      ...(where === 3 ? { outbound: drawSelection(range) } : {})
    }
  },
  start: (range) => ({ do: "start", at_ms: drawAt(range), count: drawCount(range, 3) }),
  replay: (range) => ({
    do: "replay",
    at_ms: drawAt(range),
    nodes: drawSelection(range),
    for_ms: upTo(range.draw, 20, 20_000),
    after_ms: upTo(range.draw, 1, 60_000)
  }),
  forge: (range) => {
    const { draw } = range
    return {
      do: "forge",
      at_ms: drawAt(range),
      nodes: drawSelection(range),
      about: drawName(range),
      status: oneOf(draw, "alive", "suspect", "dead"),
      incarnation_ahead: oneIn(draw, 3)
        ? 0
        : oneIn(draw, 8)
          ? oneOf(draw, 2 ** 30, 2 ** 31 - 1)
          : Math.round(upTo(draw, 1, 1e6))
    }
  }
}

const isKind = (kind: string): kind is DraftStep["do"] => kind in kinds
const allKinds = Object.keys(kinds).filter(isKind)

const drawSteps = (range: Range, of: ReadonlyArray<DraftStep["do"]>, most: number): ReadonlyArray<DraftStep> => {
  const { draw } = range
  const count = draw(fc.integer, { min: 1, max: most })
  return Array.from({ length: count }, () => kinds[of[below(draw, of.length)]!](range))
}

// --- plans -----------------------------------------------------------------------------

interface Cluster {
  readonly draft: Draft
  readonly range: Range
}

const timeoutOf = (config: Config): number => Number(config["probes"]?.["timeout_ms"] ?? 500)

const drawCluster = (draw: Draw, most: number, often: number, network: (config: Config) => Network): Cluster => {
  const nodes = draw(fc.integer, { min: 2, max: oneIn(draw, 20) ? most : Math.min(most, 12) })
  const encrypt = oneIn(draw, 8)
  const drawn = drawConfig(draw, often)
  // With a key alone encryption is required; "accept" is the state during an introduction of encryption.
  const accepts = encrypt && oneIn(draw, 3)
  const config = accepts ? { ...drawn, network: { ...drawn["network"], encryption: "accept" } } : drawn
  const joinOver = oneIn(draw, 3) ? upTo(draw, 10, 10_000) : 0
  const peers = oneIn(draw, 5) ? draw(fc.integer, { min: 1, max: nodes }) : 1
  const draft: Draft = {
    nodes,
    seed: draw(fc.nat),
    duration_ms: 60_000,
    join_over_ms: joinOver,
    peers,
    encrypt,
    network: network(config),
    config
  }
  const victims = Array.from({ length: draw(fc.integer, { min: 1, max: 3 }) }, () => nameOf(below(draw, nodes)))
  const early = oneIn(draw, 8)
  const from = joinOver + (early ? 0 : upTo(draw, 3000, 20_000))
  return { draft, range: { draw, nodes, victims, from, length: upTo(draw, 200, 60_000) } }
}

/** Any plan. */
const drawWild = (draw: Draw, most: number): Draft => {
  const { draft, range } = drawCluster(draw, most, 6, (config) =>
    oneIn(draw, 12) ? drawBadNetwork(draw) : drawCalmNetwork(draw, timeoutOf(config))
  )
  return { ...draft, step: drawSteps(range, allKinds, 7) }
}

/** Clusters with level 0 nodes, which always have the default configuration. */
const drawMixed = (draw: Draw, most: number): Draft => {
  const { draft, range } = drawCluster(draw, most, 30, () => drawCalmNetwork(draw, 500))
  const old = draw(fc.integer, { min: 1, max: draft.nodes })
  const steps = oneIn(draw, 4) ? [] : drawSteps(range, allKinds, 5)
  const { network: _, ...config } = draft.config ?? {}
  return { ...draft, encrypt: false, config, old_nodes: old, step: steps }
}

/** Quiet clusters in which nodes, mostly one, are killed or crash. */
const drawDetection = (draw: Draw, most: number): Draft => {
  const { draft, range } = drawCluster(draw, most, 6, (config) => drawCalmNetwork(draw, timeoutOf(config)))
  const kill: DraftStep = { do: oneOf(draw, "kill", "crash"), at_ms: drawAt(range), nodes: [drawName(range)] }
  return { ...draft, step: oneIn(draw, 4) ? [kill, kinds.kill(range)] : [kill] }
}

/** Faults that the protocol tolerates without false suspicions or deaths. */
const drawMild = (draw: Draw, most: number): Draft => {
  const { draft, range } = drawCluster(draw, most, 8, (config) => drawCalmNetwork(draw, timeoutOf(config)))
  const nodes = Math.max(4, draft.nodes)
  const mild = { ...range, nodes }
  const at_ms = drawAt(mild) + 15_000
  const steps: Array<DraftStep> = []
  const slight = 0.05 * timeoutOf(draft.config ?? {})
  switch (below(draw, 7)) {
    case 0:
    case 1:
    case 2: {
      const from = below(draw, nodes)
      const to = (from + 1 + below(draw, nodes - 1)) % nodes
      steps.push({
        do: "cut",
        at_ms,
        from: [nameOf(from)],
        to: [nameOf(to)],
        ...(oneIn(draw, 2) ? { both_ways: true } : {}),
        for_ms: upTo(draw, 5000, 60_000)
      })
      break
    }
    case 3:
      steps.push({ do: "freeze", at_ms, nodes: drawSelection(mild), for_ms: upTo(draw, 20, 6000) })
      break
    case 4:
      steps.push({
        do: "slow",
        at_ms,
        nodes: drawSelection(mild),
        by_ms: upTo(draw, 0.1, slight),
        for_ms: drawFor(mild)
      })
      break
    case 5:
      steps.push({ do: oneIn(draw, 2) ? "stop" : "restart", at_ms, nodes: drawSelection(mild) })
      break
    default:
      steps.push({ do: "skew", at_ms, nodes: drawSelection(mild), rate: upTo(draw, 0.9, 1.1), for_ms: drawFor(mild) })
  }
  if (oneIn(draw, 3)) steps.push({ do: "network", at_ms: drawAt(mild), duplicate: percent(draw, 1), for_ms: 20_000 })
  if (oneIn(draw, 4)) steps.push({ do: "start", at_ms: drawAt(mild), count: 1 })
  const network = oneIn(draw, 6) ? { ...draft.network, loss: percent(draw, 0.05) } : (draft.network ?? {})
  return { ...draft, nodes, network, step: steps }
}

/** Plans of at most `most` nodes; nearly all have at most 12. */
export const plans = (most: number): fc.Arbitrary<Draft> =>
  fc.noBias(fc.gen().map((draw) => withQuiet(oneOf(draw, ...sorts)(draw, most))))

/** Sorts of plans. One that is listed several times is drawn more often. */
const sorts = [
  drawWild,
  drawWild,
  drawWild,
  drawWild,
  drawWild,
  drawWild,
  drawMixed,
  drawMixed,
  drawMild,
  drawMild,
  drawDetection
] as const

/** Plan number `index` of a seed. It depends on nothing else, so every plan can be drawn alone. */
export const planNumber = (seed: number, index: number, most: number): Draft =>
  fc.sample(plans(most), { seed: (Math.imul(seed, 0x9e3779b1) + index) | 0, numRuns: 1 })[0]!
