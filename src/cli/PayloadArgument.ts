/** The payload of an event or query as an argument. */
import { Option, Result, Schema } from "effect"
import { Argument } from "effect/cli"

/** The payload, if there is one. */
export const payload = Argument.String("PAYLOAD").pipe(
  Argument.withDescription("What it carries: JSON, or a text, which is made JSON."),
  Argument.optional
)

const parse = Schema.decodeResult(Schema.fromJsonString(Schema.Unknown))

/** The bytes of a payload, as text. */
export const textOf = (payload: Option.Option<string>): string =>
  Option.match(payload, {
    onNone: () => "",
    onSome: (text) => (Result.isSuccess(parse(text)) ? text : JSON.stringify(text))
  })
