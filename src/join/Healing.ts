/** The choice of whom to contact so that the two sides of a partition find each other again. */
import type * as Peer from "../domain/Peer.ts"
import { type MemberTable, SelfSlot } from "../membership/MemberTable.ts"
import type { MemberClaim } from "../outbox/MemberClaim.ts"
import type { BootstrapPeers } from "./BootstrapPeers.ts"
import type { HealList } from "./HealList.ts"

/** One attempt: a member that died, or a bootstrap peer where no member is alive now. */
export type Attempt =
  | { readonly _tag: "DeadMember"; readonly claim: MemberClaim }
  | { readonly _tag: "PeerAddress"; readonly address: Uint8Array }
  | { readonly _tag: "PeerName"; readonly peer: Peer.Named }

/** Where the candidates come from. */
export interface HealingSources {
  readonly healList: HealList
  readonly peers: BootstrapPeers
  readonly table: MemberTable
}

/** Whether the address of a claim belongs to us, or to a live member of another id. */
const isTaken = (table: MemberTable, { address, idHi, idLo }: MemberClaim): boolean => {
  if (table.sameAddress(SelfSlot, address, 0)) return true
  const live = table.liveAt(address, 0)
  return live >= 0 && (table.idHi(live) !== idHi || table.idLo(live) !== idLo)
}

/**
 * Chooses one candidate at random. All candidates of the heal list and all absent peers together are equally likely.
 * Returns `undefined` when there is none. `now` is in ms of the monotonic clock.
 */
export const choose = (
  { healList, peers, table }: HealingSources,
  random: () => number,
  now: number
): Attempt | undefined => {
  const addresses = peers.absent(table)
  const names = peers.absentNames(table)
  const total = healList.countReady(now) + addresses.length + names.length
  if (total === 0) return undefined
  const chosen = Math.floor(random() * total)
  const address = addresses[chosen]
  if (address !== undefined) return { _tag: "PeerAddress", address }
  const peer = names[chosen - addresses.length]
  if (peer !== undefined) return { _tag: "PeerName", peer }
  const claim = healList.pick(random, now, (claim) => isTaken(table, claim))
  return claim === undefined ? undefined : { _tag: "DeadMember", claim }
}
