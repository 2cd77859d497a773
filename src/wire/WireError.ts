/**
 * Why a datagram is no message.
 *
 * These are plain tagged values and not `Error`s. One is made for every bad
 * packet, and a stack trace would cost more than the packet.
 *
 * @since 0.2.0
 */

/**
 * The datagram has fewer bytes than a header.
 *
 * @category errors
 * @since 0.2.0
 */
export class Truncated {
  readonly _tag = "Truncated"
  /** Bytes of the datagram. */
  readonly length: number
  constructor(length: number) {
    this.length = length
  }
  get message(): string {
    return `datagram of ${this.length} bytes is shorter than a header of 24`
  }
}

/**
 * The version byte is not 1.
 *
 * @category errors
 * @since 0.2.0
 */
export class UnsupportedVersion {
  readonly _tag = "UnsupportedVersion"
  readonly version: number
  constructor(version: number) {
    this.version = version
  }
  get message(): string {
    return `wire format version ${this.version} is not 1`
  }
}

/**
 * The datagram does not have the length that its header gives, or the header
 * gives more than 1400 bytes of payload.
 *
 * @category errors
 * @since 0.2.0
 */
export class LengthMismatch {
  readonly _tag = "LengthMismatch"
  /** Bytes of the whole message according to its header. */
  readonly expected: number
  /** Bytes of the datagram. */
  readonly actual: number
  constructor(expected: number, actual: number) {
    this.expected = expected
    this.actual = actual
  }
  get message(): string {
    return `datagram has ${this.actual} bytes where its header gives ${this.expected}`
  }
}

/**
 * The checksum does not fit the message, or not with the name of our cluster.
 *
 * @category errors
 * @since 0.2.0
 */
export class ChecksumMismatch {
  readonly _tag = "ChecksumMismatch"
  /** The checksum field as received. */
  readonly checksum: number
  /** The salt of the cluster from which the message is, if nothing damaged it. */
  readonly impliedSalt: number
  constructor(checksum: number, impliedSalt: number) {
    this.checksum = checksum
    this.impliedSalt = impliedSalt
  }
  get message(): string {
    return `checksum 0x${this.checksum.toString(16).padStart(4, "0")} does not fit the message`
  }
}

/**
 * The kind byte is none that the receiver knows at its extension level.
 *
 * @category errors
 * @since 0.2.0
 */
export class UnknownKind {
  readonly _tag = "UnknownKind"
  readonly kind: number
  constructor(kind: number) {
    this.kind = kind
  }
  get message(): string {
    return `message kind ${this.kind} is unknown`
  }
}

/**
 * The payload does not have the form of its kind.
 *
 * @category errors
 * @since 0.2.0
 */
export class MalformedPayload {
  readonly _tag = "MalformedPayload"
  /** What is wrong. */
  readonly reason: string
  /** Offset into the datagram of the part that is wrong. */
  readonly offset: number
  constructor(reason: string, offset: number) {
    this.reason = reason
    this.offset = offset
  }
  get message(): string {
    return `${this.reason} at byte ${this.offset}`
  }
}

/**
 * A message to be encoded has more than 1400 bytes of payload.
 *
 * @category errors
 * @since 0.2.0
 */
export class PayloadTooLarge {
  readonly _tag = "PayloadTooLarge"
  /** Bytes of payload that the message would have. */
  readonly length: number
  constructor(length: number) {
    this.length = length
  }
  get message(): string {
    return `payload of ${this.length} bytes exceeds 1400`
  }
}

/**
 * Every way in which a datagram fails to be a message, in the order in which they
 * are checked.
 *
 * @category errors
 * @since 0.2.0
 */
export type WireError =
  | Truncated
  | UnsupportedVersion
  | LengthMismatch
  | ChecksumMismatch
  | UnknownKind
  | MalformedPayload

/**
 * The tags of `WireError`, in the order in which they are checked.
 *
 * @category errors
 * @since 0.2.0
 */
export const reasons = [
  "Truncated",
  "UnsupportedVersion",
  "LengthMismatch",
  "ChecksumMismatch",
  "UnknownKind",
  "MalformedPayload"
] as const satisfies ReadonlyArray<WireError["_tag"]>
