/**
 * Questions that a member asks all others.
 *
 * @since 0.2.0
 */
import { Result, Schema } from "effect"
import { PublishError } from "../events/ClusterEvent.ts"
import { payloadCodec } from "../events/PayloadCodec.ts"

/**
 * An answer as bytes: the value of a handler, or its failure.
 *
 * @category models
 * @since 0.2.0
 */
export interface AnswerBytes {
  readonly failed: boolean
  readonly bytes: Uint8Array
}

/**
 * One sort of queries: its name, what is asked, and what is answered.
 *
 * @see {@link make} which makes it
 * @category models
 * @since 0.2.0
 */
export interface Query<P, A, E> {
  readonly name: string
  /** The bytes of what is asked. */
  readonly encode: (payload: P) => Result.Result<Uint8Array, PublishError>
  /** What is asked, or what is wrong with the bytes. */
  readonly decode: (bytes: Uint8Array) => Result.Result<P, string>
  /** The bytes of an answer, or why it has none. */
  readonly encodeAnswer: (answer: Result.Result<A, E>) => Result.Result<AnswerBytes, string>
  /** The answer, or what is wrong with the bytes. */
  readonly decodeAnswer: (answer: AnswerBytes) => Result.Result<Result.Result<A, E>, string>
}

/** A query without failures of its own. */
const noFailures = {
  encode: (): Result.Result<Uint8Array, string> => Result.fail("the query has no failures"),
  decode: (): Result.Result<never, string> => Result.fail("the query has no failures")
}

/**
 * Makes a sort of queries.
 *
 * **Details**
 *
 * What is asked is JSON of at most 512 bytes, and an answer of about 1100 bytes at the default length of datagrams. Use
 * `Schema.Void` where there is nothing to ask or to answer. Without `error`, handlers cannot fail.
 *
 * @example
 * ```ts
 * import { Schema } from "effect"
 * import { Query } from "effect-gossip"
 *
 * const Load = Query.make("load", { payload: Schema.Void, success: Schema.Number })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = <P, PI, A, AI, E = never, EI = never>(
  name: string,
  {
    error,
    payload,
    success
  }: {
    readonly payload: Schema.Codec<P, PI>
    readonly success: Schema.Codec<A, AI>
    readonly error?: Schema.Codec<E, EI>
  }
): Query<P, A, E> => {
  const [asked, values] = [payloadCodec(payload), payloadCodec(success)]
  const failures = error === undefined ? noFailures : payloadCodec(error)
  return {
    name,
    encode: (value) =>
      Result.mapError(asked.encode(value), (detail) => new PublishError({ name, reason: "NotEncodable", detail })),
    decode: asked.decode,
    encodeAnswer: (answer) =>
      Result.isSuccess(answer)
        ? Result.map(values.encode(answer.success), (bytes) => ({ failed: false, bytes }))
        : Result.map(failures.encode(answer.failure), (bytes) => ({ failed: true, bytes })),
    decodeAnswer: ({ bytes, failed }) =>
      failed
        ? Result.map(failures.decode(bytes), (failure): Result.Result<A, E> => Result.fail(failure))
        : Result.map(values.decode(bytes), (value): Result.Result<A, E> => Result.succeed(value))
  }
}

/**
 * A query that every node answers: the version of this library that it runs, and how long it has run.
 *
 * @category queries
 * @since 0.2.0
 */
export const Ping = make("ping", {
  payload: Schema.Void,
  success: Schema.Struct({ version: Schema.String, uptimeMs: Schema.Number })
})
