/**
 * Tags: texts that a member attaches to itself, such as its zone or the port of its service.
 *
 * @since 0.2.0
 */
import { Predicate, Result, Schema } from "effect"
import type { Member } from "./Member.ts"

/**
 * The tags of a member: at most 512 bytes with those that the library sets itself.
 *
 * @category models
 * @since 0.2.0
 */
export type Tags = { readonly [key: string]: string }

/**
 * Why tags are refused.
 *
 * **Details**
 *
 * - `EmptyKey`: a key has no characters.
 * - `ReservedKey`: a key starts with `@`, which is left to the library.
 * - `KeyTooLong`: a key has more than 255 bytes in UTF-8.
 * - `NotText`: a key or a value has a lone surrogate, or is no text.
 * - `TooLong`: all keys and values, three bytes for the lengths of each pair, and the tags that the library sets have
 *   more than 512 bytes together, or more than a datagram of the configured length has room for. `key` is that of the
 *   longest pair.
 *
 * @category errors
 * @since 0.2.0
 */
export class TagsError extends Schema.TaggedError<TagsError>()("TagsError", {
  key: Schema.String,
  reason: Schema.Literals(["EmptyKey", "ReservedKey", "KeyTooLong", "NotText", "TooLong"]),
  /** The most bytes of all pairs, where the reason is `TooLong`. */
  room: Schema.optionalKey(Schema.Int)
}) {
  override get message(): string {
    const key = JSON.stringify(this.key)
    switch (this.reason) {
      case "EmptyKey":
        return "a tag has an empty key"
      case "ReservedKey":
        return `the tag ${key} starts with "@", which is reserved`
      case "KeyTooLong":
        return `the key of the tag ${key} has more than 255 bytes`
      case "NotText":
        return `the tag ${key} is no well-formed text`
      case "TooLong":
        return `the tags have more than ${this.room} bytes, with name and start of the node; the longest is ${key}`
    }
  }
}

/**
 * The tags of a member do not have the form that the program expects.
 *
 * @category errors
 * @since 0.2.0
 */
export class UndecodableTags extends Schema.TaggedError<UndecodableTags>()("UndecodableTags", {
  /** What is wrong: a tag that is missing, or a value that is none of its type. */
  reason: Schema.String
}) {
  override get message(): string {
    return `the tags of the member do not decode: ${this.reason}`
  }
}

/**
 * A member with its tags as values of types.
 *
 * @category models
 * @since 0.2.0
 */
export interface TaggedMember<A> {
  readonly member: Member
  /** The decoded tags; a failure says why the member counts as having none. */
  readonly tags: Result.Result<A, UndecodableTags>
}

/**
 * Reads and writes tags of one form.
 *
 * @see {@link schema} which makes it
 * @category models
 * @since 0.2.0
 */
export interface Codec<A> {
  /** The tags of a member. */
  readonly decode: (member: Pick<Member, "tags">) => Result.Result<A, UndecodableTags>
  /** Every member with its tags, or with why it has none. */
  readonly decodeAll: (members: ReadonlyArray<Member>) => ReadonlyArray<TaggedMember<A>>
  /** The members whose tags decode. */
  readonly only: (members: ReadonlyArray<Member>) => ReadonlyArray<{ readonly member: Member; readonly tags: A }>
  /** The texts of a value, for the option `tags` and for `Membership.setTags`. */
  readonly encode: (tags: A) => Result.Result<Tags, UndecodableTags>
}

const isTags = (value: unknown): value is Tags =>
  Predicate.isObject(value) && Object.values(value).every(Predicate.isString)

const withoutUndefined = (value: unknown): unknown =>
  Predicate.isObject(value) ? Object.fromEntries(Object.entries(value).filter(([, text]) => text !== undefined)) : value

/**
 * Reads and writes tags by a schema.
 *
 * **When to use**
 *
 * Use it when a program attaches more to its members than texts: ports, weights, versions.
 *
 * **Details**
 *
 * The schema is one of a struct whose fields are numbers, booleans, texts and so on: each is one tag. Tags that the schema
 * does not name are ignored. A member whose tags do not decode counts as having none, and the reason is kept: one such
 * member takes nothing away from the others.
 *
 * **Gotchas**
 *
 * In a cluster that is being upgraded, members can have the tags of an older version of the program. New tags should be
 * optional until every member has them.
 *
 * @example
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { Membership, Tags } from "effect-gossip"
 *
 * const Service = Tags.schema(Schema.Struct({ http: Schema.Int, zone: Schema.String }))
 *
 * const endpoints = Effect.gen(function* () {
 *   const membership = yield* Membership.Membership
 *   return Service.only(yield* membership.alive).map(({ tags }) => tags.http)
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const schema = <A, I>(schema: Schema.Codec<A, I>): Codec<A> => {
  const strings = Schema.toCodecStringTree(schema)
  const decodeTags = Schema.decodeUnknownResult(strings)
  const encodeTags = Schema.encodeResult(strings)
  const undecodable = ({ message }: { readonly message: string }) => new UndecodableTags({ reason: message })
  const decode: Codec<A>["decode"] = ({ tags }) => Result.mapError(decodeTags(tags), undecodable)
  return {
    decode,
    decodeAll: (members) => members.map((member) => ({ member, tags: decode(member) })),
    only: (members) =>
      members.flatMap((member) => {
        const tags = decode(member)
        return Result.isSuccess(tags) ? [{ member, tags: tags.success }] : []
      }),
    encode: (tags) =>
      Result.flatMap(Result.mapError(encodeTags(tags), undecodable), (encoded) => {
        const texts = withoutUndefined(encoded)
        return isTags(texts)
          ? Result.succeed(texts)
          : Result.fail(new UndecodableTags({ reason: "a field is no single text, and so no tag" }))
      })
  }
}
