/**
 * The interface of a cipher for datagrams: ChaCha20-Poly1305 (RFC 8439).
 *
 * @since 0.2.0
 */

/** Bytes of a key. */
export const KeyLength = 32
/** Bytes of a nonce. */
export const NonceLength = 12
/** Bytes of the tag that follows a ciphertext. */
export const TagLength = 16

/**
 * The cipher under one key.
 *
 * **Details**
 *
 * It works in the arrays that it gets, so that a packet costs no array but its own. Throws a `RangeError` for lengths that
 * do not fit each other: they are mistakes in the program.
 *
 * @category models
 * @since 0.2.0
 */
export interface AeadCipher {
  /**
   * Encrypts `plaintext` into `into` from `at` on: the ciphertext, as long as the plaintext, then the tag. Returns the
   * bytes written. `into` must not overlap `plaintext`. A nonce must never be used twice under one key.
   */
  readonly seal: (
    nonce: Uint8Array,
    plaintext: Uint8Array,
    additional: Uint8Array,
    into: Uint8Array,
    at: number
  ) => number
  /**
   * Decrypts `sealed`, ciphertext and tag, into `into`, which holds exactly `TagLength` bytes less and does not overlap
   * it. Returns `false` when it was sealed with another key, nonce or additional data, was changed, or is shorter than a tag;
   * the contents of `into` are then unspecified.
   */
  readonly open: (nonce: Uint8Array, sealed: Uint8Array, additional: Uint8Array, into: Uint8Array) => boolean
}

/** A checked copy of a key, so that the caller may change its array. */
const copyOfKey = (key: Uint8Array): Uint8Array => {
  if (key.length !== KeyLength) throw new RangeError(`a key has ${KeyLength} bytes, not ${key.length}`)
  return key.slice()
}

/** Throws unless nonce and output have the lengths that go with an input of `length` bytes. */
const checkLengths = (nonce: Uint8Array, output: number, length: number): void => {
  if (nonce.length !== NonceLength) throw new RangeError(`a nonce has ${NonceLength} bytes, not ${nonce.length}`)
  if (output !== length) throw new RangeError(`the output has ${output} bytes where ${length} are written`)
}

/** Computes the cipher, for lengths that are checked already. */
export interface Primitive {
  /** Fills `output` with the ciphertext and its tag. */
  readonly encrypt: (
    key: Uint8Array,
    nonce: Uint8Array,
    plaintext: Uint8Array,
    additional: Uint8Array,
    output: Uint8Array
  ) => void
  /** Fills `output` with the plaintext, or throws when the tag is wrong. */
  readonly decrypt: (
    key: Uint8Array,
    nonce: Uint8Array,
    sealed: Uint8Array,
    additional: Uint8Array,
    output: Uint8Array
  ) => void
}

/** A cipher under a key that is copied, with the checks that all implementations share. */
export const makeCipher = ({ decrypt, encrypt }: Primitive, given: Uint8Array): AeadCipher => {
  const key = copyOfKey(given)
  return {
    seal: (nonce, plaintext, additional, into, at) => {
      const length = plaintext.length + TagLength
      const output = into.subarray(at, at + length)
      checkLengths(nonce, output.length, length)
      encrypt(key, nonce, plaintext, additional, output)
      return length
    },
    open: (nonce, sealed, additional, into) => {
      if (sealed.length < TagLength) return false
      checkLengths(nonce, into.length, sealed.length - TagLength)
      try {
        decrypt(key, nonce, sealed, additional, into)
        return true
      } catch {
        // Everything else was checked above, so the tag is wrong.
        return false
      }
    }
  }
}
