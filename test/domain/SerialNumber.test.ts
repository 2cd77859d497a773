/** Serial numbers: numbers of 32 bits that only count up, and their end. */
import { assert, describe, it } from "@effect/vitest"
import * as SerialNumber from "../../src/domain/SerialNumber.ts"

describe("SerialNumber.compare", () => {
  it.each([
    [5, 5, 0],
    [6, 5, 1],
    [5, 6, -1],
    [0, 0xffffffff, 1],
    [0xffffffff, 0, -1],
    [0x7fffffff, 0, 1],
    [0, 0x7fffffff, -1],
    [0x80000001, 0, -1],
    [0, 0x80000001, 1]
  ])("%i against %i is %i", (a, b, expected) => assert.strictEqual(Math.sign(SerialNumber.compare(a, b)), expected))

  it("numbers half of the range apart have no order", () => {
    assert.strictEqual(SerialNumber.compare(0x80000000, 0), 0)
    assert.strictEqual(SerialNumber.compare(0, 0x80000000), 0)
    assert.strictEqual(SerialNumber.compare(0x80000007, 7), 0)
  })
})

describe("SerialNumber.add", () => {
  it.each([
    [5, 3, 8],
    [0x7fffffff, 1, 0x80000000],
    [0xffffffff, 1, 0],
    [0xfffffffe, 5, 3]
  ])("%i and %i are %i", (a, n, expected) => assert.strictEqual(SerialNumber.add(a, n), expected))
})
