import { expect, it } from "vitest"
import { visible, visibleJson } from "../../src/domain/VisibleText.ts"

it.each([
  ["plain text, and Zürich 雪 🙂", "plain text, and Zürich 雪 🙂"],
  ["\x1b[31mred", "\\u001b[31mred"],
  ["a\u009b31mb\x7f", "a\\u009b31mb\\u007f"],
  ["one\ntwo\r\tthree\0", "one\\ntwo\\r\\tthree\\u0000"],
  ["left\u202eright\u2066\u2028", "left\\u202eright\\u2066\\u2028"]
])("%j is shown as %j", (text, shown) => {
  expect(visible(text)).toBe(shown)
})

it("shows JSON without what changes a terminal, and of the same value", () => {
  const value = { a: "\u009b31m\u007f", "b\u202e": ["\u001b[31m", "Zürich 雪 🙂\n"] }
  const shown = visibleJson(JSON.stringify(value, null, 2))
  expect(shown).toBe(
    '{\n  "a": "\\u009b31m\\u007f",\n  "b\\u202e": [\n    "\\u001b[31m",\n    "Zürich 雪 🙂\\n"\n  ]\n}'
  )
  expect(JSON.parse(shown)).toEqual(value)
})
