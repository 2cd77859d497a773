/**
 * What a message that was sent once from a connected socket brought back.
 *
 * @since 0.2.0
 */
import type { KeyRing } from "../crypto/KeyRing.ts"
import { Inbound } from "../wire/Inbound.ts"
import { MaxLevel } from "../wire/Header.ts"

/**
 * What `Transport.probePort` found out about a port.
 *
 * **Details**
 *
 * - `Silent`: nothing came back in time, or nothing that can be read.
 * - `Refused`: the host says that nothing listens at the port.
 * - `Replied`: a message came back. Its sender is given by the halves of its id, with its incarnation and heartbeat, and with
 *   the sequence of the probe that the message answers, if it has one.
 *
 * @category models
 * @since 0.2.0
 */
export type PortReply =
  | { readonly _tag: "Silent" }
  | { readonly _tag: "Refused" }
  | {
      readonly _tag: "Replied"
      readonly senderHi: number
      readonly senderLo: number
      readonly incarnation: number
      readonly heartbeat: number
      readonly sequence: number | undefined
    }

/**
 * The reply of a port that sends nothing.
 *
 * @category constants
 * @since 0.2.0
 */
export const silent: PortReply = { _tag: "Silent" }

/**
 * Reads the datagram that a port sent back. `ring` opens sealed datagrams; with `acceptsPlaintext` others are read too,
 * whose checksums have the `salt` of the cluster's name.
 *
 * @category reading
 * @since 0.2.0
 */
export const read = (
  datagram: Uint8Array,
  ring: KeyRing["Service"] | undefined,
  acceptsPlaintext: boolean,
  salt: number
): PortReply => {
  const opened = ring === undefined ? datagram : ring.open(datagram)
  const message =
    opened instanceof Uint8Array ? opened : opened._tag === "Plaintext" && acceptsPlaintext ? datagram : undefined
  const inbound = new Inbound()
  inbound.header.salt = message === datagram ? salt : 0
  if (message === undefined || inbound.decode(message, MaxLevel) !== undefined) return silent
  const { header, sections } = inbound
  const { heartbeat, idHi, idLo, incarnation } = header
  return {
    _tag: "Replied",
    senderHi: idHi,
    senderLo: idLo,
    incarnation,
    heartbeat,
    sequence: sections.sequenceIfAny
  }
}
