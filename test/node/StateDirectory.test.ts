import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, FileSystem, Layer, Logger, Option, PlatformError, type Scope } from "effect"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import { basename, join } from "node:path"
import * as StateDirectory from "../../src/node/StateDirectory.ts"
import type { SavedState, Store } from "../../src/state/NodeState.ts"
import { format } from "../../src/state/SavedState.ts"
import * as NodeId from "../../src/domain/NodeId.ts"

const stateOf = (saves: number): SavedState => ({
  cluster: "prod",
  id: NodeId.fromWords(7, 42),
  incarnation: 1000 + saves,
  tagVersion: saves,
  saves,
  members: Array.from({ length: saves % 3 }, (_, i) => NetAddress.inetAddressFromStringUnsafe(`10.0.0.${i + 1}:7946`))
})

/** A directory for a state, with what is logged. */
const inDirectory = <A, E>(
  body: (directory: Directory) => Effect.Effect<A, E, FileSystem.FileSystem | Scope.Scope>
) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => void lines.push(`${logLevel}: ${String(message)}`))
  return Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const path = join(yield* files.makeTempDirectoryScoped(), "state")
    return yield* body({ path, file: join(path, "node.state"), copy: join(path, "node.state.copy"), lines })
  }).pipe(Effect.scoped, Effect.provide(Layer.merge(NodeFileSystem.layer, Logger.layer([logger]))))
}

interface Directory {
  readonly path: string
  readonly file: string
  readonly copy: string
  readonly lines: Array<string>
}

/** Opens the directory, and closes it after `use`. */
const opened = <A, E, R>(path: string, use: (store: Store<Error>) => Effect.Effect<A, E, R>) =>
  Effect.scoped(Effect.flatMap(StateDirectory.make(path), use))

const load = (path: string) => opened(path, (store) => store.load)
const save = (path: string, ...states: ReadonlyArray<SavedState>) =>
  opened(path, (store) => Effect.forEach(states, store.save, { discard: true }))

const loaded = (path: string) => Effect.map(load(path), Option.getOrUndefined)

describe("a state directory", () => {
  it.live("is made, only for its user, has nothing at first, and then what was saved last", () =>
    inDirectory(({ copy, file, lines, path }) =>
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        assert.isUndefined(yield* loaded(path))
        yield* save(path, stateOf(1))
        assert.deepStrictEqual(yield* loaded(path), stateOf(1))
        yield* save(path, stateOf(2), stateOf(3))
        assert.deepStrictEqual(yield* loaded(path), stateOf(3))
        for (const each of [file, copy]) assert.strictEqual(yield* files.readFileString(each), format(stateOf(3)))
        assert.strictEqual((yield* files.stat(path)).mode & 0o777, 0o700)
        assert.strictEqual((yield* files.stat(file)).mode & 0o777, 0o600)
        assert.deepStrictEqual((yield* files.readDirectory(path)).sort(), ["lock", "node.state", "node.state.copy"])
        assert.deepStrictEqual(lines, [])
      })
    )
  )

  it.effect("on a disk that does not answer is given up after ten seconds", () =>
    Effect.gen(function* () {
      const files = FileSystem.makeNoop({ makeDirectory: () => Effect.never })
      const opening = yield* Effect.forkChild(
        StateDirectory.make("/state").pipe(
          Effect.scoped,
          Effect.flip,
          Effect.provideService(FileSystem.FileSystem, files)
        )
      )
      yield* TestClock.adjust(9999)
      assert.isUndefined(opening.pollUnsafe())
      yield* TestClock.adjust(1)
      assert.include((yield* Fiber.join(opening)).message, "/state: the disk does not answer for 10 s; mend it")
    })
  )

  it.live("is used by one node at a time", () =>
    inDirectory(({ path }) =>
      opened(path, () =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(load(path))
          assert.strictEqual(
            error.message,
            `state of this node in ${path}: another process uses it; give each node a directory of its own`
          )
        })
      ).pipe(Effect.andThen(load(path)))
    )
  )

  const damage = [
    ["is empty", () => ""],
    ["is damaged: its first line is not whole", (text: string) => text.slice(0, 20)],
    ["is damaged: its checksum does not match", (text: string) => text.slice(0, -5)],
    ["is damaged: its checksum does not match", (text: string) => text.replace("prod", "prog")]
  ] as const

  it.live.each(damage)("takes the copy of a file that %s", ([what, change]) =>
    inDirectory(({ file, lines, path }) =>
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        yield* save(path, stateOf(1), stateOf(2))
        const text = yield* files.readFileString(file)
        yield* files.writeFileString(file, change(text))
        assert.deepStrictEqual(yield* loaded(path), stateOf(2))
        assert.deepStrictEqual(lines, [`Warn: ${file} ${what}; took the state from its copy, node.state.copy`])
        yield* save(path, stateOf(3))
        yield* files.writeFileString(join(path, "node.state.copy"), "")
        assert.deepStrictEqual(yield* loaded(path), stateOf(3))
      })
    )
  )

  it.live.each(damage)("warns of a copy that %s, which the next save mends", ([what, change]) =>
    inDirectory(({ copy, lines, path }) =>
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        yield* save(path, stateOf(1))
        yield* files.writeFileString(copy, change(yield* files.readFileString(copy)))
        assert.deepStrictEqual(yield* loaded(path), stateOf(1))
        assert.deepStrictEqual(lines, [`Warn: ${copy} ${what}; it is written anew`])
        yield* save(path, stateOf(2))
        assert.deepStrictEqual(yield* loaded(path), stateOf(2))
        assert.strictEqual(lines.length, 1)
      })
    )
  )

  it.live("takes the newer of two states, as when an old one was put back", () =>
    inDirectory(({ copy, file, path }) =>
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        for (const [inFile, inCopy] of [
          [1, 2],
          [4, 3]
        ] as const) {
          yield* save(path)
          yield* files.writeFileString(file, format(stateOf(inFile)))
          yield* files.writeFileString(copy, format(stateOf(inCopy)))
          assert.deepStrictEqual(yield* loaded(path), stateOf(Math.max(inFile, inCopy)))
        }
      })
    )
  )

  it.live("is refused when file and copy are damaged, or one is and the other is missing; nothing is lost", () =>
    inDirectory(({ copy, file, path }) =>
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        yield* save(path, stateOf(1))
        const whole = yield* files.readFileString(file)
        const end =
          "restore one of them from a backup; to start as a new node with another id, remove node.state and node.state.copy"
        yield* files.writeFileString(file, "")
        yield* files.writeFileString(copy, whole.slice(0, 20))
        const refused = Effect.map(Effect.flip(load(path)), ({ message }) => message)
        assert.strictEqual(
          yield* refused,
          `state of this node in ${path}: node.state is empty, and node.state.copy is damaged: its first line is not whole; ${end}`
        )
        yield* files.remove(copy)
        assert.strictEqual(
          yield* refused,
          `state of this node in ${path}: node.state is empty, and node.state.copy is not there; ${end}`
        )
        yield* files.remove(file)
        yield* files.writeFileString(copy, "")
        assert.strictEqual(
          yield* refused,
          `state of this node in ${path}: node.state is not there, and node.state.copy is empty; ${end}`
        )
        yield* files.writeFileString(file, whole)
        assert.deepStrictEqual(yield* loaded(path), stateOf(1))
      })
    )
  )

  it.live("never writes over a file that is not a state, is of a later version, or cannot be read", () =>
    inDirectory(({ copy, file, path }) =>
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        yield* save(path, stateOf(1))
        const refused = Effect.map(Effect.flip(load(path)), ({ message }) => message)
        const where = `state of this node in ${path}: `
        yield* files.writeFileString(file, "my shopping list")
        assert.strictEqual(
          yield* refused,
          `${where}node.state is not the state of a node; give the node another directory, or move the file away`
        )
        const later = "effect-gossip state 9 00000000\n"
        const newer =
          "is of version 9, and this program knows versions up to 1; run the version of this program that wrote it"
        yield* files.writeFileString(file, later)
        assert.strictEqual(yield* refused, `${where}node.state ${newer}`)
        yield* files.writeFileString(file, format(stateOf(1)))
        yield* files.writeFileString(copy, later)
        assert.strictEqual(yield* refused, `${where}node.state.copy ${newer}`)
        yield* files.remove(copy)
        yield* files.remove(file)
        yield* files.makeDirectory(file)
        assert.strictEqual(
          yield* refused,
          `${where}node.state cannot be read: it is not a regular file; let the user of this process read it`
        )
      })
    )
  )

  it.live("that cannot be one is refused with what is wrong", () =>
    inDirectory(({ path }) =>
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        const refused = (path: string) => Effect.map(Effect.flip(load(path)), ({ message }) => message)
        yield* files.writeFileString(path, "")
        assert.strictEqual(
          yield* refused(path),
          `state of this node in ${path}: cannot make the directory: it is not a directory`
        )
        assert.strictEqual(
          yield* refused(join(path, "below")),
          `state of this node in ${join(path, "below")}: cannot make the directory: it is not a directory`
        )
        yield* files.remove(path)
        yield* files.makeDirectory(path)
        yield* files.writeFileString(join(path, "lock"), "this is a file of somebody else")
        assert.strictEqual(
          yield* refused(path),
          `state of this node in ${path}: cannot lock it: ${join(path, "lock")} is not the lock of a node: remove that file`
        )
      })
    )
  )
})

/** What a crash leaves of the operation during which it happens. */
type Remains = "nothing of it" | "a part of it" | "all of it"

/**
 * Files whose process ends at one operation: `operation` counts those that change something, from 0.
 * Everything after it fails, as it does when there is no process any more.
 */
const crashing = (files: FileSystem.FileSystem, operation: number, remains: Remains) => {
  const operations: Array<string> = []
  const gone = PlatformError.systemError({ _tag: "Unknown", module: "FileSystem", method: "crash" })
  const step = <A, R = never>(
    name: string,
    run: Effect.Effect<A, PlatformError.PlatformError, R>,
    part: Effect.Effect<unknown, PlatformError.PlatformError> = Effect.void
  ): Effect.Effect<A, PlatformError.PlatformError, R> =>
    Effect.suspend(() => {
      const at = operations.push(name) - 1
      if (at < operation) return run
      if (at > operation) return Effect.fail(gone)
      const left = { "nothing of it": Effect.void, "a part of it": part, "all of it": run }[remains]
      return Effect.andThen(left, Effect.fail(gone))
    })
  const crashed = FileSystem.FileSystem.of({
    ...files,
    rename: (from, to) => step(`rename ${basename(from)} ${basename(to)}`, files.rename(from, to)),
    open: (path, options) => {
      const name = basename(path)
      return Effect.map(step(`open ${name}`, files.open(path, options)), (file) => ({
        ...file,
        sync: step(`sync ${name}`, file.sync),
        writeAll: (bytes: Uint8Array) =>
          step(`write ${name}`, file.writeAll(bytes), file.writeAll(bytes.subarray(0, bytes.length / 2)))
      }))
    }
  })
  return { crashed, operations }
}

describe("a crash during a save", () => {
  it.live("finds on the disk what was renamed, since that is synced first, and the directory after it", () =>
    inDirectory(({ path }) =>
      Effect.gen(function* () {
        const { crashed, operations } = crashing(yield* FileSystem.FileSystem, Infinity, "all of it")
        yield* Effect.provideService(save(path, stateOf(1)), FileSystem.FileSystem, crashed)
        assert.deepStrictEqual(
          operations,
          ["node.state", "node.state.copy"].flatMap((name) => [
            "open node.state.new",
            "write node.state.new",
            "sync node.state.new",
            `rename node.state.new ${name}`,
            "open state",
            "sync state"
          ])
        )
      })
    )
  )

  it.live.each(["nothing of it", "a part of it", "all of it"] as const)(
    "at any operation, of which there remains %s: the state is the old one or the new one, whole",
    (remains) =>
      inDirectory(({ lines, path }) =>
        Effect.gen(function* () {
          const files = yield* FileSystem.FileSystem
          let operation = 0
          let saves = 1
          yield* save(path, stateOf(1))
          while (true) {
            const { crashed, operations } = crashing(files, operation, remains)
            const next = stateOf(saves + 1)
            const exit = yield* Effect.exit(Effect.provideService(save(path, next), FileSystem.FileSystem, crashed))
            const now = yield* loaded(path)
            if (Exit.isSuccess(exit)) {
              // No operation was left at which it could end.
              assert.strictEqual(operations.length, operation)
              assert.deepStrictEqual(now, next)
              break
            }
            assert.include([saves, saves + 1], now?.saves)
            assert.deepStrictEqual(now, stateOf(now?.saves ?? 0))
            saves = now?.saves ?? 0
            operation++
          }
          assert.isAtLeast(operation, 12)
          // A file is replaced as a whole, so that none is ever found damaged.
          assert.deepStrictEqual(lines, [])
        })
      )
  )

  it.live("at the very first save leaves no state, or the new one", () =>
    inDirectory(({ path }) =>
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        for (let operation = 0; operation < 5; operation++) {
          const { crashed } = crashing(files, operation, "a part of it")
          yield* Effect.exit(Effect.provideService(save(path, stateOf(1)), FileSystem.FileSystem, crashed))
          assert.isUndefined(operation < 4 ? yield* loaded(path) : undefined)
        }
        assert.deepStrictEqual(yield* loaded(path), stateOf(1))
      })
    )
  )
})

describe("a state that cannot be saved", () => {
  const failures = [
    ["ENOSPC", "the disk is full", false],
    ["EDQUOT", "the quota of the disk is used up", false],
    ["EIO", "EIO: test", false],
    ["EACCES", "permission denied", true],
    ["EROFS", "the file system can only be read", true],
    ["ENOENT", "the directory is not there", true]
  ] as const

  it.live.each(failures)("is told from others: %s", ([code, reason, lasting]) =>
    inDirectory(({ path }) =>
      Effect.gen(function* () {
        const files = yield* FileSystem.FileSystem
        const cause = Object.assign(new Error(`${code}: test`), { code })
        const failing = FileSystem.FileSystem.of({
          ...files,
          open: () =>
            Effect.fail(PlatformError.systemError({ _tag: "Unknown", module: "FileSystem", method: "open", cause }))
        })
        const error = yield* Effect.flip(Effect.provideService(save(path, stateOf(1)), FileSystem.FileSystem, failing))
        assert.deepInclude(error, { _tag: "SaveError", reason, lasting })
      })
    )
  )
})
