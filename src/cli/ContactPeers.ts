/** Makes a running node contact peers. */
import { Console, Effect } from "effect"
import * as Endpoint from "./Endpoint.ts"
import type { Input } from "./join.ts"

/** Handles `gossip join`. */
export const handle = Effect.fnUntraced(
  function* ({ peers, ...flags }: Input) {
    const { ask, place } = yield* Endpoint.connect(flags)
    const [first, ...others] = peers
    if (first === undefined) return
    yield* ask((node) => node.join({ payload: { peers: [first, ...others] } }))
    yield* Console.log(`the node at ${Endpoint.placeText(place)} contacts ${peers.join(", ")} until they answer`)
  },
  Effect.scoped,
  Effect.mapError(Endpoint.asUserError)
)
