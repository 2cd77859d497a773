import { expect, it } from "vitest"
import { visible } from "../../src/domain/VisibleText.ts"

it.each([
  ["plain text, and Zürich 雪 🙂", "plain text, and Zürich 雪 🙂"],
  ["\x1b[31mred", "\\u001b[31mred"],
  ["a\u009b31mb\x7f", "a\\u009b31mb\\u007f"],
  ["one\ntwo\r\tthree\0", "one\\ntwo\\r\\tthree\\u0000"],
  ["left\u202eright\u2066\u2028", "left\\u202eright\\u2066\\u2028"]
])("%j is shown as %j", (text, shown) => {
  expect(visible(text)).toBe(shown)
})
