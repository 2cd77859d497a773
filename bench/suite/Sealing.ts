/** Sealing and opening datagrams, by implementation of the cipher: the smallest message, and one that fills a datagram. */
import { Effect, Layer } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import * as Aead from "../../src/crypto/Aead.ts"
import { fromBytes } from "../../src/crypto/ClusterKey.ts"
import * as KeyRing from "../../src/crypto/KeyRing.ts"
import * as NodeAead from "../../src/node/NodeAead.ts"
import { Header, HeaderLength, Kind, writeHeader } from "../../src/wire/Header.ts"
import type { Row } from "./Row.ts"

const messageOf = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length).fill(0x5a, HeaderLength)
  const header = { kind: Kind.Ping, payloadLength: length - HeaderLength, idHi: 0x01020304, idLo: 0x05060708 }
  writeHeader(bytes, Object.assign(new Header(), header))
  return bytes
}

const keys = [fromBytes(new Uint8Array(32).fill(7)), fromBytes(new Uint8Array(32).fill(8))] as const

/** A key ring with a cipher. */
export const ringOf = <E>(aead: Layer.Layer<never, E>, ringKeys: typeof keys | readonly [(typeof keys)[0]] = keys) =>
  Effect.provide(
    KeyRing.KeyRing,
    Layer.fresh(
      KeyRing.layer({ keys: ringKeys, clusterName: "" }).pipe(
        Layer.provide([aead, Kdf.layerWebCrypto, SecureRandom.layerWebCrypto])
      )
    )
  )

/** Times of the native implementation, and those that are aimed at with libsodium, in ns. */
const figures = { seal: { rust: 1245, asked: 1800 }, open: { rust: 887, asked: 1300 } } as const

const rowsOf = (ring: KeyRing.KeyRing["Service"]): ReadonlyArray<Row> =>
  [24, 1224].flatMap((length) => {
    const message = messageOf(length)
    const datagram = ring.seal(message)
    const forged = datagram.slice()
    forged[forged.length - 1] = forged[forged.length - 1]! ^ 1
    const compared = ring.aead === "sodium" && length === 1224
    const name = (what: string) => `${what} ${length} bytes, ${ring.aead}`
    return [
      { name: name("seal"), ...(compared ? figures.seal : {}), call: () => ring.seal(message) },
      { name: name("open"), ...(compared ? figures.open : {}), call: () => ring.open(datagram) },
      { name: name("refuse with two keys"), call: () => ring.open(forged) }
    ]
  })

export const rows: Effect.Effect<ReadonlyArray<Row>> = Effect.gen(function* () {
  const noble = yield* Effect.orDie(ringOf(Aead.layerNoble))
  const sodium = yield* Effect.option(ringOf(NodeAead.layerSodium))
  return [...rowsOf(noble), ...(sodium._tag === "Some" ? rowsOf(sodium.value) : [])]
})
