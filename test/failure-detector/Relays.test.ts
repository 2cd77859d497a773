import { describe, expect, it } from "@effect/vitest"
import { NetAddress } from "effect/net"
import type { ReplyPath } from "../../src/outbox/Received.ts"
import * as fc from "fast-check"
import { type RelayRequest, Relays } from "../../src/failure-detector/Relays.ts"

const Lifetime = 2000
const MaxRelays = 256

/** Where the reply to a PING_REQ goes. Paths differ by the port. */
const pathTo = (port: number): ReplyPath => ({
  datagram: { payload: new Uint8Array(0), address: NetAddress.inetAddressFromStringUnsafe(`10.0.0.1:${port}`) },
  sealed: port % 2 === 0
})

/** A request of version 1, whose requester may get 100 bytes times its port. */
const requestOf = (target: number, requester: number, port: number): RelayRequest => ({
  target,
  requester,
  path: pathTo(port),
  limit: 100 * port,
  sequence: undefined,
  ownSequence: port,
  sequenced: false,
  nackAt: Infinity
})

/** Adds a request of version 1. */
const add = (relays: Relays, target: number, requester: number, port: number, now: number) =>
  relays.add(requestOf(target, requester, port), now)

/** Answers the requests for `target`, and returns their ports and limits. */
const answered = (relays: Relays, target: number, now: number, sequence?: number) => {
  const replies: Array<readonly [port: number, limit: number]> = []
  relays.answer(target, sequence, now, ({ limit, path }) => replies.push([path.datagram.address.port, limit]))
  return replies
}

describe("Relays", () => {
  it("answers every request for a target once, and no request for another", () => {
    const relays = new Relays(Lifetime, MaxRelays)
    expect(add(relays, 7, 1, 1, 0)).toBe(true)
    expect(add(relays, 8, 1, 2, 0)).toBe(true)
    expect(add(relays, 7, 2, 3, 1)).toBe(true)
    expect(answered(relays, 9, 5)).toEqual([])
    expect(answered(relays, 7, 5)).toEqual([
      [1, 100],
      [3, 300]
    ])
    expect(relays.size).toBe(1)
    expect(answered(relays, 7, 5)).toEqual([])
    expect(answered(relays, 8, 5)).toEqual([[2, 200]])
    expect(relays.size).toBe(0)
  })

  it("does not answer a request whose time is over", () => {
    const relays = new Relays(Lifetime, MaxRelays)
    add(relays, 7, 1, 1, 0)
    add(relays, 7, 2, 2, 1)
    expect(answered(relays, 7, Lifetime)).toEqual([[2, 200]])
    add(relays, 7, 3, 3, 10)
    expect(answered(relays, 7, 10 + Lifetime - 0.001)).toEqual([[3, 300]])
  })

  it("serves 256 requests at once, refuses more, and has room again when the first expire", () => {
    const relays = new Relays(Lifetime, MaxRelays)
    for (let i = 0; i < 256; i++) expect(add(relays, i % 5, 1, i + 1, i < 100 ? 0 : 1)).toBe(true)
    expect(add(relays, 1, 2, 999, Lifetime - 1)).toBe(false)
    expect(relays.refused).toBe(1)
    expect(relays.size).toBe(256)
    expect(add(relays, 1, 2, 999, Lifetime)).toBe(true)
    expect(relays.size).toBe(157)
    expect(relays.refused).toBe(1)
  })

  it("forgets the requests of and for a slot", () => {
    const relays = new Relays(Lifetime, MaxRelays)
    add(relays, 7, 1, 1, 0)
    add(relays, 8, 7, 2, 0)
    add(relays, 8, 2, 3, 0)
    relays.forget(7)
    expect(relays.size).toBe(1)
    expect(answered(relays, 7, 1)).toEqual([])
    expect(answered(relays, 8, 1)).toEqual([[3, 300]])
  })

  it("behaves like a list of requests with deadlines", () => {
    const step = fc.record({
      what: fc.constantFrom("add", "add", "add", "answer", "forget"),
      target: fc.nat(4),
      requester: fc.integer({ min: -1, max: 4 }),
      later: fc.nat(900)
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: "max" }), (steps) => {
        const relays = new Relays(Lifetime, MaxRelays)
        let model: Array<{ target: number; requester: number; port: number; ends: number }> = []
        let now = 0
        for (const [i, { later, requester, target, what }] of steps.entries()) {
          now += later
          let replies: ReadonlyArray<readonly [number, number]> = []
          let expected: ReadonlyArray<readonly [number, number]> = []
          if (what === "add") {
            add(relays, target, requester, i + 1, now)
            model.push({ target, requester, port: i + 1, ends: now + Lifetime })
          } else if (what === "answer") {
            replies = answered(relays, target, now)
            expected = model
              .filter((relay) => relay.target === target && relay.ends > now)
              .map(({ port }) => [port, 100 * port])
            model = model.filter((relay) => relay.target !== target)
          } else {
            relays.forget(target)
            model = model.filter((relay) => relay.target !== target && relay.requester !== target)
          }
          expect(replies).toEqual(expected)
        }
      })
    )
  })

  /** A request of sections: the requester's probe is 100 times the port, and our own PING has the port as sequence. */
  const sequencedOf = (target: number, requester: number, port: number, nackAt: number): RelayRequest => ({
    ...requestOf(target, requester, port),
    sequence: 100 * port,
    sequenced: true,
    nackAt
  })

  /** Sends the nacks that are due, and returns the sequences of the requesters' probes. */
  const nacked = (relays: Relays, now: number) => {
    const sequences: Array<number | undefined> = []
    relays.due(now, ({ sequence }) => sequences.push(sequence))
    return sequences
  }

  it("answers a request whose PING had a sequence only to an ACK with that sequence, from the target", () => {
    const relays = new Relays(Lifetime, MaxRelays)
    relays.add(sequencedOf(7, 1, 1, 500), 0)
    relays.add(sequencedOf(7, 2, 2, 500), 0)
    add(relays, 7, 3, 3, 0)
    expect(answered(relays, 7, 5, 9)).toEqual([])
    expect(answered(relays, 8, 5, 1)).toEqual([])
    expect(answered(relays, 7, 5, 2)).toEqual([[2, 200]])
    expect(answered(relays, 7, 5)).toEqual([[3, 300]])
    expect(answered(relays, 7, 5, 1)).toEqual([[1, 100]])
    expect(relays.size).toBe(0)
  })

  it("says once that there is no answer, at the time of the request, and passes a later ACK on all the same", () => {
    const relays = new Relays(Lifetime, MaxRelays)
    expect(relays.next).toBe(Infinity)
    add(relays, 9, 1, 9, 0)
    expect(relays.next).toBe(Infinity)
    relays.add(sequencedOf(7, 1, 1, 500), 0)
    relays.add(sequencedOf(7, 2, 2, 300), 0)
    expect(relays.next).toBe(300)
    expect(nacked(relays, 299)).toEqual([])
    expect(nacked(relays, 300)).toEqual([200])
    expect(relays.next).toBe(500)
    expect(nacked(relays, 499)).toEqual([])
    expect(nacked(relays, 600)).toEqual([100])
    expect([nacked(relays, 700), relays.next]).toEqual([[], Infinity])
    expect(answered(relays, 7, 800, 2)).toEqual([[2, 200]])
    expect(answered(relays, 7, 900, 1)).toEqual([[1, 100]])
  })

  it("says nothing about a request that was answered, or is forgotten", () => {
    const relays = new Relays(Lifetime, MaxRelays)
    relays.add(sequencedOf(7, 1, 1, 500), 0)
    relays.add(sequencedOf(8, 1, 2, 500), 0)
    relays.add(sequencedOf(8, 3, 3, 500), 0)
    answered(relays, 7, 10, 1)
    relays.forget(3)
    expect(nacked(relays, 1000)).toEqual([200])
  })

  it("says at once and once that another node answered in place of the target", () => {
    const relays = new Relays(Lifetime, MaxRelays)
    relays.add(sequencedOf(7, 1, 1, 500), 0)
    relays.add(sequencedOf(7, 2, 2, 500), 0)
    add(relays, 7, 3, 3, 0)
    const replaced = (sequence: number, sender: number, at = 7) => {
      const sequences: Array<number | undefined> = []
      relays.replaced(
        sequence,
        sender,
        (target) => target === at,
        (request) => sequences.push(request.sequence)
      )
      return sequences
    }
    expect(replaced(9, 8)).toEqual([])
    // The target itself, and a request whose PING had no sequence.
    expect(replaced(1, 7)).toEqual([])
    expect(replaced(3, 8)).toEqual([])
    // From elsewhere.
    expect(replaced(1, 8, 6)).toEqual([])
    expect(replaced(1, 8)).toEqual([100])
    expect(replaced(1, 8)).toEqual([])
    expect(nacked(relays, 500)).toEqual([200])
    expect(replaced(2, 8)).toEqual([])
  })
})
