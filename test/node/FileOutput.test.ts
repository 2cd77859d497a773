import { execFileSync } from "node:child_process"
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { FileOutput } from "../../src/node/FileOutput.ts"

const home = mkdtempSync(join(tmpdir(), "gossip-output-"))
afterAll(() => rmSync(home, { recursive: true, force: true }))

/** Writes a line, and gives the code of the error with which it failed, if it did. */
const written = (output: FileOutput, line: string) =>
  new Promise<string | undefined>((resolve) =>
    output.write(line, (error) => resolve(error ? ("code" in error ? String(error.code) : error.message) : undefined))
  )

describe("a file as output", () => {
  it("has all lines in order", async () => {
    const path = join(home, "log")
    const fd = openSync(path, "w")
    const output = new FileOutput(fd)
    const lines = Array.from({ length: 3000 }, (_, n) => `${n} ${"é".repeat(n % 50)}\n`)
    expect(await Promise.all(lines.map((line) => written(output, line)))).toEqual(lines.map(() => undefined))
    expect(readFileSync(path, "utf8")).toBe(lines.join(""))
    closeSync(fd)
  })

  it("goes on after an error, and begins a new line where one was cut off", async () => {
    // A pipe that does not block is a small disk: it takes a part, then nothing, and all again once it is read.
    const path = join(home, "pipe")
    execFileSync("mkfifo", [path])
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    const read = (): string => {
      const bytes = Buffer.alloc(1_000_000)
      return bytes.toString("latin1", 0, readSync(fd, bytes))
    }
    const output = new FileOutput(fd)
    const long = "x".repeat(100_000)
    const results = await Promise.all(["first\n", `${long}\n`, "lost\n"].map((line) => written(output, line)))
    expect(results).toEqual([undefined, "EAGAIN", "EAGAIN"])
    expect(read()).toMatch(/^first\nx+$/)

    expect(await written(output, "next\n")).toBeUndefined()
    expect(await written(output, "last\n")).toBeUndefined()
    expect(read()).toBe("\nnext\nlast\n")
    closeSync(fd)
  })
})
