/**
 * `gossip keygen`: makes a new cluster key.
 */
import { Command, Flag } from "effect/cli"
import * as LazyHandler from "./LazyHandler.ts"

const flags = {
  out: Flag.String("out").pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("FILE"),
    Flag.withDescription("Write the key to this new file, which only its owner can read, and not to standard output."),
    Flag.optional
  )
}

/**
 * What these flags give.
 */
export type Flags = Command.Command.Config.Infer<typeof flags>

/**
 * Makes a random key and prints it to standard output, or writes it to a new file that only its owner can read.
 */
export const keygen = Command.make(
  "keygen",
  flags,
  LazyHandler.make(() => import("./GenerateKey.ts").then(({ handle }) => handle))
).pipe(
  Command.withShortDescription("Make a key that encrypts the datagrams between the nodes of a cluster."),
  Command.withDescription(
    [
      "Makes a new random key for all nodes of a cluster: 64 hexadecimal digits, on standard output or in a new file.",
      "  Anyone who has it can read and forge every datagram between the nodes."
    ].join("\n")
  ),
  Command.withExamples([
    { command: "gossip keygen --out cluster.key", description: "Into a file that only its owner can read" },
    { command: "export GOSSIP_CLUSTER_KEY=$(gossip keygen)", description: "Into the environment" }
  ])
)
