/**
 * The 24-byte header that every message begins with.
 *
 * @since 0.2.0
 */
import { readU16, readU32 } from "./Bytes.ts"
import { internetChecksum, internetChecksumOfView } from "./Checksum.ts"
import * as WireError from "./WireError.ts"

/**
 * The wire format's version byte.
 *
 * @category constants
 * @since 0.2.0
 */
export const Version = 1

/**
 * Bytes of a header.
 *
 * @category constants
 * @since 0.2.0
 */
export const HeaderLength = 24

/**
 * The most bytes of payload that one message may carry. A sealed datagram with
 * this payload, 1460 bytes, still fits a 1500-byte link.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxPayload = 1400

/**
 * The most bytes of one message that is not sealed.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxMessage = HeaderLength + MaxPayload

/**
 * The highest extension level that this module can read and write.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxLevel = 1

/**
 * Message kinds. Byte 1 of a header has one of these, with `SectionedKind` added
 * when the payload is a sequence of sections.
 *
 * @category kinds
 * @since 0.2.0
 */
export const Kind = { Gossip: 1, Ping: 2, PingReq: 3, Ack: 4, Leave: 5, AntiEntropy: 6 } as const

/**
 * One of the values of `Kind`.
 *
 * @category kinds
 * @since 0.2.0
 */
export type KindCode = (typeof Kind)[keyof typeof Kind]

/**
 * The bit of a kind byte that says that the payload is a sequence of sections,
 * which is the form of extension level 1. LEAVE has no such form.
 *
 * @category kinds
 * @since 0.2.0
 */
export const SectionedKind = 0x20

/**
 * Flag bit 0: the receiver acknowledges this message.
 *
 * @category flags
 * @since 0.2.0
 */
export const RequestAck = 1

/**
 * Flag bit 1: this ACK passes on that of the member in its first entry.
 *
 * @category flags
 * @since 0.2.0
 */
export const IndirectAck = 2

/**
 * The fields of a header, to read into or to write from.
 *
 * **Details**
 *
 * The object is mutable, so that a reader or writer needs only one.
 *
 * @category models
 * @since 0.2.0
 */
export class Header {
  /** What the message is, the same for both forms of payload; one of `Kind`. */
  kind = 0
  /** Whether the payload is a sequence of sections. */
  sectioned = false
  payloadLength = 0
  /** The upper 32 bits of the sender's id, unsigned. */
  idHi = 0
  /** The lower 32 bits of the sender's id, unsigned. */
  idLo = 0
  /** The sender's heartbeat counter, unsigned, 32 bits. */
  heartbeat = 0
  /** The sender's incarnation, unsigned, 32 bits. */
  incarnation = 0
  flags = 0
  /** Extension level that the sender speaks; 0 for version 1 only. */
  level = 0
  /** What is exclusive-ored with the checksum, to read and to write: that of the cluster's name, or 0. */
  salt = 0
}

/** Whether a node of extension level `maxLevel` knows the kind byte `kind`. */
const isKnown = (kind: number, maxLevel: number): boolean => {
  const base = kind & ~SectionedKind
  if (base < Kind.Gossip || base > Kind.AntiEntropy) return false
  return base === kind || (maxLevel >= 1 && base !== Kind.Leave)
}

/** The checksum of a message without a salt, whatever its field says. */
const checksumOf = (message: Uint8Array): number =>
  (internetChecksum(message, 0, message.length) + readU16(message, 22)) % 0xffff

/**
 * Whether the checksum of a message, of a header at least, fits it with this salt.
 *
 * @category reading
 * @since 0.2.0
 */
export const checksumFits = (message: Uint8Array, salt: number): boolean =>
  // Zero has two forms in a sum of one's complement, and a sender may write either.
  (readU16(message, 22) ^ salt) % 0xffff === checksumOf(message)

/**
 * Exclusive-ors the checksum of a message with `salt`.
 *
 * @category writing
 * @since 0.2.0
 */
export const addSalt = (message: Uint8Array, salt: number): void => {
  message[22] = message[22]! ^ (salt >>> 8)
  message[23] = message[23]! ^ (salt & 0xff)
}

/**
 * Checks a datagram and reads its header into `header`.
 *
 * **Details**
 *
 * The checks run in this order: length of the header, version, length of the
 * datagram, checksum, kind. The first that fails is returned, and `header` is
 * then unspecified, but for its `salt`, which the caller sets. Kinds above extension level `maxLevel` are unknown kinds.
 *
 * @category reading
 * @since 0.2.0
 */
export const readHeader = (bytes: Uint8Array, header: Header, maxLevel: number): WireError.WireError | undefined => {
  if (bytes.length < HeaderLength) return new WireError.Truncated(bytes.length)
  if (bytes[0] !== Version) return new WireError.UnsupportedVersion(bytes[0]!)
  const payloadLength = readU16(bytes, 2)
  if (bytes.length !== HeaderLength + payloadLength || payloadLength > MaxPayload) {
    return new WireError.LengthMismatch(HeaderLength + payloadLength, bytes.length)
  }
  if (!checksumFits(bytes, header.salt)) {
    const field = readU16(bytes, 22)
    return new WireError.ChecksumMismatch(field, field ^ checksumOf(bytes))
  }
  const kind = bytes[1]!
  if (!isKnown(kind, maxLevel)) return new WireError.UnknownKind(kind)
  header.kind = kind & ~SectionedKind
  header.sectioned = (kind & SectionedKind) !== 0
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
 * Writes `header` at `at`, and the checksum over it and the `payloadLength` bytes
 * that already stand behind it.
 *
 * **Gotchas**
 *
 * The caller keeps `payloadLength` within `MaxPayload`.
 *
 * @category writing
 * @since 0.2.0
 */
export const writeHeaderAt = (view: DataView, at: number, header: Header): void => {
  view.setUint8(at, Version)
  view.setUint8(at + 1, header.sectioned ? header.kind | SectionedKind : header.kind)
  view.setUint16(at + 2, header.payloadLength)
  view.setUint32(at + 4, header.idHi)
  view.setUint32(at + 8, header.idLo)
  view.setUint32(at + 12, header.heartbeat)
  view.setUint32(at + 16, header.incarnation)
  view.setUint8(at + 20, header.flags)
  view.setUint8(at + 21, header.level)
  view.setUint16(at + 22, 0)
  const checksum = internetChecksumOfView(view, at, at + HeaderLength + header.payloadLength)
  view.setUint16(at + 22, checksum ^ header.salt)
}

/**
 * The same as `writeHeaderAt` at the beginning of a byte array.
 *
 * @category writing
 * @since 0.2.0
 */
export const writeHeader = (bytes: Uint8Array, header: Header): void =>
  writeHeaderAt(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, header)
