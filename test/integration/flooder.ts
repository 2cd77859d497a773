/**
 * A program that floods a node: `flooder.ts KIND PORT RATE SECONDS SOURCES`, where KIND is `rubbish` or `pings`. It sends from
 * so many addresses of the loopback in turn, says `sending` when it begins, and at its end how many it sent.
 */
import { createSocket, type Socket } from "node:dgram"
import { randomBytes } from "node:crypto"
import { Result } from "effect"
import * as NodeId from "../../src/domain/NodeId.ts"
import * as Message from "../../src/wire/Message.ts"

const [kind, ...numbers] = process.argv.slice(2)
const [port = 0, rate = 0, seconds = 0, sources = 1] = numbers.map(Number)

/** Milliseconds from burst to burst. */
const Step = 5

const ping = (sender: number): Uint8Array =>
  Result.getOrThrow(
    Message.encode({
      _tag: "Ping",
      senderId: NodeId.fromWords(0xf100d, sender),
      heartbeat: 1,
      incarnation: 0,
      flags: 0,
      level: 0,
      entries: []
    })
  )

const open = (n: number): Promise<Socket> =>
  new Promise((resolve) => {
    const socket = createSocket("udp4")
    socket.on("error", (error) => console.error(error.message))
    socket.bind(0, `127.9.${Math.floor(n / 250)}.${(n % 250) + 1}`, () => resolve(socket))
  })

const sockets = await Promise.all(Array.from({ length: sources }, (_, n) => open(n)))
const payloads = sockets.map((_, n) => (kind === "rubbish" ? randomBytes(40 + (n % 60)) : ping(n)))
console.log("sending")

const began = performance.now()
const total = rate * seconds
let sent = 0
while (sent < total) {
  // What should have been sent by now. A slow machine takes longer.
  const due = Math.min(((performance.now() - began) * rate) / 1000, sent + (4 * Step * rate) / 1000, total)
  for (; sent < due; sent++) {
    const n = sent % sources
    const payload = payloads[n]
    if (payload !== undefined) sockets[n]?.send(payload, port, "127.0.0.1")
  }
  await new Promise((resolve) => setTimeout(resolve, Step))
}
console.log(`sent ${sent} in ${((performance.now() - began) / 1000).toFixed(1)} s`)
for (const socket of sockets) socket.close()
