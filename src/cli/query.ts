/** `gossip query`: asks every member through a running node. */
import { Argument, Command, Flag } from "effect/cli"
import * as EndpointFlags from "./EndpointFlags.ts"
import * as LazyHandler from "./LazyHandler.ts"
import * as PayloadArgument from "./PayloadArgument.ts"

const input = {
  ...EndpointFlags.flags,
  timeout: Flag.Int("timeout-ms").pipe(
    Flag.withMetavar("MS"),
    Flag.withDescription("How long to wait for answers, up to 60000; 2000 if not given."),
    Flag.optional
  ),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print JSON."), Flag.withDefault(false)),
  name: Argument.String("NAME").pipe(Argument.withDescription("The name of the query, such as ping.")),
  payload: PayloadArgument.payload
}

/** The input of `gossip query`. */
export type Input = Command.Command.Config.Infer<typeof input>

/** Asks every member through a running node. */
export const query = Command.make(
  "query",
  input,
  LazyHandler.client(({ askQuery }) => askQuery)
).pipe(
  Command.withShortDescription("Ask every member of the cluster something."),
  Command.withDescription(
    [
      "Asks every member, and prints the answers when all have answered or the time is over. Members answer what their",
      "  programs have handlers for; each answers ping, with its version and how long it has run."
    ].join("\n")
  ),
  Command.withExamples([{ command: "gossip query ping", description: "Versions of all members" }])
)
