/** Shows and changes the keys of a running node. */
import { Console, Effect, Option, Redacted, Stdio, Stream } from "effect"
import * as ClusterKey from "../crypto/ClusterKey.ts"
import type { KeyInfo } from "../crypto/KeyRing.ts"
import * as TextFile from "../node/TextFile.ts"
import * as Endpoint from "./Endpoint.ts"
import type * as EndpointFlags from "./EndpointFlags.ts"
import type { AddInput, ChangeInput } from "./keys.ts"

const print = (keys: ReadonlyArray<KeyInfo>): Effect.Effect<void> =>
  Console.log(
    keys
      .map(({ fingerprint, primary }) => `${fingerprint}  ${primary ? "encrypts and decrypts" : "decrypts"}`)
      .join("\n")
  )

/** Handles `gossip keys list`. */
export const list = Effect.fnUntraced(
  function* (flags: EndpointFlags.Flags) {
    const { ask } = yield* Endpoint.connect(flags)
    const { keys } = yield* ask((node) => node.keys())
    yield* print(keys)
  },
  Effect.scoped,
  Effect.mapError(Endpoint.asUserError)
)

/** The most characters of standard input that are read: far more than a file with keys has. */
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
  const source = Option.getOrElse(file, () => "standard input")
  return yield* Effect.mapError(
    Effect.fromResult(ClusterKey.fromFileText(text)),
    ({ message }) => new Endpoint.EndpointError({ message: `${source}: ${message}` })
  )
})

/** Handles `gossip keys add`. */
export const add = Effect.fnUntraced(
  function* ({ file, ...flags }: AddInput) {
    const keys = yield* keysFrom(file)
    const { ask } = yield* Endpoint.connect(flags)
    for (const key of keys) {
      yield* ask((node) => node.addKey({ payload: { key: Redacted.make(ClusterKey.toText(key)) } }))
    }
    yield* print((yield* ask((node) => node.keys())).keys)
  },
  Effect.scoped,
  Effect.mapError(Endpoint.asUserError)
)

// A user may give a key here by mistake, and it must not be sent anywhere.
const checked = (fingerprint: string): Effect.Effect<string, Endpoint.EndpointError> =>
  /^[0-9a-f]{8}$/i.test(fingerprint)
    ? Effect.succeed(fingerprint.toLowerCase())
    : Effect.fail(
        new Endpoint.EndpointError({ message: "FINGERPRINT has 8 hexadecimal digits; gossip keys list shows them" })
      )

/** Handles `gossip keys use`. */
export const use = Effect.fnUntraced(
  function* ({ fingerprint, ...flags }: ChangeInput) {
    const payload = { fingerprint: yield* checked(fingerprint) }
    const { ask } = yield* Endpoint.connect(flags)
    const { keys } = yield* ask((node) => node.useKey({ payload }))
    yield* print(keys)
  },
  Effect.scoped,
  Effect.mapError(Endpoint.asUserError)
)

/** Handles `gossip keys remove`. */
export const remove = Effect.fnUntraced(
  function* ({ fingerprint, ...flags }: ChangeInput) {
    const payload = { fingerprint: yield* checked(fingerprint) }
    const { ask } = yield* Endpoint.connect(flags)
    const { keys } = yield* ask((node) => node.removeKey({ payload }))
    yield* print(keys)
  },
  Effect.scoped,
  Effect.mapError(Endpoint.asUserError)
)
