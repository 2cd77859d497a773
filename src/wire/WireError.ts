/**
 * Why a datagram is no message. Plain tagged values and not `Error`s: they are
 * made per bad packet, and a stack trace would cost more than the packet.
 */

/** Fewer bytes than a header. */
export class Truncated {
  readonly _tag = "Truncated"
  readonly length: number
  constructor(length: number) {
    this.length = length
  }
  get message(): string {
    return `datagram of ${this.length} bytes is shorter than a header of 24`
  }
}

/** The version byte is not 1. */
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

/** The datagram is not as long as its header says, or says more than 1400 bytes of payload. */
export class LengthMismatch {
  readonly _tag = "LengthMismatch"
  readonly expected: number
  readonly actual: number
  constructor(expected: number, actual: number) {
    this.expected = expected
    this.actual = actual
  }
  get message(): string {
    return `datagram has ${this.actual} bytes where its header says ${this.expected}`
  }
}

/** The RFC 1071 sum over the message is not 0. */
export class ChecksumMismatch {
  readonly _tag = "ChecksumMismatch"
  readonly checksum: number
  constructor(checksum: number) {
    this.checksum = checksum
  }
  get message(): string {
    return `checksum 0x${this.checksum.toString(16).padStart(4, "0")} does not fit the message`
  }
}

/** The kind byte is none of version 1. */
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

/** The payload does not have the shape of its kind. */
export class MalformedPayload {
  readonly _tag = "MalformedPayload"
  readonly reason: string
  /** Offset into the datagram where the shape is first violated. */
  readonly offset: number
  constructor(reason: string, offset: number) {
    this.reason = reason
    this.offset = offset
  }
  get message(): string {
    return `${this.reason} at byte ${this.offset}`
  }
}

/** Encoding would exceed 1400 bytes of payload. */
export class PayloadTooLarge {
  readonly _tag = "PayloadTooLarge"
  readonly length: number
  constructor(length: number) {
    this.length = length
  }
  get message(): string {
    return `payload of ${this.length} bytes exceeds 1400`
  }
}

/** Every way in which a datagram fails to be a message, in the order in which they are checked. */
export type WireError =
  | Truncated
  | UnsupportedVersion
  | LengthMismatch
  | ChecksumMismatch
  | UnknownKind
  | MalformedPayload

/** The tags of `WireError`, for counters. */
export const reasons = [
  "Truncated",
  "UnsupportedVersion",
  "LengthMismatch",
  "ChecksumMismatch",
  "UnknownKind",
  "MalformedPayload"
] as const satisfies ReadonlyArray<WireError["_tag"]>
