/** The cipher that seals datagrams, as a service. */
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { Context, Layer } from "effect"
import { type AeadCipher, makeCipher, type Primitive } from "./AeadCipher.ts"

/**
 * ChaCha20-Poly1305, synchronously. All implementations give the same bytes.
 *
 * @example
 * ```ts
 * const program = Effect.gen(function*() {
 *   const { cipher } = yield* Aead
 *   const sealed = new Uint8Array(5 + TagLength)
 *   cipher(key).seal(nonce, new TextEncoder().encode("hello"), additional, sealed, 0)
 * })
 * program.pipe(Effect.provide(Aead.layerNoble))
 * ```
 */
export class Aead extends Context.Service<
  Aead,
  {
    /** Which implementation it is, for logs: `noble`, `sodium`. */
    readonly name: string
    /** The cipher under a key of `KeyLength` bytes, which is copied. Throws a `RangeError` for another length. */
    readonly cipher: (key: Uint8Array) => AeadCipher
  }
>()("effect-gossip/transport/Aead") {}

/** `@noble/ciphers`: JavaScript alone, on every platform. */
export const layerNoble: Layer.Layer<Aead> = Layer.sync(Aead, () => noble)

const primitive: Primitive = {
  encrypt: (key, nonce, plaintext, additional, output) =>
    chacha20poly1305(key, nonce, additional).encrypt(plaintext, output),
  decrypt: (key, nonce, sealed, additional, output) => chacha20poly1305(key, nonce, additional).decrypt(sealed, output)
}

/** The implementation of `@noble/ciphers`. */
export const noble: Aead["Service"] = {
  name: "noble",
  cipher: (key) => makeCipher(primitive, key)
}
