/**
 * What sealing and opening a datagram costs, by implementation of the cipher: `node bench/aead.ts`. The smallest message,
 * and the one whose datagram is 1260 bytes long. Each figure is the best of several rounds, which take turns, so that a
 * slow moment of the machine meets all alike.
 */
import { Effect, Layer } from "effect"
import { Kdf, SecureRandom } from "effect/crypto"
import { fromBytes } from "../src/crypto/ClusterKey.ts"
import * as NodeAead from "../src/node/NodeAead.ts"
import * as Aead from "../src/crypto/Aead.ts"
import * as KeyRing from "../src/crypto/KeyRing.ts"
import { Header, HeaderLength, Kind, writeHeader } from "../src/wire/Header.ts"

const Rounds = 9
const RoundMillis = 60

const messageOf = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length).fill(0x5a, HeaderLength)
  const header = { kind: Kind.Ping, payloadLength: length - HeaderLength, idHi: 0x01020304, idLo: 0x05060708 }
  writeHeader(bytes, Object.assign(new Header(), header))
  return bytes
}

const keys = [fromBytes(new Uint8Array(32).fill(7)), fromBytes(new Uint8Array(32).fill(8))] as const

const ringOf = (aead: Layer.Layer<never, NodeAead.SodiumUnavailable>) =>
  Effect.provide(
    KeyRing.KeyRing,
    Layer.fresh(
      KeyRing.layer({ keys, clusterName: "" }).pipe(
        Layer.provide([aead, Kdf.layerWebCrypto, SecureRandom.layerWebCrypto])
      )
    )
  )

interface Case {
  readonly name: string
  readonly run: () => unknown
  best: number
}

const casesOf = (ring: KeyRing.KeyRing["Service"]): ReadonlyArray<Case> =>
  [24, 1224].flatMap((length) => {
    const message = messageOf(length)
    const datagram = ring.seal(message)
    const forged = datagram.slice()
    forged[forged.length - 1] = forged[forged.length - 1]! ^ 1
    const name = (what: string) => `${ring.aead.padEnd(8)}${what.padEnd(24)}${String(length).padStart(5)} bytes`
    return [
      { name: name("seal"), run: () => ring.seal(message), best: Infinity },
      { name: name("open"), run: () => ring.open(datagram), best: Infinity },
      { name: name("refuse with two keys"), run: () => ring.open(forged), best: Infinity }
    ]
  })

const round = (measured: Case): void => {
  let runs = 0
  const start = performance.now()
  let elapsed = 0
  while (elapsed < RoundMillis) {
    for (let i = 0; i < 100; i++) measured.run()
    runs += 100
    elapsed = performance.now() - start
  }
  measured.best = Math.min(measured.best, (1000 * elapsed) / runs)
}

const bench = Effect.gen(function* () {
  const rings = [yield* ringOf(Aead.layerNoble)]
  const sodium = yield* Effect.result(ringOf(NodeAead.layerSodium))
  if (sodium._tag === "Success") rings.push(sodium.success)
  else console.log(sodium.failure.message)
  const cases = rings.flatMap(casesOf)
  for (let i = 0; i < Rounds; i++) for (const measured of cases) round(measured)
  console.log(`Node.js ${process.version}, ${process.arch}; microseconds`)
  for (const { best, name } of cases) console.log(`${name}  ${best.toFixed(2).padStart(7)}`)
})

await Effect.runPromise(bench)
