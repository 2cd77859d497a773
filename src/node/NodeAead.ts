/**
 * The cipher of libsodium, which gives the same bytes as the default one and is several
 * times faster.
 *
 * It needs the package `sodium-native`, which a program installs itself.
 *
 * @since 0.2.0
 */
import { Effect, Layer, Predicate, Schema } from "effect"
import { createRequire } from "node:module"
import { Aead, noble } from "../crypto/Aead.ts"
import { makeCipher, type Primitive } from "../crypto/AeadCipher.ts"

/**
 * `sodium-native` is not installed, or has no binary for this platform.
 *
 * @category errors
 * @since 0.2.0
 */
export class SodiumUnavailable extends Schema.TaggedError<SodiumUnavailable>()("SodiumUnavailable", {
  cause: Schema.Defect()
}) {
  override get message(): string {
    const cause = Predicate.isError(this.cause) ? this.cause.message : String(this.cause)
    return `sodium-native does not load: ${cause.split("\n", 1)[0]}`
  }
}

// What is used of the package, which has no types. The functions throw where libsodium refuses.
interface Sodium {
  readonly crypto_aead_chacha20poly1305_ietf_encrypt: (
    sealed: Uint8Array,
    plaintext: Uint8Array,
    additional: Uint8Array,
    secretNonce: null,
    nonce: Uint8Array,
    key: Uint8Array
  ) => number
  readonly crypto_aead_chacha20poly1305_ietf_decrypt: (
    plaintext: Uint8Array,
    secretNonce: null,
    sealed: Uint8Array,
    additional: Uint8Array,
    nonce: Uint8Array,
    key: Uint8Array
  ) => number
}

const isSodium = (loaded: unknown): loaded is Sodium =>
  Predicate.hasProperty(loaded, "crypto_aead_chacha20poly1305_ietf_encrypt") &&
  Predicate.hasProperty(loaded, "crypto_aead_chacha20poly1305_ietf_decrypt") &&
  Predicate.isFunction(loaded.crypto_aead_chacha20poly1305_ietf_encrypt) &&
  Predicate.isFunction(loaded.crypto_aead_chacha20poly1305_ietf_decrypt)

const makeSodium = (sodium: Sodium): Aead => {
  const primitive: Primitive = {
    encrypt: (key, nonce, plaintext, additional, output) =>
      sodium.crypto_aead_chacha20poly1305_ietf_encrypt(output, plaintext, additional, null, nonce, key),
    decrypt: (key, nonce, sealed, additional, output) =>
      sodium.crypto_aead_chacha20poly1305_ietf_decrypt(output, null, sealed, additional, nonce, key)
  }
  return { name: "sodium", cipher: (key) => makeCipher(primitive, key) }
}

// No `import`, since bundlers and type checkers would require the package, which is optional.
const require = createRequire(import.meta.url)

const sodiumFrom = (load: () => unknown): Effect.Effect<Aead, SodiumUnavailable> =>
  Effect.try({
    try: () => {
      const loaded = load()
      if (!isSodium(loaded)) throw new TypeError("it lacks ChaCha20-Poly1305")
      return makeSodium(loaded)
    },
    catch: (cause) => new SodiumUnavailable({ cause })
  })

/**
 * Like `layer`, with another way to load `sodium-native`.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerFrom = (load: () => unknown): Layer.Layer<never> =>
  Layer.effect(
    Aead,
    Effect.catch(sodiumFrom(load), () => Effect.succeed(noble))
  )

/**
 * Like `layerSodium`, with another way to load `sodium-native`.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerSodiumFrom = (load: () => unknown): Layer.Layer<never, SodiumUnavailable> =>
  Layer.effect(Aead, sodiumFrom(load))

const load = (): unknown => require("sodium-native")

/**
 * Sets the cipher to that of libsodium. Fails where `sodium-native` does not load.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerSodium: Layer.Layer<never, SodiumUnavailable> = layerSodiumFrom(load)

/**
 * Sets the cipher to that of libsodium where `sodium-native` loads, and else to that of
 * `@noble/ciphers`. The `name` of the cipher says which one it is.
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<never> = layerFrom(load)
