/** A network that can be cut: its node runs on, but no datagram gets in or out. */
import { Effect } from "effect"
import { DatagramSocket } from "effect/socket"
import { Network } from "../../transport/Network.ts"

/** A network for one node, and its switch. */
export interface SwitchableNetwork {
  readonly network: Network["Service"]
  /** From now on datagrams are lost in both directions, without an error. */
  readonly cut: Effect.Effect<void>
  readonly heal: Effect.Effect<void>
}

/** Adds a switch to the network that is provided. */
export const make: Effect.Effect<SwitchableNetwork, never, Network> = Effect.gen(function* () {
  const real = yield* Network
  const { probePort } = real
  let isCut = false

  const switchable = (socket: DatagramSocket.DatagramSocket): DatagramSocket.DatagramSocket =>
    DatagramSocket.make({
      reader: Effect.map(socket.reader, (reader) => {
        const pull: DatagramSocket.Reader["pull"] = Effect.flatMap(reader.pull, (batch) =>
          isCut ? pull : Effect.succeed(batch)
        )
        return { address: reader.address, dropped: reader.dropped, joinMulticast: reader.joinMulticast, pull }
      }),
      writer: Effect.map(socket.writer, (writer) => ({
        write: (datagram) => Effect.suspend(() => (isCut ? Effect.void : writer.write(datagram))),
        writeAll: (datagrams) => Effect.suspend(() => (isCut ? Effect.void : writer.writeAll(datagrams)))
      }))
    })

  const turn = (to: boolean) =>
    Effect.sync(() => {
      isCut = to
    })

  return {
    network: {
      socket: (address) => Effect.map(real.socket(address), switchable),
      interfaces: real.interfaces,
      probePort:
        probePort &&
        ((probe) =>
          Effect.suspend(() =>
            isCut ? Effect.as(Effect.sleep(probe.timeout), { _tag: "Silent" as const }) : probePort(probe)
          ))
    },
    cut: turn(true),
    heal: turn(false)
  }
})
