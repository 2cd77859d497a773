/**
 * The stream of changes of a running node, which continues when the connection breaks.
 */
import { Effect, Stream } from "effect"
import type * as AdminApi from "../admin/AdminApi.ts"
import type * as ChangeJson from "../admin/ChangeJson.ts"
import * as Endpoint from "./Endpoint.ts"

/**
 * What a follower receives.
 */
export type Notice =
  | { readonly _tag: "Connected" }
  | { readonly _tag: "Changed"; readonly change: ChangeJson.Change }
  /** A member published an event. */
  | { readonly _tag: "Published"; readonly event: AdminApi.ClusterEvent }
  /** Changes that are lost; null if their number is unknown. */
  | { readonly _tag: "Missed"; readonly count: number | null }
  /** The connection broke, and is opened again. */
  | { readonly _tag: "Lost"; readonly reason: string }

/** Time before a broken connection is opened again. */
const RetryDelay = "1 second"

/**
 * Passes every change of a node from now on to `notify`, until it is interrupted. Changes that happen while the
 * connection is broken arrive after it is open again. Fails if the first connection fails.
 */
export const follow = Effect.fnUntraced(function* <R>(
  endpoint: Endpoint.Endpoint,
  notify: (notice: Notice) => Effect.Effect<void, never, R>
): Effect.fn.Return<never, Endpoint.EndpointError, R> {
  let last: string | undefined
  let connected = false

  const noticeOf = (event: AdminApi.Event): Notice => {
    if (event.event === "missed") return { _tag: "Missed", count: event.data.count }
    if (event.event === "published") return { _tag: "Published", event: event.data }
    last = event.id
    return { _tag: "Changed", change: event.data }
  }

  const once = Effect.gen(function* () {
    const events = yield* endpoint.ask((node) =>
      node.events({ headers: last === undefined ? {} : { "last-event-id": last } })
    )
    connected = true
    yield* notify({ _tag: "Connected" })
    yield* events.pipe(
      Stream.mapError(() => new Endpoint.EndpointError({ message: "the connection broke" })),
      Stream.runForEach((event) => notify(noticeOf(event)))
    )
    return yield* new Endpoint.EndpointError({ message: "the node ended the connection" })
  })

  while (true) {
    const error = yield* Effect.flip(once)
    if (!connected) return yield* error
    yield* notify({ _tag: "Lost", reason: error.message })
    yield* Effect.sleep(RetryDelay)
  }
})
