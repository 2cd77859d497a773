/**
 * A model of the rules that decide what nodes hold about each other: merge, refutation,
 * suspicion, death, leaving and restarts (docs/PROTOCOL.md, 3 and 4). It leaves out what
 * only decides when something happens: timers, probes, heartbeats, and which node is told.
 *
 * The network of the model is as bad as can be. Each claim that was ever made can reach
 * each node at any time, any number of times, or never.
 */

/** Ranks of the claims about one life of a node, from the weakest. */
export const Rank = { Alive: 0, Suspect: 1, Dead: 2, Left: 3 } as const

/** How many ranks there are. */
const Ranks = 4

/** What a node holds about another that it never heard of. */
export const Nothing = 0

/**
 * A claim as a number: `Nothing`, or one more than four incarnations and the rank. So the higher number is the claim that
 * wins.
 */
export type Code = number

/** The claim of an incarnation and a rank. */
export const code = (incarnation: number, rank: number): Code => 1 + Ranks * incarnation + rank

export const incarnationOf = (claim: Code): number => (claim - 1) >> 2

export const rankOf = (claim: Code): number => (claim - 1) & (Ranks - 1)

/** Whether a claim says that a node is there: alive or suspect. */
export const isLive = (claim: Code): boolean => claim !== Nothing && rankOf(claim) <= Rank.Suspect

/** What a node does with a claim. A test replaces one of them to see that the checker notices. */
export interface Rules {
  /** What it holds about another node after a claim about it. */
  readonly merge: (held: Code, claim: Code) => Code
  /** Its own claim after it received a claim about itself. */
  readonly answer: (own: Code, claim: Code) => Code
}

/** The rules of the protocol. */
export const rules: Rules = {
  merge: (held, claim) => Math.max(held, claim),
  answer: (own, claim) => (claim > own ? code(incarnationOf(claim) + 1, Rank.Alive) : own)
}

/** How far the model is explored. */
export interface Bounds {
  readonly nodes: number
  /** The highest incarnation. States that would need a higher one are checked but lead no further. */
  readonly incarnations: number
  /** Suspicions, crashes and leaves together, and restarts of ended nodes. */
  readonly suspicions: number
  readonly endings: number
  readonly restarts: number
}

/** A state of all nodes and of the network. */
export interface State {
  /** Whether each node runs. */
  readonly up: ReadonlyArray<boolean>
  /** What each node holds about each: `views[viewer][subject]`. Its own claim is what it holds about itself. */
  readonly views: ReadonlyArray<ReadonlyArray<Code>>
  /** The claims about each node that were ever made, as a set of bits by code. */
  readonly made: ReadonlyArray<number>
  /** What is left of the bounds. */
  readonly suspicions: number
  readonly endings: number
  readonly restarts: number
}

/** A step: who did what, and the state after it. */
export interface Step {
  readonly name: string
  readonly state: State
}

/** The beginning: each node runs and has told the others of itself, and nobody has heard of it yet. */
export const initial = ({ endings, nodes, restarts, suspicions }: Bounds): State => {
  const own = code(0, Rank.Alive)
  const all = Array.from({ length: nodes }, (_, node) => node)
  return {
    up: all.map(() => true),
    views: all.map((viewer) => all.map((subject) => (viewer === subject ? own : Nothing))),
    made: all.map(() => 1 << own),
    suspicions,
    endings,
    restarts
  }
}

/** The state with another claim in one view. The claim counts as made. */
const holding = (state: State, viewer: number, subject: number, claim: Code): State => ({
  ...state,
  views: state.views.with(viewer, state.views[viewer]!.with(subject, claim)),
  made: state.made.with(subject, state.made[subject]! | (1 << claim))
})

const text = (claim: Code): string =>
  claim === Nothing ? "nothing" : `${Object.keys(Rank)[rankOf(claim)]} ${incarnationOf(claim)}`

/** All steps that are possible in a state. */
export const steps = (state: State, rules: Rules, { incarnations }: Bounds): ReadonlyArray<Step> => {
  const found: Array<Step> = []
  const add = (name: string, next: State): void => {
    found.push({ name, state: next })
  }
  const { made, up, views } = state
  for (const [viewer, view] of views.entries()) {
    const own = view[viewer]!
    if (!up[viewer]) {
      // A node that comes back with its id begins at its first incarnation: it knows nothing of its former life.
      if (state.restarts > 0) {
        const fresh = view.map((_, subject) => (subject === viewer ? code(0, Rank.Alive) : Nothing))
        const next = { ...state, up: up.with(viewer, true), views: views.with(viewer, fresh) }
        add(`${viewer} restarts`, { ...next, restarts: state.restarts - 1 })
      }
      continue
    }
    if (state.endings > 0) {
      const ended = { ...state, up: up.with(viewer, false), endings: state.endings - 1 }
      add(`${viewer} crashes`, ended)
      add(`${viewer} leaves`, holding(ended, viewer, viewer, code(incarnationOf(own), Rank.Left)))
    }
    for (const [subject, held] of view.entries()) {
      if (subject === viewer) {
        for (let claim = 1; claim < 32; claim++) {
          if ((made[subject]! & (1 << claim)) === 0) continue
          const next = rules.answer(own, claim)
          if (next === own || incarnationOf(next) > incarnations) continue
          add(`${viewer} answers ${text(claim)} with ${text(next)}`, holding(state, viewer, viewer, next))
        }
        continue
      }
      if (held !== Nothing && rankOf(held) === Rank.Alive && state.suspicions > 0) {
        const suspect = holding(state, viewer, subject, code(incarnationOf(held), Rank.Suspect))
        add(`${viewer} suspects ${subject}`, { ...suspect, suspicions: state.suspicions - 1 })
      }
      if (held !== Nothing && rankOf(held) === Rank.Suspect) {
        add(`${viewer} declares ${subject} dead`, holding(state, viewer, subject, code(incarnationOf(held), Rank.Dead)))
      }
      for (let claim = 1; claim < 32; claim++) {
        if ((made[subject]! & (1 << claim)) === 0) continue
        const next = rules.merge(held, claim)
        if (next !== held) add(`${viewer} hears ${text(claim)} of ${subject}`, holding(state, viewer, subject, next))
      }
    }
  }
  return found
}
