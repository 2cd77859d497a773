/**
 * Events that a member publishes to all others.
 *
 * @since 0.2.0
 */
import { Result, Schema } from "effect"
import { MaxName, MaxPayload } from "../wire/sections/NamedPayload.ts"
import { payloadCodec } from "./PayloadCodec.ts"

/**
 * Why an event is not published, or a query is not asked.
 *
 * **Details**
 *
 * - `EmptyName`, `NameTooLong`: a name has 1 to 255 bytes in UTF-8.
 * - `ReservedName`: members tell each other something by events of this name.
 * - `PayloadTooLong`: a payload has at most 512 bytes; `bytes` is how many this one has.
 * - `NotEncodable`: the schema does not encode the payload.
 *
 * @category errors
 * @since 0.2.0
 */
export class PublishError extends Schema.TaggedError<PublishError>()("PublishError", {
  /** The name of the event or query. */
  name: Schema.String,
  reason: Schema.Literals(["EmptyName", "NameTooLong", "ReservedName", "PayloadTooLong", "NotEncodable"]),
  bytes: Schema.optionalKey(Schema.Int),
  detail: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const name = JSON.stringify(this.name)
    switch (this.reason) {
      case "EmptyName":
        return "an event or query needs a name"
      case "NameTooLong":
        return `the name ${name} has more than ${MaxName} bytes`
      case "ReservedName":
        return `the name ${name} belongs to the library`
      case "PayloadTooLong":
        return `the payload of ${name} has ${this.bytes} bytes, more than ${MaxPayload}`
      case "NotEncodable":
        return `the payload of ${name} does not encode: ${this.detail}`
    }
  }
}

/**
 * One sort of events: its name, and what its events carry.
 *
 * @see {@link make} which makes it
 * @category models
 * @since 0.2.0
 */
export interface ClusterEvent<A> {
  readonly name: string
  /** The bytes of a payload: JSON, or none for an event without a payload. */
  readonly encode: (payload: A) => Result.Result<Uint8Array, PublishError>
  /** The payload in such bytes, or what is wrong with them. */
  readonly decode: (bytes: Uint8Array) => Result.Result<A, string>
}

/**
 * Makes a sort of events.
 *
 * **Details**
 *
 * A payload is JSON of at most 512 bytes. An event without a payload needs no schema. Members that expect another form of
 * payload under the same name do not get the events; `Events.counters` counts them there.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { ClusterEvent } from "effect-gossip"
 *
 * const Deploy = ClusterEvent.make("deploy", { payload: Schema.Struct({ version: Schema.String }) })
 * const FlushCaches = ClusterEvent.make("flush-caches")
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make: {
  <A, I>(name: string, options: { readonly payload: Schema.Codec<A, I> }): ClusterEvent<A>
  (name: string): ClusterEvent<void>
} = <A, I>(name: string, options?: { readonly payload: Schema.Codec<A, I> }): ClusterEvent<A> | ClusterEvent<void> =>
  options === undefined ? makeOf(name, Schema.Void) : makeOf(name, options.payload)

const makeOf = <A, I>(name: string, schema: Schema.Codec<A, I>): ClusterEvent<A> => {
  const codec = payloadCodec(schema)
  return {
    name,
    encode: (payload) =>
      Result.mapError(codec.encode(payload), (detail) => new PublishError({ name, reason: "NotEncodable", detail })),
    decode: codec.decode
  }
}
