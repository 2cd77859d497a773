/** Carries out a plan and checks its expectations at every event. */
import { Cause, Duration, Effect, Exit } from "effect"
import * as SerialNumber from "../../src/domain/SerialNumber.ts"
import { InvariantBroken } from "../../src/simulation/SimulationError.ts"
import { invariants } from "../../src/simulation/invariants/Invariants.ts"
import { Verdict, MemberVerdicts } from "../../src/simulation/report/MemberVerdicts.ts"
import type * as Plan from "../../src/simulation/plan/Plan.ts"
import * as PlanRunner from "../../src/simulation/plan/PlanRunner.ts"
import type { AnyNode } from "../../src/simulation/SimNode.ts"
import type { Verbs } from "../../src/simulation/Verbs.ts"
import { type Expectations, expectationsOf, type PropertyName } from "./Expectations.ts"

/** A broken invariant or an expectation that was not met. */
export interface Violation {
  /** The name of an invariant or of a property. */
  readonly rule: string
  /** The name of the node; empty if it concerns no particular node. */
  readonly node: string
  readonly detail: string
  /** In ms of virtual time. */
  readonly at: number
  /** The number of events before it; -1 if it is unknown. */
  readonly event: number
}

/** The result of a plan. */
export interface Outcome {
  readonly violation: Violation | undefined
  readonly expectations: Expectations
  readonly events: number
  /** The virtual time that passed, in ms. */
  readonly virtual: number
  readonly hash: string
  /** Since when all nodes agreed at the end, in ms; `undefined` if they did not. */
  readonly agreedAt: number | undefined
}

/** Whether a rule is an invariant, which `gossip sim` checks too. */
export const isInvariant = (rule: string): boolean => Object.keys(invariants).includes(rule)

/** Real time after which a simulation is interrupted. */
const LongestRun = Duration.seconds(120)

/** Checks a simulation from its beginning. It schedules nothing, so it does not change the history. */
class Checker {
  readonly #verbs: Verbs
  readonly #expectations: Expectations
  readonly #peers: number
  readonly #verdicts: MemberVerdicts
  /** The nodes that ended while all agreed, and until when all must see them dead. */
  readonly #killed: Array<{ readonly node: AnyNode; readonly until: number }> = []
  /** Since when all verdicts have been right; `undefined` while one is wrong. */
  agreedAt: number | undefined

  constructor(verbs: Verbs, expectations: Expectations, peers: number) {
    this.#verbs = verbs
    this.#expectations = expectations
    this.#peers = peers
    // This observer comes first, so it sees the verdicts from before the end of the node.
    verbs.observe({ ended: (node) => this.#ended(node) })
    const verdicts = new MemberVerdicts(verbs)
    this.#verdicts = verdicts
    verbs.observe({
      started: (node) => {
        this.#follow(node)
        this.#check()
      },
      changed: () => this.#check(),
      ended: () => this.#check()
    })
    verdicts.onChange(() => this.#check())
    // Where everything stays wrong nothing changes any more, but nodes still send datagrams.
    verbs.network.observe({ sent: () => this.#check() })
  }

  #report(rule: PropertyName, node: AnyNode | undefined, detail: string): void {
    const { fail, now, timeline } = this.#verbs
    fail(new InvariantBroken({ invariant: rule, node: node?.name ?? "", detail, at: now(), event: timeline.events }))
  }

  #ended(node: AnyNode): void {
    const { detection } = this.#expectations
    if (
      detection === undefined ||
      (node.condition !== "killed" && node.condition !== "crashed") ||
      this.#verdicts.errors > 0
    )
      return
    this.#killed.push({ node, until: this.#verbs.now() + detection })
  }

  /** Checks the views of a node, whatever its condition is. */
  #follow(node: AnyNode): void {
    const { unremoved, unsuspected } = this.#expectations
    if (!unremoved && !unsuspected) return
    node.onViewChange((id, known, { incarnation }) => {
      if (known !== "suspect" && known !== "dead" && known !== "left") return
      const subject = this.#verdicts.identity(id)?.node
      if (subject === undefined || subject === node) return
      const { condition, firstIncarnation } = subject
      if (condition !== "up" && condition !== "frozen") return
      if (SerialNumber.compare(incarnation, firstIncarnation) < 0) return
      if (known === "suspect") {
        if (unsuspected) this.#report("false-suspicion", node, `it suspects ${subject.name}, which is ${condition}`)
      } else if (unremoved || unsuspected) {
        this.#report("false-death", node, `it sees ${subject.name} ${known}, which is ${condition}`)
      }
    })
  }

  #check(): void {
    const { agreement, strict } = this.#expectations
    const wrong = strict ? this.#verdicts.errors : this.#verdicts.membershipErrors
    const now = this.#verbs.now()
    if (wrong > 0) this.agreedAt = undefined
    else this.agreedAt ??= now
    for (const { node, until } of this.#killed) {
      if (now <= until) continue
      const held = this.#verdicts.identity(node.id)?.held
      const not = (held?.[Verdict.Alive] ?? 0) + (held?.[Verdict.Suspect] ?? 0)
      if (not > 0) this.#report("detection", node, `${not} nodes do not see it dead`)
    }
    if (agreement === undefined || wrong === 0 || now <= agreement || !this.#canMeet()) return
    this.#report("agreement", undefined, this.#disagreements().join("; "))
  }

  /** Whether a node that joins finds a member. */
  #canMeet(): boolean {
    const { nodes } = this.#verbs
    return !this.#expectations.needsPeer || nodes.slice(0, this.#peers).some(({ condition }) => condition === "up")
  }

  #disagreements(): ReadonlyArray<string> {
    const found: Array<string> = []
    const { identities } = this.#verdicts
    for (const observer of identities) {
      for (const subject of identities) {
        const verdict = this.#verdicts.verdict(observer, subject)
        if (observer === subject || verdict === undefined) continue
        const { condition } = subject.node
        const live = verdict === Verdict.Alive || verdict === Verdict.Suspect
        const wrong = condition === "up" ? verdict !== Verdict.Alive : condition !== "frozen" && live
        if (!wrong) continue
        const what = observer.node.statusOf(subject.id)
        found.push(`${observer.node.name} sees ${subject.node.name} (${subject.id}) ${what}, which is ${condition}`)
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
  let checker: Checker | undefined
  let last: Verbs | undefined
  const run = PlanRunner.run(plan, {
    onSimulation: (verbs) => {
      last = verbs
      checker = new Checker(verbs, expectations, plan.peers)
    }
  }).pipe(Effect.timeout(LongestRun), Effect.exit)
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
        agreedAt: checker?.agreedAt
      }
    })
  )
}

/** Carries out a plan and returns the first violation. With `again` it is carried out twice. */
export const check = async (plan: Plan.Plan, again = false): Promise<Outcome> => {
  const expectations = expectationsOf(plan)
  const outcome = await carryOut(plan, expectations)
  if (!again || outcome.violation?.rule === "defect") return outcome
  const second = await carryOut(plan, expectations)
  if (second.hash === outcome.hash && second.events === outcome.events) return outcome
  const detail = `${outcome.events} events with the hash ${outcome.hash}, then ${second.events} with ${second.hash}`
  return { ...outcome, violation: { rule: "repeatable", node: "", detail, at: outcome.virtual, event: -1 } }
}

/** A plan with its own seed, and the same plan with other seeds. */
export const withSeeds = (plan: Plan.Plan, others: number): ReadonlyArray<Plan.Plan> => [
  plan,
  ...Array.from({ length: others }, (_, i): Plan.Plan => ({ ...plan, seed: i + 1 }))
]

/** The first violation in some plans. */
export const firstViolation = async (plans: ReadonlyArray<Plan.Plan>): Promise<Violation | undefined> => {
  for (const plan of plans) {
    const { violation } = await check(plan)
    if (violation !== undefined) return violation
  }
  return undefined
}
