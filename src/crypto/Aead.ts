/**
 * The cipher that seals datagrams: ChaCha20-Poly1305 (RFC 8439).
 *
 * @since 0.2.0
 */
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { Context, Layer } from "effect"
import { type AeadCipher, makeCipher, type Primitive } from "./AeadCipher.ts"

export type { AeadCipher } from "./AeadCipher.ts"

/**
 * An implementation of ChaCha20-Poly1305 that works synchronously. All
 * implementations give the same bytes.
 *
 * @category models
 * @since 0.2.0
 */
export interface Aead {
  /** The name of the implementation, for logs: `noble` or `sodium`. */
  readonly name: string
  /** The cipher under a key of 32 bytes, which is copied. Throws a `RangeError` for another length. */
  readonly cipher: (key: Uint8Array) => AeadCipher
}

const primitive: Primitive = {
  encrypt: (key, nonce, plaintext, additional, output) =>
    chacha20poly1305(key, nonce, additional).encrypt(plaintext, output),
  decrypt: (key, nonce, sealed, additional, output) => chacha20poly1305(key, nonce, additional).decrypt(sealed, output)
}

/**
 * The implementation of `@noble/ciphers`: JavaScript alone, on every platform.
 *
 * @category implementations
 * @since 0.2.0
 */
export const noble: Aead = {
  name: "noble",
  cipher: (key) => makeCipher(primitive, key)
}

/**
 * The implementation that nodes use: `noble`, unless another one is provided.
 *
 * **When to use**
 *
 * Provide another implementation for speed. `NodeAead.layer` of
 * `effect-gossip/node` takes libsodium where the package `sodium-native` is
 * installed.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Aead } from "effect-gossip"
 *
 * const program = Effect.gen(function*() {
 *   const { name } = yield* Aead.Aead
 *   yield* Effect.log(`datagrams are sealed by ${name}`)
 * })
 * ```
 *
 * @category references
 * @since 0.2.0
 */
export const Aead: Context.Reference<Aead> = Context.Reference<Aead>("effect-gossip/crypto/Aead", {
  defaultValue: () => noble
})

/**
 * Sets the reference to `noble`, where another layer may have set it to
 * something else.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerNoble: Layer.Layer<never> = Layer.succeed(Aead, noble)
