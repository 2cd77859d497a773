/** Reading and writing messages. */
import { Effect, Schema } from "effect"
import { AddressCache } from "../../src/wire/AddressCache.ts"
import { internetChecksum } from "../../src/wire/Checksum.ts"
import { EntryCursor } from "../../src/wire/Entry.ts"
import { Kind } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as Message from "../../src/wire/Message.ts"
import { MessageWriter } from "../../src/wire/MessageWriter.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { addressOf, Full, gossip, gossipOf, upTo } from "./Fixtures.ts"
import type { Row } from "./Row.ts"

/** The row by which the figures of the native implementation are scaled, and its time there, in ns. */
export const yardstick: Row & { readonly rust: number } = (() => {
  const bytes = Uint8Array.from({ length: 1400 }, (_, i) => i * 7)
  return { name: "checksum of 1400 bytes", rust: 106, asked: 400, call: () => internetChecksum(bytes, 0, bytes.length) }
})()

const ping = (entries: number, rust: Pick<Row, "rust" | "asked">, written: Pick<Row, "rust" | "asked">): Array<Row> => {
  const inbound = new Inbound()
  const cursor = new EntryCursor()
  const writer = new MessageWriter()
  const packed = PackedAddress.pack(addressOf(1))
  const write = (): Uint8Array => {
    writer.begin(Kind.Ping, 0)
    for (let i = 0; i < entries; i++) writer.entry(i, i, 1, 2, 0, packed, 0)
    return writer.finish()
  }
  const datagram = write().slice()
  const read = (): number => {
    inbound.decode(datagram)
    let sum = 0
    for (let at = inbound.entriesStart; at < inbound.entriesEnd; at = cursor.next) {
      cursor.read(datagram, at)
      sum += cursor.heartbeat
    }
    return sum
  }
  return [
    { name: `decode PING with ${entries} entries`, ...rust, call: read },
    { name: `encode PING with ${entries} entries`, ...written, call: write }
  ]
}

const sectioned = (): Array<Row> => {
  const inbound = new Inbound()
  const writer = new MessageWriter()
  const write = (): Uint8Array => {
    writer.beginSectioned(Kind.Ping, 0)
    writer.pingProbe(1, 2, 3)
    return writer.finish()
  }
  const datagram = write().slice()
  return [
    { name: "decode PING of level 1, with its probe section", call: () => inbound.decode(datagram, 1) },
    { name: "encode PING of level 1, with its probe section", call: write }
  ]
}

const values = (): Array<Row> => {
  const fifty = upTo(Full)
  const message = gossipOf(1, fifty, 1)
  const datagram = gossip(1, fifty, 1)
  const addresses = new AddressCache()
  const decode = Schema.decodeUnknownEffect(Message.MessageFromBytes)
  return [
    { name: "encode GOSSIP of 50 entries from values", asked: 5000, call: () => Message.encode(message) },
    {
      name: "decode GOSSIP of 50 entries to values",
      rust: 380,
      asked: 5000,
      call: () => Message.decode(datagram, { addresses })
    },
    { name: "  the same, its addresses not in a cache", call: () => Message.decode(datagram) },
    { name: "  the same, through Schema", call: () => Effect.runSync(decode(datagram)) }
  ]
}

export const rows = (): ReadonlyArray<Row> => [
  yardstick,
  ...ping(0, { rust: 17, asked: 100 }, { rust: 40, asked: 100 }),
  ...ping(6, { rust: 87, asked: 250 }, { rust: 182, asked: 300 }),
  ...sectioned(),
  ...values()
]
