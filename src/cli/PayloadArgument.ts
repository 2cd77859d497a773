/** The payload of an event or query as an argument. */
import { Argument } from "effect/cli"

/** The payload, if there is one. */
export const payload = Argument.String("PAYLOAD").pipe(
  Argument.withDescription("What it carries: JSON, or text, which is sent as a JSON string."),
  Argument.optional
)
