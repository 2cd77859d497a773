// A cache that is spread over the members: each value is at its owner and at the next member of the ring.
import { Context, Effect, Layer, Result, Schema, Stream } from "effect"
import { type Member, Queries, Query, Ring } from "effect-gossip"

const Get = Query.make("cache-get", { payload: Schema.String, success: Schema.NullOr(Schema.String) })
const Put = Query.make("cache-put", { payload: Schema.Tuple([Schema.String, Schema.String]), success: Schema.Void })

const make = Effect.gen(function* () {
  const [ring, { ask }] = [yield* Ring.Ring, yield* Queries.Queries]
  const ownersOf = (key: string) =>
    Effect.map(ring.owners(key, 2), (owners) => ({
      filter: ({ id }: Member.Member) => owners.some((owner) => owner.id === id)
    }))
  return {
    get: Effect.fnUntraced(function* (key: string) {
      const answers = Stream.map(ask(Get, key, yield* ownersOf(key)), ({ answer }) => Result.merge(answer))
      return yield* Stream.runHead(Stream.filter(answers, (value): value is string => value !== null))
    }),
    put: (key: string, value: string) =>
      Effect.flatMap(ownersOf(key), (owners) => Stream.runDrain(ask(Put, [key, value], owners)))
  }
})

export class Sharded extends Context.Service<Sharded>()("example/Sharded", { make }) {}

const handlers = (values: Map<string, string>) =>
  Layer.merge(
    Queries.handle(Get, (key) => Effect.sync(() => values.get(key) ?? null)),
    Queries.handle(Put, ([key, value]) => Effect.sync(() => void values.set(key, value)))
  )

export const layer = Layer.provideMerge(
  Layer.effect(Sharded, Sharded.make),
  Layer.suspend(() => handlers(new Map()))
)
