/**
 * Waiting until a node has joined its cluster, and telling that it has not.
 *
 * @since 0.2.0
 */
import { Duration, Effect, Layer, Schema } from "effect"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as Peer from "../domain/Peer.ts"
import { JoinState } from "../membership/JoinState.ts"
import { Activity } from "../time/Activity.ts"

/** The most peers that a message names. */
const MaxNamed = 8
/** When the first reminder comes, and the longest time between two, which doubles until then. */
const FirstReminder = Duration.seconds(5)
const LongestReminder = Duration.minutes(10)

const named = (peers: ReadonlyArray<string>): string =>
  peers.length > MaxNamed
    ? `${peers.slice(0, MaxNamed).join(", ")} and ${peers.length - MaxNamed} more`
    : peers.join(", ")

const advice =
  "check that a peer runs there, that UDP gets through in both directions, " +
  "and that all nodes have the same key and cluster name"

/** `1 s`, `1 min 30 s`. */
const text = (duration: Duration.Duration): string => Duration.format(duration)

/**
 * No peer answered within the time that the layer of a node waits for the join.
 *
 * @category errors
 * @since 0.2.0
 */
export class JoinTimeout extends Schema.TaggedError<JoinTimeout>()("JoinTimeout", {
  /** The peers of the configuration, as text. */
  peers: Schema.Array(Schema.String),
  /** How long the node waited. */
  after: Schema.Duration
}) {
  override get message(): string {
    return `no answer from ${named(this.peers)} within ${text(this.after)}; ${advice}`
  }
}

const peersOf = Effect.map(CurrentConfig, ({ network }) => network.peers.map(Peer.format))

/**
 * Waits until the node has joined, and fails with `JoinTimeout` when it has not
 * within this time.
 *
 * **When to use**
 *
 * Provide it together with a node to a program that must not start outside of its
 * cluster. The option `joinTimeout` of `Cluster.layer` does the same.
 *
 * **Details**
 *
 * A node has joined when a peer has answered. A node without peers has joined at
 * once, since it waits to be contacted.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (timeout: Duration.Input): Layer.Layer<never, JoinTimeout, CurrentConfig | JoinState> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { awaitJoined } = yield* JoinState
      const peers = yield* peersOf
      const after = Duration.fromInputUnsafe(timeout)
      yield* Effect.timeoutOrElse(awaitJoined, {
        duration: after,
        orElse: () => Effect.fail(new JoinTimeout({ peers, after }))
      })
    })
  )

/**
 * Logs a warning while no peer answers: after 5 s, and then at intervals that
 * double up to 10 minutes. Ends when the node has joined or leaves.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerReminder: Layer.Layer<never, never, Activity | CurrentConfig | JoinState> = Layer.effectDiscard(
  Effect.gen(function* () {
    const { awaitJoined } = yield* JoinState
    const peers = yield* peersOf
    if (peers.length === 0) return
    const remind = (after: Duration.Duration, wait: Duration.Duration): Effect.Effect<never> =>
      Effect.sleep(wait).pipe(
        Effect.andThen(Effect.logWarning(`no answer from ${named(peers)} for ${text(after)}; keeps trying; ${advice}`)),
        Effect.andThen(
          Effect.suspend(() => {
            const next = Duration.min(Duration.times(wait, 2), LongestReminder)
            return remind(Duration.sum(after, next), next)
          })
        )
      )
    yield* Effect.raceFirst(remind(FirstReminder, FirstReminder), awaitJoined).pipe(Effect.forkIn(yield* Activity))
  })
)
