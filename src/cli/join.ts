/** `gossip join`: makes a running node contact peers. */
import { Argument, Command } from "effect/cli"
import * as EndpointFlags from "./EndpointFlags.ts"
import * as LazyHandler from "./LazyHandler.ts"

const input = {
  ...EndpointFlags.flags,
  peers: Argument.String("PEER").pipe(
    Argument.withDescription("An address or a name, with its port: 10.0.0.1:7946, seed.example:7946."),
    Argument.atLeast(1)
  )
}

/** What the flags and the arguments give. */
export type Input = Command.Command.Config.Infer<typeof input>

/** Makes a running node contact peers. */
export const join = Command.make(
  "join",
  input,
  LazyHandler.client(({ contactPeers }) => contactPeers)
).pipe(
  Command.withShortDescription("Make a node contact peers, and join their cluster."),
  Command.withDescription(
    [
      "Makes a running node contact peers besides those of its configuration, until they answer. Two clusters become one",
      "  when a node of the one joins a node of the other. Over a network this requires the node's token."
    ].join("\n")
  ),
  Command.withExamples([{ command: "gossip join 10.0.0.1:7946 seed.example:7946", description: "Two more peers" }])
)
