import { expect, it } from "vitest"
import { sourceOf } from "../../src/admin/ClientSource.ts"

it.each([
  ["127.0.0.1", "127.0.0.1"],
  ["::ffff:10.0.0.5", "10.0.0.5"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
  ["", ""]
])("a client at %j is the source %j", (address, source) => {
  expect(sourceOf(address)).toBe(source)
})
