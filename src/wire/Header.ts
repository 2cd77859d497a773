/** The 24-byte header that every message of wire format version 1 begins with. */
import { readU16, readU32, writeU16, writeU32 } from "./Bytes.ts"
import { internetChecksum } from "./Checksum.ts"
import * as WireError from "./WireError.ts"

/** The wire format's version byte. */
export const Version = 1
/** Bytes of header. */
export const HeaderLength = 24
/** The most payload that one message may carry, so that a sealed datagram still fits a 1500-byte link. */
export const MaxPayload = 1400
/** The most bytes of one plain message. */
export const MaxMessage = HeaderLength + MaxPayload

/** Message kinds, as they stand in byte 1. */
export const Kind = { Gossip: 1, Ping: 2, PingReq: 3, Ack: 4, Leave: 5, AntiEntropy: 6 } as const

/** One of the `Kind` bytes. */
export type KindCode = (typeof Kind)[keyof typeof Kind]

/** Flag bit 0: the receiver acknowledges this message. */
export const RequestAck = 1
/** Flag bit 1: this ACK passes on that of the member in its first entry. */
export const IndirectAck = 2

/** A decoded header; one mutable record serves all packets of a reader. */
export class Header {
  kind = 0
  payloadLength = 0
  /** The sender's id, high and low 32 bits. */
  idHi = 0
  idLo = 0
  heartbeat = 0
  incarnation = 0
  flags = 0
  /** Extension level that the sender speaks; 0 for version 1 only. */
  level = 0
}

const isKind = (kind: number): boolean => kind >= Kind.Gossip && kind <= Kind.AntiEntropy

/**
 * Checks a datagram and reads its header into `header`. The checks run in this
 * order: length of the header, version, length of the datagram, checksum, kind.
 * Returns the first that fails; `header` is then unspecified.
 */
export const readHeader = (bytes: Uint8Array, header: Header): WireError.WireError | undefined => {
  if (bytes.length < HeaderLength) return new WireError.Truncated(bytes.length)
  if (bytes[0] !== Version) return new WireError.UnsupportedVersion(bytes[0]!)
  const payloadLength = readU16(bytes, 2)
  if (bytes.length !== HeaderLength + payloadLength || payloadLength > MaxPayload) {
    return new WireError.LengthMismatch(HeaderLength + payloadLength, bytes.length)
  }
  if (internetChecksum(bytes, 0, bytes.length) !== 0) return new WireError.ChecksumMismatch(readU16(bytes, 22))
  const kind = bytes[1]!
  if (!isKind(kind)) return new WireError.UnknownKind(kind)
  header.kind = kind
  header.payloadLength = payloadLength
  header.idHi = readU32(bytes, 4)
  header.idLo = readU32(bytes, 8)
  header.heartbeat = readU32(bytes, 12)
  header.incarnation = readU32(bytes, 16)
  header.flags = bytes[20]!
  header.level = bytes[21]!
  return undefined
}

/**
 * Writes `header` and the checksum over it and the `payloadLength` bytes that
 * already stand behind it. The caller keeps `payloadLength` within `MaxPayload`.
 */
export const writeHeader = (bytes: Uint8Array, header: Header): void => {
  bytes[0] = Version
  bytes[1] = header.kind
  writeU16(bytes, 2, header.payloadLength)
  writeU32(bytes, 4, header.idHi)
  writeU32(bytes, 8, header.idLo)
  writeU32(bytes, 12, header.heartbeat)
  writeU32(bytes, 16, header.incarnation)
  bytes[20] = header.flags
  bytes[21] = header.level
  writeU16(bytes, 22, 0)
  writeU16(bytes, 22, internetChecksum(bytes, 0, HeaderLength + header.payloadLength))
}
