import { describe, expect, it } from "@effect/vitest"
import { NetAddress } from "effect/net"
import * as fc from "fast-check"
import * as Claim from "../../src/domain/Claim.ts"
import * as SerialNumber from "../../src/domain/SerialNumber.ts"
import { SelfSlot } from "../../src/membership/MemberTable.ts"
import type * as Message from "../../src/wire/Message.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import {
  a,
  b,
  c,
  reporter,
  address,
  addressOf,
  alive,
  checkInvariants,
  dead,
  entry,
  expired,
  id,
  type Node,
  Now,
  open,
  probeFailed,
  suspect
} from "./View.ts"

describe("merging", () => {
  it("a claim that changes only the heartbeat is not a change", () => {
    const node = open()
    node.passOn(alive(a, 0, 1))
    node.passOnAt(Now + 5, alive(a, 0, 2))
    expect(node.events).toEqual(["Joined 1"])
    expect(node.claim(a)).toBe("Alive 0 2")
    expect(node.table.since(node.slotOf(a))).toBe(Now)
  })

  it("a heartbeat that wins is heard, one that loses is counted, and at a distance of 2^31 neither is higher", () => {
    const node = open()
    node.passOn(alive(a, 0, 5))
    const after = (now: number, ...claims: ReadonlyArray<Message.MessageEntry>) => {
      node.passOnAt(Now + now, ...claims)
      const slot = node.slotOf(a)
      return [node.claim(a), node.table.heardAt(slot) - Now, node.table.aliveHeartbeat(slot), node.view.mergedStale]
    }
    expect(after(1, alive(a, 0, 6))).toEqual(["Alive 0 6", 1, 6, 0])
    expect(after(2, alive(a, 0, 6))).toEqual(["Alive 0 6", 1, 6, 0])
    expect(after(3, alive(a, 0, 4))).toEqual(["Alive 0 6", 1, 6, 1])
    expect(after(4, alive(a, 0, 6 + 0x8000_0000))).toEqual(["Alive 0 6", 1, 6, 1])
    expect(after(5, alive(a, 0, 5 + 0x8000_0000))).toEqual(["Alive 0 2147483653", 5, 2_147_483_653, 1])
    expect(after(6, alive(a, 0, 5), alive(a, 0, 0xffff_ffff))).toEqual(["Alive 0 4294967295", 6, 4_294_967_295, 1])
    expect(after(7, alive(a, 0, 0), suspect(a, 0, 9), alive(a, 0, 10))).toEqual(["Alive 0 10", 7, 10, 1])
    expect(after(8, suspect(a, 0, 20), alive(a, 0, 15))).toEqual(["Suspect 0 20", 7, 15, 2])
    checkInvariants(node.view)
  })

  it("at an equal heartbeat the greater address wins, and a new one comes with a higher heartbeat", () => {
    const node = open()
    node.passOn(alive(a, 0, 5, addressOf(30)))
    const after = (heartbeat: number, at: NetAddress.InetAddress) => {
      node.passOn(alive(a, 0, heartbeat, at))
      return [node.addressOf(a), node.claim(a)]
    }
    expect(after(5, addressOf(20))).toEqual(["10.0.0.30:7000", "Alive 0 5"])
    expect(after(5, addressOf(40))).toEqual(["10.0.0.40:7000", "Alive 0 5"])
    expect(after(6, address("[::ffff:10.0.0.40]:7000"))).toEqual(["10.0.0.40:7000", "Alive 0 6"])
    expect(after(7, address("10.0.1.40:7000"))).toEqual(["10.0.1.40:7000", "Alive 0 7"])
    expect(after(8, address("[2001:db8::1]:7000"))).toEqual(["[2001:db8::1]:7000", "Alive 0 8"])
    expect(after(9, address("[2001:db8::1]:7000"))).toEqual(["[2001:db8::1]:7000", "Alive 0 9"])
    expect(after(10, address("[2001:db8::2]:7000"))).toEqual(["[2001:db8::2]:7000", "Alive 0 10"])
    checkInvariants(node.view)
  })

  it("a higher incarnation and a new address each make an update with the previous values", () => {
    const node = open()
    node.passOn(alive(a, 0, 1))
    node.passOnAt(Now + 5, alive(a, 1, 1, address("10.0.0.7:7000")))
    expect(node.table.since(node.slotOf(a))).toBe(Now)
    expect(node.transitions[1]).toMatchObject({ kind: "Updated", previousStatus: Claim.Alive, previousIncarnation: 0 })
    expect(String(node.transitions[1]!.previousAddress)).toBe("10.0.0.1:7000")
    node.passOn(alive(a, 1, 1, address("10.0.0.8:7000")))
    node.passOn(alive(a, 1, 1, address("10.0.0.6:7000")))
    expect(node.events).toEqual(["Joined 1", "Updated 1", "Updated 1"])
    expect(node.addressOf(a)).toBe("10.0.0.8:7000")
    expect(node.view.mergedStale).toBe(1)
    checkInvariants(node.view)
  })

  it("incarnations and heartbeats continue after 2^32 - 1 with 0", () => {
    const node = open()
    node.passOn(alive(a, 0xffff_ffff, 0xffff_ffff), alive(b, 0, 0xffff_fff0))
    node.passOn(alive(a, 0xffff_ffff, 0), alive(b, 0, 0x10))
    expect([node.claim(a), node.claim(b)]).toEqual(["Alive 4294967295 0", "Alive 0 16"])
    node.passOn(alive(a, 0, 0xffff_ffff), alive(b, 0, 0xffff_fff1))
    expect([node.claim(a), node.claim(b)]).toEqual(["Alive 0 4294967295", "Alive 0 16"])
    node.passOn(alive(a, 0xffff_ffff, 9))
    expect(node.claim(a)).toBe("Alive 0 4294967295")
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    expect(node.claim(a)).toBe(`Suspect 0 ${0xf_ffff}`)
  })

  it("a member that left, came back and died unseen has died, and is not just updated", () => {
    const node = open()
    node.passOn(alive(a, 0, 1))
    node.leave(a, { heartbeat: 2 })
    node.passOn(dead(a, 1, 1))
    expect(node.events).toEqual(["Joined 1", "Left 1", "Died 1"])
    node.passOn(dead(a, 2, 1))
    expect(node.events.at(-1)).toBe("Updated 1")
    checkInvariants(node.view)
  })

  it("a dead member that is back and suspected is reported as back first", () => {
    const node = open()
    const statuses: Array<number> = []
    node.view.observe({ transition: ({ slot }) => statuses.push(node.table.status(slot)) })
    node.passOn(alive(a, 0, 1))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    node.view.declareDead(node.slotOf(a), expired, Now)
    node.passOn(suspect(a, 1, 7))
    expect(node.events).toEqual(["Joined 1", "Suspected 1", "Died 1", "Recovered 1", "Suspected 1"])
    expect(statuses.slice(-2)).toEqual([Claim.Alive, Claim.Suspect])
    expect(node.claim(a)).toBe("Suspect 1 7")
    expect(node.transitions.at(-1)).toMatchObject({ previousStatus: Claim.Alive, previousIncarnation: 1 })
    checkInvariants(node.view)
  })

  const word = fc.integer({ min: 0, max: 0xffff_ffff })
  const places = [addressOf(1), addressOf(201), address("[2001:db8::1]:7000"), address("[::ffff:10.0.0.1]:7001")]
  const subjects = [a, b, c]
  const claimsOf = (statuses: ReadonlyArray<Message.MessageEntry["status"]>) =>
    fc
      .record({
        incarnation: word,
        heartbeat: word,
        claims: fc.array(
          fc.record({
            n: fc.constantFrom(...subjects),
            status: fc.constantFrom(...statuses),
            incarnation: fc.nat(3),
            heartbeat: fc.oneof(fc.nat(3), fc.constant(Claim.SuspicionRaise)),
            at: fc.constantFrom(...places)
          }),
          { minLength: 1, maxLength: 14 }
        )
      })
      .map(({ claims, heartbeat, incarnation }) =>
        claims.map((claim) =>
          entry(claim.status)(
            claim.n,
            SerialNumber.add(incarnation, claim.incarnation),
            SerialNumber.add(heartbeat, claim.heartbeat),
            claim.at
          )
        )
      )

  /** A view that merged the claims in messages of one to three entries, in some order and some of them twice. */
  const replica = (
    claims: ReadonlyArray<Message.MessageEntry>,
    order: { readonly keys: ReadonlyArray<number>; readonly twice: ReadonlyArray<number>; readonly size: number }
  ) => {
    const node = open()
    const all = [...claims, ...order.twice.map((i) => claims[i % claims.length]!)]
      .map((claim, i) => ({ claim, key: (order.keys[i % order.keys.length]! * (i + 1)) % 101 }))
      .toSorted((x, y) => x.key - y.key)
      .map(({ claim }) => claim)
    for (let i = 0; i < all.length; i += order.size) {
      node.passOn(...all.slice(i, i + order.size))
      // Every check of a death ends without a refutation.
      for (const claim of node.deaths.splice(0)) {
        node.view.believeDeath(claim, { _tag: "DeathConfirmed", by: claim.by, pings: 3 }, Now)
      }
    }
    checkInvariants(node.view)
    return node
  }
  const order = fc.record({
    keys: fc.array(fc.nat(100), { minLength: 1, maxLength: 20 }),
    twice: fc.array(fc.nat(20), { maxLength: 8 }),
    size: fc.integer({ min: 1, max: 3 })
  })

  /** What is held about a node, with its address. */
  const whole = (node: Node, n: number) => {
    const slot = node.slotOf(n)
    return slot === -1 ? "nothing" : `${node.claim(n)} ${node.addressOf(n)}`
  }

  it("views that merged the same live claims in any order hold the same: the greatest of them", () => {
    fc.assert(
      fc.property(claimsOf(["Alive", "Suspect"]), order, order, (claims, first, second) => {
        const [x, y] = [replica(claims, first), replica(claims, second)]
        for (const n of subjects) {
          const greatest = claims
            .filter(({ nodeId }) => nodeId === id(n))
            .reduce<Message.MessageEntry | undefined>((best, next) => {
              if (best === undefined) return next
              const claim = (entry: Message.MessageEntry) => ({
                ...entry,
                status: entry.status === "Alive" ? Claim.Alive : Claim.Suspect
              })
              const wins =
                Claim.compare(claim(next), claim(best)) ||
                PackedAddress.compare(PackedAddress.pack(next.address), 0, PackedAddress.pack(best.address), 0)
              return wins > 0 ? next : best
            }, undefined)
          const expected =
            greatest === undefined
              ? "nothing"
              : `${greatest.status} ${greatest.incarnation} ${greatest.heartbeat} ${NetAddress.toCanonical(greatest.address)}`
          expect(whole(x, n)).toBe(expected)
          expect(whole(y, n)).toBe(expected)
        }
      }),
      { numRuns: 400 }
    )
  })

  // A Dead claim leaves different traces in different orders: a view that merged it first has a tombstone where another has
  // a dead member, and a checked death brings no address and no later heartbeat. Views must agree on the incarnation, on
  // whether the node is dead, and on the whole claim about a live node.
  it("views that merged the same claims of any status in any order agree on who is dead, and on all claims about live members", () => {
    const agreed = (node: Node, n: number) => {
      const slot = node.slotOf(n)
      if (slot === -1) return "nothing"
      return node.table.isLive(slot) ? whole(node, n) : `dead ${node.table.incarnation(slot)}`
    }
    let dead = 0
    fc.assert(
      fc.property(claimsOf(["Alive", "Suspect", "Dead"]), order, order, (claims, first, second) => {
        const [x, y] = [replica(claims, first), replica(claims, second)]
        for (const n of subjects) {
          expect(agreed(x, n)).toBe(agreed(y, n))
          const own = claims.filter(({ nodeId }) => nodeId === id(n))
          if (own.length === 0) continue
          const last = own
            .map(({ incarnation }) => incarnation)
            .reduce((x, y) => (SerialNumber.compare(x, y) > 0 ? x : y))
          const isDead = own.some(({ incarnation, status }) => incarnation === last && status === "Dead")
          if (isDead) dead++
          expect(agreed(x, n).startsWith("dead")).toBe(isDead)
          expect(x.table.incarnation(x.slotOf(n))).toBe(last)
        }
      }),
      { numRuns: 600 }
    )
    expect(dead).toBeGreaterThan(50)
  })
})

describe("suspicion and death", () => {
  it("a suspicion raises the heartbeat by 2^20, once", () => {
    const node = open()
    node.passOn(alive(a, 1, 7))
    const slot = node.slotOf(a)
    node.view.suspect(slot, probeFailed, Now + 1)
    expect(node.claim(a)).toBe(`Suspect 1 ${7 + 2 ** 20}`)
    expect(node.table.since(slot)).toBe(Now + 1)
    node.view.suspect(slot, probeFailed, Now + 2)
    expect(node.claim(a)).toBe(`Suspect 1 ${7 + 2 ** 20}`)
    expect(node.events).toEqual(["Joined 1", "Suspected 1"])
    expect(node.transitions[1]).toMatchObject({ cause: probeFailed, previousStatus: Claim.Alive })
  })

  it("a suspicion that others raised is not raised again: the highest Alive heartbeat counts", () => {
    const node = open()
    node.passOn(alive(a, 1, 7))
    node.passOn(suspect(a, 1, 5 + Claim.SuspicionRaise))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    expect(node.claim(a)).toBe(`Suspect 1 ${7 + Claim.SuspicionRaise}`)
    // A heartbeat below the raised one loses, but the next suspicion starts from it.
    node.passOn(alive(a, 1, 9))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    expect(node.claim(a)).toBe(`Suspect 1 ${9 + Claim.SuspicionRaise}`)
    expect(node.events).toEqual(["Joined 1", "Suspected 1"])
  })

  it("a suspicion of an incarnation that was never seen alive keeps its heartbeat", () => {
    const node = open()
    node.passOn(suspect(a, 1, 5 + Claim.SuspicionRaise))
    node.passOn(alive(b, 1, 900), suspect(b, 2, 3 + Claim.SuspicionRaise))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    node.view.suspect(node.slotOf(b), probeFailed, Now)
    expect(node.claim(a)).toBe(`Suspect 1 ${5 + Claim.SuspicionRaise}`)
    expect(node.claim(b)).toBe(`Suspect 2 ${3 + Claim.SuspicionRaise}`)
  })

  it("heartbeats do not clear a suspicion, passed on or first-hand, and a higher incarnation does", () => {
    const node = open()
    node.passOn(alive(a, 1, 7))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    node.passOn(alive(a, 1, 500))
    node.receive(a, { incarnation: 1, heartbeat: 501, entries: [alive(a, 1, 501)] })
    expect(node.claim(a)).toBe(`Suspect 1 ${7 + 2 ** 20}`)
    expect(node.receive(a, { incarnation: 2, heartbeat: 502 }).tellSender).toBe(false)
    expect(node.claim(a)).toBe("Alive 2 502")
    expect(node.events).toEqual(["Joined 1", "Suspected 1", "Recovered 1"])
    expect(node.transitions[2]).toMatchObject({ cause: { _tag: "Heard" }, previousIncarnation: 1 })
  })

  it("a suspicion of a new incarnation starts from the heartbeat of that incarnation", () => {
    const node = open()
    node.passOn(alive(a, 1, 7))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    node.passOn(alive(a, 2, 3))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    expect(node.claim(a)).toBe(`Suspect 2 ${3 + 2 ** 20}`)
  })

  it("a suspect is declared dead with the heartbeat of its suspicion", () => {
    const node = open()
    node.passOn(alive(a, 1, 7))
    node.view.suspect(node.slotOf(a), probeFailed, Now)
    node.view.declareDead(node.slotOf(a), expired, Now + 9)
    expect(node.claim(a)).toBe(`Dead 1 ${7 + 2 ** 20}`)
    expect(node.events).toEqual(["Joined 1", "Suspected 1", "Died 1"])
    node.view.declareDead(node.slotOf(a), expired, Now + 10)
    node.view.suspect(node.slotOf(a), probeFailed, Now + 10)
    expect(node.events.length).toBe(3)
    expect(node.table.since(node.slotOf(a))).toBe(Now + 9)
  })

  it("a Dead claim about a member that is held Alive at this incarnation changes nothing until it is checked", () => {
    const node = open()
    node.passOn(alive(a, 1, 7))
    node.passOn(dead(a, 1, 3))
    expect(node.claim(a)).toBe("Alive 1 7")
    expect(node.deaths).toMatchObject([{ slot: node.slotOf(a), incarnation: 1, heartbeat: 3, by: id(reporter) }])
    expect(node.events).toEqual(["Joined 1"])
  })

  it("a checked death is believed, unless the member has a higher incarnation by then", () => {
    const node = open()
    node.passOn(alive(a, 1, 7), alive(b, 1, 7))
    node.passOn(dead(a, 1, 3), dead(b, 1, 3))
    node.passOn(alive(b, 2, 0), alive(a, 1, 8))
    const confirmed = { _tag: "DeathConfirmed", by: id(reporter), pings: 3 } as const
    for (const claim of node.deaths) node.view.believeDeath(claim, confirmed, Now)
    expect([node.claim(a), node.claim(b)]).toEqual(["Dead 1 3", "Alive 2 0"])
    expect(node.transitions.at(-1)).toMatchObject({ kind: "Died", cause: confirmed })
    for (const claim of node.deaths) node.view.believeDeath(claim, confirmed, Now)
    expect(node.events.filter((event) => event === "Died 1").length).toBe(1)
  })

  it("a Dead claim about a suspect is checked too", () => {
    const node = open()
    node.passOn(suspect(a, 1, 7))
    node.passOn(dead(a, 1, 3))
    expect(node.deaths).toMatchObject([{ slot: node.slotOf(a), incarnation: 1, heartbeat: 3, by: id(reporter) }])
    expect(node.claim(a)).toBe("Suspect 1 7")
    expect(node.events).toEqual(["Joined 1"])
  })

  it("only a higher incarnation revives a dead member", () => {
    const node = open()
    node.passOn(suspect(a, 1, 7))
    node.passOn(dead(a, 1, 3))
    for (const claim of node.deaths) node.view.believeDeath(claim, { _tag: "Claimed", by: claim.by }, Now)
    node.passOn(alive(a, 1, 900), suspect(a, 1, 900))
    expect(node.claim(a)).toBe("Dead 1 3")
    node.passOnAt(Now + 4, alive(a, 2, 0))
    expect(node.claim(a)).toBe("Alive 2 0")
    expect(node.events).toEqual(["Joined 1", "Died 1", "Recovered 1"])
    expect(node.table.since(node.slotOf(a))).toBe(Now + 4)
  })

  it("a checked death still counts if the member died at an older incarnation in the meantime", () => {
    const node = open()
    node.passOn(alive(a, 1, 7))
    node.passOn(dead(a, 1, 3), dead(a, 2, 4))
    for (const claim of node.deaths) node.view.believeDeath(claim, expired, Now)
    expect(node.claim(a)).toBe("Dead 2 4")
    checkInvariants(node.view)
  })

  it("the node itself can be neither suspected nor declared dead", () => {
    const node = open()
    node.view.suspect(SelfSlot, probeFailed, Now)
    node.view.declareDead(SelfSlot, expired, Now)
    expect(node.table.status(SelfSlot)).toBe(Claim.Alive)
    expect(node.events).toEqual([])
  })

  it.each([
    ["Suspect", (node: Node) => node.passOn(suspect(a, 5, 9))],
    ["Dead", (node: Node) => node.passOn(suspect(a, 5, 9), dead(a, 5, 9))],
    ["a tombstone", (node: Node) => node.passOn(dead(a, 5, 9))]
  ])("a sender whose incarnation is not above the one at which it is held %s should be told", (_, prepare) => {
    const node = open()
    prepare(node)
    const held = node.claim(a)
    expect(node.receive(a, { incarnation: 4, heartbeat: 900 })).toMatchObject({
      sender: node.slotOf(a),
      tellSender: true
    })
    expect(node.receive(a, { incarnation: 5, heartbeat: 2 })).toMatchObject({
      sender: node.slotOf(a),
      tellSender: true
    })
    expect(node.claim(a)).toBe(held)
    expect(node.receive(a, { incarnation: 6, heartbeat: 3 }).tellSender).toBe(false)
    expect(node.claim(a)).toBe("Alive 6 3")
    expect(node.receive(a, { incarnation: 6, heartbeat: 4 }).tellSender).toBe(false)
  })
})
