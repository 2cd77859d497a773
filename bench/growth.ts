/**
 * What a node costs by the size of its cluster: CPU time and bytes per second. One real node runs in a process of its own,
 * and this process plays its peers, each at an address of its own in 127.0.0.0/8: they introduce themselves, acknowledge
 * PINGs, send the one PING a second that reaches a member on average, and return the digests that they get, which says
 * that their tables are the same. Linux only: there, all of these addresses are the machine's.
 *
 * `node bench/growth.ts` prints a table and writes `docs/performance/growth.svg`. `--seconds S`: the time measured, 30 by
 * default. `--sizes N,N`: the numbers of members.
 */
import { fork } from "node:child_process"
import { createSocket, type Socket } from "node:dgram"
import { once } from "node:events"
import { setTimeout } from "node:timers/promises"
import { parseArgs } from "node:util"
import { NetAddress } from "effect/net"
import * as Claim from "../src/domain/Claim.ts"
import { Kind } from "../src/wire/Header.ts"
import { Inbound } from "../src/wire/Inbound.ts"
import { MessageWriter } from "../src/wire/MessageWriter.ts"
import * as PackedAddress from "../src/wire/PackedAddress.ts"
import { SectionType } from "../src/wire/sections/Section.ts"
import { cpuOf, told } from "./suite/Live.ts"
import * as Plot from "./detection/Plot.ts"

const Port = 27_946
/** Peers that introduce themselves before a pause. */
const PerPause = 25
/** A node that sends and receives fewer bytes than this in 5 s has passed on all news. */
const QuietBytes = 10_000
/** Bytes of the headers of IPv4 and UDP. */
const Headers = 28

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "30" }, sizes: { type: "string", default: "10,100,1000,10000" } }
})
const seconds = Number(values.seconds)

const ipOf = (peer: number): string => `127.1.${peer >> 8}.${peer & 255}`
const addressOf = (peer: number): Uint8Array =>
  PackedAddress.pack(NetAddress.inetAddressFromIpStringUnsafe(ipOf(peer), Port))

const bind = async (ip: string): Promise<Socket> => {
  const socket = createSocket({ type: "udp4", reuseAddr: true })
  socket.bind(Port, ip)
  await once(socket, "listening")
  return socket
}

interface Cost {
  readonly members: number
  /** CPU time in ms per second. */
  readonly cpu: number
  /** Bytes per second that the node sends and receives, headers of IP and UDP included. */
  readonly bytes: number
}

const measure = async (members: number): Promise<Cost> => {
  const child = fork(new URL("suite/Responder.ts", import.meta.url), ["plaintext"], { silent: true })
  const { port } = await told(child)
  const writer = new MessageWriter()
  const inbound = new Inbound()
  let bytes = 0
  let heartbeat = 0
  let sequence = 0
  let nodeHi = 0
  let nodeLo = 0

  const from = (peer: number): void => {
    const { header } = writer
    header.idHi = 1
    header.idLo = peer
    header.heartbeat = ++heartbeat
    header.incarnation = 0
    header.level = 1
  }
  const entry = (peer: number) => writer.entry(1, peer, heartbeat, 0, Claim.Alive, addressOf(peer), 0)
  // A peer has a socket only while it sends, since there are more peers than a process may have sockets.
  const send = async (peer: number, message: Uint8Array): Promise<void> => {
    const socket = await bind(ipOf(peer))
    bytes += message.length + Headers
    await new Promise((resolve) => socket.send(message, port, "127.0.0.1", resolve))
    socket.close()
  }

  const answer = async (datagram: Uint8Array): Promise<void> => {
    bytes += datagram.length + Headers
    if (inbound.decode(datagram, 1) !== undefined) return
    const { header, sections } = inbound
    nodeHi = header.idHi
    nodeLo = header.idLo
    if (header.kind === Kind.Ping && header.sectioned && sections.has(SectionType.Probe)) {
      const peer = inbound.targetLo
      from(peer)
      writer.beginSectioned(Kind.Ack, 0)
      writer.ackProbe(sections.sequence)
      return send(peer, writer.finish())
    }
    if (header.kind === Kind.AntiEntropy && sections.has(SectionType.Digest)) {
      // The message does not say which peer it is for, and the node takes the answer of any.
      from(1)
      writer.beginSectioned(Kind.AntiEntropy, 0)
      writer.digest(sections.digestCount, sections.digestHi, sections.digestLo)
      return send(1, writer.finish())
    }
  }

  const wildcard = await bind("0.0.0.0")
  wildcard.on("message", (datagram) => void answer(datagram))
  const ping = async (peer: number, introduces: boolean): Promise<void> => {
    from(peer)
    writer.beginSectioned(Kind.Ping, 0)
    writer.pingProbe(++sequence, nodeHi, nodeLo)
    if (introduces) {
      writer.beginSection(SectionType.Entries)
      entry(peer)
    }
    await send(peer, writer.finish())
  }

  for (let peer = 1; peer < members; peer++) {
    await ping(peer, true)
    if (peer % PerPause === 0) await setTimeout(50)
  }
  const pings = setInterval(() => void ping(1 + Math.floor(Math.random() * (members - 1)), false), 1000)
  // The news of so many members is passed on first.
  for (let quiet = false; !quiet;) {
    const until = bytes + QuietBytes
    await setTimeout(5000)
    quiet = bytes < until
  }

  const before = { bytes, cpu: await cpuOf(child) }
  await setTimeout(seconds * 1000)
  const after = { bytes, cpu: await cpuOf(child) }
  clearInterval(pings)
  child.kill()
  wildcard.close()
  return {
    members,
    cpu: (after.cpu - before.cpu) / 1000 / seconds,
    bytes: (after.bytes - before.bytes) / seconds
  }
}

const costs: Array<Cost> = []
for (const size of values.sizes.split(",")) costs.push(await measure(Number(size)))

console.log("| members | CPU, ms per second | bytes per second |\n|--:|--:|--:|")
for (const { bytes, cpu, members } of costs) console.log(`| ${members} | ${cpu.toFixed(2)} | ${Math.round(bytes)} |`)

Plot.write(
  "growth",
  {
    title: "What a node costs, by the size of its cluster",
    x: "members",
    y: "per second",
    logX: true,
    lines: [
      { name: "bytes, in hundreds", points: costs.map(({ bytes, members }) => [members, bytes / 100] as const) },
      { name: "CPU time, ms", points: costs.map(({ cpu, members }) => [members, cpu] as const) }
    ]
  },
  "performance"
)
