import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { documentsIn, faultsOf } from "./Links.ts"

const root = join(import.meta.dirname, "../..")

describe("the documents", () => {
  it.each(documentsIn(root))("%s has links that lead somewhere", (file) => {
    expect(faultsOf(root, file)).toEqual([])
  })

  it("begin with a README of at most 200 lines", () => {
    expect(readFileSync(join(root, "README.md"), "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(200)
  })
})
