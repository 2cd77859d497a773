/** Explains why a member has its status, in sentences. */
import { Console, Effect } from "effect"
import * as Endpoint from "./Endpoint.ts"
import type { Input } from "./explain.ts"
import * as IdArgument from "./IdArgument.ts"
import * as MemberHistory from "./MemberHistory.ts"
import { addressIn, byId } from "./MembersView.ts"

/** Handles `gossip explain`. */
export const handle = Effect.fnUntraced(
  function* ({ id: text, ...flags }: Input) {
    const id = yield* IdArgument.parse(text)
    const { ask } = yield* Endpoint.connect(flags)
    const record = yield* ask((node) => node.member({ params: { id } }))
    // The list is needed only for the addresses of the nodes that the history mentions.
    const members =
      MemberHistory.mentioned(record).length === 0 ? [] : (yield* ask((node) => node.members({ query: {} }))).nodes
    yield* Console.log(MemberHistory.lines(record, addressIn({ members: byId(members) })).join("\n"))
  },
  Effect.scoped,
  Effect.mapError(Endpoint.asUserError)
)
