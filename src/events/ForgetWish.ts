/**
 * The wish of an operator that all members forget a dead one. It travels as an event with a reserved name, which spreads
 * to everybody and is carried out once.
 */
import * as NodeId from "../domain/NodeId.ts"
import { readU32, writeU32 } from "../wire/Bytes.ts"
import * as NamedPayload from "../wire/sections/NamedPayload.ts"

/** The name of the event. Names that begin with "@" belong to the library. */
export const Name = "@forget"

/** Bytes of the payload: the id and the incarnation. */
const Length = 12

/** Which member is to be forgotten, and the highest incarnation in which it is. */
export interface ForgetWish {
  readonly id: NodeId.NodeId
  readonly incarnation: number
}

/** The content of the event. */
export const make = ({ id, incarnation }: ForgetWish): NamedPayload.NamedPayload => {
  const payload = new Uint8Array(Length)
  writeU32(payload, 0, NodeId.hi(id))
  writeU32(payload, 4, NodeId.lo(id))
  writeU32(payload, 8, incarnation)
  return NamedPayload.make(Name, payload)
}

/** The wish in an event; `undefined` if the event has another name or another form. */
export const read = (event: NamedPayload.NamedPayload): ForgetWish | undefined => {
  if (event.bytes[event.bodyAt] !== Name.length || NamedPayload.nameOf(event) !== Name) return undefined
  const payload = NamedPayload.payloadOf(event)
  if (payload.length !== Length) return undefined
  return { id: NodeId.fromWords(readU32(payload, 0), readU32(payload, 4)), incarnation: readU32(payload, 8) }
}
