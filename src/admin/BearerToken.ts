/** The secret that lets somebody operate a node over a network. */
import { Redacted } from "effect"

const utf8 = new TextEncoder()

/** Whether a token is the right one. How long that takes depends on nothing but the token that is given. */
export const matches = (expected: Redacted.Redacted<string>, given: Redacted.Redacted<string>): boolean => {
  const right = utf8.encode(Redacted.value(expected))
  const tried = utf8.encode(Redacted.value(given))
  // An empty token is none, and protects nothing.
  if (right.length === 0) return false
  let different = right.length ^ tried.length
  for (let i = 0; i < tried.length; i++) different |= tried[i]! ^ right[i % right.length]!
  return different === 0
}
