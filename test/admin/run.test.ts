/** `gossip run`, served over HTTP, from outside. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Program from "../integration/Program.ts"
import { ask } from "./AdminNode.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gossip-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A TCP port of loopback at which nobody listens. */
const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

const token = "correct-horse-battery-staple"

describe("gossip run", () => {
  it.live(
    "is served where its configuration says, and ends once it is made to leave",
    () =>
      Effect.gen(function* () {
        const home = yield* directory
        const socket = join(home, "admin.sock")
        const tokenFile = join(home, "token")
        writeFileSync(tokenFile, `${token}\n`, { mode: 0o644 })
        const port = yield* freePort
        const node = yield* Program.start(["run", "--bind", "127.0.0.1:0"], {
          env: {
            GOSSIP_METRICS_SERVER_PORT: String(port),
            GOSSIP_ADMIN_SOCKET: socket,
            GOSSIP_ADMIN_TOKEN_FILE: tokenFile
          }
        })
        const url = `http://127.0.0.1:${port}`
        yield* Program.line(node, new RegExp(`HTTP at ${url} \\(with a token\\) and at Unix socket ${socket}`))
        yield* Program.line(node, /token file .* is open to other users \(mode 0644\): chmod 600 it/)
        yield* Program.line(node, /waits to be contacted/)
        expect((yield* ask(url, "/readyz")).status).toBe(200)
        expect((yield* ask(url, "/leave", { method: "POST" })).status).toBe(401)
        expect((yield* ask("http://node", "/keys", { socketPath: socket })).status).toBe(409)
        const left = yield* ask(url, "/leave", { method: "POST", headers: { authorization: `Bearer ${token}` } })
        expect([left.status, left.json]).toEqual([200, { status: "left" }])
        expect(yield* Program.ended(node)).toBe(0)
        expect(node.stdout()).toContain("has left, as asked over HTTP, and ends")
        expect(node.stdout() + node.stderr()).not.toContain(token)
        expect(readdirSync(home)).toEqual(["token"])
      }),
    Program.timeout
  )

  it.live(
    "says in one line why it is not served, and never what a token may be",
    () =>
      Effect.gen(function* () {
        const home = yield* directory
        const tokenFile = join(home, "token")
        writeFileSync(tokenFile, "too short", { mode: 0o600 })
        const bad = yield* Program.start(["run"], {
          env: { GOSSIP_ADMIN_SOCKET: join(home, "s"), GOSSIP_ADMIN_TOKEN_FILE: tokenFile }
        })
        expect(yield* Program.ended(bad)).toBe(1)
        expect(bad.stderr()).toContain(`token file ${tokenFile}: expected a token of 16 to 512 letters`)
        expect(bad.stderr()).not.toContain("too short")
        const nowhere = join(home, "none", "s")
        const lost = yield* Program.start(["run"], { env: { GOSSIP_ADMIN_SOCKET: nowhere } })
        expect(yield* Program.ended(lost)).toBe(1)
        expect(lost.stderr()).toContain(`cannot serve HTTP at ${nowhere}: there is no such directory`)
      }),
    Program.timeout
  )
})
