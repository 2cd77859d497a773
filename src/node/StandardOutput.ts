/**
 * Standard output of this process, which may fail (a full disk, a closed pipe) or stall (a reader that stopped).
 */
import { Predicate } from "effect"

/** Calls back at each error of standard output. Errors of standard error are ignored: there is nowhere to report them. */
export const onError = (callback: (error: NodeJS.ErrnoException) => void): void => {
  process.stderr.on("error", () => {})
  process.stdout.on("error", callback)
}

/** Writes to standard output without waiting for it, and calls back once the text is written or has failed. */
export const write = (text: string, done: (error?: Error | null) => void): void => {
  process.stdout.write(text, done)
}

/**
 * Makes writes return at once while a terminal is stopped (Ctrl-S), which would block the whole process. Node.js sets
 * terminals to block and has no public way back; pipes do not block on POSIX, and files do not stall.
 */
export const neverBlock = (): void => {
  if (!process.stdout.isTTY || !Predicate.hasProperty(process.stdout, "_handle")) return
  const { _handle: handle } = process.stdout
  if (Predicate.hasProperty(handle, "setBlocking") && Predicate.isFunction(handle.setBlocking)) {
    handle.setBlocking(false)
  }
}

/** Calls back once when everything is written or has failed, at the latest after `limit` ms if there is a limit. */
export const whenWritten = (limit: number | undefined, callback: () => void): void => {
  const timer = limit === undefined ? undefined : setTimeout(callback, limit)
  // An error is reported after the callback of the write that failed.
  process.stdout.write("", () =>
    setImmediate(() => {
      clearTimeout(timer)
      callback()
    })
  )
}
