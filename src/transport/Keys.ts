/**
 * Whether a node encrypts, and with which keys.
 *
 * @since 0.2.0
 */
import { Array as Arr, Context, Effect, Layer, Option, Schema } from "effect"
import type { Kdf, SecureRandom } from "effect/crypto"
import { CurrentConfig } from "../config/CurrentConfig.ts"
import * as KeyRing from "../crypto/KeyRing.ts"

/**
 * Encryption is on, and no key is given.
 *
 * **Details**
 *
 * A configuration that names a key file has no keys until the file is read.
 * `NodeCluster.layer` reads it; with other layers, read it and call
 * `ClusterConfig.withKeys` first.
 *
 * @category errors
 * @since 0.2.0
 */
export class NoKey extends Schema.TaggedError<NoKey>()("NoKey", {}) {
  override get message(): string {
    return (
      "encryption is on, but there is no key; set `clusterKey`, " +
      "or read the file of `clusterKeyFile` before the node starts"
    )
  }
}

/**
 * Why a node has no keys although it should.
 *
 * @category errors
 * @since 0.2.0
 */
export type KeysError = KeyRing.AddError | NoKey

/**
 * The keys of a node, or none if it does not encrypt.
 *
 * @category services
 * @since 0.2.0
 */
export class Keys extends Context.Service<Keys, Option.Option<KeyRing.KeyRing["Service"]>>()(
  "effect-gossip/transport/Keys"
) {}

/**
 * A node that does not encrypt, whatever its configuration says.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerNone: Layer.Layer<Keys> = Layer.succeed(Keys, Option.none())

/**
 * The keys of the configuration; none when `network.encryption` is `off`.
 *
 * **Details**
 *
 * Fails with `NoKey` when encryption is on and there is no key, so that no node
 * sends in the clear by mistake.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<Keys, KeysError, CurrentConfig | Kdf.Kdf | SecureRandom.SecureRandom> = Layer.unwrap(
  Effect.gen(function* () {
    const { cluster, encryption, keys } = (yield* CurrentConfig).network
    if (encryption === "off") return layerNone
    if (!Arr.isReadonlyArrayNonEmpty(keys)) return yield* new NoKey()
    return Layer.effect(Keys, Effect.map(KeyRing.KeyRing, Option.some)).pipe(
      Layer.provide(KeyRing.layer({ keys, clusterName: cluster }))
    )
  })
)
