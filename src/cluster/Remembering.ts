/** Keeps the version of the own tags, and where members are, for the next run. */
import { Effect, Option } from "effect"
import * as MembersToRemember from "../join/MembersToRemember.ts"
import { LocalView } from "../membership/LocalView.ts"
import { SelfSlot } from "../membership/MemberTable.ts"
import { NodeState } from "../state/NodeState.ts"
import { NodeClock } from "../time/NodeClock.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

/** Time to the first look at the members, and between two looks, in ms. */
const FirstLook = 1000
const LookEvery = 10_000

/** Looks at the members now and then, and keeps what has changed, until the scope closes. Does nothing without a state. */
export const remember = Effect.gen(function* () {
  const kept = Option.getOrUndefined(yield* NodeState)
  if (kept === undefined) return
  const { table } = yield* LocalView
  const { every } = yield* NodeClock
  let version = kept.tagVersion
  let members: ReadonlyArray<Uint8Array> = kept.members.map((address) => PackedAddress.pack(address))

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

  yield* Effect.addFinalizer(() => Effect.sync(look))
  yield* every("remembering", { first: FirstLook, period: () => LookEvery, tick: look })
})
