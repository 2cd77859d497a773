import { describe, expect, it } from "vitest"
import { type Connection, Connections, Max, MaxBacklog, MaxOfSource, StallLimit } from "../../src/node/Connections.ts"

interface Named extends Connection {
  readonly name: string
  writableLength: number
}

const make = () => {
  const connections = new Connections<Named>()
  const all = new Map<string, Named>()
  const add = (name: string, source = name): string | undefined => {
    const connection = { name, writableLength: 0 }
    all.set(name, connection)
    const closed = connections.add(connection, source)
    if (closed !== undefined) connections.remove(closed)
    return closed?.name
  }
  const get = (name: string): Named => all.get(name) ?? expect.fail(`there is no ${name}`)
  const times = (count: number, source: string) =>
    Array.from({ length: count }, (_, n) => add(`${source}${n}`, source)).filter((closed) => closed !== undefined)
  return { connections, add, get, times }
}

describe("the connections of a server", () => {
  it("of one source are bounded: the oldest without a request goes, or else the new one", () => {
    const { add, connections, get, times } = make()
    expect(times(MaxOfSource, "a")).toEqual([])
    connections.requested(get("a0"), 1)
    expect(add("more", "a")).toBe("a1")
    connections.requested(get("a0"), -1)
    expect(add("again", "a")).toBe("a0")
    for (let n = 2; n < MaxOfSource; n++) connections.requested(get(`a${n}`), 1)
    for (const name of ["more", "again"]) connections.requested(get(name), 1)
    expect(add("last", "a")).toBe("last")
    expect(add("b")).toBeUndefined()
    expect(connections.size).toBe(MaxOfSource + 1)
    connections.remove(get("b"))
    connections.remove(get("b"))
    expect(connections.size).toBe(MaxOfSource)
  })

  it("are bounded in all, at the expense of the source that has most, even if all of its have requests", () => {
    const { add, connections, get, times } = make()
    for (let n = 0; n < Max / MaxOfSource; n++) expect(times(MaxOfSource - n, `s${n}-`)).toEqual([])
    for (let n = 0; add(`alone${n}`) === undefined; n++) continue
    const { add: addBusy, connections: busy, get: getBusy, times: timesBusy } = make()
    for (let n = 0; n < Max / MaxOfSource; n++) timesBusy(MaxOfSource, `s${n}-`)
    for (let n = 0; n < MaxOfSource; n++) busy.requested(getBusy(`s0-${n}`), 1)
    expect(addBusy("new")).toBe("s0-0")
    // It is that source's turn to have fewer, so another one is next.
    expect(addBusy("newer")).toBe("s1-0")
    connections.requested(get("s0-0"), 1)
    expect(add("other")).toMatch(/^s0-/)
  })

  it("that are closed make room", () => {
    const { add, connections, get, times } = make()
    times(MaxOfSource, "a")
    connections.remove(get("a5"))
    connections.remove(get("a5"))
    expect(add("more", "a")).toBeUndefined()
    expect(add("again", "a")).toBe("a0")
  })
})

describe("slow readers", () => {
  it("are closed when together they hold too much, the slowest first", () => {
    const { add, connections, get } = make()
    for (const name of ["a", "b", "c"]) add(name)
    get("a").writableLength = MaxBacklog / 2
    get("b").writableLength = MaxBacklog / 2
    expect(connections.tooSlow(0)).toEqual([])
    get("c").writableLength = MaxBacklog
    expect(connections.tooSlow(1).map(({ name }) => name)).toEqual(["c"])
  })

  it("are closed when they have read nothing for a while", () => {
    const { add, connections, get } = make()
    for (const name of ["stopped", "slow", "idle"]) add(name)
    get("stopped").writableLength = 10
    get("slow").writableLength = 1000
    expect(connections.tooSlow(0)).toEqual([])
    get("slow").writableLength = 999
    expect(connections.tooSlow(StallLimit - 1)).toEqual([])
    expect(connections.tooSlow(StallLimit).map(({ name }) => name)).toEqual(["stopped"])
  })
})
