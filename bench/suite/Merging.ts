/** From a datagram to the table, and what is kept of it. */
import { TableDigest } from "../../src/anti-entropy/TableDigest.ts"
import { ProbeRing } from "../../src/failure-detector/ProbeRing.ts"
import { Findings } from "../../src/membership/Findings.ts"
import { RateLimiter } from "../../src/transport/RateLimiter.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { addressOf, emptyView, Full, generator, gossip, upTo, viewFrom, viewOf } from "./Fixtures.ts"
import { collect, type Row } from "./Row.ts"

/** Heartbeats in steps of 2^23 wrap after 512 messages (RFC 1982), so each message is newer than the one before. */
const Step = 0x800000
const Window = 512

/** What a node does with the datagrams of a healthy cluster. Nothing here may allocate per entry. */
export const steady = (members: number): ReadonlyArray<Row> => {
  const findings = new Findings()
  const inbound = new Inbound()
  const view = viewOf(members)
  const fifty = upTo(Full)
  const newer = Array.from({ length: Window }, (_, i) => gossip(1, fifty, i * Step))
  const opened = newer.map((bytes) => {
    const opened = new Inbound()
    opened.decode(bytes)
    return opened
  })
  const settled = viewOf(members)
  // Of a sender that is no member, and at no usable address, so that the header says nothing.
  const stale = new Inbound()
  stale.decode(gossip(20_000, fifty, 0))
  let at = 0
  return [
    {
      name: "GOSSIP of 50 entries, datagram to merged table",
      rust: 4900,
      asked: 2500,
      call: () => {
        inbound.decode(newer[at++ % Window]!)
        view.receive(inbound, 0, findings)
      }
    },
    {
      name: `merge one entry that updates, table of ${members}`,
      rust: 66,
      asked: 55,
      operations: Full,
      call: () => view.receive(opened[at++ % Window]!, 0, findings)
    },
    {
      name: `merge one stale entry, table of ${members}`,
      rust: 51,
      asked: 40,
      operations: Full,
      call: () => settled.receive(stale, 0, findings)
    }
  ]
}

/** Bytes of typed arrays that a member takes in a table of 10 000, where everything about a member is. */
export const bytesPerMember = (): number => {
  const members = 10_000
  const messages = upTo(members).map((n) => gossip(n, [n], 1))
  const buffers = (): number => {
    // Buffers are freed only in the collection after the one that found them unused.
    for (let i = 0; i < 3; i++) collect()
    return process.memoryUsage().arrayBuffers
  }
  const before = buffers()
  const view = viewFrom(messages)
  const bytes = buffers() - before
  return bytes / view.table.listed
}

const intoNewTable = (entries: number, rust: number, asked: number): Row => {
  const findings = new Findings()
  const opened = Array.from({ length: Math.ceil(entries / Full) }, (_, i) => {
    const opened = new Inbound()
    opened.decode(gossip(1, upTo(entries).slice(i * Full, (i + 1) * Full), 1))
    PackedAddress.write(addressOf(2), opened.source, 0)
    return opened
  })
  return {
    name: `merge ${entries} entries into a new table`,
    rust,
    asked,
    call: () => {
      const view = emptyView()
      for (const inbound of opened) view.receive(inbound, 0, findings)
      return view
    }
  }
}

export const rows = (): ReadonlyArray<Row> => {
  const view = viewOf(1000)
  const digests = new TableDigest(view.table)
  const member = { ...view.table.digestMember(7) }
  const { digest } = view.table
  const ring = new ProbeRing(generator())
  for (const slot of upTo(1000)) ring.add(slot)
  const limiter = new RateLimiter({
    maxInboundRate: 5000,
    sourceCapacity: 1000,
    sourceRefill: 50,
    maxSources: 4096,
    seed: 1
  })
  const sources = upTo(1000).map((n) => PackedAddress.pack(addressOf(n)))
  let at = 0
  return [
    ...steady(10_000),
    intoNewTable(10, 2013, 1500),
    intoNewTable(100, 19_050, 14_000),
    intoNewTable(1000, 205_600, 150_000),
    {
      name: "limiter: admit a datagram of a member, 1000 sources",
      call: () => limiter.admit(sources[at++ % 1000]!, 0, true, at)
    },
    { name: "ring: the next of 1000 members to probe", call: () => ring.next() },
    {
      name: "digest: take a member out and in",
      call: () => {
        digest.remove(member)
        digest.add(member)
      }
    },
    { name: "digest: compare", call: () => digests.digest.equals(1, 2, 3) },
    { name: "digest: hashes of the buckets, n = 1000", call: () => digests.buckets(8) }
  ]
}
