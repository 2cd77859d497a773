/** What a node has seen since its start, for those who ask later. */
import { Context, Effect, Layer, Stream } from "effect"
import type { Member } from "../domain/Member.ts"
import { Membership } from "../membership/Membership.ts"
import { EventLog } from "./EventLog.ts"
import { History } from "./History.ts"

/** Keeps the changes of one node, from the moment that its layer is built. */
export class Journal extends Context.Service<
  Journal,
  {
    /** What became of each member. */
    readonly history: History
    /** The newest changes. Ends with the node. */
    readonly events: EventLog
    /** Whether the node ever knew another one. */
    readonly hasMet: () => boolean
  }
>()("effect-gossip/admin/Journal") {}

export const layer: Layer.Layer<Journal, never, Membership> = Layer.effect(
  Journal,
  Effect.gen(function* () {
    const membership = yield* Membership
    const history = new History()
    const events = new EventLog()
    let met = false
    const meet = (member: Member): void => {
      met ||= !member.self
    }
    yield* membership.changes.pipe(
      Stream.runForEach((change) =>
        Effect.sync(() => {
          // What was missed shows as a gap in the sequence.
          if (change._tag === "Missed") return
          if ("member" in change) meet(change.member)
          history.note(change)
          events.append(change)
        })
      ),
      Effect.ensuring(Effect.sync(() => events.end())),
      Effect.forkScoped({ startImmediately: true })
    )
    for (const member of yield* membership.members) {
      meet(member)
      history.begin(member)
    }
    return Journal.of({ history, events, hasMet: () => met })
  })
)
