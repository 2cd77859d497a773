/**
 * A lock that one process holds on a directory, and that ends with the process, however it ends.
 *
 * Node.js has no `flock`. A file with the number of the owner stays locked after SIGKILL until somebody finds out that the
 * number belongs to nobody, which another container with the directory cannot: it has other numbers. A socket cannot be
 * taken over from a dead owner by one of two processes only. SQLite, which Node.js contains, locks its files by `fcntl`, or
 * by `LockFileEx` on Windows: the kernel ends these locks with the process, they hold across containers and on network file
 * systems that have locks, and SQLite also refuses the second user of a file within one process. The file stays empty.
 */
import { Effect, Predicate, type Scope } from "effect"
import * as Fs from "node:fs/promises"
import type { DatabaseSync } from "node:sqlite"

/** Why a directory cannot be locked. */
export interface LockFailure {
  readonly kind: "Held" | "Denied" | "Full" | "Other"
  readonly reason: string
}

/** Codes of SQLite (https://sqlite.org/rescode.html); the lower 8 bits of an extended code are the primary one. */
const Primary = 0xff
const Code = { Perm: 3, Busy: 5, ReadOnly: 8, IoError: 10, Full: 13, CantOpen: 14, NotADatabase: 26 } as const

const denied = (path: string): LockFailure => ({ kind: "Denied", reason: `cannot open ${path} to write` })

const failureOf = (path: string, error: unknown): LockFailure => {
  const reason = Predicate.isError(error) ? error.message : String(error)
  if (Predicate.hasProperty(error, "code") && error.code === "EACCES") return denied(path)
  const code = Predicate.hasProperty(error, "errcode") ? Number(error.errcode) & Primary : -1
  switch (code) {
    case Code.Busy:
      return { kind: "Held", reason: "another process uses it" }
    case Code.Perm:
    case Code.ReadOnly:
    case Code.CantOpen:
      return denied(path)
    case Code.Full:
    case Code.IoError:
      return { kind: "Full", reason }
    case Code.NotADatabase:
      return { kind: "Other", reason: `${path} is not the lock of a node: remove that file` }
    default:
      return { kind: "Other", reason }
  }
}

const lock = async (path: string): Promise<DatabaseSync> => {
  // SQLite opens a file that it may only read, and then locks nothing. To open it here and close it again would end the
  // lock of another node in this process.
  await Fs.access(path, Fs.constants.W_OK).catch((error: unknown) => {
    if (!Predicate.hasProperty(error, "code") || error.code !== "ENOENT") throw error
  })
  // Few nodes have a state, and the module takes time to load.
  const { DatabaseSync } = await import("node:sqlite")
  const database = new DatabaseSync(path)
  try {
    // With a journal in memory nothing is written, which a full disk would not take.
    database.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Locks by a file, which is made if it is not there, until the scope closes. */
export const make = (path: string): Effect.Effect<void, LockFailure, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.tryPromise({ try: () => lock(path), catch: (error) => failureOf(path, error) }),
      (database) => Effect.sync(() => database.close())
    )
  )
