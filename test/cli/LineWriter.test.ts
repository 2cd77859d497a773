import { describe, expect, it } from "vitest"
import { type Gap, LineWriter, type Write } from "../../src/cli/LineWriter.ts"

/** An output that takes lines when `take` is called, and fails when `fail` is. */
const makeOutput = (capacity?: number) => {
  const waiting: Array<readonly [text: string, done: Parameters<Write>[1]]> = []
  const written: Array<string> = []
  const gaps: Array<Gap> = []
  const writer = new LineWriter((text, done) => waiting.push([text, done]), capacity)
  writer.onGap((gap) => gaps.push(gap))
  const take = () => {
    const [text, done] = waiting.shift() ?? expect.fail("nothing is waiting")
    written.push(text)
    done()
  }
  const fail = (code: string) => waiting.shift()?.[1](Object.assign(new Error(`write ${code}`), { code }))
  return { writer, waiting, written, gaps, take, fail }
}

describe("a line writer", () => {
  it("writes lines in order and drops none while the output takes them", () => {
    const { gaps, take, writer, written } = makeOutput()
    writer.write("one")
    writer.write("two")
    take()
    take()
    expect([written, writer.dropped, gaps]).toEqual([["one\n", "two\n"], 0, []])
  })

  it("calls back once when every line is written or dropped", () => {
    const { fail, take, writer } = makeOutput()
    let calls = 0
    writer.onIdle(() => calls++)
    expect(calls).toBe(1)
    writer.write("one")
    writer.write("two")
    writer.onIdle(() => calls++)
    take()
    expect(calls).toBe(1)
    fail("EIO")
    writer.write("three")
    take()
    expect(calls).toBe(2)
  })

  it("counts lines that fail, and reports them with the reason after the next line that is written", () => {
    const { fail, gaps, take, writer } = makeOutput()
    writer.write("one")
    writer.write("two")
    fail("EIO")
    fail("ENOSPC")
    expect([writer.dropped, gaps]).toEqual([2, []])
    writer.write("three")
    take()
    writer.write("four")
    take()
    expect([writer.dropped, gaps]).toEqual([2, [{ lines: 2, reason: "no space is left on the device" }]])
  })

  it("drops lines beyond its capacity while the output stalls, and reports each gap once", () => {
    const { gaps, take, waiting, writer, written } = makeOutput(10)
    for (const line of ["1234", "5678", "lost", "lost"]) writer.write(line)
    expect([waiting.length, writer.dropped]).toEqual([2, 2])
    take()
    take()
    expect(gaps).toEqual([{ lines: 2, reason: "the output takes lines too slowly" }])
    for (const line of ["1234", "5678", "lost"]) writer.write(line)
    take()
    take()
    expect(gaps.map(({ lines }) => lines)).toEqual([2, 1])
    expect(written).toEqual(["1234\n", "5678\n", "1234\n", "5678\n"])
    expect(writer.dropped).toBe(3)
  })

  it("lets a single line wait that is longer than the capacity", () => {
    const { take, writer, written } = makeOutput(3)
    writer.write("a long line")
    take()
    expect([written, writer.dropped]).toEqual([["a long line\n"], 0])
  })

  it("takes the error's own message when it has no words for its code", () => {
    const { fail, gaps, take, writer } = makeOutput()
    writer.write("one")
    fail("ESTRANGE")
    writer.write("two")
    take()
    expect(gaps).toEqual([{ lines: 1, reason: "write ESTRANGE" }])
  })
})
