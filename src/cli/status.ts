/** `gossip status`: shows the health of a node. */
import { Command } from "effect/cli"
import * as EndpointFlags from "./EndpointFlags.ts"
import * as LazyHandler from "./LazyHandler.ts"

/** Shows the health of a node, and fails if it is unhealthy or not ready. */
export const status = Command.make(
  "status",
  EndpointFlags.flags,
  LazyHandler.client(({ showStatus }) => showStatus)
).pipe(
  Command.withShortDescription("Show whether a node is healthy and has joined, and how many members it sees."),
  Command.withDescription(
    "Shows the health of a node. The exit code is 0 if it is healthy and has joined its cluster, and 1 if not."
  ),
  Command.withExamples([
    { command: "gossip status --config gossip.toml", description: "The node of this file" },
    { command: "gossip status --endpoint http://127.0.0.1:9100", description: "The node at this port" }
  ])
)
