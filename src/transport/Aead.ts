/** The cipher that seals datagrams, as a service. */
import { chacha20poly1305 } from "@noble/ciphers/chacha.js"
import { Context, Layer } from "effect"
import { type AeadCipher, checkLengths, copyOfKey, TagLength } from "./AeadCipher.ts"

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
>()("effect-gossip/transport/Aead") {
  /** `@noble/ciphers`: JavaScript alone, on every platform. */
  static readonly layerNoble: Layer.Layer<Aead> = Layer.sync(Aead, () => noble)
}

/** The implementation of `@noble/ciphers`. */
export const noble: Aead["Service"] = {
  name: "noble",
  cipher: (given) => {
    const key = copyOfKey(given)
    return {
      seal: (nonce, plaintext, additional, into, at) => {
        const length = plaintext.length + TagLength
        const output = into.subarray(at, at + length)
        checkLengths(nonce, output.length, length)
        chacha20poly1305(key, nonce, additional).encrypt(plaintext, output)
        return length
      },
      open: (nonce, sealed, additional, into) => {
        if (sealed.length < TagLength) return false
        checkLengths(nonce, into.length, sealed.length - TagLength)
        try {
          chacha20poly1305(key, nonce, additional).decrypt(sealed, into)
          return true
        } catch {
          // All else that it throws for was checked above: the tag does not fit.
          return false
        }
      }
    }
  }
}
