import { describe, expect, it } from "@effect/vitest"
import { TagPool } from "../../src/membership/TagPool.ts"
import { packPairs } from "../../src/wire/sections/MemberTags.ts"

/** Bytes in the middle of a message. */
const inMessage = (bytes: Uint8Array): readonly [Uint8Array, number, number] => {
  const message = new Uint8Array(bytes.length + 20)
  message.set(bytes, 7)
  return [message, 7, 7 + bytes.length]
}

describe("TagPool", () => {
  it("gives one value for the same tags, and another for others", () => {
    const pool = new TagPool()
    const zone = packPairs({ zone: "a" })
    const first = pool.take(1, 2, ...inMessage(zone))
    expect(first).toMatchObject({ incarnation: 1, version: 2, bytes: zone })
    expect(pool.take(1, 2, ...inMessage(zone))).toBe(first)
    const others = [
      pool.take(2, 2, ...inMessage(zone)),
      pool.take(1, 3, ...inMessage(zone)),
      pool.take(1, 2, ...inMessage(packPairs({ zone: "b" })))
    ]
    for (const other of others) expect(other).not.toBe(first)
    expect(others[2]!.labels.tags).toEqual({ zone: "b" })
  })

  it("does not keep the bytes of the message", () => {
    const pool = new TagPool()
    const [message, start, end] = inMessage(packPairs({ zone: "a" }))
    const held = pool.take(0, 1, message, start, end)
    message.fill(0)
    expect(held.bytes).toEqual(packPairs({ zone: "a" }))
  })
})
