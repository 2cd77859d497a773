/** The checksum CRC-32 (ISO-HDLC), as zlib and Ethernet have it. It finds every change of up to 32 bits in a row. */

const Polynomial = 0xedb88320

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = (remainder & 1) === 1 ? (remainder >>> 1) ^ Polynomial : remainder >>> 1
  return remainder
})

/** The checksum of some bytes. */
export const crc32 = (bytes: Uint8Array): number => {
  let remainder = 0xffffffff
  for (const byte of bytes) remainder = table[(remainder ^ byte) & 0xff]! ^ (remainder >>> 8)
  return ~remainder >>> 0
}
