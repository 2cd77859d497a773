/**
 * Runs an effect as long as a condition holds.
 *
 * @since 0.2.0
 */
import { Effect, Option, Stream } from "effect"

/**
 * Starts `effect` when `conditions`, which gives the present value first, becomes true, and interrupts it when it becomes
 * false. Succeeds with what the effect gives when it ends, and fails as it fails.
 */
export const whileTrue =
  (conditions: Stream.Stream<boolean>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
    const becomes = (wanted: boolean) => Stream.runDrain(Stream.takeUntil(conditions, (holds) => holds === wanted))
    const once = Effect.andThen(
      becomes(true),
      Effect.raceFirst(Effect.asSome(effect), Effect.as(becomes(false), Option.none<A>()))
    )
    return Effect.flatMap(
      Effect.repeat(once, { until: Option.isSome }),
      // It ends with a value only.
      Option.match({ onNone: () => Effect.never, onSome: Effect.succeed })
    )
  }
