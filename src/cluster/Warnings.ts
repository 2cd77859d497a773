/**
 * Warnings of what a node cannot mend itself: two nodes with one id, nodes with its address, and datagrams that it cannot
 * read.
 */
import { Effect, FiberSet } from "effect"
import { NetAddress } from "effect/net"
import { AntiEntropy } from "../anti-entropy/AntiEntropy.ts"
import type { NodeId } from "../domain/NodeId.ts"
import { type Conflict, LocalView } from "../membership/LocalView.ts"
import { NodeClock } from "../time/NodeClock.ts"
import { type Limited, type RejectionReason, Transport } from "../transport/Transport.ts"

/** Small paths are warned of at most once in this time, in ms. */
const PathsPause = 60_000

/** What is said about datagrams of a source that cannot be read. */
const warnings: Record<RejectionReason, (from: string) => string> = {
  OtherKey: (from) =>
    `cannot read datagrams of ${from}: they are sealed with a key that is not in our ring, or for another cluster`,
  Plaintext: (from) => `dropping datagrams of ${from}: they are not encrypted, which is required here`,
  Checksum: (from) => `dropping datagrams of ${from}: they have another cluster name, or are damaged`
}

/** What is said about datagrams that come too fast. */
const limitTexts: Record<Limited["reason"], (from: string) => string> = {
  SourceLimit: (from) =>
    `dropping datagrams of ${from}: they come faster than \`network.inbound_peer_capacity\` and ` +
    "`network.inbound_peer_refill_rate` allow for one source",
  GlobalLimit: (from) =>
    `dropping datagrams, now of ${from}: more come from all sources than \`network.max_inbound_rate\` allows`
}

const conflictText = ({ address, addresses, id, kind }: Conflict, selfId: NodeId): string => {
  const at = NetAddress.formatInet(address)
  if (kind === "SameAddress") return `another node, ${id}, claims our address ${at}`
  if (id === selfId) return `another node, at ${at}, has our id ${id}: give each node its own`
  const places = addresses.map(NetAddress.formatInet).join(" and ")
  return `${addresses.length} nodes, at ${places}, have the id ${id}: give each node its own`
}

/** Logs them until the scope closes. */
export const logWarnings = Effect.gen(function* () {
  const transport = yield* Transport
  const view = yield* LocalView
  const antiEntropy = yield* AntiEntropy
  const { now } = yield* NodeClock
  const log = yield* FiberSet.makeRuntime<never>()
  let pathsFrom = -Infinity
  antiEntropy.onSmallPath((slot) => {
    if (now() - pathsFrom < PathsPause) return
    pathsFrom = now()
    const address = NetAddress.formatInet(view.table.inetAddress(slot))
    log(
      Effect.logWarning(
        `the path to ${address} may carry no long datagrams, so it gets short ones; ` +
          "lower `network.max_datagram` at all nodes if this goes on"
      )
    )
  })
  view.observe({
    conflict: (conflict) => {
      log(Effect.logWarning(conflictText(conflict, view.selfId)))
    }
  })
  transport.onLimited(({ address, reason }) => {
    const from = NetAddress.formatInet(address)
    log(Effect.logWarning(limitTexts[reason](from)))
  })
  transport.onRejected(({ address, id, reason }) => {
    const from = `${NetAddress.formatInet(address)}, which says that it is node ${id}`
    log(Effect.logWarning(warnings[reason](from)))
  })
})
