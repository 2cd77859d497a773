import { describe, expect, it } from "@effect/vitest"
import { MaxRemembered, RememberedFor } from "../../src/membership/Forgetting.ts"
import {
  a,
  alive,
  b,
  checkInvariants,
  dead,
  expired,
  id,
  Now,
  open,
  probeFailed,
  Retention,
  Self,
  suspect
} from "./View.ts"

const die = (node: ReturnType<typeof open>, n: number) => {
  node.view.suspect(node.slotOf(n), probeFailed, Now)
  node.view.declareDead(node.slotOf(n), expired, Now)
}

describe("forgetting", () => {
  it("takes a dead member off the list at once, and no old claim brings it back", () => {
    const node = open()
    const by: Array<unknown> = []
    node.view.observe({ forgotten: (_, wisher) => by.push(wisher) })
    node.passOn(alive(a, 3, 1), alive(b, 0, 1))
    die(node, a)
    node.view.forget(id(a), 3, Self, Now)
    expect(node.forgotten).toEqual([node.slotOf(a)])
    expect(by).toEqual([Self])
    for (const claim of [alive(a, 3, 99), suspect(a, 3, 99), dead(a, 3, 99), alive(a, 2, 5)]) node.passOn(claim)
    expect(node.claim(a)).toMatch(/^tombstone 3/)
    checkInvariants(node.view)
    // It lives after all.
    node.passOn(alive(a, 4, 0))
    expect(node.events.at(-1)).toBe("Joined 1")
  })

  it("leaves alone a member that is live, or died in a higher incarnation", () => {
    const node = open()
    node.passOn(alive(a, 3, 1), alive(b, 7, 1))
    die(node, b)
    node.view.forget(id(b), 6, Self, Now)
    node.view.forget(Self, 9, Self, Now)
    node.view.forget(id(77), 9, Self, Now)
    expect([node.forgotten, node.claim(b).slice(0, 6)]).toEqual([[], "Dead 7"])
    // The wish was faster than the news of its death.
    node.view.forget(id(a), 3, id(b), Now)
    expect(node.claim(a)).toBe("Alive 3 1")
    die(node, a)
    expect(node.view.nextExpiry()).toBe(-Infinity)
    node.view.expire(Now)
    expect(node.claim(a)).toMatch(/^tombstone 3/)
    expect(node.view.nextExpiry()).toBe(Now + Retention)
    checkInvariants(node.view)
  })

  it("remembers a wish about a live member for a bounded time and number", () => {
    const node = open()
    node.passOn(alive(a, 3, 1), alive(b, 0, 1))
    node.view.forget(id(a), 3, Self, Now - RememberedFor)
    die(node, a)
    node.view.expire(Now)
    expect(node.claim(a)).toMatch(/^Dead 3/)
    node.view.forget(id(b), 0, Self, Now)
    for (let n = 0; n < MaxRemembered; n++) {
      node.passOn(alive(1000 + n, 0, 1))
      node.view.forget(id(1000 + n), 0, Self, Now)
    }
    die(node, b)
    node.view.expire(Now)
    expect(node.claim(b)).toMatch(/^Dead 0/)
    // A wish about an incarnation is not one about a later run.
    node.passOn(alive(1500, 1, 0))
    die(node, 1500)
    node.view.expire(Now)
    expect(node.claim(1500)).toMatch(/^Dead 1/)
  })
})
