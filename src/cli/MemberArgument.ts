/** The member that a command is about. */
import { Argument } from "effect/cli"

/** Its id, as the first argument. */
export const id = Argument.String("ID").pipe(
  Argument.withDescription("The member: its id, decimal or 0x and hexadecimal digits.")
)
