/** Visits every state of the model within its bounds, and checks each of them. */
import { type Bounds, type Code, code, incarnationOf, initial, isLive, Nothing, Rank, rankOf } from "./Model.ts"
import { type Rules, type State, type Step, steps } from "./Model.ts"

/** What was found. */
export interface Findings {
  readonly states: number
  /** What is wrong, after the shortest way there. `undefined` when nothing is. */
  readonly wrong: string | undefined
}

/** A state as text, for the set of those that were visited. */
const keyOf = ({ endings, made, restarts, suspicions, up, views }: State): string =>
  String.fromCharCode(
    up.reduce((bits, running) => 2 * bits + Number(running), 0),
    suspicions,
    endings,
    restarts,
    ...views.flat(),
    ...made.flatMap((bits) => [bits & 0xffff, bits >>> 16])
  )

/** Why a step may not be. */
const faultOfStep = (before: State, { state: after }: Step): string | undefined => {
  for (const [viewer, view] of after.views.entries()) {
    // A restarted node knows nothing of what it held.
    if (!before.up[viewer]) continue
    for (const [subject, claim] of view.entries()) {
      const held = before.views[viewer]![subject]!
      if (claim === held) continue
      if (held !== Nothing && !isLive(held) && isLive(claim) && incarnationOf(claim) <= incarnationOf(held)) {
        return `${viewer} holds ${subject} live again without a higher incarnation`
      }
      if (claim < held) return `${viewer} holds a weaker claim about ${subject} than before`
      if (subject !== viewer && incarnationOf(claim) > highestOwn(before, subject)) {
        return `${viewer} holds an incarnation of ${subject} that it never had`
      }
    }
  }
  return undefined
}

/** The highest incarnation that a node ever had: nobody else makes one. */
const highestOwn = ({ made }: State, subject: number): number => incarnationOf(31 - Math.clz32(made[subject]!))

/**
 * What is wrong once nothing new happens and everything that running nodes hold has reached each of them: they must agree,
 * and hold each running node alive at its own incarnation. The claims on the way may be lost, since the nodes repeat what
 * they hold.
 */
const faultOfRest = (state: State, rules: Rules): string | undefined => {
  const running = state.up.flatMap((isUp, node) => (isUp ? [node] : []))
  const views = state.views.map((view) => [...view])
  for (let round = 0, changed = true; changed; round++) {
    if (round > 32) return "the running nodes never come to rest"
    changed = false
    for (const from of running) {
      for (const to of running) {
        for (const [subject, claim] of views[from]!.entries()) {
          if (claim === Nothing || from === to) continue
          const held = views[to]![subject]!
          const next = subject === to ? rules.answer(held, claim) : rules.merge(held, claim)
          if (next === held) continue
          views[to]![subject] = next
          changed = true
        }
      }
    }
  }
  for (const subject of state.up.keys()) {
    const held = new Set<Code>(running.map((viewer) => views[viewer]![subject]!))
    if (held.size > 1) return `the running nodes disagree about ${subject}`
    if (state.up[subject] && [...held].some((claim) => rankOf(claim) !== Rank.Alive)) {
      return `${subject} runs and cannot clear its name`
    }
  }
  return undefined
}

/** Explores breadth first, so that what is wrong comes with a shortest way there. */
export const check = (rules: Rules, bounds: Bounds): Findings => {
  if (code(bounds.incarnations + 1, 0) > 31) throw new RangeError("claims must fit in 31 bits")
  interface Visited {
    readonly state: State
    readonly from: Visited | undefined
    readonly name: string
  }
  const wayTo = (end: Visited | undefined): ReadonlyArray<string> =>
    end === undefined ? [] : [...wayTo(end.from), end.name]
  const first: Visited = { state: initial(bounds), from: undefined, name: "start" }
  const seen = new Set([keyOf(first.state)])
  let layer = [first]
  while (layer.length > 0) {
    const next: Array<Visited> = []
    for (const visited of layer) {
      const atRest = faultOfRest(visited.state, rules)
      if (atRest !== undefined) return { states: seen.size, wrong: [...wayTo(visited), atRest].join("; ") }
      for (const step of steps(visited.state, rules, bounds)) {
        const reached: Visited = { state: step.state, from: visited, name: step.name }
        const fault = faultOfStep(visited.state, step)
        if (fault !== undefined) return { states: seen.size, wrong: [...wayTo(reached), fault].join("; ") }
        const key = keyOf(step.state)
        if (seen.has(key)) continue
        seen.add(key)
        next.push(reached)
      }
    }
    layer = next
  }
  return { states: seen.size, wrong: undefined }
}
