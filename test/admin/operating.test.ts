import { type ChildProcess, spawn } from "node:child_process"
import { lstatSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Fiber, Logger, Redacted } from "effect"
import { NetAddress } from "effect/net"
import { Cluster } from "../../src/cluster/Cluster.ts"
import { Membership } from "../../src/membership/Membership.ts"
import * as NodeAdmin from "../../src/node/NodeAdmin.ts"
import { startServed, until, untilTrue } from "../integration/RealNodes.ts"
import { type Answer, ask } from "./HttpRequests.ts"

const token = "correct-horse-battery-staple"
const bearer = { authorization: `Bearer ${token}` }

const first = "6f1c0f7e6d5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c"
const second = "00d1c2b3a495867768594a3b2c1d0e0f1f2e3d4c5b6a79880716253443526170"

/** A directory that is removed at the end of the test. */
const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gossip-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Starts a program and waits until it has written something. */
const running = (program: string, args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.callback<ChildProcess>((resume) => {
      const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] })
      child.once("error", (error) => resume(Effect.die(error)))
      child.stdout.once("data", () => resume(Effect.succeed(child)))
    }),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )

/** Collects the log as one text. */
const logged = () => {
  const lines: Array<string> = []
  const layer = Logger.layer([
    Logger.make(({ cause, message }) => void lines.push(`${String(message)} ${String(cause)}`))
  ])
  return { layer, text: () => lines.join("\n") }
}

const detail = ({ json }: Answer): unknown => Object(json).detail

const keysOf = ({ json }: Answer): ReadonlyArray<readonly [string, boolean]> =>
  Object(json).keys.map((key: { readonly fingerprint: string; readonly primary: boolean }) => [
    key.fingerprint,
    key.primary
  ])

const operations = [
  ["POST", "/leave", undefined],
  ["POST", "/events/deploy", {}],
  ["POST", "/queries/ping", {}],
  ["POST", "/tags", { set: { zone: "a" } }],
  ["POST", "/join", { peers: ["127.0.0.1:1"] }],
  ["POST", "/membership/1/forget", undefined],
  ["GET", "/keys", undefined],
  ["POST", "/keys", { key: second }],
  ["POST", "/keys/use", { fingerprint: "00000000" }],
  ["POST", "/keys/remove", { fingerprint: "00000000" }]
] as const

describe("over a network", () => {
  it.live("operations are refused if the node has no token", () =>
    Effect.gen(function* () {
      const { services, url } = yield* startServed({ clusterKey: first })
      for (const [method, path, body] of operations) {
        for (const headers of [{}, bearer, { authorization: "Bearer " }]) {
          const answer = yield* ask(url, path, { method, body, headers })
          expect([path, answer.status, answer.headers["content-type"]]).toEqual([path, 403, "application/problem+json"])
          expect(detail(answer)).toBe("no token is configured, so operations work only over the Unix socket")
        }
      }
      expect((yield* Context.get(services, Membership).self).status).toBe("alive")
    })
  )

  it.live("an empty token admits no client", () =>
    Effect.gen(function* () {
      const { url } = yield* startServed({ clusterKey: first }, { token: Redacted.make("") })
      for (const headers of [{}, { authorization: "Bearer " }]) {
        expect((yield* ask(url, "/keys", { headers })).status).toBe(403)
      }
    })
  )

  it.live("a client without the token is refused before anything else is checked", () =>
    Effect.gen(function* () {
      for (const [method, path, body] of operations) {
        // One for each, because many wrong tokens have to wait.
        const { url } = yield* startServed({ clusterKey: first }, { token: Redacted.make(token) })
        for (const authorization of [
          "",
          token,
          `Basic ${token}`,
          `Bearer ${token}x`,
          "Bearer",
          `Bearer ${token.slice(1)}`
        ]) {
          const answer = yield* ask(url, path, { method, body, headers: { authorization } })
          expect([path, authorization, answer.status, answer.headers["www-authenticate"]]).toEqual([
            path,
            authorization,
            401,
            "Bearer"
          ])
          expect(answer.json).toEqual({
            type: "about:blank",
            status: 401,
            title: "Unauthorized",
            detail: "this requires the bearer token of the node"
          })
        }
      }
      const { url } = yield* startServed({ clusterKey: first }, { token: Redacted.make(token) })
      expect((yield* ask(url, "/keys", { method: "POST", raw: "{" })).status).toBe(401)
      expect((yield* ask(url, "/membership")).status).toBe(200)
    })
  )

  it.live("tags are set and removed, all of a request or none", () =>
    Effect.gen(function* () {
      const options = { name: "web-1", tags: { zone: "a", rack: "7" } }
      const { url } = yield* startServed(options, { token: Redacted.make(token) })
      const post = (body: unknown) => ask(url, "/tags", { method: "POST", body, headers: bearer })
      const nodesOf = (query: string) =>
        Effect.map(ask(url, `/membership${query}`), ({ json }) => Object(json).nodes.length)
      expect((yield* post({ set: { zone: "b" }, unset: ["rack", "none"] })).json).toEqual({ tags: { zone: "b" } })
      for (const [body, problem] of [
        [{ set: { ok: "1", "@x": "1" } }, 'the tag "@x" starts with "@", which is reserved'],
        [{ set: { ok: "1", "": "1" } }, "a tag has an empty key"],
        [
          { set: { ok: "x".repeat(512) } },
          'the tags have more than 512 bytes, with name and start of the node; the longest is "ok"'
        ]
      ] as const) {
        const answer = yield* post(body)
        expect([answer.status, detail(answer)]).toEqual([400, problem])
      }
      const { json } = yield* ask(url, "/membership?tag.zone=b")
      expect(Object(json).nodes[0]).toMatchObject({ name: "web-1", tags: { zone: "b" } })
      for (const query of [
        "?tag.zone=a",
        "?tag.ok=1",
        "?tag.rack=7",
        "?tag.zone=b&status=dead",
        "?tag.zone=b&tag.x=y"
      ]) {
        expect([query, yield* nodesOf(query)]).toEqual([query, 0])
      }
      expect(yield* nodesOf("?tag.zone=b&status=alive")).toBe(1)
    })
  )

  it.live("events are published and queries asked, and refused where they do not fit", () =>
    Effect.gen(function* () {
      const { url } = yield* startServed({ name: "web-1" }, { token: Redacted.make(token) })
      const post = (path: string, body: unknown) => ask(url, path, { method: "POST", body, headers: bearer })
      expect((yield* post("/events/deploy", { payload: "1" })).json).toEqual({ status: "published" })
      const long = yield* post("/events/deploy", { payload: "x".repeat(513) })
      expect([long.status, detail(long)]).toEqual([400, `the payload of "deploy" has 513 bytes, more than 512`])
      const { json } = yield* post("/queries/ping", { timeout_ms: 1000 })
      const [own, ...others] = Object(json).answers
      expect(others).toEqual([])
      expect(own).toMatchObject({ name: "web-1", failed: false, answer: expect.stringContaining('"version":') })
      expect((yield* post("/queries/unknown", {})).json).toEqual({ answers: [] })
      expect((yield* post("/queries/ping", { timeout_ms: 0 })).status).toBe(400)
    })
  )

  it.live("keys are listed, added, used and removed, and never shown", () =>
    Effect.gen(function* () {
      const log = logged()
      yield* Effect.gen(function* () {
        const { url } = yield* startServed({ clusterKey: first }, { token: Redacted.make(token) })
        const post = (path: string, body: unknown) => ask(url, path, { method: "POST", body, headers: bearer })
        const [[old] = ["", false]] = keysOf(yield* ask(url, "/keys", { headers: bearer }))

        const added = yield* post("/keys", { key: second })
        expect(added.status).toBe(200)
        const [, [fresh] = ["", false]] = keysOf(added)
        expect(added.json).toEqual({
          keys: [
            { fingerprint: old, primary: true },
            { fingerprint: fresh, primary: false }
          ]
        })
        // Twice is once.
        expect((yield* post("/keys", { key: ` ${second.toUpperCase()} ` })).json).toEqual(added.json)

        const inUse = yield* post("/keys/remove", { fingerprint: old })
        expect([inUse.status, detail(inUse)]).toEqual([
          409,
          `key ${old} is the primary; use another one before removing it`
        ])
        expect(keysOf(yield* post("/keys/use", { fingerprint: fresh }))).toEqual([
          [fresh, true],
          [old, false]
        ])
        expect(keysOf(yield* post("/keys/remove", { fingerprint: old }))).toEqual([[fresh, true]])
        const gone = yield* post("/keys/use", { fingerprint: old })
        expect([gone.status, detail(gone)]).toEqual([404, `no key of the ring has the fingerprint ${old}`])

        // Wrong ones may be right ones with a slip in them.
        const slip = second.replace("0", "x")
        for (const [path, body, status] of [
          ["/keys", { key: slip }, 400],
          ["/keys", { key: second.slice(1) }, 400],
          ["/keys", { key: [second] }, 400],
          ["/keys", { secret: second }, 400],
          ["/keys", [second], 400],
          ["/keys", second, 400],
          ["/keys/use", { fingerprint: second }, 404],
          ["/keys/remove", { fingerprint: second }, 404],
          ["/keys/use", { key: second }, 400]
        ] as const) {
          const answer = yield* post(path, body)
          expect([path, answer.status, answer.headers["content-type"]]).toEqual([
            path,
            status,
            "application/problem+json"
          ])
          expect(answer.text).not.toMatch(/[0-9a-f]{9}/)
        }
        const broken = yield* ask(url, "/keys", { method: "POST", raw: `{"key":"${second}`, headers: bearer })
        expect([broken.status, detail(broken)]).toEqual([
          400,
          "the body is not what this path expects; see /openapi.json"
        ])
        const other = yield* ask(url, "/keys", {
          method: "POST",
          raw: `key=${second}`,
          headers: { ...bearer, "content-type": "application/x-www-form-urlencoded" }
        })
        expect([other.status, other.json]).toEqual([
          415,
          { type: "about:blank", status: 415, title: "Unsupported Media Type" }
        ])
        const long = yield* ask(url, "/keys", { method: "POST", raw: `"${"x".repeat(100_000)}"`, headers: bearer })
        expect([long.status, long.json]).toEqual([
          413,
          { type: "about:blank", status: 413, title: "Content Too Large" }
        ])
      }).pipe(Effect.provide(log.layer))
      expect(log.text()).toMatch(/^encrypting with key [0-9a-f]{8} as requested over HTTP /m)
      for (const key of [first, second]) {
        for (let at = 0; at < 56; at++) expect(log.text()).not.toContain(key.slice(at, at + 9))
      }
    })
  )

  it.live("a node without encryption has no keys", () =>
    Effect.gen(function* () {
      const { url } = yield* startServed({}, { token: Redacted.make(token) })
      const none = [409, "encryption is off: the node has no keys"]
      const listed = yield* ask(url, "/keys", { headers: bearer })
      expect([listed.status, detail(listed)]).toEqual(none)
      const added = yield* ask(url, "/keys", { method: "POST", body: { key: second }, headers: bearer })
      expect([added.status, detail(added)]).toEqual(none)
    })
  )

  it.live("a node leaves, answers when it has left, and is no longer ready", () =>
    Effect.gen(function* () {
      const a = yield* startServed()
      const b = yield* startServed({ peers: [a.address] }, { token: Redacted.make(token) })
      yield* until("both know both", ask(b.url, "/readyz"), ({ text }) => text.includes(`"alive_nodes":2`))
      const waiting = yield* Effect.forkChild(Context.get(b.services, Cluster).awaitLeft)
      const answer = yield* ask(b.url, "/leave", { method: "POST", headers: bearer })
      expect([answer.status, answer.json]).toEqual([200, { status: "left" }])
      yield* Fiber.join(waiting)
      const ready = yield* ask(b.url, "/readyz")
      expect([ready.status, detail(ready)]).toEqual([503, "the node has left the cluster"])
      const seen = yield* until("it has left", ask(a.url, `/membership/${b.id}`), ({ text }) => text.includes("left"))
      expect(seen.json).toMatchObject({ status: "left", cause: { kind: "LeaveReceived" } })
      // Once more is no more.
      expect((yield* ask(b.url, "/leave", { method: "POST", headers: bearer })).status).toBe(200)
    })
  )
})

describe("over a Unix socket", () => {
  it.live("every client is an operator, and only the owner can open the socket", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "admin.sock")
      const node = yield* startServed({ clusterKey: first }, { socket: path, token: Redacted.make(token) })
      const stat = lstatSync(path)
      expect([stat.isSocket(), (stat.mode & 0o777).toString(8)]).toEqual([true, "600"])
      expect(readdirSync(join(path, ".."))).toEqual(["admin.sock"])
      const over = (method: string, url: string, body?: unknown) =>
        ask("http://node", url, { method, body, socketPath: path })
      expect((yield* over("GET", "/healthz")).json).toEqual({ status: "ok" })
      expect((yield* over("GET", "/keys")).status).toBe(200)
      expect(keysOf(yield* over("POST", "/keys", { key: second }))).toHaveLength(2)
      // The token is for the other server.
      expect((yield* ask(node.url, "/keys")).status).toBe(401)
      expect(keysOf(yield* ask(node.url, "/keys", { headers: bearer }))).toHaveLength(2)
      yield* node.stop
      expect(readdirSync(join(path, ".."))).toEqual([])
    })
  )

  it.live("a socket that is left from a crash is replaced", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "admin.sock")
      // A socket that is bound and then moved stays when its server ends.
      yield* Effect.callback<void>((resume) => {
        const server = createServer().listen(`${path}.old`, () => {
          renameSync(`${path}.old`, path)
          server.close(() => resume(Effect.void))
        })
      })
      expect(lstatSync(path).isSocket()).toBe(true)
      yield* startServed({}, { socket: path })
      expect((yield* ask("http://node", "/healthz", { socketPath: path })).status).toBe(200)
    })
  )

  it.live("the socket of a listener that does not accept is not replaced, and not one of another kind", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const busy = join(home, "busy")
      // Listens, and never gets round to accepting.
      yield* running(process.execPath, [
        "-e",
        `require("node:net").createServer().listen({ path: ${JSON.stringify(busy)}, backlog: 1 }, () => {
          process.stdout.write("up", () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0))
        })`
      ])
      const codes: Array<string> = []
      for (let n = 0; n < 10; n++) {
        const socket = connect(busy)
        socket.on("error", (error) => codes.push("code" in error ? String(error.code) : ""))
        yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
      }
      yield* untilTrue("the backlog is full", () => codes.includes("EAGAIN"))
      expect(yield* failure({ socket: busy })).toEqual([
        "NodeAdminError",
        `cannot serve HTTP at ${busy}: another process listens there`
      ])
      const datagrams = join(home, "datagrams")
      yield* running("perl", [
        "-MIO::Socket::UNIX",
        "-e",
        "$| = 1; my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM, Local => $ARGV[0]) or die; print 'up'; sleep 600",
        datagrams
      ])
      expect(yield* failure({ socket: datagrams })).toEqual([
        "NodeAdminError",
        `cannot serve HTTP at ${datagrams}: a socket of another kind is there`
      ])
      expect(readdirSync(home).sort()).toEqual(["busy", "datagrams"])
    })
  )

  it.live("a socket that another process put in the place of ours stays", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const path = join(home, "admin.sock")
      const former = yield* startServed({}, { socket: path })
      const next = yield* startServed({}, { socket: join(home, "next") })
      renameSync(join(home, "next"), path)
      yield* former.stop
      expect(readdirSync(home)).toEqual(["admin.sock"])
      expect((yield* ask("http://node", "/healthz", { socketPath: path })).status).toBe(200)
      yield* next.stop
    })
  )

  const failure = (options: NodeAdmin.Options) =>
    Effect.map(Effect.flip(startServed({}, options)), (error) => [error._tag, error.message])

  it.live("an obstacle at the path is reported in one line", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const path = join(home, "admin.sock")
      const node = yield* startServed({}, { socket: path })
      expect(yield* failure({ socket: path })).toEqual([
        "NodeAdminError",
        `cannot serve HTTP at ${path}: another process listens there`
      ])
      expect((yield* ask("http://node", "/healthz", { socketPath: path })).status).toBe(200)

      const file = join(home, "file")
      writeFileSync(file, "mine")
      expect(yield* failure({ socket: file })).toEqual([
        "NodeAdminError",
        `cannot serve HTTP at ${file}: a file that is no socket is there`
      ])
      const nowhere = join(home, "none", "admin.sock")
      expect(yield* failure({ socket: nowhere })).toEqual([
        "NodeAdminError",
        `cannot serve HTTP at ${nowhere}: there is no such directory`
      ])
      const long = join(home, "x".repeat(120))
      expect(yield* failure({ socket: long })).toEqual([
        "NodeAdminError",
        `cannot serve HTTP at ${long}: the path is too long for a socket`
      ])
      const address = NetAddress.inetAddressFromStringUnsafe(node.url.replace("http://", ""))
      expect(yield* failure({ address })).toEqual([
        "NodeAdminError",
        `cannot serve HTTP at ${node.url}: the address is in use`
      ])
      expect(readdirSync(home).sort()).toEqual(["admin.sock", "file"])
    })
  )
})

describe("the line in the log", () => {
  it.live("has the addresses, and whether operations are possible", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "s")
      const { server: admin, url } = yield* startServed({}, { socket: path })
      expect(NodeAdmin.logLine(admin, false)).toBe(`HTTP at ${url} (to read only) and at Unix socket ${path}`)
      expect(NodeAdmin.logLine(admin, true)).toBe(`HTTP at ${url} (with a token) and at Unix socket ${path}`)
    })
  )
})
