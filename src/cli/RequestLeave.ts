/** Makes a running node leave its cluster. */
import { Console, Effect } from "effect"
import * as Endpoint from "./Endpoint.ts"
import type * as EndpointFlags from "./EndpointFlags.ts"

/** Handles `gossip leave`. */
export const handle = Effect.fnUntraced(
  function* (flags: EndpointFlags.Flags) {
    const { askWithoutLimit, place } = yield* Endpoint.connect(flags)
    yield* askWithoutLimit((node) => node.leave())
    yield* Console.log(`the node at ${Endpoint.placeText(place)} has left the cluster`)
  },
  Effect.scoped,
  Effect.mapError(Endpoint.asUserError)
)
