/**
 * The changes that a node tells of, through every break of the connection.
 */
import { Effect, Stream } from "effect"
import type * as AdminApi from "../admin/AdminApi.ts"
import * as Endpoint from "./Endpoint.ts"

/**
 * What somebody who follows a node is told.
 */
export type Told =
  | { readonly _tag: "Connected" }
  | { readonly _tag: "Changed"; readonly change: AdminApi.Change }
  /** So many changes are lost; null where nobody knows how many. */
  | { readonly _tag: "Missed"; readonly count: number | null }
  /** The connection broke; it is tried again. */
  | { readonly _tag: "Lost"; readonly reason: string }

/** Time until a broken connection is tried again. */
const Pause = "1 second"

/**
 * Tells everything that changes at a node from now on, for ever. What happens while the connection is broken comes late,
 * and not never. Fails when the first connection does.
 */
export const follow = Effect.fnUntraced(function* <R>(
  endpoint: Endpoint.Endpoint,
  tell: (told: Told) => Effect.Effect<void, never, R>
): Effect.fn.Return<never, Endpoint.EndpointError, R> {
  let last: string | undefined
  let connected = false

  const toldOf = (event: AdminApi.Event): Told => {
    if (event.event === "missed") return { _tag: "Missed", count: event.data.count }
    last = event.id
    return { _tag: "Changed", change: event.data }
  }

  const once = Effect.gen(function* () {
    const events = yield* endpoint.ask((node) =>
      node.events({ headers: last === undefined ? {} : { "last-event-id": last } })
    )
    connected = true
    yield* tell({ _tag: "Connected" })
    yield* events.pipe(
      Stream.mapError(() => new Endpoint.EndpointError({ message: "the connection broke" })),
      Stream.runForEach((event) => tell(toldOf(event)))
    )
    return yield* new Endpoint.EndpointError({ message: "the node ended the connection" })
  })

  while (true) {
    const error = yield* Effect.flip(once)
    if (!connected) return yield* error
    yield* tell({ _tag: "Lost", reason: error.message })
    yield* Effect.sleep(Pause)
  }
})
