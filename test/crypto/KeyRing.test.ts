import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import { hkdfSync } from "node:crypto"
import { readFileSync } from "node:fs"
import { inspect } from "node:util"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"
import * as Aead from "../../src/crypto/Aead.ts"
import { noble } from "../../src/crypto/Aead.ts"
import * as KeyRing from "../../src/crypto/KeyRing.ts"
import { type KeyRingOptions, MaxKeys } from "../../src/crypto/KeyRing.ts"
import type { Fault } from "../../src/crypto/SealedDatagram.ts"
import { Header, Kind, writeHeader } from "../../src/wire/Header.ts"

const platform = Layer.mergeAll(Aead.layerNoble, Kdf.layerWebCrypto, SecureRandom.layerWebCrypto)

const key = (n: number) => ClusterKey.fromBytes(new Uint8Array(32).fill(n))
const hkdf = (n: number, info: string, length: number) =>
  Buffer.from(hkdfSync("sha256", new Uint8Array(32).fill(n), "effect-gossip", info, length))
const fingerprint = (n: number) => hkdf(n, "fingerprint", 4).toString("hex")

const message = (() => {
  const bytes = new Uint8Array(24)
  writeHeader(bytes, Object.assign(new Header(), { kind: Kind.Ping, idHi: 1, idLo: 2 }))
  return bytes
})()

const tagOf = (result: Uint8Array | Fault) => (result instanceof Uint8Array ? "opened" : result._tag)

const ringOf = (keys: KeyRingOptions["keys"], clusterName = "", services: typeof platform = platform) =>
  Effect.provide(KeyRing.KeyRing, Layer.fresh(Layer.provide(KeyRing.layer({ keys, clusterName }), services)))

describe("KeyRing", () => {
  it.effect("seals with the primary and opens with every key", () =>
    Effect.gen(function* () {
      const ring = yield* ringOf([key(1), key(2)])
      const [one, two, three] = [yield* ringOf([key(1)]), yield* ringOf([key(2)]), yield* ringOf([key(3)])]
      expect(one.open(ring.seal(message))).toEqual(message)
      expect(tagOf(two.open(ring.seal(message)))).toBe("NotOpened")
      expect(ring.open(one.seal(message))).toEqual(message)
      expect(ring.open(two.seal(message))).toEqual(message)
      expect(tagOf(ring.open(three.seal(message)))).toBe("NotOpened")
      expect(tagOf(ring.open(message))).toBe("Plaintext")
      expect(ring.aead).toBe("noble")
    })
  )

  it.effect("opens the recorded packets of the older implementation with an empty cluster name", () =>
    Effect.gen(function* () {
      const lines = readFileSync(new URL("../vectors/encrypted.jsonl", import.meta.url), "utf8")
        .trim()
        .split("\n")
      for (const line of lines) {
        const packet: { readonly key: string; readonly hex: string; readonly plaintext_hex: string } = JSON.parse(line)
        const ring = yield* ringOf([ClusterKey.fromBytes(Buffer.from(packet.key, "hex"))])
        const opened = ring.open(Buffer.from(packet.hex, "hex"))
        expect(opened instanceof Uint8Array && Buffer.from(opened).toString("hex")).toBe(packet.plaintext_hex)
      }
    })
  )

  it.effect("never seals two messages to the same bytes, not in two runs either", () =>
    Effect.gen(function* () {
      const [a, b] = [yield* ringOf([key(1)]), yield* ringOf([key(1)])]
      const nonces = [a, a, b, b].map((ring) => Buffer.from(ring.seal(message).subarray(0, 12)).toString("hex"))
      expect(new Set(nonces).size).toBe(4)
      expect(nonces[0]!.slice(0, 16)).toBe(nonces[1]!.slice(0, 16))
      expect(nonces[1]!.slice(0, 16)).not.toBe(nonces[2]!.slice(0, 16))
    })
  )

  it.effect("takes the prefix of its nonces from SecureRandom", () =>
    Effect.gen(function* () {
      const drawn: Array<number> = []
      const random = SecureRandom.make((size) => {
        drawn.push(size)
        return new Uint8Array(size).fill(0xab)
      })
      const services = Layer.mergeAll(platform, Layer.succeed(SecureRandom.SecureRandom, random))
      const ring = yield* ringOf([key(1)], "", services)
      expect(Buffer.from(ring.seal(message).subarray(0, 12)).toString("hex")).toBe("abababababababab00000000")
      expect(drawn).toEqual([8])
    })
  )

  describe("cluster name", () => {
    it.effect("separates clusters with one key, and nodes without a name", () =>
      Effect.gen(function* () {
        const names = ["", "blue", "green", "blue "]
        const rings = yield* Effect.forEach(names, (name) => ringOf([key(1)], name))
        for (const from of rings) {
          const datagram = from.seal(message)
          const opened = rings.filter((to) => to.open(datagram) instanceof Uint8Array)
          expect(opened).toEqual([from])
        }
      })
    )

    it.effect("derives the sealing key by HKDF-SHA256, whatever the name's normal form", () =>
      Effect.gen(function* () {
        const sealing = hkdf(1, "cluster caf\u00e9", 32)
        for (const name of ["caf\u00e9", "cafe\u0301"]) {
          const datagram = (yield* ringOf([key(1)], name)).seal(message)
          const into = new Uint8Array(24)
          const nonce = datagram.subarray(0, 12)
          expect(noble.cipher(sealing).open(nonce, datagram.subarray(20), datagram.subarray(12, 20), into)).toBe(true)
          expect(into).toEqual(message)
        }
      })
    )
  })

  it.effect("lists fingerprints, the primary first", () =>
    Effect.gen(function* () {
      for (const name of ["", "blue"]) {
        const ring = yield* ringOf([key(1), key(2), key(1)], name)
        expect(yield* ring.list).toEqual([
          { fingerprint: fingerprint(1), primary: true },
          { fingerprint: fingerprint(2), primary: false }
        ])
      }
      expect(fingerprint(1)).toMatch(/^[0-9a-f]{8}$/)
    })
  )

  it.effect("changes its key without an interruption: add, use, remove", () =>
    Effect.gen(function* () {
      const [ring, old, young] = [yield* ringOf([key(1)]), yield* ringOf([key(1)]), yield* ringOf([key(2)])]
      const [byOld, byYoung] = [old.seal(message), young.seal(message)]
      const state = () => [byOld, byYoung].map((datagram) => tagOf(ring.open(datagram)))
      expect(state()).toEqual(["opened", "NotOpened"])

      expect(yield* ring.add(key(2))).toBe(fingerprint(2))
      expect(yield* ring.add(key(2))).toBe(fingerprint(2))
      expect(yield* ring.list).toHaveLength(2)
      expect(state()).toEqual(["opened", "opened"])
      expect(tagOf(old.open(ring.seal(message)))).toBe("opened")

      yield* ring.use(fingerprint(2))
      expect(state()).toEqual(["opened", "opened"])
      expect(tagOf(young.open(ring.seal(message)))).toBe("opened")
      expect(tagOf(old.open(ring.seal(message)))).toBe("NotOpened")
      expect(yield* ring.list).toEqual([
        { fingerprint: fingerprint(2), primary: true },
        { fingerprint: fingerprint(1), primary: false }
      ])

      yield* ring.remove(fingerprint(1))
      expect(state()).toEqual(["NotOpened", "opened"])
      expect(yield* ring.list).toEqual([{ fingerprint: fingerprint(2), primary: true }])
    })
  )

  it.effect("refuses to remove its primary, and fingerprints that it does not have", () =>
    Effect.gen(function* () {
      const ring = yield* ringOf([key(1), key(2)])
      const before = yield* ring.list
      const primary = yield* Effect.flip(ring.remove(fingerprint(1)))
      expect(primary).toMatchObject({ _tag: "PrimaryKey", fingerprint: fingerprint(1) })
      for (const change of [ring.use, ring.remove]) {
        expect(yield* Effect.flip(change("00000000"))).toMatchObject({ _tag: "UnknownKey", fingerprint: "00000000" })
        // A user gives the key itself by mistake.
        const error = yield* Effect.flip(change("07".repeat(32)))
        expect(inspect(error, { depth: 9, showHidden: true }) + error.message).not.toContain("0707")
      }
      expect(yield* ring.list).toEqual(before)
    })
  )

  it.effect("replaces all keys at once, or none", () =>
    Effect.gen(function* () {
      const ring = yield* ringOf([key(1), key(2)])
      yield* ring.replace([key(3), key(2), key(3)])
      expect((yield* ring.list).map(({ fingerprint }) => fingerprint)).toEqual([fingerprint(3), fingerprint(2)])
      expect(tagOf((yield* ringOf([key(3)])).open(ring.seal(message)))).toBe("opened")
      expect(tagOf(ring.open((yield* ringOf([key(1)])).seal(message)))).toBe("NotOpened")

      const [first, ...others] = Array.from({ length: MaxKeys + 1 }, (_, n) => key(10 + n))
      expect((yield* Effect.flip(ring.replace([first!, ...others])))._tag).toBe("TooManyKeys")
      expect((yield* ring.list).map(({ fingerprint }) => fingerprint)).toEqual([fingerprint(3), fingerprint(2)])
      yield* ring.replace([first!, ...others.slice(1)])
      expect((yield* Effect.flip(ring.add(key(99))))._tag).toBe("TooManyKeys")
      expect(yield* ring.list).toHaveLength(MaxKeys)
    })
  )

  it.effect("refuses another key with a fingerprint that it has", () =>
    Effect.gen(function* () {
      const constant = Kdf.Kdf.of({ derive: (_, __, { length }) => Effect.succeed(new Uint8Array(length)) })
      const services = Layer.mergeAll(platform, Layer.succeed(Kdf.Kdf, constant))
      const ring = yield* ringOf([key(1)], "", services)
      expect(yield* Effect.flip(ring.add(key(2)))).toMatchObject({ _tag: "FingerprintTaken", fingerprint: "00000000" })
      expect(yield* ring.add(key(1))).toBe("00000000")
      expect(yield* ring.list).toHaveLength(1)
    })
  )

  it.effect("makes changes one after the other", () =>
    Effect.gen(function* () {
      // The first change takes longest.
      let turns = 40
      const kdf = yield* Effect.provide(Kdf.Kdf, Kdf.layerWebCrypto)
      const slow = Kdf.Kdf.of({
        derive: (...args) =>
          Effect.suspend(() =>
            Effect.andThen(Effect.replicateEffect(Effect.yieldNow, (turns -= 8)), kdf.derive(...args))
          )
      })
      const ring = yield* ringOf([key(1)], "", Layer.mergeAll(platform, Layer.succeed(Kdf.Kdf, slow)))
      yield* Effect.all([ring.replace([key(2)]), ring.add(key(3)), ring.replace([key(4)]), ring.add(key(5))], {
        concurrency: "unbounded"
      })
      expect((yield* ring.list).map(({ fingerprint }) => fingerprint)).toEqual([fingerprint(4), fingerprint(5)])
    })
  )

  it.effect("shows no key", () =>
    Effect.gen(function* () {
      const ring = yield* ringOf([key(7)], "blue")
      const shown = [ring, { keys: [key(7)] }].map(
        (value) => inspect(value, { depth: 20, showHidden: true }) + JSON.stringify(value) + String(value)
      )
      for (const text of shown) expect(text).not.toMatch(/0707|7, ?7/)
      expect(Redacted.value(key(7))).toHaveLength(32)
    })
  )
})
