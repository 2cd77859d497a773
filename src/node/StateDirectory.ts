/**
 * A directory that keeps the state of a node, so that it comes back as itself.
 *
 * @since 0.2.0
 * @module effect-gossip/node/StateDirectory
 */
import { Effect, FileSystem, Layer, Option, type PlatformError, Predicate, Result, type Scope } from "effect"
import { join } from "node:path"
import type { ClusterConfig } from "../config/ClusterConfig.ts"
import {
  NodeStateError,
  SaveError,
  type SavedState,
  type Store,
  layer as layerOfStore,
  withinPatience
} from "../state/NodeState.ts"
import * as SavedStateText from "../state/SavedState.ts"
import * as DirectoryLock from "./DirectoryLock.ts"
import * as TextFile from "./TextFile.ts"

/** The files of the directory. The copy is what the state is read from if the file is damaged. */
const Names = { state: "node.state", copy: "node.state.copy", unfinished: "node.state.new", lock: "lock" } as const

/** The most bytes of a file: many times as many as the longest state has. */
const Limit = 65_536

const NewIdentity = `to start as a new node with another id, remove ${Names.state} and ${Names.copy}`

// --- reading -------------------------------------------------------------------------------------

/** What was found where a state should be. */
type Found =
  | { readonly _tag: "Absent" }
  | { readonly _tag: "Read"; readonly state: SavedState }
  | { readonly _tag: "Bad"; readonly kind: SavedStateText.Fault["kind"] | "Unreadable"; readonly reason: string }

const find = (path: string): Effect.Effect<Found, never, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const stat = yield* Effect.result(files.stat(path))
    if (Result.isFailure(stat) && stat.failure.reason._tag === "NotFound") return { _tag: "Absent" } as const
    const text = yield* Effect.result(TextFile.read(path, Limit))
    if (Result.isFailure(text)) {
      return { _tag: "Bad", kind: "Unreadable", reason: `cannot be read: ${text.failure.reason}` } as const
    }
    return Result.match(SavedStateText.parse(text.success), {
      onFailure: ({ kind, reason }) => ({ _tag: "Bad", kind, reason }) as const,
      onSuccess: (state) => ({ _tag: "Read", state }) as const
    })
  })

const refusal = (found: Found): string | undefined => {
  if (found._tag !== "Bad") return undefined
  switch (found.kind) {
    case "Newer":
      return `${found.reason}; run the version of this program that wrote it`
    case "Foreign":
      return `${found.reason}; give the node another directory, or move the file away`
    case "Unreadable":
      return `${found.reason}; let the user of this process read it`
    default:
      return undefined
  }
}

const load = (where: string): Effect.Effect<Option.Option<SavedState>, NodeStateError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const refuse = (reason: string) => new NodeStateError({ where, reason })
    const state = yield* find(join(where, Names.state))
    const copy = yield* find(join(where, Names.copy))
    const refused = refusal(state)
    if (refused !== undefined) return yield* refuse(`${Names.state} ${refused}`)
    if (copy._tag === "Bad" && copy.kind === "Newer") return yield* refuse(`${Names.copy} ${refusal(copy)}`)
    if (state._tag === "Read") {
      if (copy._tag === "Bad") yield* Effect.logWarning(`${join(where, Names.copy)} ${copy.reason}; it is written anew`)
      // The process may have ended between the two files.
      const newer = copy._tag === "Read" && copy.state.saves > state.state.saves ? copy.state : state.state
      return Option.some(newer)
    }
    const damage = state._tag === "Bad" ? state.reason : "is not there"
    if (copy._tag === "Read") {
      yield* Effect.logWarning(`${join(where, Names.state)} ${damage}; took the state from its copy, ${Names.copy}`)
      return Option.some(copy.state)
    }
    if (state._tag === "Absent" && copy._tag === "Absent") return Option.none()
    const both = `${Names.state} ${damage}, and ${Names.copy} ${copy._tag === "Bad" ? copy.reason : "is not there"}`
    return yield* refuse(`${both}; restore one of them from a backup; ${NewIdentity}`)
  })

// --- writing -------------------------------------------------------------------------------------

const reasons = new Map([
  ["EACCES", "permission denied"],
  ["EPERM", "permission denied"],
  ["EROFS", "the file system can only be read"],
  ["ENOENT", "the directory is not there"],
  ["ENOTDIR", "it is not a directory"],
  ["EEXIST", "it is not a directory"],
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "the quota of the disk is used up"]
])

/** A person has to mend these, and a node does not start with them. */
const lasting = new Set(["EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EEXIST"])

const codeOf = ({ reason }: PlatformError.PlatformError): string =>
  Predicate.hasProperty(reason.cause, "code") ? String(reason.cause.code) : ""

const saveError = (error: PlatformError.PlatformError): SaveError => {
  const code = codeOf(error)
  const { cause, message } = error.reason
  const text = reasons.get(code) ?? (Predicate.isError(cause) ? cause.message : message)
  return new SaveError({ reason: text, lasting: lasting.has(code) })
}

/** Makes what was done to the files of a directory durable. Windows can and need not do that. */
const syncDirectory = (files: FileSystem.FileSystem, path: string): Effect.Effect<void, PlatformError.PlatformError> =>
  process.platform === "win32"
    ? Effect.void
    : Effect.scoped(Effect.flatMap(files.open(path, { flag: "r" }), (directory) => directory.sync))

/** Replaces a file, so that at every moment it has its old content or its new one, whole. */
const replace = Effect.fnUntraced(function* (
  files: FileSystem.FileSystem,
  where: string,
  name: string,
  content: Uint8Array
) {
  const unfinished = join(where, Names.unfinished)
  yield* Effect.scoped(
    Effect.gen(function* () {
      const file = yield* files.open(unfinished, { flag: "w", mode: 0o600 })
      yield* file.writeAll(content)
      yield* file.sync
    })
  )
  yield* files.rename(unfinished, join(where, name))
  yield* syncDirectory(files, where)
})

const encoder = new TextEncoder()

/** A store in a directory that is there and locked. */
const storeIn = (where: string, files: FileSystem.FileSystem): Store<NodeStateError> => ({
  where,
  load: Effect.provideService(load(where), FileSystem.FileSystem, files),
  save: (state) => {
    const content = encoder.encode(SavedStateText.format(state))
    return replace(files, where, Names.state, content).pipe(
      Effect.andThen(replace(files, where, Names.copy, content)),
      Effect.mapError(saveError)
    )
  }
})

// --- opening -------------------------------------------------------------------------------------

const lockProblem = (failure: DirectoryLock.LockFailure): string => {
  switch (failure.kind) {
    case "Held":
      return "another process uses it; give each node a directory of its own"
    case "Denied":
      return `${failure.reason}; give this user the right to write in the directory`
    default:
      return `cannot lock it: ${failure.reason}`
  }
}

/**
 * Opens a directory as the store of one node, and locks it until the scope closes.
 *
 * **Details**
 *
 * The directory is made if it is not there. No other process can use it at the same time; the lock ends with this process,
 * however it ends.
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (
  path: string
): Effect.Effect<Store<NodeStateError>, NodeStateError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const refuse = (reason: string) => new NodeStateError({ where: path, reason })
    const directory = Effect.mapError(files.makeDirectory(path, { recursive: true, mode: 0o700 }), (error) =>
      refuse(`cannot make the directory: ${saveError(error).reason}`)
    )
    // SQLite, which locks, would hold up the whole process, so a disk that does not answer has to show itself before.
    yield* withinPatience(path, Effect.andThen(directory, Effect.ignore(files.readDirectory(path))))
    yield* Effect.mapError(DirectoryLock.make(join(path, Names.lock)), (failure) => refuse(lockProblem(failure)))
    return storeIn(path, files)
  })

/**
 * Keeps the state of a node in the directory that `stateDir` of its configuration names; nothing if it names none.
 *
 * **When to use**
 *
 * Provide it to a node that you compose. `NodeCluster.layer` has it.
 *
 * @example
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { Cluster, ClusterConfig } from "effect-gossip"
 * import { NodeNetwork, StateDirectory } from "effect-gossip/node"
 *
 * const Node = Layer.unwrap(
 *   Effect.map(Effect.fromResult(ClusterConfig.make({ stateDir: "/var/lib/gossip" })), (config) =>
 *     Cluster.layer(config).pipe(
 *       Layer.provide(StateDirectory.layer(config)),
 *       Layer.provide([NodeNetwork.layer, NodeFileSystem.layer])
 *     )
 *   )
 * )
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (config: ClusterConfig): Layer.Layer<never, NodeStateError, FileSystem.FileSystem> => {
  const { stateDir } = config.network
  if (stateDir === undefined) return Layer.empty
  return Layer.unwrap(Effect.map(make(stateDir), (store) => layerOfStore(store, config)))
}
