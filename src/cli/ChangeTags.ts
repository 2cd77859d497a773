/** Changes the tags of a running node. */
import { Console, Effect } from "effect"
import { visible } from "../domain/VisibleText.ts"
import { tagsText } from "./ChangeLine.ts"
import * as Endpoint from "./Endpoint.ts"
import type * as EndpointFlags from "./EndpointFlags.ts"
import * as TagArguments from "./TagArguments.ts"
import type { SetInput, UnsetInput } from "./tags.ts"

interface Change {
  readonly set?: { readonly [key: string]: string }
  readonly unset?: ReadonlyArray<string>
}

const change = Effect.fnUntraced(function* (payload: Change, flags: EndpointFlags.Flags) {
  const { ask } = yield* Endpoint.connect(flags)
  const { tags } = yield* ask((node) => node.changeTags({ payload }))
  yield* Console.log(Object.keys(tags).length === 0 ? "no tags" : visible(tagsText(tags)))
}, Effect.scoped)

/** Handles `gossip tags set`. */
export const set = Effect.fnUntraced(function* ({ tags, ...flags }: SetInput) {
  const pairs = yield* Effect.fromResult(TagArguments.parse(tags))
  yield* change({ set: Object.fromEntries(pairs) }, flags)
}, Effect.mapError(Endpoint.asUserError))

/** Handles `gossip tags unset`. */
export const unset = Effect.fnUntraced(function* ({ keys, ...flags }: UnsetInput) {
  yield* change({ unset: keys }, flags)
}, Effect.mapError(Endpoint.asUserError))
