/** The verbs that wait for a condition in virtual time. */
import { Duration, Effect } from "effect"
import { disagreements } from "./Agreement.ts"
import { NotInTime } from "./SimulationError.ts"
import type { KnownStatus } from "./NodeBase.ts"
import type { NodeRegistry } from "./NodeRegistry.ts"
import { NanosPerMilli, type Timeline } from "./time/Timeline.ts"
import type { UntilCondition, Verbs } from "./Verbs.ts"

/** Time between two checks of a condition, in ms. */
const CheckEvery = 10

export const make = (
  timeline: Timeline,
  registry: NodeRegistry
): Pick<Verbs, "until" | "untilConverged" | "untilEveryoneSees"> => {
  const until = <E, R>(
    awaited: string,
    condition: UntilCondition<E, R>,
    within: Duration.Input,
    /** What is the case instead, for the error. */
    found: () => ReadonlyArray<string>
  ) =>
    Effect.gen(function* () {
      const limit = Duration.fromInputUnsafe(within)
      const deadline = timeline.now + Math.round(Duration.toMillis(limit) * NanosPerMilli)
      const holds = typeof condition === "function" ? Effect.sync(condition) : condition
      while (!(yield* holds)) {
        if (timeline.now >= deadline) {
          return yield* new NotInTime({ awaited, within: limit, at: timeline.millis, found: [...found()] })
        }
        yield* Effect.sleep(Math.min(CheckEvery, (deadline - timeline.now) / NanosPerMilli))
      }
    })

  return {
    until: (awaited, condition, within) => until(awaited, condition, within, () => []),
    untilConverged: (within, nodes) => {
      const found = () => disagreements(nodes ?? registry.up)
      return until("all nodes that are up see each other alive", () => found().length === 0, within, found)
    },
    untilEveryoneSees: (node, status, within) => {
      const wanted: ReadonlyArray<KnownStatus> = typeof status === "string" ? [status] : status
      const others = () => registry.up.filter((other) => other !== node && !wanted.includes(other.statusOf(node.id)))
      return until(
        `everyone sees ${node.name} ${wanted.join(" or ")}`,
        () => others().length === 0,
        within,
        () => others().map((other) => `${other.name} sees it ${other.statusOf(node.id)}`)
      )
    }
  }
}
