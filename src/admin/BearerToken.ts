/** Compares the tokens that admit operators over a network. */
import { Redacted } from "effect"

const utf8 = new TextEncoder()

/** Whether a token is the expected one. The time that this takes depends only on the given token. */
export const matches = (expected: Redacted.Redacted<string>, given: Redacted.Redacted<string>): boolean => {
  const right = utf8.encode(Redacted.value(expected))
  const tried = utf8.encode(Redacted.value(given))
  // An empty token protects nothing.
  if (right.length === 0) return false
  let different = right.length ^ tried.length
  for (let i = 0; i < tried.length; i++) different |= tried[i]! ^ right[i % right.length]!
  return different === 0
}
