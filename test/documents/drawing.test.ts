import { expect, it } from "vitest"
import { drawing } from "./Drawing.ts"

// `vitest run test/documents/drawing.test.ts -u` draws it anew.
it("the drawing of the architecture shows the imports as they are", () =>
  expect(drawing()).toMatchFileSnapshot("../../docs/architecture.svg"))
