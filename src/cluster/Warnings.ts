/** Warnings of what a node cannot mend itself: nodes with its id or address, and datagrams that it cannot read. */
import { Effect, FiberSet } from "effect"
import { NetAddress } from "effect/net"
import { LocalView } from "../membership/LocalView.ts"
import { Transport } from "../transport/Transport.ts"

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
    log(
      Effect.logWarning(
        reason === "OtherKey"
          ? `cannot read datagrams of ${from}: they are sealed with a key that is not in our ring, or for another cluster`
          : `dropping datagrams of ${from}: they are not encrypted, which is required here`
      )
    )
  })
})
