import * as NodeServices from "@effect/platform-node/NodeServices"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FileSystem, Result } from "effect"
import { Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { statSync } from "node:fs"
import { keygen } from "../../src/cli/keygen.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"

const run = Command.runWith(keygen, { version: "0" })

const inDirectory = <A, E, R>(body: (directory: string, files: FileSystem.FileSystem) => Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    return yield* body(yield* files.makeTempDirectoryScoped(), files)
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

describe("gossip keygen", () => {
  it.effect("prints a key, another one each time, and nothing else", () =>
    Effect.gen(function* () {
      yield* run([])
      yield* run([])
      const lines = yield* TestConsole.logLines
      expect(lines).toHaveLength(2)
      for (const line of lines) expect(line).toMatch(/^[0-9a-f]{64}$/)
      expect(lines[0]).not.toBe(lines[1])
      expect(yield* TestConsole.errorLines).toEqual([])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.effect.each(["--out", "-o"])("%s writes a key file for its owner alone, and prints nothing", (flag) =>
    inDirectory((directory, files) =>
      Effect.gen(function* () {
        const path = `${directory}/cluster.key`
        yield* run([flag, path])
        const text = yield* files.readFileString(path)
        expect(text).toMatch(/^[0-9a-f]{64}\n$/)
        expect(Result.getOrThrow(ClusterKey.fromFileText(text))).toHaveLength(1)
        expect(statSync(path).mode & 0o777).toBe(0o600)
        expect(yield* TestConsole.logLines).toEqual([])
      })
    )
  )

  it.effect("does not write over a file, nor through a link", () =>
    inDirectory((directory, files) =>
      Effect.gen(function* () {
        yield* files.writeFileString(`${directory}/there`, "mine")
        yield* files.symlink(`${directory}/elsewhere`, `${directory}/link`)
        for (const name of ["there", "link"]) {
          const error = yield* Effect.flip(run(["--out", `${directory}/${name}`]))
          expect(error).toMatchObject({
            userMessage: expect.stringContaining(`cannot write ${directory}/${name}: it exists already`)
          })
        }
        expect(yield* files.readFileString(`${directory}/there`)).toBe("mine")
        expect(yield* files.exists(`${directory}/elsewhere`)).toBe(false)
        expect(yield* TestConsole.logLines).toEqual([])
      })
    )
  )

  it.effect("says why it cannot write", () =>
    inDirectory((directory) =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(run(["--out", `${directory}/none/cluster.key`]))
        expect(error).toMatchObject({ userMessage: expect.stringContaining("its directory does not exist") })
      })
    )
  )
})
