/** What keeps clusters of different names apart in messages that are not sealed (docs/PROTOCOL.md, 2.2). */
import { Hash64 } from "../domain/Hash64.ts"

const utf8 = new TextEncoder()

/**
 * The 16 bits that are exclusive-ored with the checksum of each message of a cluster in the clear: 0 without a name.
 *
 * `Hash64` over the number of bytes of the name in Unicode NFC and UTF-8, and then over these bytes as big-endian words of
 * 64 bits, the last one filled up with zeros. The four 16-bit parts of the hash are exclusive-ored, and 0 becomes 1.
 */
export const clusterSalt = (name: string): number => {
  if (name === "") return 0
  const bytes = utf8.encode(name.normalize("NFC"))
  const hash = new Hash64().add(0, bytes.length)
  for (let at = 0; at < bytes.length; at += 8) hash.add(wordAt(bytes, at), wordAt(bytes, at + 4))
  const folded = hash.hi ^ hash.lo
  return ((folded >>> 16) ^ folded) & 0xffff || 1
}

const wordAt = (bytes: Uint8Array, at: number): number => {
  let word = 0
  for (let i = at; i < at + 4; i++) word = ((word << 8) | (bytes[i] ?? 0)) >>> 0
  return word
}
