/** Carries out random plans, one after the other, until one breaks a rule. */
import { check } from "./Properties.ts"
import { planNumber, planOf } from "./Plans.ts"
import type { Finding } from "./Shrink.ts"

/** The work done so far. */
export interface Tally {
  readonly plans: number
  readonly events: number
  /** Hours of virtual time. */
  readonly hours: number
  /** Seconds of real time. */
  readonly seconds: number
  /** The number of plans that were checked for each expectation. */
  readonly held: { readonly agreement: number; readonly detection: number; readonly mild: number }
}

export interface ExploreOptions {
  readonly seed: number
  /** The largest number of nodes at the beginning. */
  readonly most: number
  readonly minutes: number
  /** The largest number of plans. */
  readonly count: number
  /** The number of the first plan. */
  readonly from?: number
  readonly onProgress?: (tally: Tally) => void
}

export interface Explored {
  readonly finding: Finding | undefined
  /** The number of the plan that broke a rule, or of the next one. */
  readonly index: number
  readonly tally: Tally
}

/** Every 20th plan is carried out twice. */
const TwiceEvery = 20
const ProgressEvery = 10_000

export const explore = async (options: ExploreOptions): Promise<Explored> => {
  const { count, from = 0, minutes, most, onProgress, seed } = options
  const start = performance.now()
  const held = { agreement: 0, detection: 0, mild: 0 }
  let plans = 0
  let events = 0
  let virtual = 0
  let told = start
  const tally = (): Tally => ({
    plans,
    events,
    hours: virtual / 3_600_000,
    seconds: (performance.now() - start) / 1000,
    held: { ...held }
  })
  for (let index = from; index < from + count; index++) {
    const now = performance.now()
    if (now - start > minutes * 60_000) return { finding: undefined, index, tally: tally() }
    if (now - told > ProgressEvery) {
      told = now
      onProgress?.(tally())
    }
    const draft = planNumber(seed, index, most)
    const plan = planOf(draft)
    if (plan === undefined) throw new Error(`plan ${index} of seed ${seed} is none: ${JSON.stringify(draft)}`)
    const { events: more, expectations, violation, virtual: passed } = await check(plan, index % TwiceEvery === 0)
    plans++
    events += more
    virtual += passed
    if (expectations.agreement !== undefined) held.agreement++
    if (expectations.detection !== undefined) held.detection++
    if (expectations.unremoved || expectations.unsuspected) held.mild++
    if (violation !== undefined) return { finding: { draft, violation }, index, tally: tally() }
  }
  return { finding: undefined, index: from + count, tally: tally() }
}
