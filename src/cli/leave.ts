/** `gossip leave`: makes a node leave its cluster. */
import { Command } from "effect/cli"
import * as EndpointFlags from "./EndpointFlags.ts"
import * as LazyHandler from "./LazyHandler.ts"

/** Makes a node leave its cluster. */
export const leave = Command.make(
  "leave",
  EndpointFlags.flags,
  LazyHandler.client(({ requestLeave }) => requestLeave)
).pipe(
  Command.withShortDescription("Make a node leave its cluster."),
  Command.withDescription(
    [
      "Makes a node leave, as SIGTERM does, and waits until the other members know or cannot be reached. Over a network",
      "  this requires the node's token; over its Unix socket, the user that runs the node."
    ].join("\n")
  ),
  Command.withExamples([
    { command: "gossip leave --endpoint /run/gossip/admin.sock", description: "Before maintenance" }
  ])
)
