import { describe, expect, it } from "@effect/vitest"
import { SchemaAST } from "effect"
import * as Incarnation from "../../src/domain/Incarnation.ts"

describe("the starting incarnation", () => {
  it.each([
    ["2020-01-01T00:00:00.000Z", 0],
    ["2020-01-01T00:00:01.999Z", 1],
    ["2026-03-04T05:06:07.000Z", 194_763_967],
    ["1999-12-31T23:59:59.000Z", 0]
  ])("at %s is %i", (time, incarnation) => {
    expect(Incarnation.starting(Date.parse(time))).toBe(incarnation)
  })

  it("stays an unsigned 32-bit number", () => {
    expect(Incarnation.starting(Date.parse("2157-01-01T00:00:00.000Z"))).toBeLessThan(2 ** 32)
  })
})

it("the schema has its name, by which documents refer to it", () => {
  expect(SchemaAST.resolveIdentifier(Incarnation.Incarnation.ast)).toBe("Incarnation")
})
