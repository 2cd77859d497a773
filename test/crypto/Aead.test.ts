import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import * as NodeAead from "../../src/node/NodeAead.ts"
import * as Aead from "../../src/crypto/Aead.ts"
import { TagLength } from "../../src/crypto/AeadCipher.ts"

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ""), "hex"))
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

const vectors = [
  {
    name: "2.8.2",
    key: hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"),
    nonce: hex("070000004041424344454647"),
    additional: hex("50515253c0c1c2c3c4c5c6c7"),
    plaintext: new TextEncoder().encode(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    ),
    sealed: hex(`
      d31a8d34648e60db7b86afbc53ef7ec2 a4aded51296e08fea9e2b5a736ee62d6 3dbea45e8ca9671282fafb69da92728b
      1a71de0a9e060b2905d6a5b67ecd3b36 92ddbd7f2d778b8c9803aee328091b58 fab324e4fad675945585808b4831d7bc
      3ff4def08e4b7a9de576d26586cec64b 6116
      1ae10b594f09e26a7e902ecbd0600691`)
  },
  {
    name: "appendix A.5",
    key: hex("1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0"),
    nonce: hex("000000000102030405060708"),
    additional: hex("f33388860000000000004e91"),
    plaintext: new TextEncoder().encode(
      "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or " +
        "obsoleted by other documents at any time. It is inappropriate to use Internet-Drafts as reference material " +
        "or to cite them other than as /\u201cwork in progress./\u201d"
    ),
    sealed: hex(`
      64a0861575861af460f062c79be643bd 5e805cfd345cf389f108670ac76c8cb2 4c6cfc18755d43eea09ee94e382d26b0
      bdb7b73c321b0100d4f03b7f355894cf 332f830e710b97ce98c8a84abd0b9481 14ad176e008d33bd60f982b1ff37c855
      9797a06ef4f0ef61c186324e2b350638 3606907b6a7c02b0f9f6157b53c867e4 b9166c767b804d46a59b5216cde7a4e9
      9040c5a40433225ee282a1b0a06c523e af4534d7f83fa1155b0047718cbc546a 0d072b04b3564eea1b422273f548271a
      0bb2316053fa76991955ebd63159434e cebb4e466dae5a1073a6727627097a10 49e617d91d361094fa68f0ff77987130
      305beaba2eda04df997b714d6c6f2c29 a6ad5cb4022b02709b
      eead9d67890cbb22392336fea1851f38`)
  }
]

const recorded = readFileSync(new URL("../vectors/encrypted.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line): { readonly key: string; readonly hex: string; readonly plaintext_hex: string } => JSON.parse(line))
  .map((packet) => {
    const datagram = hex(packet.hex)
    return {
      key: hex(packet.key),
      nonce: datagram.subarray(0, 12),
      additional: datagram.subarray(12, 20),
      sealed: datagram.subarray(20),
      plaintext: hex(packet.plaintext_hex)
    }
  })

const implementations: ReadonlyArray<readonly [name: string, layer: Layer.Layer<never>]> = [
  ["noble", Aead.layerNoble],
  ["sodium", Layer.orDie(NodeAead.layerSodium)]
]

describe.each(implementations)("Aead of %s", (name, layer) => {
  it.effect("has its name", () =>
    Effect.gen(function* () {
      expect((yield* Aead.Aead).name).toBe(name)
    }).pipe(Effect.provide(layer))
  )

  it.effect("gives the bytes of RFC 8439, sections 2.8.2 and A.5, and of the recorded packets", () =>
    Effect.gen(function* () {
      const { cipher } = yield* Aead.Aead
      expect(recorded.length).toBe(15)
      for (const { additional, key, nonce, plaintext, sealed } of [...vectors, ...recorded]) {
        const into = new Uint8Array(plaintext.length + TagLength + 7)
        expect(cipher(key).seal(nonce, plaintext, additional, into, 5)).toBe(sealed.length)
        expect(into).toEqual(Uint8Array.from([0, 0, 0, 0, 0, ...sealed, 0, 0]))
        const opened = new Uint8Array(plaintext.length)
        expect(cipher(key).open(nonce, sealed, additional, opened)).toBe(true)
        expect(opened).toEqual(plaintext)
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("opens nothing in which a bit was changed, and nothing that is too short", () =>
    Effect.gen(function* () {
      const { cipher } = yield* Aead.Aead
      const flip = (bytes: Uint8Array, bit: number) => {
        const changed = bytes.slice()
        changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7))
        return changed
      }
      const { additional, key, nonce, plaintext, sealed } = vectors[0]!
      const into = new Uint8Array(plaintext.length)
      for (let bit = 0; bit < 8 * sealed.length; bit += 3) {
        expect(cipher(key).open(nonce, flip(sealed, bit), additional, into)).toBe(false)
      }
      for (let bit = 0; bit < 8 * key.length; bit++) {
        expect(cipher(flip(key, bit)).open(nonce, sealed, additional, into)).toBe(false)
      }
      for (let bit = 0; bit < 8 * 12; bit++) {
        expect(cipher(key).open(flip(nonce, bit), sealed, additional, into)).toBe(false)
        expect(cipher(key).open(nonce, sealed, flip(additional, bit), into)).toBe(false)
      }
      expect(cipher(key).open(nonce, sealed, additional, into)).toBe(true)
      for (let length = 0; length < sealed.length; length++) {
        const short = sealed.subarray(0, length)
        expect(cipher(key).open(nonce, short, additional, into.subarray(0, Math.max(0, length - TagLength)))).toBe(
          false
        )
      }
    }).pipe(Effect.provide(layer))
  )

  it.effect("keeps its own copy of the key", () =>
    Effect.gen(function* () {
      const { additional, key, nonce, plaintext, sealed } = vectors[0]!
      const mine = key.slice()
      const cipher = (yield* Aead.Aead).cipher(mine)
      mine.fill(0)
      expect(cipher.open(nonce, sealed, additional, new Uint8Array(plaintext.length))).toBe(true)
    }).pipe(Effect.provide(layer))
  )

  it.effect("throws for lengths that do not fit each other", () =>
    Effect.gen(function* () {
      const { cipher } = yield* Aead.Aead
      const { additional, key, nonce, plaintext, sealed } = vectors[0]!
      const one = cipher(key)
      const into = new Uint8Array(sealed.length)
      expect(() => cipher(key.subarray(1))).toThrow(RangeError)
      expect(() => one.seal(nonce.subarray(1), plaintext, additional, into, 0)).toThrow(RangeError)
      expect(() => one.seal(nonce, plaintext, additional, into, 1)).toThrow(RangeError)
      expect(() => one.open(nonce.subarray(1), sealed, additional, plaintext.slice())).toThrow(RangeError)
      expect(() => one.open(nonce, sealed, additional, into)).toThrow(RangeError)
    }).pipe(Effect.provide(layer))
  )
})

describe("Aead", () => {
  it.effect("is the same in both implementations, at any place in an array", () =>
    Effect.gen(function* () {
      const of = (layer: Layer.Layer<never>) => Effect.provide(Aead.Aead, layer)
      const [noble, sodium] = [yield* of(Aead.layerNoble), yield* of(Layer.orDie(NodeAead.layerSodium))]
      const lengths = fc.oneof(fc.nat(200), fc.constantFrom(0, 15, 16, 17, 63, 64, 65, 24, 1224, 1424))
      const plaintexts = lengths.chain(bytesOf)
      fc.assert(
        fc.property(
          bytesOf(32),
          bytesOf(12),
          plaintexts,
          fc.uint8Array({ maxLength: 40 }),
          fc.nat(9),
          (key, nonce, plaintext, additional, at) => {
            const sealed = [noble, sodium].map(({ cipher }) => {
              const into = new Uint8Array(at + plaintext.length + TagLength + 3)
              expect(cipher(key).seal(nonce, plaintext, additional, into, at)).toBe(plaintext.length + TagLength)
              return into
            })
            expect(sealed[0]).toEqual(sealed[1])
            const datagram = sealed[0]!.subarray(at, -3)
            for (const { cipher } of [noble, sodium]) {
              const opened = new Uint8Array(at + plaintext.length).subarray(at)
              expect(cipher(key).open(nonce, datagram, additional, opened)).toBe(true)
              expect(opened).toEqual(plaintext)
            }
          }
        )
      )
    })
  )
})

describe("NodeAead", () => {
  const absent = () => {
    throw new Error("Cannot find module 'sodium-native'\nRequire stack:\n- here")
  }

  it.effect("layer is libsodium where it loads, else noble", () =>
    Effect.gen(function* () {
      expect((yield* Effect.provide(Aead.Aead, NodeAead.layer)).name).toBe("sodium")
      expect((yield* Effect.provide(Aead.Aead, NodeAead.layerFrom(absent))).name).toBe("noble")
      expect(
        (yield* Effect.provide(
          Aead.Aead,
          NodeAead.layerFrom(() => ({}))
        )).name
      ).toBe("noble")
    })
  )

  it.effect("layerSodium fails where libsodium does not load", () =>
    Effect.gen(function* () {
      const failure = (load: () => unknown) => Effect.flip(Effect.provide(Aead.Aead, NodeAead.layerSodiumFrom(load)))
      expect((yield* failure(absent)).message).toBe("sodium-native does not load: Cannot find module 'sodium-native'")
      expect((yield* failure(() => ({})))._tag).toBe("SodiumUnavailable")
    })
  )
})
