/**
 * Sections: the parts of a payload of extension level 1. Each is a type u8, a
 * length u16, and that many bytes of content.
 *
 * @since 0.2.0
 */
import { readU16 } from "../Bytes.ts"

/**
 * Types of sections. A section of another type is skipped, so that later levels
 * can add some.
 *
 * @category constants
 * @since 0.2.0
 */
export const SectionType = {
  Entries: 1,
  Probe: 2,
  Accusations: 3,
  Left: 4,
  Nack: 5,
  Chunk: 6,
  Digest: 7,
  Buckets: 8,
  Differing: 9,
  Tags: 10,
  Events: 11,
  Query: 12,
  Response: 13
} as const

/**
 * Bytes of a section before its content.
 *
 * @category constants
 * @since 0.2.0
 */
export const SectionHeaderLength = 3

/**
 * Whether a message may have several sections of a type.
 *
 * **Details**
 *
 * A query and a response are sections of their own, so a message can have several.
 * Every other type holds either a list or something that a message has only one
 * of. A second section of such a type makes a message malformed.
 *
 * @category predicates
 * @since 0.2.0
 */
export const isRepeatable = (type: number): boolean => type === SectionType.Query || type === SectionType.Response

/**
 * A cursor over the sections of a payload that was checked, unknown types
 * included.
 *
 * **When to use**
 *
 * Use it for queries and responses, which a message can have several of.
 * `Sections` knows where each other type is.
 *
 * @category reading
 * @since 0.2.0
 */
export class SectionCursor {
  type = 0
  /** Where the content of the section begins. */
  start = 0
  /** Where the content of the section ends, and the next section begins. */
  end = 0

  /** Reads the section at `at`. */
  read(bytes: Uint8Array, at: number): void {
    this.type = bytes[at]!
    this.start = at + SectionHeaderLength
    this.end = this.start + readU16(bytes, at + 1)
  }
}
