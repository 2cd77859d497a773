// A cache at every member, from which an event removes what has changed.
import { Cache, Context, Effect, Layer, Schema, Stream } from "effect"
import { ClusterEvent, Events } from "effect-gossip"

export const Changed = ClusterEvent.make("user-changed", { payload: Schema.Struct({ id: Schema.String }) })

export class Users extends Context.Service<
  Users,
  {
    readonly nameOf: (id: string) => Effect.Effect<string>
    /** Says to all members, this one included, that a user is not what it was. */
    readonly changed: (id: string) => Effect.Effect<void, ClusterEvent.PublishError>
  }
>()("example/Users") {}

export const layer = (load: (id: string) => Effect.Effect<string>) =>
  Layer.effect(
    Users,
    Effect.gen(function* () {
      const events = yield* Events.Events
      // Delivery is best effort, so nothing stays for longer than some minutes.
      const cache = yield* Cache.make({ capacity: 10_000, timeToLive: "5 minutes", lookup: load })
      yield* Stream.runForEach(events.stream(Changed), ({ payload }) => Cache.invalidate(cache, payload.id)).pipe(
        Effect.forkScoped({ startImmediately: true })
      )
      return { nameOf: (id) => Cache.get(cache, id), changed: (id) => events.publish(Changed, { id }) }
    })
  )
