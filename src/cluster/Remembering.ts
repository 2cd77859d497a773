/** Keeps the version of the own tags, and where members are, for the next run. */
import { Effect, Option } from "effect"
import * as MembersToRemember from "../join/MembersToRemember.ts"
import { LocalView } from "../membership/LocalView.ts"
import { SelfSlot } from "../membership/MemberTable.ts"
import { NodeState } from "../state/NodeState.ts"
import { NodeClock } from "../time/NodeClock.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

/** Time from a change to a look at the members, in which more may change, and the shortest time between two looks, in ms. */
const Settling = 1000
const LookEvery = 5000

/** Keeps what has changed, a moment after it has, until the scope closes. Does nothing without a state. */
export const remember = Effect.gen(function* () {
  const kept = Option.getOrUndefined(yield* NodeState)
  if (kept === undefined) return
  const view = yield* LocalView
  const { table } = view
  const { alarm } = yield* NodeClock
  let version = kept.tagVersion
  let members: ReadonlyArray<Uint8Array> = kept.members.map((address) => PackedAddress.pack(address))
  let lookedAt = -Infinity
  let dueAt = Infinity

  const look = (): void => {
    const chosen = MembersToRemember.choose(members, table)
    const present = table.tags[SelfSlot]?.version ?? version
    if (present === version && MembersToRemember.isSame(members, chosen)) return
    version = present
    members = chosen
    kept.remember(
      version,
      members.map((address) => PackedAddress.read(address, 0))
    )
  }
  const looks = yield* alarm("remembering", {
    next: () => dueAt,
    fire: (now) => {
      lookedAt = now
      dueAt = Infinity
      look()
    }
  })
  const changed = (now: number): void => {
    if (dueAt !== Infinity) return
    dueAt = Math.max(now + Settling, lookedAt + LookEvery)
    looks.reset()
  }
  view.observe({
    proved: (_, now) => changed(now),
    tagsChanged: ({ now, slot }) => {
      if (slot === SelfSlot) changed(now)
    }
  })
  yield* Effect.addFinalizer(() => Effect.sync(look))
})
