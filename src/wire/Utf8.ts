/**
 * UTF-8 text in byte arrays.
 *
 * @since 0.2.0
 */

const encoder = new TextEncoder()
// A byte order mark is part of a text like every other character.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/**
 * The bytes of a text.
 *
 * **Gotchas**
 *
 * A text that is not well-formed (`String.prototype.isWellFormed`) has no bytes
 * of its own: its lone surrogates become U+FFFD.
 *
 * @category encoding
 * @since 0.2.0
 */
export const encode = (text: string): Uint8Array => encoder.encode(text)

/**
 * The text in `bytes[start, end)`, which `check` accepts.
 *
 * @category decoding
 * @since 0.2.0
 */
export const decode = (bytes: Uint8Array, start: number, end: number): string =>
  decoder.decode(bytes.subarray(start, end))

/**
 * Whether `bytes[start, end)` is well-formed UTF-8: the byte sequences of table
 * 3-7 of the Unicode standard, without surrogates and overlong forms.
 *
 * @category predicates
 * @since 0.2.0
 */
export const check = (bytes: Uint8Array, start: number, end: number): boolean => {
  let at = start
  while (at < end) {
    const first = bytes[at]!
    if (first < 0x80) {
      at++
      continue
    }
    const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
    if (length === 0 || at + length > end) return false
    const second = bytes[at + 1]!
    const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
    const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
    if (second < lowest || second > highest) return false
    for (let i = 2; i < length; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return false
    at += length
  }
  return true
}
