/**
 * Makes a plan that breaks a rule smaller, as long as it still breaks that rule: fewer steps, nodes and settings, less
 * time, rounder numbers.
 *
 * It works on plans and not on the random choices that made them, so it can shrink any plan. It knows what `fast-check`
 * cannot: nodes can be renumbered, nothing after the violation matters, and a smaller plan may need another seed.
 */
import type * as Plan from "../../src/simulation/plan/Plan.ts"
import { check, type Violation } from "./Properties.ts"
import { type Draft, type DraftStep, planOf, withQuiet } from "./Plans.ts"

/** A plan and its violation. */
export interface Finding {
  readonly draft: Draft
  readonly violation: Violation
}

/** Seeds to try a smaller plan with besides its own. */
const OtherSeeds = [1, 2, 3] as const
/** The time between the violation and the end, in ms. */
const Margin = 10

/** Returns the violation of a plan. With `again` the plan is carried out twice. */
type Checking = (plan: Plan.Plan, again: boolean) => Promise<{ readonly violation: Violation | undefined }>

/** Makes a finding smaller. Takes at most `seconds` of real time. */
export const shrink = async (found: Finding, seconds: number, checking: Checking = check): Promise<Finding> => {
  const deadline = performance.now() + seconds * 1000
  const { rule } = found.violation
  let best = trimmed(found)

  const attempt = async (draft: Draft): Promise<boolean> => {
    const plan = planOf(draft)
    if (plan === undefined || performance.now() > deadline) return false
    const { violation } = await checking(plan, rule === "repeatable")
    if (violation?.rule !== rule) return false
    best = trimmed({ draft, violation })
    return true
  }
  const accepts = async (draft: Draft): Promise<boolean> => {
    const timed = rule === "agreement" ? withQuiet(draft, 1000) : draft
    if (await attempt(timed)) return true
    for (const seed of OtherSeeds) if (seed !== draft.seed && (await attempt({ ...timed, seed }))) return true
    return false
  }

  // A violation may depend on what the trimming removed.
  if (!(await attempt(best.draft))) best = found
  let before = ""
  while (before !== JSON.stringify(best.draft) && performance.now() < deadline) {
    before = JSON.stringify(best.draft)
    for (const smaller of passes) {
      // Each attempt starts from the last accepted draft.
      let from = 0
      while (performance.now() < deadline) {
        const candidates = smaller(best.draft)
        const at = await firstAccepted(candidates.slice(from), accepts)
        if (at < 0) break
        from += at
      }
    }
  }
  return { ...best, draft: tidied(best.draft) }
}

/** A draft without settings that equal their defaults. */
const tidied = (draft: Draft): Draft => {
  const { config = {}, encrypt = false, join_over_ms = 0, network = {}, old_nodes = 0, peers = 1, ...rest } = draft
  return {
    ...rest,
    ...(old_nodes === 0 ? {} : { old_nodes }),
    ...(join_over_ms === 0 ? {} : { join_over_ms }),
    ...(peers === 1 ? {} : { peers }),
    ...(encrypt ? { encrypt } : {}),
    ...(Object.keys(network).length === 0 ? {} : { network }),
    ...(Object.keys(config).length === 0 ? {} : { config })
  }
}

const firstAccepted = async (
  candidates: ReadonlyArray<Draft>,
  accepts: (draft: Draft) => Promise<boolean>
): Promise<number> => {
  for (const [index, candidate] of candidates.entries()) if (await accepts(candidate)) return index
  return -1
}

/** A finding without what comes after the violation. */
const trimmed = ({ draft, violation }: Finding): Finding => {
  const duration_ms = Math.min(draft.duration_ms, Math.ceil(violation.at) + Margin)
  const step = stepsOf(draft).filter(({ at_ms }) => at_ms < duration_ms)
  const join_over_ms = Math.min(draft.join_over_ms ?? 0, duration_ms)
  return { draft: { ...draft, duration_ms, join_over_ms, step }, violation }
}

const stepsOf = ({ step = [] }: Draft): ReadonlyArray<DraftStep> => step

const without = <A>(items: ReadonlyArray<A>, from: number, count: number): ReadonlyArray<A> => [
  ...items.slice(0, from),
  ...items.slice(from + count)
]

// --- passes: each returns smaller plans, the most promising first -----------------------

type Pass = (draft: Draft) => ReadonlyArray<Draft>

const fewerSteps: Pass = (draft) => {
  const steps = stepsOf(draft)
  const found: Array<Draft> = []
  for (let size = steps.length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < steps.length; from += size) found.push({ ...draft, step: without(steps, from, size) })
  }
  return found
}

/** A step with its names replaced, or removed where `rename` returns `undefined`; `undefined` if too few are left. */
const renamed = (step: DraftStep, rename: (name: string) => string | undefined): DraftStep | undefined => {
  let lacks = false
  const list = (names: ReadonlyArray<string>): ReadonlyArray<string> => {
    const left = names.flatMap((name) => rename(name) ?? [])
    if (left.length === 0) lacks = true
    return left
  }
  const selection = (given: number | ReadonlyArray<string>) => (typeof given === "number" ? given : list(given))
  let result: DraftStep = step
  switch (step.do) {
    case "partition":
      if (step.groups !== undefined) {
        const groups = step.groups.map((group) => group.flatMap((name) => rename(name) ?? []))
        const filled = groups.filter((group) => group.length > 0)
        if (filled.length === 0) return undefined
        result = { ...step, groups: filled }
      }
      break
    case "cut":
      result = { ...step, from: list(step.from), to: list(step.to) }
      break
    case "network":
      result = {
        ...step,
        ...(step.from === undefined ? {} : { from: list(step.from) }),
        ...(step.to === undefined ? {} : { to: list(step.to) }),
        ...(step.inbound === undefined ? {} : { inbound: selection(step.inbound) }),
        ...(step.outbound === undefined ? {} : { outbound: selection(step.outbound) })
      }
      break
    case "forge": {
      const about = rename(step.about)
      if (about === undefined) return undefined
      result = { ...step, about, nodes: selection(step.nodes) }
      break
    }
    case "heal":
    case "start":
      break
    default:
      result = { ...step, nodes: selection(step.nodes) }
  }
  return lacks ? undefined : result
}

const namesIn = (draft: Draft): ReadonlySet<string> => {
  const names = new Set<string>()
  for (const step of stepsOf(draft)) {
    renamed(step, (name) => {
      names.add(name)
      return name
    })
  }
  return names
}

/** A draft with only some of its first nodes, given by number. They are renumbered. */
const keeping = (draft: Draft, kept: ReadonlyArray<number>): Draft => {
  const numbers = new Map(kept.map((number, index) => [`n${number}`, `n${index + 1}`]))
  const shift = draft.nodes - kept.length
  const rename = (name: string): string | undefined => {
    const number = Number(name.slice(1))
    return number > draft.nodes ? `n${number - shift}` : numbers.get(name)
  }
  return {
    ...draft,
    nodes: kept.length,
    old_nodes: Math.min(draft.old_nodes ?? 0, kept.length),
    peers: Math.min(draft.peers ?? 1, kept.length),
    step: stepsOf(draft).flatMap((step) => renamed(step, rename) ?? [])
  }
}

const range = (most: number): ReadonlyArray<number> => Array.from({ length: most }, (_, i) => i + 1)

const fewerNodes: Pass = (draft) => {
  const all = range(draft.nodes)
  const named = namesIn(draft)
  const used = all.filter((number) => named.has(`n${number}`))
  const others = all.filter((number) => !named.has(`n${number}`))
  const found: Array<Draft> = []
  // The nodes that steps name, with an increasing number of others.
  for (let more = 0; more < others.length; more++) {
    const kept = [...used, ...others.slice(0, more)].toSorted((a, b) => a - b)
    if (kept.length > 0) found.push(keeping(draft, kept))
  }
  for (const number of all) if (all.length > 1) found.push(keeping(draft, without(all, number - 1, 1)))
  return found
}

const plainer: Pass = (draft) => {
  const { config = {}, encrypt = false, join_over_ms = 0, network = {}, old_nodes = 0, peers = 1, seed = 1 } = draft
  const found: Array<Draft> = []
  if (Object.keys(config).length > 0) found.push({ ...draft, config: {} })
  for (const [section, table] of Object.entries(config)) {
    const { [section]: _, ...rest } = config
    found.push({ ...draft, config: rest })
    for (const key of Object.keys(table)) {
      const { [key]: _, ...others } = table
      found.push({ ...draft, config: Object.keys(others).length === 0 ? rest : { ...rest, [section]: others } })
    }
  }
  if (Object.keys(network).length > 0) found.push({ ...draft, network: {} })
  for (const key of conditionKeys) {
    if (network[key] === undefined) continue
    const { [key]: _, ...others } = network
    found.push({ ...draft, network: others })
  }
  if (encrypt) found.push({ ...draft, encrypt: false })
  if (join_over_ms > 0) found.push({ ...draft, join_over_ms: 0 })
  if (peers > 1) found.push({ ...draft, peers: 1 })
  for (let fewer = 0; fewer < old_nodes; fewer++) found.push({ ...draft, old_nodes: fewer })
  if (seed !== 1) found.push({ ...draft, seed: 1 })
  return found
}

const conditionKeys = [
  "latency_ms",
  "jitter_ms",
  "loss",
  "duplicate",
  "corrupt",
  "reorder",
  "reorder_by_ms",
  "reject",
  "bandwidth",
  "queue",
  "mtu"
] as const

/** Optional keys of steps. */
const optionalKeys = new Set<string>([
  ...conditionKeys,
  "identity",
  "clock_behind_ms",
  "both_ways",
  "inbound",
  "outbound",
  "incarnation_ahead"
])

const plainerSteps: Pass = (draft) => {
  const steps = stepsOf(draft)
  const found: Array<Draft> = []
  steps.forEach((step, index) => {
    const put = (other: DraftStep) => found.push({ ...draft, step: steps.with(index, other) })
    for (const key of Object.keys(step)) {
      if (!optionalKeys.has(key)) continue
      const other = { ...step }
      if (Reflect.deleteProperty(other, key)) put(other)
    }
    if ("nodes" in step && typeof step.nodes === "object" && step.nodes.length > 1) {
      const { nodes } = step
      nodes.forEach((_, at) => put({ ...step, nodes: without(nodes, at, 1) }))
    }
    if ("nodes" in step && typeof step.nodes === "number" && step.nodes > 1) put({ ...step, nodes: step.nodes - 1 })
    if (step.do === "start" && step.count > 1) put({ ...step, count: step.count - 1 })
    if (step.do === "cut") {
      if (step.from.length > 1) step.from.forEach((_, at) => put({ ...step, from: without(step.from, at, 1) }))
      if (step.to.length > 1) step.to.forEach((_, at) => put({ ...step, to: without(step.to, at, 1) }))
    }
    if (step.do === "partition" && step.groups !== undefined && step.groups.length > 1) {
      const { groups } = step
      groups.forEach((_, at) => put({ ...step, groups: without(groups, at, 1) }))
    }
    if (step.do === "forge" && (step.incarnation_ahead ?? 0) > 1) put({ ...step, incarnation_ahead: 1 })
  })
  return found
}

/** Rounds down to a multiple of `unit`. Rounding up could undo another rounding. */
const rounded = (ms: number, unit: number): number => Math.floor(ms / unit) * unit

const shorter: Pass = (draft) => {
  const steps = stepsOf(draft)
  const found: Array<Draft> = []
  const timed = (change: (ms: number) => number): Draft => ({
    ...draft,
    step: steps.map((step) => ({
      ...step,
      at_ms: change(step.at_ms),
      ...("for_ms" in step && step.for_ms !== undefined ? { for_ms: Math.max(1, change(step.for_ms)) } : {})
    }))
  })
  const fresh = (other: Draft) => {
    if (JSON.stringify(other) !== JSON.stringify(draft)) found.push(other)
  }
  for (const unit of [10_000, 5000, 1000, 500, 100]) fresh(timed((ms) => rounded(ms, unit)))
  fresh(timed((ms) => Math.floor(ms / 2)))
  steps.forEach((step, index) => {
    const put = (other: DraftStep) => fresh({ ...draft, step: steps.with(index, other) })
    // Later steps move with it.
    const earlier = (by: number) =>
      fresh({
        ...draft,
        step: steps.map((other) =>
          other.at_ms >= step.at_ms ? { ...other, at_ms: Math.max(0, other.at_ms - by) } : other
        )
      })
    const before = Math.max(0, ...steps.flatMap(({ at_ms }) => (at_ms < step.at_ms ? [at_ms] : [])))
    const gap = step.at_ms - before
    if (gap > 0) for (const by of [gap, gap / 2, gap / 8]) if (by >= 1) earlier(Math.round(by))
    for (const unit of [1000, 100]) put({ ...step, at_ms: rounded(step.at_ms, unit) })
    if ("for_ms" in step && step.for_ms !== undefined) {
      const { for_ms } = step
      for (const unit of [10_000, 1000, 100])
        if (rounded(for_ms, unit) > 0) put({ ...step, for_ms: rounded(for_ms, unit) })
      if (for_ms > 10) for (const part of [0.5, 0.9]) put({ ...step, for_ms: Math.round(for_ms * part) })
    }
    if (step.do === "replay" && step.after_ms > 10) put({ ...step, after_ms: Math.round(step.after_ms / 2) })
  })
  return found
}

const passes: ReadonlyArray<Pass> = [fewerSteps, fewerNodes, plainer, plainerSteps, shorter, fewerSteps]
