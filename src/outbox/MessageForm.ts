/**
 * The form in which the protocol puts messages into bytes. Version 1 is written by
 * `MessageWriter`, which fits this interface as it is.
 */
import type { Header } from "../wire/Header.ts"

/** Takes the entries of a message, one after another, until one does not fit. */
export interface EntryWriter {
  /** Entries written so far. */
  readonly entries: number
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
}

/** Writes one message at a time. */
export interface MessageForm extends EntryWriter {
  /** The fields of the sender are set before `begin`. */
  readonly header: Header
  /** Starts a message of a base kind of at most `limit` bytes. */
  readonly begin: (kind: number, flags: number, limit?: number) => void
  /** Starts one chunk of a snapshot. */
  readonly beginChunk: (version: number, index: number, total: number) => void
  /** Sets the target of a PING_REQ. */
  readonly target: (idHi: number, idLo: number, address: Uint8Array, addressAt: number) => void
  /** Completes the message and returns its bytes. */
  readonly finish: () => Uint8Array
}
