/**
 * What a transport counts.
 *
 * @since 0.2.0
 */
import type { Fault } from "../crypto/SealedDatagram.ts"
import { Kind } from "../wire/Header.ts"
import type { WireError } from "../wire/WireError.ts"

/**
 * Why a received datagram is dropped.
 *
 * **Details**
 *
 * - `UnknownSource`: its source is of an IPv6 zone that appeared after the socket was
 *   opened.
 * - `NotAllowed`: its source is in none of the networks of `network.allow`.
 * - `GlobalLimit`, `SourceLimit`: all sources together, or this one, sent too much.
 * - `OtherCluster`: its checksum is that of another cluster name, or of none. A damaged
 *   datagram, and the first one of another name, is a `ChecksumMismatch`.
 *
 * The others are what is wrong with the seal or with the message.
 *
 * @category models
 * @since 0.2.0
 */
export type DropReason =
  | Fault["_tag"]
  | WireError["_tag"]
  | "GlobalLimit"
  | "NotAllowed"
  | "OtherCluster"
  | "SourceLimit"
  | "UnknownSource"

/**
 * Datagrams, and their bytes on the wire without the headers of IP and UDP, by the
 * `Kind` byte of the message inside.
 *
 * @category models
 * @since 0.2.0
 */
export interface TrafficByKind {
  readonly datagrams: Float64Array
  readonly bytes: Float64Array
}

/**
 * What a transport counts, from the start of the node. Plain numbers, which metrics
 * read.
 *
 * @category models
 * @since 0.2.0
 */
export interface TransportCounters {
  datagramsIn: number
  bytesIn: number
  datagramsOut: number
  bytesOut: number
  /** Messages that were passed on. What was dropped is only in `datagramsIn` and `bytesIn`. */
  readonly received: TrafficByKind
  /** Messages that were taken into the send queue. */
  readonly sent: TrafficByKind
  /** Received datagrams that were dropped, by reason. */
  readonly dropped: Record<DropReason, number>
  /** Messages that were dropped because the send queue was full. */
  overflow: number
  /** Failed writes by kind. */
  readonly writeErrors: Record<string, number>
  /** How often the socket broke and was opened again. */
  reopened: number
}

const trafficByKind = (): TrafficByKind => {
  const length = Math.max(...Object.values(Kind)) + 1
  return { datagrams: new Float64Array(length), bytes: new Float64Array(length) }
}

/**
 * Counters at 0.
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (): TransportCounters => ({
  datagramsIn: 0,
  bytesIn: 0,
  datagramsOut: 0,
  bytesOut: 0,
  received: trafficByKind(),
  sent: trafficByKind(),
  dropped: {
    Truncated: 0,
    UnsupportedVersion: 0,
    LengthMismatch: 0,
    ChecksumMismatch: 0,
    OtherCluster: 0,
    UnknownKind: 0,
    MalformedPayload: 0,
    Plaintext: 0,
    TooShort: 0,
    TooLong: 0,
    NotOpened: 0,
    Forged: 0,
    UnknownSource: 0,
    NotAllowed: 0,
    GlobalLimit: 0,
    SourceLimit: 0
  },
  overflow: 0,
  writeErrors: {},
  reopened: 0
})

/** Counts a datagram of `length` bytes with a message of this kind. */
export const count = ({ bytes, datagrams }: TrafficByKind, kind: number, length: number): void => {
  datagrams[kind] = datagrams[kind]! + 1
  bytes[kind] = bytes[kind]! + length
}
