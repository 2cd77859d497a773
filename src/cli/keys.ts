/** `gossip keys`: the keys of a running node. */
import { Console, Effect, Option, Redacted, Stdio, Stream } from "effect"
import { Argument, Command } from "effect/cli"
import * as ClusterKey from "../crypto/ClusterKey.ts"
import * as TextFile from "../node/TextFile.ts"
import type { KeyInfo } from "../crypto/KeyRing.ts"
import * as Endpoint from "./Endpoint.ts"

/** The keys as lines, by fingerprint. */
export const lines = (keys: ReadonlyArray<KeyInfo>): ReadonlyArray<string> =>
  keys.map(({ fingerprint, primary }) => `${fingerprint}  ${primary ? "seals and opens" : "opens"}`)

const list = Command.make(
  "list",
  Endpoint.flags,
  Effect.fnUntraced(
    function* (flags: Endpoint.Flags) {
      const { ask } = yield* Endpoint.connect(flags)
      const { keys } = yield* ask((node) => node.keys())
      yield* Console.log(lines(keys).join("\n"))
    },
    Effect.scoped,
    Effect.mapError(Endpoint.asUserError)
  )
).pipe(Command.withShortDescription("List the keys by fingerprint; the first one seals."))

/** A file with a key is much smaller: whatever is larger is no such file. */
const MaxLength = 65_536

const standardInput = Effect.gen(function* () {
  const { stdin, stdinIsTerminal } = yield* Stdio.Stdio
  if (yield* stdinIsTerminal) {
    return yield* new Endpoint.EndpointError({
      message: "name the file with the key, or give the key on standard input: gossip keys add < cluster.key"
    })
  }
  return yield* stdin.pipe(
    Stream.decodeText,
    Stream.runFold(
      () => "",
      (text, piece) => (text.length > MaxLength ? text : text + piece)
    ),
    Effect.mapError(() => new Endpoint.EndpointError({ message: "cannot read standard input" }))
  )
})

const keysFrom = Effect.fnUntraced(function* (file: Option.Option<string>) {
  const text = yield* Option.match(file, { onNone: () => standardInput, onSome: TextFile.read })
  const where = Option.getOrElse(file, () => "standard input")
  return yield* Effect.mapError(
    Effect.fromResult(ClusterKey.fromFileText(text)),
    ({ message }) => new Endpoint.EndpointError({ message: `${where}: ${message}` })
  )
})

const add = Command.make(
  "add",
  {
    ...Endpoint.flags,
    file: Argument.Path("FILE").pipe(
      Argument.withDescription("File with the key, as gossip keygen makes it; without one, standard input."),
      Argument.optional
    )
  },
  Effect.fnUntraced(
    function* ({ file, ...flags }) {
      const keys = yield* keysFrom(file)
      const { ask } = yield* Endpoint.connect(flags)
      for (const key of keys) {
        yield* ask((node) => node.addKey({ payload: { key: Redacted.make(ClusterKey.toText(key)) } }))
      }
      yield* Console.log(lines((yield* ask((node) => node.keys())).keys).join("\n"))
    },
    Effect.scoped,
    Effect.mapError(Endpoint.asUserError)
  )
).pipe(
  Command.withShortDescription("Add a key: from now on it opens, and does not seal yet."),
  Command.withDescription(
    [
      "Adds the key in a file, or on standard input: never an argument, which everybody on this machine could see. It",
      "  opens what others seal with it, and does not seal yet."
    ].join("\n")
  )
)

const fingerprint = Argument.String("FINGERPRINT").pipe(
  Argument.withDescription("The key: its 8 hexadecimal digits in gossip keys list.")
)

// Somebody may give a key here, which is not to be sent anywhere.
const checked = (fingerprint: string): Effect.Effect<string, Endpoint.EndpointError> =>
  /^[0-9a-f]{8}$/i.test(fingerprint)
    ? Effect.succeed(fingerprint.toLowerCase())
    : Effect.fail(
        new Endpoint.EndpointError({ message: "FINGERPRINT has 8 hexadecimal digits; gossip keys list shows them" })
      )

const use = Command.make(
  "use",
  { ...Endpoint.flags, fingerprint },
  Effect.fnUntraced(
    function* ({ fingerprint, ...flags }) {
      const payload = { fingerprint: yield* checked(fingerprint) }
      const { ask } = yield* Endpoint.connect(flags)
      const { keys } = yield* ask((node) => node.useKey({ payload }))
      yield* Console.log(lines(keys).join("\n"))
    },
    Effect.scoped,
    Effect.mapError(Endpoint.asUserError)
  )
).pipe(Command.withShortDescription("Make a key the one that seals."))

const remove = Command.make(
  "remove",
  { ...Endpoint.flags, fingerprint },
  Effect.fnUntraced(
    function* ({ fingerprint, ...flags }) {
      const payload = { fingerprint: yield* checked(fingerprint) }
      const { ask } = yield* Endpoint.connect(flags)
      const { keys } = yield* ask((node) => node.removeKey({ payload }))
      yield* Console.log(lines(keys).join("\n"))
    },
    Effect.scoped,
    Effect.mapError(Endpoint.asUserError)
  )
).pipe(Command.withShortDescription("Remove a key that does not seal: what is sealed with it opens no more."))

/** Shows and changes the keys of a running node. */
export const keys = Command.make("keys").pipe(
  Command.withShortDescription("List, add, use and remove the keys of a running node."),
  Command.withDescription(
    [
      "Changes the keys of a running node, and prints what it has then. To give a cluster a new key without a gap: add it",
      "  at every node, then use it at every node, then remove the old one. The node forgets this when it starts again or",
      "  gets SIGHUP: its key file has to say the same by then."
    ].join("\n")
  ),
  Command.withSubcommands([list, add, use, remove]),
  Command.withExamples([
    { command: "gossip keys add new.key --endpoint /run/gossip/admin.sock", description: "At every node, first" },
    { command: "gossip keys use 1a2b3c4d --endpoint /run/gossip/admin.sock", description: "At every node, then" }
  ])
)
