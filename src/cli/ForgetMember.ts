/** Takes a dead member off the list of all members. */
import { Console, Effect } from "effect"
import * as Endpoint from "./Endpoint.ts"
import type { Input } from "./forget.ts"
import * as IdArgument from "./IdArgument.ts"

/** Handles `gossip forget`. */
export const handle = Effect.fnUntraced(
  function* ({ id: text, ...flags }: Input) {
    const id = yield* IdArgument.parse(text)
    const { ask } = yield* Endpoint.connect(flags)
    yield* ask((node) => node.forget({ params: { id } }))
    yield* Console.log(`member ${id} is forgotten`)
  },
  Effect.scoped,
  Effect.mapError(Endpoint.asUserError)
)
