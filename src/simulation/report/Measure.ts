/**
 * Measures a simulation while it runs.
 *
 * @since 0.2.0
 */
import * as SerialNumber from "../../domain/SerialNumber.ts"
import { disagreements } from "../Agreement.ts"
import { type VerdictChange, type Identity, Verdict, MemberVerdicts } from "./MemberVerdicts.ts"
import type { Recorder } from "./Recorder.ts"
import type { VerdictCode, NodeEnd, ReportEvent, ReportNode, SimulationReport, Spread } from "./Report.ts"
import type { AnyNode } from "../SimNode.ts"
import { NanosPerMilli } from "../time/Timeline.ts"
import type { Verbs } from "../Verbs.ts"

/** The largest number of outcomes in a report. */
const MaxOutcomes = 1000

interface Machine {
  readonly lives: Array<{ readonly node: AnyNode; to: number | undefined; end: NodeEnd | undefined }>
  verdicts: string
  readonly members: Array<number>
}

/** A node that was killed or crashed, and when the others noticed. */
interface Death {
  readonly identity: Identity
  readonly node: AnyNode
  readonly at: number
  /** The nodes that were up then. */
  readonly witnesses: ReadonlySet<AnyNode>
  readonly suspected: Map<AnyNode, number>
  readonly detected: Map<AnyNode, number>
}

const spread = (values: Array<number>): Spread | undefined => {
  values.sort((a, b) => a - b)
  const [first] = values
  const last = values.at(-1)
  if (first === undefined || last === undefined) return undefined
  return { first, median: values[(values.length - 1) >> 1]!, last }
}

/** The largest number of words of an event; a list of hundreds of names is not readable. The trace has all of them. */
const MaxWords = 24

const shortened = (text: string): string => {
  const words = text.split(" ")
  return words.length <= MaxWords ? text : `${words.slice(0, MaxWords).join(" ")} and ${words.length - MaxWords} more`
}

/**
 * Measures a simulation from its beginning.
 *
 * @category models
 * @since 0.2.0
 */
export class Measure {
  readonly verdicts: MemberVerdicts
  readonly #verbs: Verbs
  readonly #recorder: Recorder
  readonly #expected: number
  readonly #machines: Array<Machine> = []
  readonly #times: Array<number> = []
  readonly #datagrams: Array<number> = []
  readonly #bytes: Array<number> = []
  readonly #dropped: Array<number> = []
  readonly #events: Array<ReportEvent> = []
  readonly #deaths = new Map<Identity, Death>()
  readonly #pastDeaths: Array<Death> = []
  readonly #reported = { datagrams: 0, bytes: 0, dropped: 0 }
  #falseSuspicions = 0
  #falseDeaths = 0
  #outcomes = 0
  #converged: number | undefined
  /** Since when all nodes have had the same members. */
  #settledSince: number | undefined
  #lastVerb = 0
  #nodeMillis = 0

  /** Takes a sample every `period` ms. The cluster has converged only when at least `expected` nodes are up. */
  constructor(verbs: Verbs, recorder: Recorder, period: number, expected = 2) {
    this.#verbs = verbs
    // A single node always agrees with itself.
    this.#expected = Math.max(2, expected)
    this.#recorder = recorder
    this.verdicts = new MemberVerdicts(verbs)
    verbs.observe({
      started: (node) => {
        const machine = (this.#machines[node.number - 1] ??= {
          lives: [],
          verdicts: ".".repeat(this.#times.length),
          members: this.#times.map(() => -1)
        })
        machine.lives.push({ node, to: undefined, end: undefined })
        this.#checkAgreement()
      },
      changed: () => this.#checkAgreement(),
      ended: (node) => this.#ended(node),
      verb: (verb, subjects, detail) => {
        const at = verbs.now()
        if (verb !== "skip") this.#lastVerb = at
        const text = shortened([verb, ...subjects, detail].filter((word) => word !== "").join(" "))
        if (verb !== "start" || subjects.length > 1) this.#report(at, "verb", text)
      }
    })
    this.verdicts.onChange((change) => this.#changed(change))
    const sample = () => {
      this.#sample(period)
      verbs.timeline.at(verbs.timeline.now + period * NanosPerMilli, sample)
    }
    verbs.timeline.at(period * NanosPerMilli, sample)
  }

  #report(at: number, kind: ReportEvent["kind"], text: string): void {
    if (kind === "outcome" && ++this.#outcomes > MaxOutcomes) return
    this.#events.push({ at, kind, text })
  }

  /** Records when all nodes have the same members. */
  #checkAgreement(): void {
    const { membershipErrors, up } = this.verdicts
    if (membershipErrors !== 0 || up === 0) {
      this.#settledSince = undefined
      return
    }
    if (this.#settledSince !== undefined) return
    this.#settledSince = this.#verbs.now()
    if (up < (this.#converged === undefined ? this.#expected : 2)) return
    this.#converged ??= this.#settledSince
    this.#report(this.#settledSince, "outcome", `all ${up} nodes have the same members`)
  }

  #ended(node: AnyNode): void {
    const at = this.#verbs.now()
    const life = this.#machines[node.number - 1]?.lives.at(-1)
    const { condition } = node
    const end: NodeEnd = condition === "killed" || condition === "crashed" ? condition : "left"
    if (life !== undefined) {
      life.to = at
      life.end = end
    }
    const identity = this.verdicts.identity(node.id)
    if (end !== "left" && identity !== undefined) {
      const death: Death = {
        identity,
        node,
        at,
        witnesses: new Set(this.#verbs.nodes.filter((other) => other !== node && other.condition === "up")),
        suspected: new Map(),
        detected: new Map()
      }
      this.#retire(identity)
      this.#deaths.set(identity, death)
    }
    this.#checkAgreement()
  }

  /** Ends the measurement of a death, because the identity has a new life. */
  #retire(identity: Identity): void {
    const death = this.#deaths.get(identity)
    if (death === undefined) return
    this.#pastDeaths.push(death)
    this.#deaths.delete(identity)
  }

  #changed({ after, before, change, observer, subject }: VerdictChange): void {
    this.#checkAgreement()
    if (before === after || (after !== Verdict.Suspect && after !== Verdict.Dead)) return
    const at = this.#verbs.now()
    const death = this.#deaths.get(subject)
    if (death !== undefined && death.node === subject.node) {
      const noticed = after === Verdict.Dead ? death.detected : death.suspected
      if (!death.witnesses.has(observer) || noticed.has(observer)) return
      noticed.set(observer, at - death.at)
      const all = [...death.witnesses].every((witness) => witness.condition !== "up" || noticed.has(witness))
      const how = after === Verdict.Dead ? "dead" : "suspect"
      if (noticed.size === 1)
        this.#report(at, "outcome", `${observer.name} is the first to see ${death.node.name} ${how}`)
      else if (after === Verdict.Dead && all) this.#report(at, "outcome", `all nodes see ${death.node.name} dead`)
      return
    }
    if (!this.#isFalse(observer, subject.node, change.incarnation)) return
    if (after === Verdict.Dead) this.#falseDeaths++
    else this.#falseSuspicions++
    const what = after === Verdict.Dead ? "wrongly sees" : "wrongly suspects"
    this.#report(at, "outcome", `${observer.name} ${what} ${subject.node.name}${after === Verdict.Dead ? " dead" : ""}`)
  }

  #isFalse(observer: AnyNode, subject: AnyNode, incarnation: number): boolean {
    const { network } = this.#verbs
    return (
      subject.condition === "up" &&
      SerialNumber.compare(incarnation, subject.firstIncarnation) >= 0 &&
      !subject.host.holding &&
      network.reaches(observer.name, subject.name) &&
      network.reaches(subject.name, observer.name)
    )
  }

  #sample(period: number): void {
    const { network } = this.#verbs
    const { dropped, sent, sentBytes } = network.counters
    const lost = Object.values(dropped).reduce((sum, n) => sum + n, 0)
    this.#times.push(this.#verbs.now())
    this.#datagrams.push(sent - this.#reported.datagrams)
    this.#bytes.push(sentBytes - this.#reported.bytes)
    this.#dropped.push(lost - this.#reported.dropped)
    Object.assign(this.#reported, { datagrams: sent, bytes: sentBytes, dropped: lost })
    this.#nodeMillis += this.verdicts.up * period
    for (const machine of this.#machines) {
      const node = machine.lives.at(-1)?.node
      if (node === undefined) continue
      machine.verdicts += this.#code(node)
      machine.members.push(node.condition === "up" ? node.liveCounts().alive : -1)
    }
  }

  #code(node: AnyNode): VerdictCode {
    const identity = this.verdicts.identity(node.id)
    if (identity === undefined) return "."
    const { held } = identity
    const alive = held[Verdict.Alive]!
    const suspect = held[Verdict.Suspect]!
    const gone = held[Verdict.Dead]! + held[Verdict.Left]!
    // A node that joined later never learns of a member that is gone, so Unknown does not count here.
    if (gone > 0 && alive + suspect === 0) return held[Verdict.Left]! > 0 ? "L" : "D"
    if (gone > 0) return "d"
    if (suspect > 0) return "s"
    const observers = this.verdicts.up - (node.condition === "up" ? 1 : 0)
    if (alive === observers) return "a"
    return alive > 0 ? "j" : "."
  }

  /** The measurements so far. */
  get report(): SimulationReport {
    const { counters } = this.#verbs.network
    const { nodes, timeline } = this.#verbs
    const up = nodes.filter((node) => node.condition === "up")
    const deaths = [...this.#pastDeaths, ...this.#deaths.values()]
    const undetected = deaths.reduce(
      (sum, { detected, witnesses }) =>
        sum + [...witnesses].filter((witness) => witness.condition === "up" && !detected.has(witness)).length,
      0
    )
    const seconds = this.#nodeMillis / 1000
    return {
      seed: this.#verbs.seed,
      duration: this.#verbs.now(),
      nodes: this.#machines.map(({ lives, members, verdicts }, i): ReportNode => ({
        name: nodes[i]?.name ?? "",
        old: lives.at(-1)?.node.kind === "level0",
        lives: lives.map(({ end, node, to }) => ({ from: node.startedAt, to, end })),
        verdicts,
        members
      })),
      samples: { times: this.#times, datagrams: this.#datagrams, bytes: this.#bytes, dropped: this.#dropped },
      events: this.#events,
      summary: {
        up: up.length,
        converged: this.#converged,
        settled: this.#settledSince === undefined ? undefined : Math.max(0, this.#settledSince - this.#lastVerb),
        disagreements: disagreements(up),
        suspected: spread(deaths.flatMap(({ suspected }) => [...suspected.values()])),
        detected: spread(deaths.flatMap(({ detected }) => [...detected.values()])),
        undetected,
        falseSuspicions: this.#falseSuspicions,
        falseDeaths: this.#falseDeaths,
        datagramsPerNodeSecond: seconds === 0 ? 0 : counters.sent / seconds,
        bytesPerNodeSecond: seconds === 0 ? 0 : counters.sentBytes / seconds,
        dropped: counters.dropped,
        hash: this.#recorder.hash,
        events: timeline.events
      }
    }
  }
}
