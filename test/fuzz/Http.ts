/** Requests to the HTTP port of a node: noise, and requests that are cut off, damaged or strange. */
import * as Net from "node:net"
import { Effect, Redacted } from "effect"
import { converged, start, startServed, until } from "../integration/RealNodes.ts"
import { Dice } from "./Generator.ts"

const token = "correct-horse-battery-staple"

const methods = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "get", "G\0T", "PRI", ""]

// Without those by which a client with the token ends the membership of the node or of others.
const paths = [
  "/healthz",
  "/readyz",
  "/metrics",
  "/metrics/json",
  "/membership",
  "/membership/1",
  "/membership/%00",
  "/membership?status=dead&tag=a%3Db",
  "/events?since=-1",
  "/openapi.json",
  "/ui",
  "/tags",
  "/events",
  "/../../etc/passwd",
  "/%",
  "//",
  "*",
  "http://elsewhere/healthz",
  ""
]

const headers = [
  "Host: localhost",
  "Host: elsewhere.example",
  "Host:",
  "Host: [::1",
  "Origin: http://elsewhere.example",
  `Authorization: Bearer ${token}`,
  "Authorization: Bearer",
  "Authorization: Basic Og==",
  "Content-Type: application/json",
  "Content-Type: multipart/form-data; boundary=",
  "Content-Length: 5",
  "Content-Length: -1",
  "Content-Length: 99999999999999999999",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: gzip, chunked",
  "Connection: Upgrade\r\nUpgrade: websocket",
  "Upgrade: h2c",
  "Expect: 100-continue",
  "Accept: text/event-stream",
  "Range: bytes=0-18446744073709551615",
  "If-None-Match: *",
  "Cookie: a=\x01",
  " folded: yes",
  ": nameless"
]

const bodies = [
  "",
  "{}",
  '{"tags":{"a":"b"}}',
  '{"tags":{"__proto__":"x"}}',
  '{"tags":[1e999]}',
  '{"name":"x","payload":"="}',
  "[".repeat(2000),
  "5\r\nhello\r\n0\r\n\r\n",
  "ffffffffffffffff\r\n",
  "-1\r\n\r\n",
  "\xff\xfe\x00"
]

const requestOf = (dice: Dice): Buffer => {
  if (dice.oneIn(6)) return Buffer.from(dice.bytes(1 + dice.below(300)))
  const lines = Array.from({ length: dice.oneIn(2) ? 0 : dice.below(5) }, () => dice.pick(headers))
  // Most of the time a request that is served, so that what comes later is reached too.
  if (!dice.oneIn(4)) lines.unshift("Host: localhost")
  if (dice.oneIn(20)) lines.push(`x: ${"x".repeat(dice.below(20_000))}`)
  if (dice.oneIn(20)) for (let n = dice.below(300); n > 0; n--) lines.push(`x${n}: y`)
  const body = dice.oneIn(2) ? dice.pick(bodies) : ""
  if (body !== "" && dice.oneIn(2)) lines.push(`Content-Length: ${body.length}`)
  const version = dice.oneIn(10) ? dice.pick(["HTTP/1.0", "HTTP/2.0", "HTTP/9.9", "", "\0"]) : "HTTP/1.1"
  const method = dice.oneIn(3) ? dice.pick(methods) : dice.pick(["GET", "POST"])
  const text = `${method} ${dice.pick(paths)} ${version}\r\n${lines.join("\r\n")}\r\n\r\n${body}`
  const bytes = Buffer.from(text, "latin1")
  for (let n = dice.oneIn(3) ? dice.below(4) : 0; n > 0; n--) bytes[dice.below(bytes.length)] = dice.below(256)
  return dice.oneIn(5) ? bytes.subarray(0, dice.below(bytes.length)) : bytes
}

/** After this time, in ms, no more comes, which ends requests that are not complete. */
const Complete = 150
/** How long an answer to what came is waited for, in ms. */
const Wait = 10_000

/** Sends a request, perhaps in two parts, and gives the status of the answer, or 0. */
const answerTo = (port: number, request: Buffer, dice: Dice): Promise<number> =>
  new Promise((resolve) => {
    const socket = Net.connect(port, "127.0.0.1")
    const cut = dice.oneIn(4) ? dice.below(request.length + 1) : request.length
    const ends = dice.oneIn(4)
    let status = 0
    const complete = setTimeout(() => socket.end(), Complete)
    const timer = setTimeout(() => socket.destroy(), Wait)
    socket.on("connect", () => {
      socket.write(request.subarray(0, cut))
      if (cut < request.length) socket.write(request.subarray(cut))
      if (ends) socket.end()
    })
    socket.on("error", () => undefined)
    socket.on("data", (chunk) => {
      if (status === 0) status = Number(/^HTTP\/1\.1 (\d{3})/.exec(chunk.toString("latin1"))?.[1] ?? 0)
      if (status > 100) socket.destroy()
    })
    socket.on("close", () => {
      clearTimeout(complete)
      clearTimeout(timer)
      resolve(status)
    })
  })

/** Connections at one time, fewer than one source may have. */
const AtOnce = 8
/**
 * What became of the requests: how often each status was the answer, 0 for none; what is wrong with the node; and how many
 * bytes more memory the process uses.
 */
export const fuzzHttp = (seed: number, requests: number) =>
  Effect.scoped(
    Effect.gen(function* () {
      const dice = new Dice(seed)
      // A busy machine may answer probes late, which is not what is looked for.
      const probes = { suspectTimeout: "1 minute" } as const
      const node = yield* startServed({ probes }, { token: Redacted.make(token) })
      const other = yield* start({ probes, peers: [node.address] })
      yield* converged([node, other])
      const port = Number(new URL(node.url).port)
      const ask = (text: string) => Effect.promise(() => answerTo(port, Buffer.from(text), new Dice(1)))
      const before = process.memoryUsage().rss
      const changes = [node.changes.length, other.changes.length]
      const faults: Array<string> = []
      const statuses: { [status: number]: number } = {}
      for (let sent = 0; sent < requests; sent += AtOnce) {
        const batch = Array.from({ length: AtOnce }, () => requestOf(dice))
        const answers = yield* Effect.promise(() => Promise.all(batch.map((bytes) => answerTo(port, bytes, dice))))
        answers.forEach((status, n) => {
          statuses[status] = (statuses[status] ?? 0) + 1
          if (status === 500)
            faults.push(`status 500 for ${JSON.stringify(batch[n]?.toString("latin1").slice(0, 400))}`)
        })
      }
      yield* until(
        "the port answers",
        ask("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (status) => status === 200
      )
      yield* converged([node, other])
      for (const [which, { changes: now }] of [node, other].entries()) {
        for (const { _tag } of now.slice(changes[which]))
          if (["Died", "Joined", "Left", "Removed"].includes(_tag)) faults.push(`a change: ${_tag}`)
      }
      return { faults, statuses, grown: process.memoryUsage().rss - before }
    })
  )
