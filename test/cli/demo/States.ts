/** States of the demo for tests. */
import { DateTime } from "effect"
import { NetAddress } from "effect/net"
import * as DemoState from "../../../src/cli/demo/DemoState.ts"
import type { Member, MemberStatus } from "../../../src/domain/Member.ts"
import * as NodeId from "../../../src/domain/NodeId.ts"

export const id = (n: number) => NodeId.fromWords(0, n)
export const startedAt = 1_800_000_000_000

export const member = (n: number, status: MemberStatus): Member => ({
  id: id(n),
  address: NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 40_000 + n),
  status,
  incarnation: 1,
  heartbeat: 1,
  level: 1,
  since: DateTime.makeUnsafe(startedAt),
  tags: {},
  self: false
})

/** Nodes that all see each other alive. */
export const stateOf = (count: number): DemoState.DemoState => {
  const all = Array.from({ length: count }, (_, index) => index + 1)
  let state = DemoState.empty("these settings: one, two, three", startedAt)
  for (const n of all) {
    state = DemoState.withNode(state, { id: id(n), port: 40_000 + n, condition: "running" })
    state = DemoState.withView(
      state,
      id(n),
      all.map((n) => member(n, "alive"))
    )
  }
  return state
}
