/** Warnings of what a node cannot mend itself: nodes with its id or address, and datagrams that it cannot read. */
import { Effect, FiberSet } from "effect"
import { NetAddress } from "effect/net"
import { LocalView } from "../membership/LocalView.ts"
import { type RejectionReason, Transport } from "../transport/Transport.ts"

/** What is said about datagrams of a source that cannot be read. */
const warnings: Record<RejectionReason, (from: string) => string> = {
  OtherKey: (from) =>
    `cannot read datagrams of ${from}: they are sealed with a key that is not in our ring, or for another cluster`,
  Plaintext: (from) => `dropping datagrams of ${from}: they are not encrypted, which is required here`,
  Checksum: (from) => `dropping datagrams of ${from}: they have another cluster name, or are damaged`
}

/** Logs them until the scope closes. */
export const logWarnings = Effect.gen(function* () {
  const transport = yield* Transport
  const view = yield* LocalView
  const log = yield* FiberSet.makeRuntime<never>()
  view.observe({
    conflict: ({ address, id, kind }) => {
      log(
        Effect.logWarning(
          kind === "SameId"
            ? `another node, at ${NetAddress.formatInet(address)}, has our id ${id}: give each node its own`
            : `another node, ${id}, claims our address ${NetAddress.formatInet(address)}`
        )
      )
    }
  })
  transport.onRejected(({ address, id, reason }) => {
    const from = `${NetAddress.formatInet(address)}, which says that it is node ${id}`
    log(Effect.logWarning(warnings[reason](from)))
  })
})
