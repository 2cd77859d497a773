/** Payloads of events and queries. */
import { Result, Schema } from "effect"
import * as Utf8 from "../wire/Utf8.ts"

/** Writes values of one schema as bytes, and reads them: JSON, or no bytes for `undefined`. */
export const payloadCodec = <A, I>(schema: Schema.Codec<A, I>) => {
  const json = Schema.fromJsonString(Schema.toCodecJson(schema))
  const encode = Schema.encodeResult(json)
  const decode = Schema.decodeResult(json)
  const isValue = Schema.is(schema)
  return {
    encode: (value: A): Result.Result<Uint8Array, string> =>
      value === undefined
        ? Result.succeed(new Uint8Array(0))
        : Result.mapBoth(encode(value), { onFailure: ({ message }) => message, onSuccess: Utf8.encode }),
    decode: (bytes: Uint8Array): Result.Result<A, string> => {
      const none: unknown = undefined
      if (bytes.length === 0 && isValue(none)) return Result.succeed(none)
      if (!Utf8.check(bytes, 0, bytes.length)) return Result.fail("it is no text")
      return Result.mapError(decode(Utf8.decode(bytes, 0, bytes.length)), ({ message }) => message)
    }
  }
}
