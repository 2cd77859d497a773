/**
 * Records the changes of a node, for clients that ask later.
 *
 * @since 0.2.0
 */
import { Context, Effect, Layer, Stream } from "effect"
import type { Member } from "../domain/Member.ts"
import { Membership } from "../membership/Membership.ts"
import { EventLog } from "./EventLog.ts"
import { History } from "./History.ts"

export type { Change } from "./ChangeJson.ts"
export type { Batch, EventLog } from "./EventLog.ts"
export type { History, Record } from "./History.ts"

/**
 * Records the changes of one node from the time its layer is built.
 *
 * @category services
 * @since 0.2.0
 */
export class Journal extends Context.Service<
  Journal,
  {
    /** The history of each member. */
    readonly history: History
    /** The newest changes. Ends with the node. */
    readonly events: EventLog
    /** Whether the node has ever seen another member. */
    readonly hasMet: () => boolean
  }
>()("effect-gossip/admin/Journal") {}

/**
 * Starts the recording.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<Journal, never, Membership> = Layer.effect(
  Journal,
  Effect.gen(function* () {
    const membership = yield* Membership
    const history = new History()
    const events = new EventLog()
    let hasMet = false
    const see = (member: Member): void => {
      hasMet ||= !member.self
    }
    yield* membership.changes.pipe(
      Stream.runForEach((change) =>
        Effect.sync(() => {
          // Missed changes show as a gap in the sequence.
          if (change._tag === "Missed") return
          if ("member" in change) see(change.member)
          history.add(change)
          events.append(change)
        })
      ),
      Effect.ensuring(Effect.sync(() => events.end())),
      Effect.forkScoped({ startImmediately: true })
    )
    for (const member of yield* membership.members) {
      see(member)
      history.begin(member)
    }
    return Journal.of({ history, events, hasMet: () => hasMet })
  })
)
