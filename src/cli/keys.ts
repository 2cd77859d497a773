/** `gossip keys`: shows and changes the keys of a running node. */
import { Argument, Command } from "effect/cli"
import * as EndpointFlags from "./EndpointFlags.ts"
import * as LazyHandler from "./LazyHandler.ts"

const list = Command.make(
  "list",
  EndpointFlags.flags,
  LazyHandler.client(({ listKeys }) => listKeys)
).pipe(Command.withShortDescription("List the keys by fingerprint; the first one encrypts."))

const addInput = {
  ...EndpointFlags.flags,
  file: Argument.Path("FILE").pipe(
    Argument.withDescription("File with the key, as gossip keygen makes it; without one, standard input."),
    Argument.optional
  )
}

/** The input of `gossip keys add`. */
export type AddInput = Command.Command.Config.Infer<typeof addInput>

const add = Command.make(
  "add",
  addInput,
  LazyHandler.client(({ addKeys }) => addKeys)
).pipe(
  Command.withShortDescription("Add a key that decrypts from now on, and does not encrypt yet."),
  Command.withDescription(
    [
      "Adds the key in a file or on standard input. A key is never an argument, which every user of this machine could",
      "  see. The node decrypts what other nodes encrypt with it, and does not encrypt with it yet."
    ].join("\n")
  )
)

const changeInput = {
  ...EndpointFlags.flags,
  fingerprint: Argument.String("FINGERPRINT").pipe(
    Argument.withDescription("The key: its 8 hexadecimal digits in gossip keys list.")
  )
}

/** The input of `gossip keys use` and `gossip keys remove`. */
export type ChangeInput = Command.Command.Config.Infer<typeof changeInput>

const use = Command.make(
  "use",
  changeInput,
  LazyHandler.client(({ useKey }) => useKey)
).pipe(Command.withShortDescription("Encrypt with this key from now on."))

const remove = Command.make(
  "remove",
  changeInput,
  LazyHandler.client(({ removeKey }) => removeKey)
).pipe(
  Command.withShortDescription(
    "Remove a key that does not encrypt; the node no longer decrypts what is encrypted with it."
  )
)

/** Shows and changes the keys of a running node. */
export const keys = Command.make("keys").pipe(
  Command.withShortDescription("List, add, use and remove the keys of a running node."),
  Command.withDescription(
    [
      "Changes the keys of a running node, and prints its keys afterwards. To give a cluster a new key without a gap, add",
      "  it on every node, then use it on every node, then remove the old key. The changes last until the node restarts or",
      "  gets SIGHUP: by then its key file must contain the same keys."
    ].join("\n")
  ),
  Command.withSubcommands([list, add, use, remove]),
  Command.withExamples([
    { command: "gossip keys add new.key --endpoint /run/gossip/admin.sock", description: "First, on every node" },
    { command: "gossip keys use 1a2b3c4d --endpoint /run/gossip/admin.sock", description: "Then, on every node" }
  ])
)
