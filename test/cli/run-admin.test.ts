/** `gossip run` with an HTTP port and an admin socket, in this process. */
import { readdirSync, writeFileSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask } from "../admin/HttpRequests.ts"
import { directory, ended, line, refused, start, timeout } from "./InProcess.ts"

/** A free TCP port. */
const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

const token = "correct-horse-battery-staple"

describe("gossip run", () => {
  it.live(
    "serves HTTP where its configuration says, and ends after a request to leave",
    () =>
      Effect.gen(function* () {
        const home = yield* directory
        const socket = join(home, "admin.sock")
        const tokenFile = join(home, "token")
        writeFileSync(tokenFile, `${token}\n`, { mode: 0o644 })
        const port = yield* freePort
        const node = yield* start(["run", "--bind", "127.0.0.1:0"], {
          env: {
            GOSSIP_METRICS_SERVER_PORT: String(port),
            GOSSIP_ADMIN_SOCKET: socket,
            GOSSIP_ADMIN_TOKEN_FILE: tokenFile
          }
        })
        const url = `http://127.0.0.1:${port}`
        yield* line(node, new RegExp(`HTTP at ${url} \\(with a token\\) and at Unix socket ${socket}`))
        yield* line(node, /token file .* is open to other users \(mode 0644\): chmod 600 it/)
        yield* line(node, /no peers are configured/)
        expect((yield* ask(url, "/readyz")).status).toBe(200)
        expect((yield* ask(url, "/leave", { method: "POST" })).status).toBe(401)
        expect((yield* ask("http://node", "/keys", { socketPath: socket })).status).toBe(409)
        const left = yield* ask(url, "/leave", { method: "POST", headers: { authorization: `Bearer ${token}` } })
        expect([left.status, left.json]).toEqual([200, { status: "left" }])
        expect(yield* ended(node)).toBe(0)
        expect(node.stdout()).toContain("left the cluster as requested over HTTP; exiting")
        expect(node.stdout() + node.stderr()).not.toContain(token)
        expect(readdirSync(home)).toEqual(["token"])
      }),
    timeout
  )

  it.live(
    "reports in one line why it cannot serve HTTP, and never prints a token",
    () =>
      Effect.gen(function* () {
        const home = yield* directory
        const tokenFile = join(home, "token")
        writeFileSync(tokenFile, "too short", { mode: 0o600 })
        yield* refused(
          ["run"],
          [new RegExp(`^gossip: token file ${tokenFile}: expected a token of 16 to 512 letters((?!too short).)*$`)],
          { env: { GOSSIP_ADMIN_SOCKET: join(home, "s"), GOSSIP_ADMIN_TOKEN_FILE: tokenFile } }
        )
        // Also where it is of no use yet.
        const nowhere = join(home, "nowhere")
        yield* refused(["run"], [new RegExp(`^gossip: cannot read ${nowhere}: there is no such file$`)], {
          env: { GOSSIP_ADMIN_TOKEN_FILE: nowhere }
        })
        const missing = join(home, "none", "s")
        yield* refused(["run"], [new RegExp(`^gossip: cannot serve HTTP at ${missing}: there is no such directory$`)], {
          env: { GOSSIP_ADMIN_SOCKET: missing }
        })
      }),
    timeout
  )
})
