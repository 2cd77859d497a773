/** What clients of the HTTP port can do who mean harm: over real connections, from several addresses of loopback. */
import * as Net from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Logger, Redacted } from "effect"
import { MaxFollowers, MaxFollowersOfAddress } from "../../src/admin/Admin.ts"
import { Burst } from "../../src/admin/TokenGuesses.ts"
import * as Connections from "../../src/node/Connections.ts"
import { startServed, until, untilTrue } from "../integration/RealNodes.ts"
import { ask, follow } from "./HttpRequests.ts"

const token = "correct-horse-battery-staple"

interface Client {
  readonly socket: Net.Socket
  readonly heard: () => string
  readonly isClosed: () => boolean
}

/** Opens a connection from an address of loopback. */
const connect = (url: string, localAddress: string, text = "") =>
  Effect.acquireRelease(
    Effect.callback<Client>((resume) => {
      let heard = ""
      let closed = false
      const socket = Net.connect({ port: Number(new URL(url).port), host: "127.0.0.1", localAddress })
      socket.setEncoding("latin1")
      socket.on("data", (chunk: string) => (heard += chunk))
      socket.on("error", () => undefined)
      socket.on("close", () => (closed = true))
      socket.on("connect", () => {
        socket.write(text)
        resume(Effect.succeed({ socket, heard: () => heard, isClosed: () => closed }))
      })
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const healthy = (url: string) => Effect.map(ask(url, "/healthz"), ({ status }) => expect(status).toBe(200))

describe("connections", () => {
  it.live("that idle do not keep other clients out", () =>
    Effect.gen(function* () {
      const { url } = yield* startServed()
      const idle: Array<Client> = []
      for (const address of ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6"]) {
        for (let n = 0; n < 80; n++) idle.push(yield* connect(url, address))
      }
      yield* untilTrue("the bound is kept", () => idle.filter(({ isClosed }) => !isClosed()).length <= Connections.Max)
      yield* healthy(url)
      // A request that is not complete is none yet.
      const halves = yield* Effect.forEach(Array.from({ length: 100 }), () =>
        connect(url, "127.0.0.7", "POST /leave HTTP/1.1\r\nHost: localhost\r\n")
      )
      yield* untilTrue(
        "they are bounded too",
        () => halves.filter(({ isClosed }) => !isClosed()).length <= Connections.MaxOfSource
      )
      yield* healthy(url)
    })
  )

  it.live("cannot bring large headers, many headers, or bodies without an end", () =>
    Effect.gen(function* () {
      const { url } = yield* startServed({}, { token: Redacted.make(token) })
      const headers = yield* connect(
        url,
        "127.0.0.1",
        `GET /healthz HTTP/1.1\r\nHost: localhost\r\nx: ${"x".repeat(9000)}`
      )
      yield* untilTrue("it is refused", () => headers.heard().startsWith("HTTP/1.1 431 "))
      const body = yield* connect(
        url,
        "127.0.0.1",
        `POST /tags HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n` +
          "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
      )
      const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`
      yield* until(
        "the body is refused",
        Effect.sync(() => {
          if (!body.isClosed()) body.socket.write(chunk)
          return body.heard()
        }),
        (heard) => heard.startsWith("HTTP/1.1 413 ")
      )
      yield* healthy(url)
    })
  )
})

describe("followers of the events", () => {
  it.live("at one address leave room for those at others", () =>
    Effect.gen(function* () {
      const { url } = yield* startServed()
      const request = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
      const answers = yield* Effect.forEach(
        Array.from({ length: 2 * MaxFollowersOfAddress }),
        () => connect(url, "127.0.0.2", request),
        { concurrency: 1 }
      )
      yield* untilTrue("all are answered", () => answers.every(({ heard }) => heard().includes("\r\n\r\n")))
      const followed = answers.filter(({ heard }) => heard().startsWith("HTTP/1.1 200"))
      expect(followed.length).toBe(MaxFollowersOfAddress)
      expect(answers.at(-1)?.heard()).toContain(
        `${MaxFollowersOfAddress} clients at this address follow the events, which is the limit`
      )
      expect((yield* follow(url)).status).toBe(200)
    })
  )

  it.live("of a thousand connections are bounded, and the node goes on", () =>
    Effect.gen(function* () {
      const { membership, url } = yield* startServed()
      const request = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
      const clients: Array<Client> = []
      for (let n = 0; n < 1000; n++) clients.push(yield* connect(url, `127.0.1.${1 + (n % 20)}`, request))
      yield* untilTrue("all are answered or closed", () =>
        clients.every(({ heard, isClosed }) => heard().includes("\r\n\r\n") || isClosed())
      )
      const open = clients.filter(({ heard, isClosed }) => heard().startsWith("HTTP/1.1 200") && !isClosed())
      expect(open.length).toBeLessThanOrEqual(MaxFollowers)
      expect(open.length).toBeGreaterThan(0)
      yield* healthy(url)
      expect((yield* membership.self).status).toBe("alive")
    })
  )
})

describe("a browser", () => {
  it.live("cannot use a node for a page that lets its own name point there, or for one of another origin", () =>
    Effect.gen(function* () {
      const { url } = yield* startServed({}, { token: Redacted.make(token), allowedHosts: ["nodes.example"] })
      const { host } = new URL(url)
      const port = host.slice(host.indexOf(":"))
      const status = (path: string, headers: Record<string, string>, method = "GET") =>
        Effect.map(ask(url, path, { headers, method }), ({ status }) => status)
      for (const path of ["/membership", "/events", "/metrics", "/ui", "/nothing"]) {
        const rebound = yield* ask(url, path, { headers: { host: `evil.example${port}` } })
        expect([path, rebound.status, rebound.headers["content-type"]]).toEqual([path, 421, "application/problem+json"])
      }
      const operator = { authorization: `Bearer ${token}`, "content-type": "application/json" }
      for (const origin of ["http://evil.example", "null", `http://localhost${port}`]) {
        const answer = yield* ask(url, "/tags", { method: "POST", raw: "{}", headers: { ...operator, origin } })
        expect([origin, answer.status]).toEqual([origin, 403])
      }
      expect(yield* status("/events", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" })).toBe(403)
      expect(yield* status("/ui", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" })).toBe(200)
      expect(yield* status("/membership", { host: `nodes.example${port}` })).toBe(200)
      expect(yield* status("/membership", { "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" })).toBe(200)
      const ours = yield* ask(url, "/tags", {
        method: "POST",
        raw: "{}",
        headers: { ...operator, origin: `http://${host}` }
      })
      expect(ours.status).toBe(200)
    })
  )
})

describe("guesses of the token", () => {
  it.live("are slowed for the address that makes them, and logged once", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const log = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
      yield* Effect.gen(function* () {
        const { url } = yield* startServed({}, { token: Redacted.make(token) })
        const guess = (n: number) =>
          Effect.map(
            ask(url, "/leave", { method: "POST", headers: { authorization: `Bearer guess-${n}` } }),
            (answer) => answer
          )
        const answers = yield* Effect.forEach(Array.from({ length: 4 * Burst }), (_, n) => guess(n), { concurrency: 4 })
        const blocked = answers.filter(({ status }) => status === 429)
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401, 429]))
        expect(blocked.length).toBeGreaterThan(0)
        expect(blocked[0]?.headers["retry-after"]).toBe("1")

        // Whoever is elsewhere can operate the node meanwhile.
        const operator = yield* connect(
          url,
          "127.0.0.9",
          `POST /tags HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n` +
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
        yield* untilTrue("the operator is answered", () => operator.heard().startsWith("HTTP/1.1 200 "))
        yield* until(
          "the right token is accepted again",
          ask(url, "/tags", { method: "POST", body: {}, headers: { authorization: `Bearer ${token}` } }),
          ({ status }) => status === 200
        )
      }).pipe(Effect.provide(log))
      expect(lines.filter((line) => line.includes("wrong token"))).toEqual([
        "a wrong token over HTTP, the last one from 127.0.0.1"
      ])
    })
  )
})
