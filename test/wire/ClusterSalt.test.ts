import { describe, expect, it } from "@effect/vitest"
import * as fc from "fast-check"
import { clusterSalt } from "../../src/wire/ClusterSalt.ts"
import { writeU16 } from "../../src/wire/Bytes.ts"
import { internetChecksum } from "../../src/wire/Checksum.ts"
import { addSalt, Kind, MaxMessage } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import { MessageWriter } from "../../src/wire/MessageWriter.ts"

describe("the salt of a cluster's name", () => {
  it("is 0 without a name, and stays the same for ever", () => {
    expect(clusterSalt("")).toBe(0)
    expect(["X", "Y", "blue", "production", "production-2"].map(clusterSalt)).toMatchInlineSnapshot(`
      [
        38774,
        19072,
        23709,
        11207,
        38575,
      ]
    `)
  })

  it("is a number of 16 bits that is never 0, the same for all forms of a letter", () => {
    const seen = new Set<number>()
    for (let i = 0; i < 20_000; i++) {
      const salt = clusterSalt(`cluster-${i}`)
      expect(Number.isInteger(salt) && salt > 0 && salt <= 0xffff).toBe(true)
      seen.add(salt)
    }
    // Of 65535 values, 20 000 names at random would have about 17 230.
    expect(seen.size).toBeGreaterThan(17_000)
    expect(clusterSalt("caf\u00e9")).toBe(clusterSalt("cafe\u0301"))
    expect(clusterSalt("a")).not.toBe(clusterSalt("a\0"))
  })
})

/** A LEAVE, behind which a reader ignores everything. */
const messageOf = (salt: number, payload: Uint8Array): Uint8Array => {
  const writer = new MessageWriter()
  Object.assign(writer.header, { idLo: 7, heartbeat: 3, incarnation: 2 })
  writer.begin(Kind.Leave, 0)
  const header = writer.finish()
  const message = new Uint8Array(header.length + payload.length)
  message.set(header)
  message.set(payload, header.length)
  writeU16(message, 2, payload.length)
  writeU16(message, 22, 0)
  writeU16(message, 22, internetChecksum(message, 0, message.length) ^ salt)
  return message
}

const salts = fc.oneof(fc.nat(0xffff), fc.constantFrom(0, 1, 0xffff))

describe("a message with a salt", () => {
  it("is read with that salt, and its checksum is the plain one with the bits of the salt turned", () => {
    fc.assert(
      fc.property(salts, fc.nat(0xffff), (salt, incarnation) => {
        const write = (withSalt: number): Uint8Array => {
          const writer = new MessageWriter()
          Object.assign(writer.header, { idLo: 7, heartbeat: 3, incarnation, salt: withSalt })
          writer.begin(Kind.Gossip, 0)
          return writer.finish().slice()
        }
        const salted = write(salt)
        const inbound = new Inbound()
        inbound.header.salt = salt
        expect(inbound.decode(salted)).toBeUndefined()
        const plain = write(0)
        addSalt(plain, salt)
        expect(plain).toEqual(salted)
      })
    )
  })

  it("is refused with any other, which is named", () => {
    fc.assert(
      fc.property(salts, salts, fc.uint8Array({ maxLength: MaxMessage - 24 }), (salt, other, payload) => {
        // Zero has two forms in the sum, which differ by all 16 bits.
        fc.pre(salt !== other && (salt ^ other) !== 0xffff)
        const inbound = new Inbound()
        inbound.header.salt = other
        const fault = inbound.decode(messageOf(salt, payload))
        expect(fault).toMatchObject({ _tag: "ChecksumMismatch", impliedSalt: salt })
      })
    )
  })
})
