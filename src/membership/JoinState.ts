/**
 * Whether this node has joined the cluster.
 *
 * @since 0.2.0
 */
import { Context, Effect, Latch, Layer } from "effect"

/**
 * Tells whether the node has joined, and lets others wait for it. `Join` sets it;
 * `Membership` reads it.
 *
 * @category services
 * @since 0.2.0
 */
export class JoinState extends Context.Service<
  JoinState,
  {
    /** Whether the node has joined. */
    readonly isJoined: () => boolean
    /** Succeeds as soon as the node has joined. */
    readonly awaitJoined: Effect.Effect<void>
    /** Notes that the node has joined: a peer answered, or there is none to wait for. */
    readonly markJoined: () => void
  }
>()("effect-gossip/membership/JoinState") {}

/**
 * A node that has not joined yet.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<JoinState> = /* @__PURE__ */ Layer.sync(JoinState, () => {
  const latch = Latch.makeUnsafe(false)
  let joined = false
  return JoinState.of({
    isJoined: () => joined,
    // A latch resumes whoever waits within the call that opens it. Nobody's program may run inside a message handler.
    awaitJoined: Effect.andThen(latch.await, Effect.yieldNow),
    markJoined: () => {
      joined = true
      latch.openUnsafe()
    }
  })
})
