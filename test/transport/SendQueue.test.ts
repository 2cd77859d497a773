import { NetAddress } from "effect/net"
import { describe, expect, it } from "vitest"
import { MaxQueued, SendQueue } from "../../src/transport/SendQueue.ts"

const address = NetAddress.inetAddressFromStringUnsafe("10.0.0.1:1")

const filled = (count: number): SendQueue => {
  const queue = new SendQueue()
  for (let i = 0; i < count; i++) queue.add({ payload: Uint8Array.of(i), address })
  return queue
}

describe("the send queue", () => {
  it("gives at most 64 datagrams at once, in order", () => {
    const queue = filled(130)
    const batches = [queue.takeBatch(), queue.takeBatch(), queue.takeBatch(), queue.takeBatch()]
    expect(batches.map(({ length }) => length)).toEqual([64, 64, 2, 0])
    expect(batches.flat().map(({ payload }) => payload[0])).toEqual(Array.from({ length: 130 }, (_, i) => i))
    expect(queue.size).toBe(0)
  })

  it("is full at its limit", () => {
    expect(filled(MaxQueued - 1).isFull).toBe(false)
    expect(filled(MaxQueued).isFull).toBe(true)
  })
})
