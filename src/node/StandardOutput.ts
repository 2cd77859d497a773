/**
 * Standard output of this process, which may fail (a full disk, a closed pipe) or stall (a reader that stopped).
 */
import { Predicate } from "effect"
import { Socket } from "node:net"
import { FileOutput } from "./FileOutput.ts"

/** Calls back at each error of standard output. Errors of standard error are ignored: there is nowhere to report them. */
export const onError = (callback: (error: NodeJS.ErrnoException) => void): void => {
  process.stderr.on("error", () => {})
  process.stdout.on("error", callback)
}

/** Standard output for a log: no write waits, and each calls back once its line is written or has failed. */
export const lineOutput = (): ((line: string, done: (error?: Error | null) => void) => void) => {
  neverBlock()
  // Everything but a file is a socket here: pipes and terminals too.
  if (process.stdout instanceof Socket) return (line, done) => void process.stdout.write(line, done)
  const file = new FileOutput(1)
  return (line, done) => file.write(line, done)
}

/**
 * Makes writes return at once while a terminal is stopped (Ctrl-S), which would block the whole process. Node.js sets
 * terminals to block and has no public way back; pipes do not block on POSIX.
 */
const neverBlock = (): void => {
  if (!process.stdout.isTTY || !Predicate.hasProperty(process.stdout, "_handle")) return
  const { _handle: handle } = process.stdout
  if (Predicate.hasProperty(handle, "setBlocking") && Predicate.isFunction(handle.setBlocking)) {
    handle.setBlocking(false)
  }
}

/** Calls back once when all that went to standard output is written or has failed. */
export const whenWritten = (callback: () => void): void => {
  // An error is reported after the callback of the write that failed.
  process.stdout.write("", () => setImmediate(callback))
}
