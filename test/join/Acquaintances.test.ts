import { assert, describe, it } from "@effect/vitest"
import { Acquaintances, wasThereBefore } from "../../src/join/Acquaintances.ts"

const take = (acquaintances: Acquaintances, from: number, to: number, wants = (_: number) => true) => {
  const taken: Array<readonly [number, number]> = []
  for (let now = from; now <= to; now++) {
    const slot = acquaintances.takeDue(now, wants)
    if (slot >= 0) taken.push([now, slot])
  }
  return taken
}

describe("members that a newcomer becomes acquainted with", () => {
  it("get their turn from a second after the first on, one in 100 ms, in the order in which it learned of them", () => {
    const acquaintances = new Acquaintances()
    assert.strictEqual(acquaintances.next, Infinity)
    acquaintances.add(1, 500)
    acquaintances.add(2, 700)
    assert.strictEqual(acquaintances.next, 1500)
    acquaintances.add(3, 1400)
    assert.deepStrictEqual(take(acquaintances, 500, 3000), [
      [1500, 1],
      [1600, 2],
      [1700, 3]
    ])
    assert.strictEqual(acquaintances.next, Infinity)
    acquaintances.add(4, 3000)
    assert.strictEqual(acquaintances.next, 4000)
  })

  it("are passed over where they want none", () => {
    const acquaintances = new Acquaintances()
    for (let slot = 1; slot <= 5; slot++) acquaintances.add(slot, 0)
    assert.deepStrictEqual(
      take(acquaintances, 0, 2000, (slot) => slot % 2 === 0),
      [
        [1000, 2],
        [1100, 4]
      ]
    )
    assert.strictEqual(acquaintances.next, Infinity)
  })

  it("are those that started more than ten seconds before, as far as that is known", () => {
    assert.isFalse(wasThereBefore(10_000, 20_000))
    assert.isTrue(wasThereBefore(9999, 20_000))
    assert.isFalse(wasThereBefore(30_000, 20_000))
    assert.isFalse(wasThereBefore(undefined, 20_000))
    assert.isFalse(wasThereBefore(0, undefined))
  })
})
