/** Measures a simulation while it runs. */
import { disagreements } from "../Agreement.ts"
import { type VerdictChange, type Identity, Verdict, MemberVerdicts } from "./MemberVerdicts.ts"
import type { Recorder } from "./Recorder.ts"
import type { VerdictCode, NodeEnd, ReportEvent, ReportNode, SimulationReport, Spread } from "./Report.ts"
import type { AnyNode } from "../SimNode.ts"
import { NanosPerMilli } from "../time/Timeline.ts"
import type { Verbs } from "../Verbs.ts"

/** Outcomes that are told one by one. */
const MaxOutcomes = 1000

interface Machine {
  readonly lives: Array<{ readonly node: AnyNode; to: number | undefined; end: NodeEnd | undefined }>
  verdicts: string
  readonly members: Array<number>
}

/** A node that was killed, and who came to know it when. */
interface Killed {
  readonly identity: Identity
  readonly node: AnyNode
  readonly at: number
  /** Nodes that were up then. */
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

/** Words of an event that are told: of hundreds of names nobody reads more. The trace has them all. */
const MaxWords = 24

const shortened = (text: string): string => {
  const words = text.split(" ")
  return words.length <= MaxWords ? text : `${words.slice(0, MaxWords).join(" ")} and ${words.length - MaxWords} more`
}

/** Follows a simulation from its beginning. */
export class Measure {
  readonly opinions: MemberVerdicts
  readonly #verbs: Verbs
  readonly #recorder: Recorder
  readonly #expected: number
  readonly #machines: Array<Machine> = []
  readonly #times: Array<number> = []
  readonly #datagrams: Array<number> = []
  readonly #bytes: Array<number> = []
  readonly #dropped: Array<number> = []
  readonly #events: Array<ReportEvent> = []
  readonly #killed = new Map<Identity, Killed>()
  readonly #past: Array<Killed> = []
  readonly #reported = { datagrams: 0, bytes: 0, dropped: 0 }
  #falseSuspicions = 0
  #falseDeaths = 0
  #outcomes = 0
  #converged: number | undefined
  /** Since when all have the same members. */
  #settledSince: number | undefined
  #lastVerb = 0
  #nodeMillis = 0

  /** Takes a sample every `period` ms. Before `expected` nodes are up, it is nothing that they agree. */
  constructor(verbs: Verbs, recorder: Recorder, period: number, expected = 2) {
    this.#verbs = verbs
    // One alone agrees with itself.
    this.#expected = Math.max(2, expected)
    this.#recorder = recorder
    this.opinions = new MemberVerdicts(verbs)
    verbs.observe({
      started: (node) => {
        const machine = (this.#machines[node.number - 1] ??= {
          lives: [],
          verdicts: ".".repeat(this.#times.length),
          members: this.#times.map(() => -1)
        })
        machine.lives.push({ node, to: undefined, end: undefined })
        this.#look()
      },
      changed: () => this.#look(),
      ended: (node) => this.#ended(node),
      verb: (verb, subjects, detail) => {
        const at = verbs.now()
        if (verb !== "skip") this.#lastVerb = at
        const text = shortened([verb, ...subjects, detail].filter((word) => word !== "").join(" "))
        if (verb !== "start" || subjects.length > 1) this.#tell(at, "verb", text)
      }
    })
    this.opinions.onChange((change) => this.#changed(change))
    const sample = () => {
      this.#sample(period)
      verbs.timeline.at(verbs.timeline.now + period * NanosPerMilli, sample)
    }
    verbs.timeline.at(period * NanosPerMilli, sample)
  }

  #tell(at: number, kind: ReportEvent["kind"], text: string): void {
    if (kind === "outcome" && ++this.#outcomes > MaxOutcomes) return
    this.#events.push({ at, kind, text })
  }

  /** Takes note of when all have the same members. */
  #look(): void {
    const { membershipErrors, up } = this.opinions
    if (membershipErrors !== 0 || up === 0) {
      this.#settledSince = undefined
      return
    }
    if (this.#settledSince !== undefined) return
    this.#settledSince = this.#verbs.now()
    if (up < (this.#converged === undefined ? this.#expected : 2)) return
    this.#converged ??= this.#settledSince
    this.#tell(this.#settledSince, "outcome", `all ${up} nodes have the same members`)
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
    const identity = this.opinions.identity(node.id)
    if (end !== "left" && identity !== undefined) {
      const killed: Killed = {
        identity,
        node,
        at,
        witnesses: new Set(this.#verbs.nodes.filter((other) => other !== node && other.condition === "up")),
        suspected: new Map(),
        detected: new Map()
      }
      this.#retire(identity)
      this.#killed.set(identity, killed)
    }
    this.#look()
  }

  /** An identity that was killed lives again, so nothing more can be learned of its former end. */
  #retire(identity: Identity): void {
    const killed = this.#killed.get(identity)
    if (killed === undefined) return
    this.#past.push(killed)
    this.#killed.delete(identity)
  }

  #changed({ after, before, observer, subject }: VerdictChange): void {
    this.#look()
    if (before === after || (after !== Verdict.Suspect && after !== Verdict.Dead)) return
    const at = this.#verbs.now()
    const killed = this.#killed.get(subject)
    if (killed !== undefined && killed.node === subject.node) {
      const learned = after === Verdict.Dead ? killed.detected : killed.suspected
      if (!killed.witnesses.has(observer) || learned.has(observer)) return
      learned.set(observer, at - killed.at)
      const all = [...killed.witnesses].every((witness) => witness.condition !== "up" || learned.has(witness))
      const how = after === Verdict.Dead ? "dead" : "suspect"
      if (learned.size === 1)
        this.#tell(at, "outcome", `${observer.name} is the first to hold ${killed.node.name} ${how}`)
      else if (after === Verdict.Dead && all) this.#tell(at, "outcome", `everyone holds ${killed.node.name} dead`)
      return
    }
    if (!this.#isFalse(observer, subject.node)) return
    if (after === Verdict.Dead) this.#falseDeaths++
    else this.#falseSuspicions++
    const what = after === Verdict.Dead ? "wrongly holds" : "wrongly suspects"
    this.#tell(at, "outcome", `${observer.name} ${what} ${subject.node.name}${after === Verdict.Dead ? " dead" : ""}`)
  }

  #isFalse(observer: AnyNode, subject: AnyNode): boolean {
    const { network } = this.#verbs
    return (
      subject.condition === "up" &&
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
    this.#nodeMillis += this.opinions.up * period
    for (const machine of this.#machines) {
      const node = machine.lives.at(-1)?.node
      if (node === undefined) continue
      machine.verdicts += this.#code(node)
      machine.members.push(node.condition === "up" ? node.liveCounts().alive : -1)
    }
  }

  #code(node: AnyNode): VerdictCode {
    const identity = this.opinions.identity(node.id)
    if (identity === undefined) return "."
    const { held } = identity
    const alive = held[Verdict.Alive]!
    const suspect = held[Verdict.Suspect]!
    const gone = held[Verdict.Dead]! + held[Verdict.Left]!
    // Who came later never hears of one that is gone, and does not hold it to be anything.
    if (gone > 0 && alive + suspect === 0) return held[Verdict.Left]! > 0 ? "L" : "D"
    if (gone > 0) return "d"
    if (suspect > 0) return "s"
    const observers = this.opinions.up - (node.condition === "up" ? 1 : 0)
    if (alive === observers) return "a"
    return alive > 0 ? "j" : "."
  }

  /** What came of it so far. */
  get report(): SimulationReport {
    const { counters } = this.#verbs.network
    const { nodes, timeline } = this.#verbs
    const up = nodes.filter((node) => node.condition === "up")
    const killed = [...this.#past, ...this.#killed.values()]
    const undetected = killed.reduce(
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
        suspected: spread(killed.flatMap(({ suspected }) => [...suspected.values()])),
        detected: spread(killed.flatMap(({ detected }) => [...detected.values()])),
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
