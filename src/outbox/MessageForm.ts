/** What the packers need of `MessageWriter`, which writes both forms of a payload: entries alone, and sections. */
import type { EntrySource } from "../wire/Entry.ts"
import type { Header } from "../wire/Header.ts"
import type { Accusation } from "../wire/sections/Accusation.ts"
import type { LeftMember } from "../wire/sections/LeftMember.ts"
import type { MemberEvent } from "../wire/sections/MemberEvent.ts"
import type { MemberTags } from "../wire/sections/MemberTags.ts"
import type { Query } from "../wire/sections/Query.ts"
import type { Response } from "../wire/sections/Response.ts"

/** Takes the entries of a message, one after another, until one does not fit. */
export interface EntryWriter {
  /** The header of the message; `sectioned` tells its form. */
  readonly header: Header
  /** Entries written so far. */
  readonly entries: number
  /** Bytes that may still be written. */
  readonly room: number
  /** Adds an entry. Returns `false` and adds nothing when it does not fit. */
  readonly entry: (
    idHi: number,
    idLo: number,
    heartbeat: number,
    incarnation: number,
    status: number,
    address: Uint8Array,
    addressAt: number
  ) => boolean
  /** Adds the entries of `slots` from `from` up to `to`, as far as they fit. Returns the place of the first that was not. */
  readonly entriesOf: (source: EntrySource, slots: ReadonlyArray<number>, from: number, to: number) => number
}

/** Writes one message at a time. The fields of the sender in `header` are set before it is begun. */
export interface MessageForm extends EntryWriter {
  /** Starts a message of version 1, of at most `limit` bytes. */
  readonly begin: (kind: number, flags: number, limit?: number) => void
  /** Starts a message of sections, of at most `limit` bytes. */
  readonly beginSectioned: (kind: number, flags: number, limit?: number) => void
  /** Opens a section for list items. */
  readonly beginSection: (type: number) => boolean
  /** The open section is written even if it has no items. */
  readonly keepSection: () => void
  /** Adds a member to the open section of members that left. */
  readonly left: (member: LeftMember) => boolean
  /** Adds an accusation to the open section of accusations. */
  readonly accusation: (accusation: Accusation) => boolean
  /** Adds a member's tags to the open section of tags. */
  readonly tags: (tags: MemberTags) => boolean
  /** Adds an event to the open section of events. */
  readonly event: (event: MemberEvent) => boolean
  /** Writes a query. */
  readonly query: (query: Query) => boolean
  /** Writes a response. */
  readonly response: (response: Response) => boolean
  /** Keeps bytes for what is written last; 0 gives them back. */
  readonly keepRoom: (bytes: number) => void
  /** Writes the probe section of a PING. */
  readonly pingProbe: (sequence: number, idHi: number, idLo: number) => boolean
  /** Writes the probe section of an ACK. */
  readonly ackProbe: (sequence: number) => boolean
  /** Writes the probe section of a PING_REQ. */
  readonly requestProbe: (
    sequence: number,
    waitMs: number,
    idHi: number,
    idLo: number,
    address: Uint8Array,
    addressAt: number
  ) => boolean
  /** Writes a nack. */
  readonly nack: (sequence: number) => boolean
  /** Writes the chunk header of an ANTI_ENTROPY, in either form. */
  readonly chunk: (versionHi: number, versionLo: number, index: number, total: number) => boolean
  /** Writes the digest of a table. */
  readonly digest: (count: number, hashHi: number, hashLo: number) => boolean
  /** Writes the hashes of all buckets. */
  readonly buckets: (bits: number, hashes: Uint32Array) => boolean
  /** Writes which buckets the chunks cover. */
  readonly differing: (bits: number, bitmap: Uint8Array) => boolean
  /** Writes the target of a PING_REQ of version 1. */
  readonly target: (idHi: number, idLo: number, address: Uint8Array, addressAt: number) => boolean
  /** Completes the message and returns its bytes. */
  readonly finish: () => Uint8Array
}
