/**
 * Sealed datagrams: nonce (12 bytes), sender id (8 bytes, in the clear), ciphertext, tag (16 bytes). The additional data
 * are the 8 bytes of the sender id.
 *
 * @since 0.2.0
 */
import { readU16 } from "../wire/Bytes.ts"
import { checksumFits, HeaderLength, MaxMessage, Version } from "../wire/Header.ts"
import { type AeadCipher, NonceLength, TagLength } from "./AeadCipher.ts"
import type { Nonces } from "./Nonces.ts"

const IdLength = 8
/** Where the sender id is in a message. */
export const IdInHeader = 4
/** Where the sender id is in a sealed datagram. */
export const IdInClear = NonceLength
const SealedAt = NonceLength + IdLength

/** Bytes that sealing adds to a message. */
export const Overhead = SealedAt + TagLength
/** The fewest bytes of a sealed datagram: its message has a header at least. */
export const MinLength = Overhead + HeaderLength
/** The most bytes of a sealed datagram. */
export const MaxLength = Overhead + MaxMessage

// Why a datagram does not open: plain tagged values and no `Error`s, like those of `WireError`.

/**
 * The datagram is a message in the clear.
 *
 * @category errors
 * @since 0.2.0
 */
export class Plaintext {
  readonly _tag = "Plaintext"
  readonly length: number
  constructor(length: number) {
    this.length = length
  }
  get message(): string {
    return `message of ${this.length} bytes is not encrypted`
  }
}

/**
 * The datagram has fewer bytes than the sealed form of a header.
 *
 * @category errors
 * @since 0.2.0
 */
export class TooShort {
  readonly _tag = "TooShort"
  readonly length: number
  constructor(length: number) {
    this.length = length
  }
  get message(): string {
    return `sealed datagram of ${this.length} bytes is shorter than ${MinLength}`
  }
}

/**
 * The datagram has more bytes than the sealed form of the longest message. This is
 * checked before anything is decrypted.
 *
 * @category errors
 * @since 0.2.0
 */
export class TooLong {
  readonly _tag = "TooLong"
  readonly length: number
  constructor(length: number) {
    this.length = length
  }
  get message(): string {
    return `sealed datagram of ${this.length} bytes is longer than ${MaxLength}`
  }
}

/**
 * The datagram is sealed with a key that the ring does not have, or was changed on the
 * way.
 *
 * @category errors
 * @since 0.2.0
 */
export class NotOpened {
  readonly _tag = "NotOpened"
  /** How many keys were tried. */
  readonly keys: number
  constructor(keys: number) {
    this.keys = keys
  }
  get message(): string {
    return `sealed datagram opens with none of ${this.keys} keys`
  }
}

/**
 * The message inside names another sender than the datagram does.
 *
 * @category errors
 * @since 0.2.0
 */
export class Forged {
  readonly _tag = "Forged"
  get message(): string {
    return "sender of the sealed message is not the sender of the datagram"
  }
}

/**
 * Why a datagram does not open.
 *
 * @category errors
 * @since 0.2.0
 */
export type Fault = Plaintext | TooShort | TooLong | NotOpened | Forged

/** The tags of `Fault`, for counters. */
export const reasons = ["Plaintext", "TooShort", "TooLong", "NotOpened", "Forged"] as const satisfies ReadonlyArray<
  Fault["_tag"]
>

/**
 * Whether a datagram is a complete message in the clear, of any kind, of a cluster without a name or of one with this
 * salt. One in 2^39 sealed datagrams looks like one by chance, and is lost, as any datagram can be.
 */
export const isPlaintext = (datagram: Uint8Array, salt = 0): boolean => {
  if (datagram[0] !== Version || datagram.length < HeaderLength) return false
  if (HeaderLength + readU16(datagram, 2) !== datagram.length) return false
  return checksumFits(datagram, 0) || (salt !== 0 && checksumFits(datagram, salt))
}

/** Seals messages. */
export class Sealer {
  readonly #nonces: Nonces
  readonly #nonce = new Uint8Array(NonceLength)
  readonly #sender = new Uint8Array(IdLength)

  constructor(nonces: Nonces) {
    this.#nonces = nonces
  }

  /** A message of at most `MaxMessage` bytes with its header, as a datagram in a new array. */
  seal(cipher: AeadCipher, message: Uint8Array): Uint8Array {
    const nonce = this.#nonce
    const sender = this.#sender
    this.#nonces.next(nonce)
    for (let i = 0; i < IdLength; i++) sender[i] = message[IdInHeader + i]!
    const datagram = new Uint8Array(Overhead + message.length)
    datagram.set(nonce)
    datagram.set(sender, NonceLength)
    cipher.seal(nonce, message, sender, datagram, SealedAt)
    return datagram
  }
}

/** A power of two. Each slot is one byte. */
const HintSlots = 1024

/**
 * Opens datagrams with one of several keys. It first tries the key that last opened a datagram of the same sender id. The
 * memory for that has a fixed size, and only datagrams that open change it.
 */
export class Opener {
  #ciphers: ReadonlyArray<AeadCipher> = []
  readonly #hints = new Uint8Array(HintSlots)
  readonly #nonce = new Uint8Array(NonceLength)
  readonly #sender = new Uint8Array(IdLength)
  readonly #message = new Uint8Array(MaxMessage)
  readonly #salt: number

  /** `salt`: that of the cluster's messages in the clear. */
  constructor(salt = 0) {
    this.#salt = salt
  }

  /** Sets the keys, the likeliest first; at most 256. */
  setCiphers(ciphers: ReadonlyArray<AeadCipher>): void {
    this.#ciphers = ciphers
    this.#hints.fill(0)
  }

  /** The message inside, valid until the next call, or why there is none. */
  open(datagram: Uint8Array): Uint8Array | Fault {
    if (isPlaintext(datagram, this.#salt)) return new Plaintext(datagram.length)
    if (datagram.length < MinLength) return new TooShort(datagram.length)
    if (datagram.length > MaxLength) return new TooLong(datagram.length)
    const nonce = this.#nonce
    const sender = this.#sender
    for (let i = 0; i < NonceLength; i++) nonce[i] = datagram[i]!
    for (let i = 0; i < IdLength; i++) sender[i] = datagram[NonceLength + i]!
    const sealed = datagram.subarray(SealedAt)
    const message = this.#message.subarray(0, datagram.length - Overhead)
    const keys = this.#ciphers.length
    const slot = this.#slot()
    const likeliest = this.#hints[slot]!
    let fitting = this.#ciphers[likeliest]?.open(nonce, sealed, sender, message) === true ? likeliest : -1
    for (let i = 0; fitting === -1 && i < keys; i++) {
      if (i !== likeliest && this.#ciphers[i]!.open(nonce, sealed, sender, message)) fitting = i
    }
    if (fitting === -1) return new NotOpened(keys)
    this.#hints[slot] = fitting
    for (let i = 0; i < IdLength; i++) if (message[IdInHeader + i] !== sender[i]) return new Forged()
    return message
  }

  /** Ids are random, so their low bits are a good hash. Ids that share a slot cost each other an attempt. */
  #slot(): number {
    return readU16(this.#sender, IdLength - 2) & (HintSlots - 1)
  }
}
