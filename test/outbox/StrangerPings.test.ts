import { assert, describe, it } from "@effect/vitest"
import { Burst, HearsayInterval, Interval, MaxHosts, StrangerPings } from "../../src/outbox/StrangerPings.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { address } from "../membership/View.ts"

const packed = (text: string): Uint8Array => PackedAddress.pack(address(text))

const Host = "10.9.9.9:7946"

/** The budget of a node that knows `acquainted` others. It draws the middle of what it may draw. */
const make = (acquainted = 4) => {
  const pings = new StrangerPings(
    () => acquainted,
    () => 0.5
  )
  const ping = (hearsay: boolean, bytes = 48, at = Host, since = 0) => ({
    address: packed(at),
    at: 0,
    bytes,
    hearsay,
    since
  })
  return {
    pings,
    take: (now: number, hearsay = false, at?: string) => pings.take(ping(hearsay, 48, at), now),
    mayProbe: (now: number, hearsay = true) => pings.mayProbe(ping(hearsay), now),
    spoke: (bytes: number, now: number) => pings.spoke(packed(Host), 0, bytes, now),
    replied: (now: number) => pings.replied(packed(Host), 0, now),
    answered: () => pings.answered(packed(Host), 0)
  }
}

const times = (count: number, take: () => boolean) => Array.from({ length: count }, take).filter(Boolean).length

describe("PINGs to a host that never answered", () => {
  it("are three at once and one in twenty seconds after that, for all its ports together", () => {
    const { take } = make()
    let port = 1000
    const next = (now: number) => take(now, false, `10.9.9.9:${port++}`)
    assert.strictEqual(
      times(10, () => next(0)),
      Burst
    )
    assert.isFalse(next(Interval - 1))
    assert.isTrue(next(Interval))
    assert.isFalse(next(Interval + 1))
    assert.strictEqual(
      times(10, () => next(100 * Interval)),
      Burst
    )
  })

  it("are counted for each port on the loopback", () => {
    const { take } = make()
    assert.strictEqual(
      times(5, () => take(0, false, "127.0.0.1:1")),
      Burst
    )
    assert.isTrue(take(0, false, "127.0.0.1:2"))
  })

  it("have no limit left after an answer, and are counted when they are withheld", () => {
    const { answered, pings, take } = make()
    times(5, () => take(0))
    assert.strictEqual(pings.withheld, 2)
    answered()
    assert.strictEqual(pings.size, 0)
    assert.isTrue(take(0))
  })

  it("of which a node knows by hearsay only are one from all nodes together in two minutes", () => {
    const { take } = make(4)
    // Its time is drawn from the interval of its own.
    assert.isFalse(take(0, true))
    assert.isFalse(take(2 * HearsayInterval - 1, true))
    assert.isTrue(take(2 * HearsayInterval, true))
    assert.isFalse(take(6 * HearsayInterval - 1, true))
    assert.isTrue(take(6 * HearsayInterval, true))
  })

  it("of which a node knows by hearsay are not limited where it knows nobody else", () => {
    const { take } = make(0)
    assert.strictEqual(
      times(10, () => take(0, true)),
      Burst
    )
  })

  it("may have twice the bytes that a member there sent us itself", () => {
    const { spoke, take } = make(100)
    spoke(48, 0)
    assert.strictEqual(
      times(10, () => take(0, true)),
      2
    )
    spoke(23, 0)
    assert.isFalse(take(0, true))
    spoke(1, 0)
    assert.isTrue(take(0, true))
  })

  it("do not depend on the bytes that came where the address is known by more than hearsay", () => {
    const { spoke, take } = make(100)
    spoke(48, 0)
    assert.isTrue(take(0, false))
    assert.strictEqual(
      times(10, () => take(0, true)),
      2
    )
  })

  it("are probes where one may be sent, or where one has had no answer for five seconds", () => {
    const first = make(4)
    assert.isFalse(first.mayProbe(0))
    assert.isTrue(first.mayProbe(0, false))
    assert.isTrue(first.mayProbe(2 * HearsayInterval))
    assert.isTrue(first.take(2 * HearsayInterval, true))
    assert.isFalse(first.mayProbe(2 * HearsayInterval + 5000))
    assert.isTrue(first.mayProbe(2 * HearsayInterval + 5001))
    const replied = make(4)
    replied.replied(0)
    assert.isFalse(replied.mayProbe(5000))
    assert.isTrue(replied.mayProbe(5001))
    replied.answered()
    assert.isFalse(replied.mayProbe(5001))
  })

  it("are remembered for a bounded number of hosts, and one that was forgotten waits no longer than the others", () => {
    const { pings, take } = make(4)
    const others = (now: number) => {
      for (let i = 0; i < MaxHosts; i++) take(now, true, `10.1.${i >> 8}.${i & 255}:1`)
    }
    assert.isFalse(take(0, true))
    others(1)
    assert.strictEqual(pings.size, MaxHosts)
    assert.isFalse(take(2 * HearsayInterval - 1, true))
    others(2)
    assert.isTrue(take(2 * HearsayInterval, true))
  })
})
