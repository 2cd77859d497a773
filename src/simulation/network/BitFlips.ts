/** Damaged payloads. */

/** A copy of a payload with one to three of its bits flipped. The payload must not be empty. */
export const withBitsFlipped = (payload: Uint8Array, random: () => number): Uint8Array => {
  const bits = payload.length * 8
  const copy = payload.slice()
  const isFlipped = (bit: number) => ((copy[bit >> 3]! ^ payload[bit >> 3]!) & (1 << (bit & 7))) !== 0
  for (let left = 1 + Math.floor(random() * 3); left > 0; left--) {
    let bit = Math.floor(random() * bits)
    while (isFlipped(bit)) bit = (bit + 1) % bits
    copy[bit >> 3] = copy[bit >> 3]! ^ (1 << (bit & 7))
  }
  return copy
}
