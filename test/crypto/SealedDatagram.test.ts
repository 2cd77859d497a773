import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import { noble } from "../../src/crypto/Aead.ts"
import type { AeadCipher } from "../../src/crypto/AeadCipher.ts"
import { Nonces } from "../../src/crypto/Nonces.ts"
import {
  type Fault,
  isPlaintext,
  MaxLength,
  MinLength,
  Opener,
  Overhead,
  reasons,
  Sealer
} from "../../src/crypto/SealedDatagram.ts"
import { Header, Kind, MaxMessage, writeHeader } from "../../src/wire/Header.ts"

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"))

const packets = readFileSync(new URL("../vectors/encrypted.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line): { readonly key: string; readonly hex: string; readonly plaintext_hex: string } => JSON.parse(line))
  .map((packet) => ({ key: hex(packet.key), datagram: hex(packet.hex), plaintext: hex(packet.plaintext_hex) }))

const plain = readFileSync(new URL("../vectors/plain.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line): { readonly hex: string } => JSON.parse(line))
  .map((packet) => hex(packet.hex))

const keyOf = (n: number) => new Uint8Array(32).fill(n)
const cipherOf = (n: number) => noble.cipher(keyOf(n))

/** A valid message of `length` bytes from the sender with that id. */
const messageOf = (idHi: number, idLo: number, length = 24): Uint8Array => {
  const bytes = new Uint8Array(length).fill(0x5a, 24)
  const header = Object.assign(new Header(), { kind: Kind.Ping, payloadLength: length - 24, idHi, idLo })
  writeHeader(bytes, header)
  return bytes
}

let prefixes = 0
const sealer = () => new Sealer(new Nonces((length) => new Uint8Array(length).fill(++prefixes)))

const openerOf = (...ciphers: ReadonlyArray<AeadCipher>) => {
  const opener = new Opener()
  opener.setCiphers(ciphers)
  return opener
}

const tagOf = (result: Uint8Array | Fault) => (result instanceof Uint8Array ? "opened" : result._tag)

/** A cipher that counts how often it is tried. */
const counted = (cipher: AeadCipher) => {
  const tries = { count: 0 }
  const open: AeadCipher["open"] = (...args) => {
    tries.count++
    return cipher.open(...args)
  }
  return { cipher: { seal: cipher.seal, open }, tries }
}

describe("SealedDatagram", () => {
  it("has the layout of the protocol", () => {
    expect([Overhead, MinLength, MaxLength]).toEqual([36, 60, 1460])
    const message = messageOf(0x01020304, 0x05060708, 100)
    const datagram = new Sealer(new Nonces((length) => new Uint8Array(length).fill(9), 0x0a0b0c0d)).seal(
      cipherOf(1),
      message
    )
    expect(Buffer.from(datagram.subarray(0, 20)).toString("hex")).toBe("09090909090909090a0b0c0d0102030405060708")
    const inside = new Uint8Array(100 + 16)
    cipherOf(1).seal(datagram.subarray(0, 12), message, datagram.subarray(12, 20), inside, 0)
    expect(datagram.subarray(20)).toEqual(inside)
  })

  it("opens the recorded packets, and seals them to the same bytes", () => {
    for (const { datagram, key, plaintext } of packets) {
      expect(openerOf(noble.cipher(key)).open(datagram)).toEqual(plaintext)
      const prefix = datagram.subarray(0, 8)
      const counter = Buffer.from(datagram).readUInt32BE(8)
      const nonces = new Nonces(() => prefix.slice(), counter)
      expect(new Sealer(nonces).seal(noble.cipher(key), plaintext)).toEqual(datagram)
    }
  })

  it("opens what it sealed, of every length, and nothing with another key", () => {
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
    fc.assert(
      fc.property(u32, u32, fc.integer({ min: 24, max: MaxMessage }), (hi, lo, length) => {
        const message = messageOf(hi, lo, length)
        const datagram = sealer().seal(cipherOf(1), message)
        expect(datagram.length).toBe(length + Overhead)
        expect(openerOf(cipherOf(1)).open(datagram)).toEqual(message)
        expect(openerOf(cipherOf(2)).open(datagram)).toMatchObject({ _tag: "NotOpened", keys: 1 })
      })
    )
  })

  it("refuses a datagram in which any byte was changed", () => {
    const datagram = sealer().seal(cipherOf(1), messageOf(1, 2, 60))
    const opener = openerOf(cipherOf(1))
    for (let at = 0; at < datagram.length; at++) {
      const changed = datagram.slice()
      changed[at] = changed[at]! ^ 0x80
      expect(tagOf(opener.open(changed))).toBe("NotOpened")
    }
  })

  it("is forged when the message inside has another sender", () => {
    for (let at = 0; at < 8; at++) {
      const message = messageOf(1, 2)
      const sender = message.slice(4, 12)
      sender[at] = sender[at]! ^ 1
      // A member that has the key of the cluster sends in the name of another one.
      const datagram = new Uint8Array(60)
      datagram.set(sender, 12)
      cipherOf(1).seal(datagram.subarray(0, 12), message, sender, datagram, 20)
      expect(tagOf(openerOf(cipherOf(1)).open(datagram))).toBe("Forged")
    }
  })

  it("has a fault of its own for messages in the clear, of any kind", () => {
    const opener = openerOf(cipherOf(1))
    for (const message of [...plain, ...packets.map(({ plaintext }) => plaintext)]) {
      expect(isPlaintext(message)).toBe(true)
      expect(tagOf(opener.open(message))).toBe("Plaintext")
    }
    // A kind of extension level 1, with the right checksum.
    const extended = messageOf(1, 2)
    extended[1] = 0x22
    expect(isPlaintext(extended)).toBe(false)
    extended[23] = extended[23]! - 0x20
    expect(tagOf(opener.open(extended))).toBe("Plaintext")
    for (const { datagram } of packets) expect(isPlaintext(datagram)).toBe(false)
  })

  it("has a fault for every other length, before any decryption", () => {
    const { cipher, tries } = counted(cipherOf(1))
    const opener = openerOf(cipher)
    for (let length = 0; length < MinLength; length++)
      expect(tagOf(opener.open(new Uint8Array(length)))).toBe("TooShort")
    for (const length of [1461, 65507]) expect(tagOf(opener.open(new Uint8Array(length)))).toBe("TooLong")
    expect(tries.count).toBe(0)
    expect(tagOf(opener.open(new Uint8Array(MinLength)))).toBe("NotOpened")
    expect(tagOf(opener.open(new Uint8Array(MaxLength)))).toBe("NotOpened")
    expect(tries.count).toBe(2)
  })

  it("names its faults", () => {
    const opener = openerOf(cipherOf(1))
    const found = [messageOf(1, 2), new Uint8Array(3), new Uint8Array(2000), new Uint8Array(99)].map((bytes) => {
      const fault = opener.open(bytes)
      return fault instanceof Uint8Array ? "" : `${fault._tag}: ${fault.message}`
    })
    expect(found).toEqual([
      "Plaintext: message of 24 bytes is not encrypted",
      "TooShort: sealed datagram of 3 bytes is shorter than 60",
      "TooLong: sealed datagram of 2000 bytes is longer than 1460",
      "NotOpened: sealed datagram opens with none of 1 keys"
    ])
    expect(reasons).toHaveLength(5)
  })

  it("first tries the key that last opened a datagram of the sender", () => {
    const keys = [1, 2, 3, 4].map((n) => counted(cipherOf(n)))
    const opener = openerOf(...keys.map(({ cipher }) => cipher))
    const tries = () => keys.map(({ tries }) => tries.count)
    const from = (key: number, sender: number) => sealer().seal(cipherOf(key), messageOf(0, sender))
    expect(tagOf(opener.open(from(4, 7)))).toBe("opened")
    expect(tries()).toEqual([1, 1, 1, 1])
    expect(tagOf(opener.open(from(4, 7)))).toBe("opened")
    expect(tries()).toEqual([1, 1, 1, 2])
    // Another sender does not get its key.
    expect(tagOf(opener.open(from(1, 8)))).toBe("opened")
    expect(tries()).toEqual([2, 1, 1, 2])
    // A datagram that does not open changes nothing, and no key is tried twice.
    expect(opener.open(from(9, 7))).toMatchObject({ _tag: "NotOpened", keys: 4 })
    expect(tries()).toEqual([3, 2, 2, 3])
    expect(tagOf(opener.open(from(4, 7)))).toBe("opened")
    expect(tries()).toEqual([3, 2, 2, 4])
    // The sender changes its key.
    expect(tagOf(opener.open(from(2, 7)))).toBe("opened")
    expect(tries()).toEqual([4, 3, 2, 5])
    expect(tagOf(opener.open(from(2, 7)))).toBe("opened")
    expect(tries()).toEqual([4, 4, 2, 5])
  })

  it("forgets which key a sender has when the keys change", () => {
    const opener = openerOf(cipherOf(1), cipherOf(2), cipherOf(3))
    const datagram = sealer().seal(cipherOf(3), messageOf(0, 7))
    expect(tagOf(opener.open(datagram))).toBe("opened")
    const last = counted(cipherOf(2))
    opener.setCiphers([cipherOf(3), cipherOf(1), last.cipher])
    expect(tagOf(opener.open(datagram))).toBe("opened")
    expect(last.tries.count).toBe(0)
    opener.setCiphers([cipherOf(1)])
    expect(tagOf(opener.open(datagram))).toBe("NotOpened")
    opener.setCiphers([])
    expect(opener.open(datagram)).toMatchObject({ _tag: "NotOpened", keys: 0 })
  })
})
