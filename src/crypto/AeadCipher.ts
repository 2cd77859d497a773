/** What a cipher for datagrams is: ChaCha20-Poly1305 of RFC 8439, whoever computes it. */

/** Bytes of a key. */
export const KeyLength = 32
/** Bytes of a nonce. */
export const NonceLength = 12
/** Bytes of the tag that follows a ciphertext. */
export const TagLength = 16

/**
 * The cipher under one key. It works in the arrays that it is given, so that a packet costs no array more than its own.
 * Lengths that do not fit each other are mistakes of the program and throw a `RangeError`.
 */
export interface AeadCipher {
  /**
   * Encrypts `plaintext` into `into` from `at` on: the ciphertext, as long as the plaintext, then the tag. Returns the
   * bytes written. `into` must not overlap `plaintext`. A nonce must never come twice under one key.
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
   * it. `false` when it was sealed with another key, nonce or additional data, was changed, or is shorter than a tag;
   * what `into` holds is then unspecified.
   */
  readonly open: (nonce: Uint8Array, sealed: Uint8Array, additional: Uint8Array, into: Uint8Array) => boolean
}

/** A copy of a key, checked: what becomes of the caller's array is then all the same. */
const copyOfKey = (key: Uint8Array): Uint8Array => {
  if (key.length !== KeyLength) throw new RangeError(`a key has ${KeyLength} bytes, not ${key.length}`)
  return key.slice()
}

/** Throws unless nonce and output have the lengths that go with an input of `length` bytes. */
const checkLengths = (nonce: Uint8Array, output: number, length: number): void => {
  if (nonce.length !== NonceLength) throw new RangeError(`a nonce has ${NonceLength} bytes, not ${nonce.length}`)
  if (output !== length) throw new RangeError(`the output has ${output} bytes where ${length} are written`)
}

/** What computes the cipher. It may count on lengths that fit. */
export interface Primitive {
  /** Fills `output` with the ciphertext and its tag. */
  readonly encrypt: (
    key: Uint8Array,
    nonce: Uint8Array,
    plaintext: Uint8Array,
    additional: Uint8Array,
    output: Uint8Array
  ) => void
  /** Fills `output` with the plaintext, or throws when the tag does not fit. */
  readonly decrypt: (
    key: Uint8Array,
    nonce: Uint8Array,
    sealed: Uint8Array,
    additional: Uint8Array,
    output: Uint8Array
  ) => void
}

/** A cipher by a primitive, under a key that is copied: the checks that all implementations share. */
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
        // All else that it throws for was checked above: the tag does not fit.
        return false
      }
    }
  }
}
