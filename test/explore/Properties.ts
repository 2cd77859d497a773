/** Carries out a plan and holds the cluster to what the plan promises, at every event. */
import { Cause, Duration, Effect, Exit } from "effect"
import { InvariantBroken } from "../../src/simulation/Errors.ts"
import { invariants } from "../../src/simulation/invariants/Invariants.ts"
import { Verdict, MemberVerdicts } from "../../src/simulation/report/MemberVerdicts.ts"
import type * as Plan from "../../src/simulation/plan/Plan.ts"
import * as PlanRunner from "../../src/simulation/plan/PlanRunner.ts"
import type { AnyNode } from "../../src/simulation/SimNode.ts"
import type { Verbs } from "../../src/simulation/Verbs.ts"
import { type Expectations, expectationsOf, type PropertyName } from "./Expectations.ts"

/** Something that a plan promises, or the protocol, was not so. */
export interface Violation {
  /** The name of an invariant or of a property. */
  readonly rule: string
  /** The name of a node, or nothing if it is of no node in particular. */
  readonly node: string
  readonly detail: string
  /** In ms of virtual time. */
  readonly at: number
  /** How many events came before; -1 if that is not known. */
  readonly event: number
}

/** What came of a plan. */
export interface Outcome {
  readonly violation: Violation | undefined
  readonly expectations: Expectations
  readonly events: number
  /** How much virtual time passed, in ms. */
  readonly virtual: number
  readonly hash: string
  /** Since when all agreed at the end, in ms; `undefined` if they did not. */
  readonly agreedAt: number | undefined
}

/** Whether a rule is one that `gossip sim` watches too. */
export const isInvariant = (rule: string): boolean => Object.keys(invariants).includes(rule)

/** Real time after which a simulation is given up. */
const Patience = Duration.seconds(120)

/** Watches a simulation from its beginning. It schedules nothing, so that the history is the one without it. */
class Watch {
  readonly #verbs: Verbs
  readonly #expectations: Expectations
  readonly #peers: number
  readonly #opinions: MemberVerdicts
  /** Who was killed while all agreed, and until when that is to be known. */
  readonly #killed: Array<{ readonly node: AnyNode; readonly until: number }> = []
  /** When the last opinion became right for good, as far as is known. */
  agreedAt: number | undefined

  constructor(verbs: Verbs, expectations: Expectations, peers: number) {
    this.#verbs = verbs
    this.#expectations = expectations
    this.#peers = peers
    // Before the opinions: they still are what they were before a node ended.
    verbs.observe({ ended: (node) => this.#ended(node) })
    const opinions = new MemberVerdicts(verbs)
    this.#opinions = opinions
    verbs.observe({
      started: (node) => {
        this.#follow(node)
        this.#look()
      },
      changed: () => this.#look(),
      ended: () => this.#look()
    })
    opinions.onChange(() => this.#look())
    // Nothing may change any more where everything stays wrong; but somebody always sends something.
    verbs.network.observe({ sent: () => this.#look() })
  }

  #report(rule: PropertyName, node: AnyNode | undefined, detail: string): void {
    const { fail, now, timeline } = this.#verbs
    fail(new InvariantBroken({ invariant: rule, node: node?.name ?? "", detail, at: now(), event: timeline.events }))
  }

  #ended(node: AnyNode): void {
    const { detection } = this.#expectations
    if (detection === undefined || node.condition !== "killed" || this.#opinions.errors > 0) return
    this.#killed.push({ node, until: this.#verbs.now() + detection })
  }

  /** Hears what a node thinks of the others, whatever condition it is in. */
  #follow(node: AnyNode): void {
    const { unremoved, unsuspected } = this.#expectations
    if (!unremoved && !unsuspected) return
    node.onViewChange((id, known) => {
      if (known !== "suspect" && known !== "dead" && known !== "left") return
      const subject = this.#opinions.identity(id)?.node
      if (subject === undefined || subject === node) return
      const { condition } = subject
      if (condition !== "up" && condition !== "frozen") return
      if (known === "suspect") {
        if (unsuspected) this.#report("false-suspicion", node, `it suspects ${subject.name}, which is ${condition}`)
      } else if (unremoved || unsuspected) {
        this.#report("false-death", node, `it holds ${subject.name} ${known}, which is ${condition}`)
      }
    })
  }

  #look(): void {
    const { agreement, strict } = this.#expectations
    const wrong = strict ? this.#opinions.errors : this.#opinions.membershipErrors
    const now = this.#verbs.now()
    if (wrong > 0) this.agreedAt = undefined
    else this.agreedAt ??= now
    for (const { node, until } of this.#killed) {
      if (now <= until) continue
      const held = this.#opinions.identity(node.id)?.held
      const not = (held?.[Verdict.Alive] ?? 0) + (held?.[Verdict.Suspect] ?? 0)
      if (not > 0) this.#report("detection", node, `${not} nodes do not hold it dead`)
    }
    if (agreement === undefined || wrong === 0 || now <= agreement || !this.#canMeet()) return
    this.#report("agreement", undefined, this.#disagreements().join("; "))
  }

  /** Whether newcomers find somebody. */
  #canMeet(): boolean {
    const { nodes } = this.#verbs
    return !this.#expectations.needsPeer || nodes.slice(0, this.#peers).some(({ condition }) => condition === "up")
  }

  #disagreements(): ReadonlyArray<string> {
    const found: Array<string> = []
    const { identities } = this.#opinions
    for (const observer of identities) {
      for (const subject of identities) {
        const opinion = this.#opinions.verdict(observer, subject)
        if (observer === subject || opinion === undefined) continue
        const { condition } = subject.node
        const live = opinion === Verdict.Alive || opinion === Verdict.Suspect
        const wrong = condition === "up" ? opinion !== Verdict.Alive : condition !== "frozen" && live
        if (!wrong) continue
        const what = observer.node.statusOf(subject.id)
        found.push(`${observer.node.name} holds ${subject.node.name} (${subject.id}) ${what}, which is ${condition}`)
        if (found.length === 4) return found
      }
    }
    return found
  }
}

const violationOf = ({ at, detail, event, invariant, node }: InvariantBroken): Violation => ({
  rule: invariant,
  node,
  detail,
  at,
  event
})

const carryOut = (plan: Plan.Plan, expectations: Expectations): Promise<Outcome> => {
  let watch: Watch | undefined
  let last: Verbs | undefined
  const run = PlanRunner.run(plan, {
    onSimulation: (verbs) => {
      last = verbs
      watch = new Watch(verbs, expectations, plan.peers)
    }
  }).pipe(Effect.timeout(Patience), Effect.exit)
  return Effect.runPromise(
    Effect.map(run, (exit): Outcome => {
      const events = last?.timeline.events ?? 0
      const virtual = last?.now() ?? 0
      if (Exit.isFailure(exit)) {
        const violation = { rule: "defect", node: "", detail: Cause.pretty(exit.cause), at: virtual, event: -1 }
        return { violation, expectations, events, virtual, hash: "", agreedAt: undefined }
      }
      const { broken, hash } = exit.value
      return {
        violation: broken && violationOf(broken),
        expectations,
        events,
        virtual,
        hash,
        agreedAt: watch?.agreedAt
      }
    })
  )
}

/** Carries out a plan, and says what of its promises is not kept. With `again` it is carried out twice. */
export const check = async (plan: Plan.Plan, again = false): Promise<Outcome> => {
  const expectations = expectationsOf(plan)
  const outcome = await carryOut(plan, expectations)
  if (!again || outcome.violation?.rule === "defect") return outcome
  const second = await carryOut(plan, expectations)
  if (second.hash === outcome.hash && second.events === outcome.events) return outcome
  const detail = `${outcome.events} events with the hash ${outcome.hash}, then ${second.events} with ${second.hash}`
  return { ...outcome, violation: { rule: "repeatable", node: "", detail, at: outcome.virtual, event: -1 } }
}

/** A plan with its own seed and so many others. */
export const withSeeds = (plan: Plan.Plan, others: number): ReadonlyArray<Plan.Plan> => [
  plan,
  ...Array.from({ length: others }, (_, i): Plan.Plan => ({ ...plan, seed: i + 1 }))
]

/** What the first of some plans that breaks a rule breaks. */
export const firstViolation = async (plans: ReadonlyArray<Plan.Plan>): Promise<Violation | undefined> => {
  for (const plan of plans) {
    const { violation } = await check(plan)
    if (violation !== undefined) return violation
  }
  return undefined
}
