/** Simulated clusters under one rule set, and what is measured in all of them. */
import { parseArgs } from "node:util"
import { Effect } from "effect"
import * as Simulation from "../../src/simulation/Simulation.ts"
import type { Conditions } from "../../src/simulation/network/Conditions.ts"
import type { AnyNode, SimNode } from "../../src/simulation/SimNode.ts"
import type { Verbs } from "../../src/simulation/Verbs.ts"
import { compared, type Mode } from "./Modes.ts"

/** One run. */
export interface Run {
  readonly mode: Mode
  readonly nodes: number
  readonly seed: number
  readonly network?: Partial<Conditions>
  /** Whether the nodes join through the first, instead of having met long ago. */
  readonly joining?: boolean
}

/** A cluster and its verbs. */
export interface Cluster {
  readonly verbs: Verbs
  readonly nodes: ReadonlyArray<SimNode>
}

/**
 * Runs a scenario on a cluster whose nodes have met long ago, unless they are to join. A network round trip takes 1 ms
 * unless the run says otherwise. Invariants are not watched: the rules that are compared break some of them.
 */
export const run = <A>(
  { joining = false, mode: { config }, network, nodes, seed }: Run,
  scenario: (cluster: Cluster) => Effect.Effect<A, unknown>
): Promise<A> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const verbs = yield* Simulation.Simulation
      const started = yield* verbs.start(nodes, { config: joining ? config : { ...config, peers: [] } })
      if (!joining) yield* verbs.introduce(started)
      return yield* scenario({ verbs, nodes: started })
    }).pipe((program) =>
      Simulation.run(program, {
        seed,
        invariants: false,
        network: { latency: 0.5, jitter: 0.1, ...network }
      })
    )
  )

/** When each of `observers` first holds `subject` dead; filled in as it happens. */
export const watchDeaths = (
  { verbs }: Cluster,
  observers: ReadonlyArray<AnyNode>,
  subject: AnyNode
): ReadonlyMap<AnyNode, number> => {
  const times = new Map<AnyNode, number>()
  for (const observer of observers) {
    observer.onViewChange((id, known) => {
      if (id === subject.id && (known === "dead" || known === "left") && !times.has(observer)) {
        times.set(observer, verbs.now())
      }
    })
  }
  return times
}

/** Verdicts about members that are well: suspicions and deaths, by who holds them. */
export interface FalseVerdicts {
  suspicions: number
  deaths: number
  /** Deaths in the eyes of members that are well themselves. */
  deathsAtHealthy: number
}

/** Counts verdicts about nodes for which `isWell`, from now on. */
export const watchFalseVerdicts = (
  nodes: ReadonlyArray<AnyNode>,
  isWell: (node: AnyNode) => boolean
): FalseVerdicts => {
  const counts: FalseVerdicts = { suspicions: 0, deaths: 0, deathsAtHealthy: 0 }
  const byId = new Map(nodes.map((node) => [node.id, node]))
  for (const observer of nodes) {
    observer.onViewChange((id, known) => {
      const subject = byId.get(id)
      if (subject === undefined || !isWell(subject)) return
      if (known === "suspect") counts.suspicions++
      if (known !== "dead") return
      counts.deaths++
      if (isWell(observer)) counts.deathsAtHealthy++
    })
  }
  return counts
}

/** The options that every experiment understands. */
export const options = (defaults: { readonly seeds: number; readonly sizes: string }) => {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: String(defaults.seeds) },
      sizes: { type: "string", default: defaults.sizes },
      rules: { type: "string", default: "plain,memberlist,all" },
      lengths: { type: "string", default: "10,60,3600" },
      sealed: { type: "boolean", default: false },
      short: { type: "boolean", default: false },
      alone: { type: "boolean", default: false },
      curve: { type: "boolean", default: false }
    }
  })
  return {
    seeds: Array.from({ length: Number(values.seeds) }, (_, i) => i + 1),
    sizes: values.sizes.split(",").map(Number),
    /** The rule sets that `--rules` names. */
    modes: compared.filter(({ name }) => values.rules.split(",").includes(name)),
    /** In seconds. */
    lengths: values.lengths.split(",").map(Number),
    /** Whether every datagram is sealed. */
    sealed: values.sealed,
    short: values.short,
    alone: values.alone,
    curve: values.curve
  }
}
