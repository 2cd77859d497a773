import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as AdminTokenFile from "../../src/node/AdminTokenFile.ts"
import * as ClusterKeyFile from "../../src/node/ClusterKeyFile.ts"
import * as TextFile from "../../src/node/TextFile.ts"

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "gossip-text-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const failure = <A, E extends { readonly message: string }, R>(read: Effect.Effect<A, E, R>) =>
  Effect.map(Effect.flip(read), ({ message }) => message)

describe("a text file", () => {
  it.live("is read whole, also through a link and where the system tells no size", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const text = `${"é".repeat(100_000)}\n`
      writeFileSync(join(home, "text"), text)
      symlinkSync(join(home, "text"), join(home, "link"))
      expect(yield* TextFile.read(join(home, "text"))).toBe(text)
      expect(yield* TextFile.read(join(home, "link"))).toBe(text)
      if (process.platform === "linux") expect(yield* TextFile.read("/proc/self/status")).toContain("VmRSS")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("is not waited for where it is a pipe, and not read where it has no end", () =>
    Effect.gen(function* () {
      const home = yield* directory
      const pipe = join(home, "pipe")
      execFileSync("mkfifo", [pipe])
      const socket = join(home, "socket")
      yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer().listen(socket, () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      for (const path of [pipe, socket, "/dev/zero", "/dev/null"]) {
        const reason = `cannot read ${path}: it is not a regular file`
        expect(yield* failure(TextFile.read(path))).toBe(reason)
        expect(yield* failure(ClusterKeyFile.read(path))).toBe(reason)
        expect(yield* failure(AdminTokenFile.read(path))).toBe(reason)
      }
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.live("of more than a bound is refused", () =>
    Effect.gen(function* () {
      const path = join(yield* directory, "large")
      writeFileSync(path, "x".repeat(1000))
      expect((yield* TextFile.read(path, 1000)).length).toBe(1000)
      expect(yield* failure(TextFile.read(path, 999))).toBe(`cannot read ${path}: it has more than 999 bytes`)
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})
