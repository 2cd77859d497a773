/** Members made by hand. */
import { DateTime } from "effect"
import { NetAddress } from "effect/net"
import type { Member } from "../../src/domain/Member.ts"
import * as NodeId from "../../src/domain/NodeId.ts"

export const since = DateTime.makeUnsafe(0)

/** The member with this number; the first is the node itself. */
export const member = (id: number, status: Member["status"] = "alive"): Member => ({
  id: NodeId.fromWords(0, id),
  address: NetAddress.inetAddressFromStringUnsafe(`10.0.0.${id}:7946`),
  status,
  incarnation: 0,
  heartbeat: 0,
  level: 1,
  since,
  tags: {},
  self: id === 1
})
