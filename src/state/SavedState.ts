/**
 * What a node keeps of itself from run to run, and its text in a file.
 *
 * The first line says what the text is, in which version, and has the checksum of all that follows, so that no part of a
 * file passes for the whole, and a later version can change everything but that line.
 */
import { Result, Schema } from "effect"
import { Address } from "../domain/Address.ts"
import { Incarnation } from "../domain/Incarnation.ts"
import { NodeId } from "../domain/NodeId.ts"
import { U32 } from "../domain/Unsigned.ts"
import { crc32 } from "./Crc32.ts"

/** The most members whose addresses are kept. */
export const MaxMembers = 128

/** The version of the text that is written here. */
export const Version = 1

/**
 * What a node keeps of itself from run to run.
 *
 * @category schemas
 * @since 0.2.0
 */
export const SavedState = Schema.Struct({
  /** The name of the cluster that the node belongs to. */
  cluster: Schema.String,
  /** The id of the node. */
  id: NodeId,
  /** The highest incarnation that the node may have used. */
  incarnation: Incarnation,
  /** The version of the node's own tags when it saved last. */
  tagVersion: U32,
  /** How often the node has saved: of two copies, the one with the higher number is newer. */
  saves: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  /** Addresses of members, at most 128. */
  members: Schema.Array(Address).check(Schema.isMaxLength(MaxMembers))
}).annotate({ identifier: "SavedState" })

/**
 * What a node keeps of itself from run to run.
 *
 * @see {@link SavedState} for the schema
 * @category models
 * @since 0.2.0
 */
export type SavedState = typeof SavedState.Type

/** Why a text is not the state of a node. */
export interface Fault {
  readonly kind: "Empty" | "Foreign" | "Newer" | "Damaged"
  /** The end of a sentence that begins with the name of the file. */
  readonly reason: string
}

const Title = "effect-gossip state "
const firstLine = /^effect-gossip state ([1-9][0-9]{0,8}) ([0-9a-f]{8})$/

const Json = Schema.fromJsonString(Schema.toCodecJson(SavedState))
const decode = Schema.decodeUnknownResult(Json)
const encode = Schema.encodeSync(Schema.toCodecJson(SavedState))

const encoder = new TextEncoder()
const checksumOf = (body: string): string => crc32(encoder.encode(body)).toString(16).padStart(8, "0")

/** The text of a state. */
export const format = (state: SavedState): string => {
  const body = `${JSON.stringify(encode(state), undefined, 2)}\n`
  return `${Title}${Version} ${checksumOf(body)}\n${body}`
}

const fault = (kind: Fault["kind"], reason: string) => Result.fail<Fault>({ kind, reason })

/** Reads the text of a state. A text that lacks anything, or differs by a bit, is refused. */
export const parse = (text: string): Result.Result<SavedState, Fault> => {
  if (text === "") return fault("Empty", "is empty")
  const end = text.indexOf("\n")
  const found = firstLine.exec(end < 0 ? text : text.slice(0, end))
  if (found === null) {
    return text.startsWith(Title) || Title.startsWith(text)
      ? fault("Damaged", "is damaged: its first line is not whole")
      : fault("Foreign", "is not the state of a node")
  }
  const [, version, checksum] = found
  if (Number(version) > Version) {
    return fault("Newer", `is of version ${version}, and this program knows versions up to ${Version}`)
  }
  const body = end < 0 ? "" : text.slice(end + 1)
  if (checksumOf(body) !== checksum) return fault("Damaged", "is damaged: its checksum does not match")
  const state = decode(body)
  return Result.isSuccess(state)
    ? Result.succeed(state.success)
    : fault("Damaged", "is damaged: its checksum matches, but not what it holds")
}
