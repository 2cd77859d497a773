/**
 * A file as the output of a log. A failed write is reported to whoever wrote, and the next one is tried all the same, so
 * that the log goes on once a full disk has space again. The stream of Node.js is destroyed by its first error, and
 * blocks the process for as long as a write takes.
 */
import * as Fs from "node:fs"

interface Waiting {
  readonly bytes: Buffer
  readonly done: (error?: Error | null) => void
}

/** Bytes that are written at once. */
const PieceSize = 65_536

const newLine = Buffer.from("\n")

export class FileOutput {
  readonly #fd: number
  #waiting: Array<Waiting> = []
  #isWriting = false
  /** Whether the file ends with a part of a line, whose rest was lost. */
  #isTorn = false

  constructor(fd: number) {
    this.#fd = fd
  }

  /** Writes a line, with its line feed, and calls back once it is written or has failed. */
  write(line: string, done: (error?: Error | null) => void): void {
    this.#waiting.push({ bytes: Buffer.from(line), done })
    if (!this.#isWriting) this.#next()
  }

  #next(): void {
    const first = this.#waiting[0]
    this.#isWriting = first !== undefined
    if (first === undefined) return
    let count = 0
    let size = 0
    for (const { bytes } of this.#waiting) {
      if (count > 0 && size + bytes.length > PieceSize) break
      count++
      size += bytes.length
    }
    const lines = this.#waiting.splice(0, count)
    const start = this.#isTorn ? newLine.length : 0
    const parts = lines.map(({ bytes }) => bytes)
    this.#writeFrom(Buffer.concat(this.#isTorn ? [newLine, ...parts] : parts), 0, (written, error) => {
      let end = start
      let last = start
      for (const { bytes, done } of lines) {
        end += bytes.length
        if (written >= end) last = end
        done(written >= end ? null : error)
      }
      if (written > 0) this.#isTorn = written > last
      this.#next()
    })
  }

  /** The kernel may take a part, and the rest or an error of it with the next call. */
  #writeFrom(bytes: Buffer, from: number, done: (written: number, error?: Error) => void): void {
    Fs.write(this.#fd, bytes, from, bytes.length - from, null, (error, count) => {
      if (error !== null) return done(from, error)
      const written = from + count
      if (written >= bytes.length) return done(written)
      if (count === 0) return done(written, new Error("the file takes no more"))
      this.#writeFrom(bytes, written, done)
    })
  }
}
