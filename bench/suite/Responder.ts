/** The process of `Live.ts` that answers PINGs: a node, or a bare socket that sends each datagram back. */
import { createSocket } from "node:dgram"
import { Effect } from "effect"
import { Cluster } from "../../src/cluster/Cluster.ts"
import * as NodeCluster from "../../src/node/NodeCluster.ts"
import { clusterKey, isResponder, type Told } from "./Responders.ts"

const tell = (message: Told): void => {
  process.send?.(message)
}

process.on("message", () => {
  const { system, user } = process.cpuUsage()
  tell({ cpu: system + user })
})

const echo = (): void => {
  const socket = createSocket("udp4")
  socket.on("message", (payload, { address, port }) => socket.send(payload, port, address))
  socket.bind(0, "127.0.0.1", () => tell({ port: socket.address().port }))
}

const node = (sealed: boolean): Promise<never> =>
  Effect.runPromise(
    Effect.gen(function* () {
      const { bound } = yield* Cluster
      tell({ port: bound.port })
      return yield* Effect.never
    }).pipe(
      Effect.provide(
        NodeCluster.layer({
          bind: "127.0.0.1:0",
          // The limits are for strangers and floods, of which this is one.
          maxInboundRate: 0,
          inboundPeerCapacity: 1_000_000,
          inboundPeerRefillRate: 1_000_000,
          // News is passed on soon, so that there is none while something is measured.
          gossip: { maxSends: 50 },
          ...(sealed ? { clusterKey } : {})
        })
      )
    )
  )

const responder = process.argv[2]
if (isResponder(responder)) {
  if (responder === "echo") echo()
  else await node(responder === "sealed")
}
