/**
 * Random plans: clusters, configurations, networks and what befalls them. They are drawn in the form that a file has,
 * with times in ms.
 *
 * Draws are not even: faults meet more often than they would by chance, since that is where mistakes hide. In each plan
 * a few nodes are picked on, and steps come in a short time.
 */
import { Result } from "effect"
import * as fc from "fast-check"
import * as Plan from "../../src/simulation/plan/Plan.ts"
import * as PlanFile from "../../src/simulation/plan/PlanFile.ts"
import { calmAt, quietTime } from "./Expectations.ts"

/** A plan as a file has it. */
export type Draft = typeof Plan.Plan.Encoded
export type DraftStep = NonNullable<Draft["step"]>[number]
type Config = NonNullable<Draft["config"]>
type Network = NonNullable<Draft["network"]>

/** The plan that a draft stands for, if it can be carried out. */
export const planOf = (draft: Draft): Plan.Plan | undefined => Result.getOrElse(PlanFile.decode(draft), () => undefined)

/** How long a plan goes on after its time of settling, in ms: what all agree on is to stay so. */
const Rest = 20_000
/** How long a plan goes on whose faults never end, in ms. */
const Endless = 60_000
/** That times the number of nodes. What takes longer is not waited for: many other plans are tried in that time. */
const LongestQuiet = 6_000_000

/** With the duration that lets it be held to agreement, if anything does. */
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

// --- what is drawn from ------------------------------------------------------------

/** One who draws: see `fc.gen`. */
type Draw = fc.GeneratorValue

const oneOf = <A>(draw: Draw, ...values: readonly [A, ...ReadonlyArray<A>]): A =>
  draw(fc.constantFrom<Array<A>>, ...values)

/** `true` once in `n` times. */
const oneIn = (draw: Draw, n: number): boolean => draw(fc.integer, { min: 1, max: n }) === 1

const below = (draw: Draw, n: number): number => draw(fc.integer, { min: 0, max: Math.max(0, n - 1) })

/** From `least` to `most`, and as likely below as above their geometric mean. */
const upTo = (draw: Draw, least: number, most: number): number => {
  const at = draw(fc.integer, { min: 0, max: 1000 }) / 1000
  const value = least * (most / least) ** at
  return value < 10 ? Number(value.toPrecision(2)) : Math.round(value)
}

const percent = (draw: Draw, most: number): number => upTo(draw, 0.002, most)

// --- configurations ------------------------------------------------------------------

/** Each key now and then, the others as by default. `often`: one key in so many. */
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
  // The default is 10 s, which makes histories long.
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

/** Conditions that a probe of `timeout` ms bears. */
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
    switch (below(draw, 9)) {
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

/** Among whom and when steps are drawn. */
interface Stage {
  readonly draw: Draw
  readonly nodes: number
  /** Names of nodes that are picked on. */
  readonly victims: ReadonlyArray<string>
  readonly from: number
  readonly length: number
}

const nameOf = (index: number): string => `n${index + 1}`

const drawName = ({ draw, nodes, victims }: Stage): string =>
  oneIn(draw, 3) ? nameOf(below(draw, nodes)) : victims[below(draw, victims.length)]!

const drawNames = (stage: Stage, most: number): ReadonlyArray<string> => {
  const { draw } = stage
  const count = oneIn(draw, 2) ? 1 : draw(fc.integer, { min: 1, max: Math.max(1, most) })
  return [...new Set(Array.from({ length: count }, () => drawName(stage)))]
}

const drawWho = (stage: Stage): number | ReadonlyArray<string> =>
  oneIn(stage.draw, 4)
    ? draw1(stage, Math.ceil(stage.nodes / 2))
    : oneIn(stage.draw, 12)
      ? Array.from({ length: stage.nodes }, (_, i) => nameOf(i))
      : drawNames(stage, Math.ceil(stage.nodes / 2))

const draw1 = ({ draw }: Stage, most: number): number => draw(fc.integer, { min: 1, max: Math.max(1, most) })

const drawAt = ({ draw, from, length }: Stage): number => from + Math.round(below(draw, 1001) * (length / 1000))

const drawFor = ({ draw }: Stage): number => upTo(draw, 20, 60_000)

/** Without its end once in a while. */
const passing = (stage: Stage): { readonly for_ms?: number } =>
  oneIn(stage.draw, 25) ? {} : { for_ms: drawFor(stage) }

const drawGroups = (stage: Stage): ReadonlyArray<ReadonlyArray<string>> => {
  const { draw, nodes } = stage
  const parts = draw(fc.integer, { min: 1, max: 3 })
  const groups: Array<Array<string>> = Array.from({ length: parts }, () => [])
  for (let i = 0; i < nodes; i++) groups[below(draw, parts + 1)]?.push(nameOf(i))
  const filled = groups.filter((group) => group.length > 0)
  return filled.length > 0 ? filled : [[drawName(stage)]]
}

type StepOf<Kind extends DraftStep["do"]> = Extract<DraftStep, { readonly do: Kind }>

const kinds: { readonly [Kind in DraftStep["do"]]: (stage: Stage) => StepOf<Kind> } = {
  kill: (stage) => ({ do: "kill", at_ms: drawAt(stage), nodes: drawWho(stage) }),
  stop: (stage) => ({ do: "stop", at_ms: drawAt(stage), nodes: drawWho(stage) }),
  restart: (stage) => {
    const { draw } = stage
    return {
      do: "restart",
      at_ms: drawAt(stage),
      nodes: drawWho(stage),
      ...(oneIn(draw, 3) ? { identity: "new" as const } : {}),
      ...(oneIn(draw, 3) ? { clock_behind_ms: upTo(draw, 1, 2_000_000) } : {})
    }
  },
  freeze: (stage) => ({ do: "freeze", at_ms: drawAt(stage), nodes: drawWho(stage), ...passing(stage) }),
  block_io: (stage) => ({ do: "block_io", at_ms: drawAt(stage), nodes: drawWho(stage), ...passing(stage) }),
  partition: (stage) => ({
    do: "partition",
    at_ms: drawAt(stage),
    ...(oneIn(stage.draw, 3) ? { part: below(stage.draw, 101) / 100 } : { groups: drawGroups(stage) }),
    ...passing(stage)
  }),
  cut: (stage) => ({
    do: "cut",
    at_ms: drawAt(stage),
    from: drawNames(stage, 3),
    to: drawNames(stage, 3),
    ...(oneIn(stage.draw, 2) ? { both_ways: true } : {}),
    ...passing(stage)
  }),
  heal: (stage) => ({ do: "heal", at_ms: drawAt(stage) }),
  slow: (stage) => ({
    do: "slow",
    at_ms: drawAt(stage),
    nodes: drawWho(stage),
    by_ms: upTo(stage.draw, 1, 5000),
    ...passing(stage)
  }),
  skew: (stage) => ({
    do: "skew",
    at_ms: drawAt(stage),
    nodes: drawWho(stage),
    rate: oneIn(stage.draw, 3) ? upTo(stage.draw, 0.05, 20) : upTo(stage.draw, 0.9, 1.1),
    ...passing(stage)
  }),
  network: (stage) => {
    const { draw } = stage
    const where = below(draw, 4)
    return {
      do: "network",
      at_ms: drawAt(stage),
      ...passing(stage),
      ...drawBadNetwork(draw),
      ...(where === 1 ? { from: drawNames(stage, 3), to: drawNames(stage, 3) } : {}),
      ...(where === 1 && oneIn(draw, 2) ? { both_ways: true } : {}),
      ...(where === 2 ? { inbound: drawWho(stage) } : {}),
      ...(where === 3 ? { outbound: drawWho(stage) } : {})
    }
  },
  start: (stage) => ({ do: "start", at_ms: drawAt(stage), count: draw1(stage, 3) }),
  replay: (stage) => ({
    do: "replay",
    at_ms: drawAt(stage),
    nodes: drawWho(stage),
    for_ms: upTo(stage.draw, 20, 20_000),
    after_ms: upTo(stage.draw, 1, 60_000)
  }),
  forge: (stage) => {
    const { draw } = stage
    return {
      do: "forge",
      at_ms: drawAt(stage),
      nodes: drawWho(stage),
      about: drawName(stage),
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

const drawSteps = (stage: Stage, of: ReadonlyArray<DraftStep["do"]>, most: number): ReadonlyArray<DraftStep> => {
  const { draw } = stage
  const count = draw(fc.integer, { min: 1, max: most })
  return Array.from({ length: count }, () => kinds[of[below(draw, of.length)]!](stage))
}

// --- plans -----------------------------------------------------------------------------

interface Cluster {
  readonly draft: Draft
  readonly stage: Stage
}

const timeoutOf = (config: Config): number => Number(config["probes"]?.["timeout_ms"] ?? 500)

const drawCluster = (draw: Draw, most: number, often: number, network: (config: Config) => Network): Cluster => {
  const nodes = draw(fc.integer, { min: 2, max: oneIn(draw, 20) ? most : Math.min(most, 12) })
  const encrypt = oneIn(draw, 8)
  const drawn = drawConfig(draw, often)
  // Half on the way to encryption, where a key alone means that it is required.
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
  return { draft, stage: { draw, nodes, victims, from, length: upTo(draw, 200, 60_000) } }
}

/** Anything that a plan can say. */
const drawWild = (draw: Draw, most: number): Draft => {
  const { draft, stage } = drawCluster(draw, most, 6, (config) =>
    oneIn(draw, 12) ? drawBadNetwork(draw) : drawCalmNetwork(draw, timeoutOf(config))
  )
  return { ...draft, step: drawSteps(stage, allKinds, 7) }
}

/** Nodes that speak version 1 only among others. They have a configuration of their own, the default one. */
const drawMixed = (draw: Draw, most: number): Draft => {
  const { draft, stage } = drawCluster(draw, most, 30, () => drawCalmNetwork(draw, 500))
  const old = draw(fc.integer, { min: 1, max: draft.nodes })
  const steps = oneIn(draw, 4) ? [] : drawSteps(stage, allKinds, 5)
  const { network: _, ...config } = draft.config ?? {}
  return { ...draft, encrypt: false, config, old_nodes: old, step: steps }
}

/** A quiet cluster in which nodes are killed, mostly one. */
const drawKill = (draw: Draw, most: number): Draft => {
  const { draft, stage } = drawCluster(draw, most, 6, (config) => drawCalmNetwork(draw, timeoutOf(config)))
  const kill: DraftStep = { do: "kill", at_ms: drawAt(stage), nodes: [drawName(stage)] }
  return { ...draft, step: oneIn(draw, 4) ? [kill, kinds.kill(stage)] : [kill] }
}

/** What the protocol promises to bear without a false word. */
const drawMild = (draw: Draw, most: number): Draft => {
  const { draft, stage } = drawCluster(draw, most, 8, (config) => drawCalmNetwork(draw, timeoutOf(config)))
  const nodes = Math.max(4, draft.nodes)
  const mild = { ...stage, nodes }
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
      steps.push({ do: "freeze", at_ms, nodes: drawWho(mild), for_ms: upTo(draw, 20, 6000) })
      break
    case 4:
      steps.push({ do: "slow", at_ms, nodes: drawWho(mild), by_ms: upTo(draw, 0.1, slight), for_ms: drawFor(mild) })
      break
    case 5:
      steps.push({ do: oneIn(draw, 2) ? "stop" : "restart", at_ms, nodes: drawWho(mild) })
      break
    default:
      steps.push({ do: "skew", at_ms, nodes: drawWho(mild), rate: upTo(draw, 0.9, 1.1), for_ms: drawFor(mild) })
  }
  if (oneIn(draw, 3)) steps.push({ do: "network", at_ms: drawAt(mild), duplicate: percent(draw, 1), for_ms: 20_000 })
  if (oneIn(draw, 4)) steps.push({ do: "start", at_ms: drawAt(mild), count: 1 })
  const network = oneIn(draw, 6) ? { ...draft.network, loss: percent(draw, 0.05) } : (draft.network ?? {})
  return { ...draft, nodes, network, step: steps }
}

/** Plans of up to `most` nodes, now and then, and mostly of up to 12. */
export const plans = (most: number): fc.Arbitrary<Draft> =>
  fc.noBias(fc.gen().map((draw) => withQuiet(oneOf(draw, ...manners)(draw, most))))

/** Those that come more than once are drawn more often. */
const manners = [
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
  drawKill
] as const

/** Plan number `index` of a seed. It hangs on nothing else, so that each can be drawn by itself. */
export const planNumber = (seed: number, index: number, most: number): Draft =>
  fc.sample(plans(most), { seed: (Math.imul(seed, 0x9e3779b1) + index) | 0, numRuns: 1 })[0]!
