/** Asks one UDP port once, from a connected socket, to learn whether its host refuses. */
import { Deferred, type Duration, Effect, Exit } from "effect"
import { NetAddress } from "effect/net"
import type { DatagramSocket } from "effect/socket"

/**
 * One datagram for one port.
 *
 * @category models
 * @since 0.2.0
 */
export interface PortProbe {
  readonly target: NetAddress.InetAddress
  readonly payload: Uint8Array
  /**
   * The local address to send from. Without one, or with one that is unspecified or of the other family, the platform
   * chooses. The port is always a free one.
   */
  readonly source?: NetAddress.IpAddress | undefined
  /** How long to wait for an answer. */
  readonly timeout: Duration.Input
}

/**
 * What a port probe found out.
 *
 * **Details**
 *
 * - `Refused`: an ICMP port unreachable came back. The host is up, and no process has the port; or something on the way
 *   rejects the datagram.
 * - `Replied`: the target answered with this datagram.
 * - `Silent`: neither came in time, or the datagram could not be sent. It says nothing about the target.
 *
 * @category models
 * @since 0.2.0
 */
export type PortAnswer =
  | { readonly _tag: "Refused" }
  | { readonly _tag: "Silent" }
  | { readonly _tag: "Replied"; readonly payload: Uint8Array }

const Refused: PortAnswer = { _tag: "Refused" }
const Silent: PortAnswer = { _tag: "Silent" }

const isRefusal = ({ reason }: DatagramSocket.DatagramSocketError): boolean =>
  "kind" in reason && reason.kind === "ConnectionRefused"

/** Opens a socket that is connected to `target` and bound to a free port of `source`, or of any local address. */
export type OpenConnected = (options: {
  readonly target: NetAddress.InetAddress
  readonly source: NetAddress.IpAddress | undefined
  /** Gets the errors that belong to no read or write, such as ICMP reports. */
  readonly onError: (error: DatagramSocket.DatagramSocketError) => void
}) => Effect.Effect<DatagramSocket.DatagramSocket>

/** A platform's `Network.probePort`, made of its connected sockets. */
export const make =
  (open: OpenConnected) =>
  ({ payload, source, target, timeout }: PortProbe): Effect.Effect<PortAnswer> =>
    Effect.gen(function* () {
      const refused = yield* Deferred.make<PortAnswer>()
      const to = NetAddress.toCanonical(target)
      const from = source === undefined ? undefined : NetAddress.toCanonical(source)
      const socket = yield* open({
        target: to,
        source:
          from === undefined || NetAddress.isUnspecified(from) || from._tag !== to.address._tag ? undefined : from,
        onError: (error) => {
          if (isRefusal(error)) Deferred.doneUnsafe(refused, Exit.succeed(Refused))
        }
      })
      const reader = yield* socket.reader
      const writer = yield* socket.writer
      yield* writer.write({ payload })
      const replied = Effect.map(reader.pull, ([datagram]): PortAnswer => ({
        _tag: "Replied",
        payload: datagram.payload
      }))
      return yield* Effect.raceFirst(Deferred.await(refused), replied)
    }).pipe(
      // A refusal may also be the result of the write.
      Effect.catch((error) => Effect.succeed(isRefusal(error) ? Refused : Silent)),
      Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.succeed(Silent) }),
      Effect.scoped
    )
