/**
 * The keys of a node at run time, which can be changed without an interruption.
 *
 * @since 0.2.0
 */
import { type Array as Arr, Context, Effect, Layer, Redacted, Schema, Semaphore } from "effect"
import { type CryptoError, Kdf, SecureRandom } from "effect/crypto"
import * as Hex from "effect/encoding/Hex"
import { clusterSalt } from "../wire/ClusterSalt.ts"
import type { ClusterKey } from "./ClusterKey.ts"
import { Aead } from "./Aead.ts"
import type { AeadCipher } from "./AeadCipher.ts"
import { Nonces } from "./Nonces.ts"
import { type Fault, Opener, Sealer } from "./SealedDatagram.ts"

export type { Fault, Forged, NotOpened, Plaintext, TooLong, TooShort } from "./SealedDatagram.ts"

/**
 * The most keys in a ring. Each is one more attempt to open a datagram that opens with
 * none.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxKeys = 8

/**
 * No key of the ring has this fingerprint.
 *
 * @category errors
 * @since 0.2.0
 */
export class UnknownKey extends Schema.TaggedError<UnknownKey>()("UnknownKey", {
  /** What was asked for; `undefined` if it is no fingerprint, since it may be a key that was given by mistake. */
  fingerprint: Schema.UndefinedOr(Schema.String)
}) {
  override get message(): string {
    return this.fingerprint === undefined
      ? "give the fingerprint of a key, which has 8 hexadecimal digits"
      : `no key of the ring has the fingerprint ${this.fingerprint}`
  }
}

/**
 * The primary key cannot be removed before another one is the primary.
 *
 * @category errors
 * @since 0.2.0
 */
export class PrimaryKey extends Schema.TaggedError<PrimaryKey>()("PrimaryKey", { fingerprint: Schema.String }) {
  override get message(): string {
    return `key ${this.fingerprint} is the primary; use another one before removing it`
  }
}

/**
 * The ring would hold more than `MaxKeys` keys.
 *
 * @category errors
 * @since 0.2.0
 */
export class TooManyKeys extends Schema.TaggedError<TooManyKeys>()("TooManyKeys", {}) {
  override get message(): string {
    return `a ring holds at most ${MaxKeys} keys; remove one that is no longer used`
  }
}

/**
 * Two different keys have one fingerprint, which happens for one pair of keys in 2^32.
 *
 * @category errors
 * @since 0.2.0
 */
export class FingerprintTaken extends Schema.TaggedError<FingerprintTaken>()("FingerprintTaken", {
  fingerprint: Schema.String
}) {
  override get message(): string {
    return `another key has the fingerprint ${this.fingerprint} too; generate a new one`
  }
}

/**
 * What may be shown of a key.
 *
 * @category models
 * @since 0.2.0
 */
export interface KeyInfo {
  /** 8 hexadecimal digits, which do not help to find the key. They do not depend on the name of the cluster. */
  readonly fingerprint: string
  /** Whether it seals. */
  readonly primary: boolean
}

/**
 * Why keys are not added to a ring. A `CryptoError` means that the platform has no
 * HKDF-SHA256.
 *
 * @category errors
 * @since 0.2.0
 */
export type AddError = TooManyKeys | FingerprintTaken | CryptoError.CryptoError

/**
 * The first keys of a ring, and the cluster that they are for.
 *
 * @category models
 * @since 0.2.0
 */
export interface KeyRingOptions {
  /** The first is the primary. A key that is given twice counts once. */
  readonly keys: Arr.NonEmptyReadonlyArray<Redacted.Redacted<ClusterKey>>
  /**
   * Clusters with one key and different names cannot read each other, since each seals with a key that is derived from
   * both. With an empty name the key is used as it is, as the older implementation does.
   */
  readonly clusterName: string
}

/**
 * The keys of a node: the primary key seals, and every key opens.
 *
 * **Details**
 *
 * A cluster changes its key without an interruption: `add` the new key at every node,
 * then `use` it at every node, then `remove` the old one at every node.
 *
 * @example
 * ```ts
 * import { Effect, Option, type Redacted } from "effect"
 * import { Cluster, type ClusterKey } from "effect-gossip"
 *
 * const addKey = Effect.fnUntraced(function*(key: Redacted.Redacted<ClusterKey.ClusterKey>) {
 *   const { keyRing } = yield* Cluster.Cluster
 *   if (Option.isSome(keyRing)) yield* keyRing.value.add(key)
 * })
 * ```
 *
 * @category services
 * @since 0.2.0
 */
export class KeyRing extends Context.Service<
  KeyRing,
  {
    /** The name of the implementation of the cipher, for logs. */
    readonly aead: string
    /** The message inside a datagram, valid until the next call, or why there is none. */
    readonly open: (datagram: Uint8Array) => Uint8Array | Fault
    /** A message of at most 1424 bytes with its header, as a sealed datagram in a new array. */
    readonly seal: (message: Uint8Array) => Uint8Array
    /** The keys, the primary first. */
    readonly list: Effect.Effect<ReadonlyArray<KeyInfo>>
    /** Adds a key that opens and does not seal, and returns its fingerprint. A key that is in the ring stays as it is. */
    readonly add: (key: Redacted.Redacted<ClusterKey>) => Effect.Effect<string, AddError>
    /** Makes a key the primary. */
    readonly use: (fingerprint: string) => Effect.Effect<void, UnknownKey>
    /** Removes a key. Datagrams that are sealed with it do not open any more. */
    readonly remove: (fingerprint: string) => Effect.Effect<void, UnknownKey | PrimaryKey>
    /** Replaces all keys, with the first as the primary. If it fails, nothing changes. */
    readonly replace: (keys: Arr.NonEmptyReadonlyArray<Redacted.Redacted<ClusterKey>>) => Effect.Effect<void, AddError>
  }
>()("effect-gossip/crypto/KeyRing") {}

/**
 * A ring of these keys.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: KeyRingOptions): Layer.Layer<KeyRing, AddError, Kdf.Kdf | SecureRandom.SecureRandom> =>
  Layer.effect(KeyRing, make(options))

// What is derived from one key by HKDF-SHA256 (RFC 5869) differs by its `info`.
const utf8 = new TextEncoder()
const salt = utf8.encode("effect-gossip")
const fingerprintInfo = utf8.encode("fingerprint")
const sealingInfo = (clusterName: string) => utf8.encode(`cluster ${clusterName.normalize("NFC")}`)

interface Held {
  readonly fingerprint: string
  readonly key: Redacted.Redacted<ClusterKey>
  readonly cipher: AeadCipher
}

const sameBytes = Redacted.makeEquivalence<Uint8Array>((a, b) => a.every((byte, at) => byte === b[at]))

const make = Effect.fnUntraced(function* (options: KeyRingOptions) {
  const aead = yield* Aead
  const kdf = yield* Kdf.Kdf
  const random = yield* SecureRandom.SecureRandom
  const runSync = Effect.runSyncWith(yield* Effect.context())
  const sealer = new Sealer(new Nonces((length) => runSync(random.randomBytes(length))))
  const opener = new Opener(clusterSalt(options.clusterName))
  const turn = yield* Semaphore.make(1)

  const derive = (key: Uint8Array, info: Uint8Array, length: number) =>
    kdf.derive(Kdf.hkdfSha256, key, { salt, info, length })

  const hold = Effect.fnUntraced(function* (key: Redacted.Redacted<ClusterKey>) {
    const bytes = Redacted.value(key)
    const fingerprint = Hex.encode(yield* derive(bytes, fingerprintInfo, 4))
    const { clusterName } = options
    const sealing = clusterName === "" ? bytes : yield* derive(bytes, sealingInfo(clusterName), bytes.length)
    return { fingerprint, key, cipher: aead.cipher(sealing) } satisfies Held
  })

  // The primary is first. Only complete rings are assigned, so that no packet is handled in the middle of a change.
  let ring: ReadonlyArray<Held> = []
  let primary: AeadCipher
  const put = (keys: ReadonlyArray<Held>): void => {
    ring = keys
    primary = keys[0]!.cipher
    opener.setCiphers(keys.map(({ cipher }) => cipher))
  }

  const extended = (keys: ReadonlyArray<Held>, held: Held): Effect.Effect<ReadonlyArray<Held>, AddError> => {
    const twin = keys.find(({ fingerprint }) => fingerprint === held.fingerprint)
    if (twin === undefined) {
      return keys.length < MaxKeys ? Effect.succeed([...keys, held]) : Effect.fail(new TooManyKeys())
    }
    return sameBytes(twin.key, held.key)
      ? Effect.succeed(keys)
      : Effect.fail(new FingerprintTaken({ fingerprint: held.fingerprint }))
  }

  const find = (fingerprint: string): Effect.Effect<Held, UnknownKey> => {
    const held = ring.find((held) => held.fingerprint === fingerprint)
    if (held !== undefined) return Effect.succeed(held)
    return Effect.fail(new UnknownKey({ fingerprint: /^[0-9a-f]{8}$/.test(fingerprint) ? fingerprint : undefined }))
  }

  const replace = Effect.fnUntraced(function* (keys: Arr.NonEmptyReadonlyArray<Redacted.Redacted<ClusterKey>>) {
    let next: ReadonlyArray<Held> = []
    for (const key of keys) next = yield* extended(next, yield* hold(key))
    put(next)
  }, turn.withPermit)

  const add = Effect.fnUntraced(function* (key: Redacted.Redacted<ClusterKey>) {
    const held = yield* hold(key)
    put(yield* extended(ring, held))
    return held.fingerprint
  }, turn.withPermit)

  const use = Effect.fnUntraced(function* (fingerprint: string) {
    const held = yield* find(fingerprint)
    put([held, ...ring.filter((other) => other !== held)])
  }, turn.withPermit)

  const remove = Effect.fnUntraced(function* (fingerprint: string) {
    const held = yield* find(fingerprint)
    if (held === ring[0]) return yield* new PrimaryKey({ fingerprint })
    put(ring.filter((other) => other !== held))
  }, turn.withPermit)

  yield* replace(options.keys)

  return KeyRing.of({
    aead: aead.name,
    open: (datagram) => opener.open(datagram),
    seal: (message) => sealer.seal(primary, message),
    list: Effect.sync(() => ring.map(({ fingerprint }, at) => ({ fingerprint, primary: at === 0 }))),
    add,
    use,
    remove,
    replace
  })
})
