/**
 * Addresses as they stand on the wire: a family byte (4 or 6), 4 or 16 address
 * bytes, a u16 port. Cores keep and compare them in this form, because building an
 * `InetAddress` costs more than merging an entry.
 *
 * @since 0.2.0
 */
import { NetAddress } from "effect/net"
import { readU16, readU32, writeU16 } from "./Bytes.ts"

/**
 * Bytes of a packed IPv4 address.
 *
 * @category constants
 * @since 0.2.0
 */
export const Ipv4Length = 7

/**
 * Bytes of a packed IPv6 address, which is the largest.
 *
 * @category constants
 * @since 0.2.0
 */
export const MaxLength = 19

/**
 * The packed length for a family byte, or 0 when the family is unknown.
 *
 * @category reading
 * @since 0.2.0
 */
export const lengthOf = (family: number): number => (family === 4 ? Ipv4Length : family === 6 ? MaxLength : 0)

/**
 * Whether the packed address at `at` is an IPv4-mapped IPv6 address (`::ffff:0:0/96`).
 *
 * @category predicates
 * @since 0.2.0
 */
export const isMapped = (bytes: Uint8Array, at: number): boolean => {
  if (bytes[at] !== 6 || bytes[at + 11] !== 0xff || bytes[at + 12] !== 0xff) return false
  for (let i = at + 1; i < at + 11; i++) if (bytes[i] !== 0) return false
  return true
}

/**
 * Copies a packed address in canonical form: an IPv4-mapped one becomes IPv4, so
 * that a member seen through a dual-stack socket is one member and not two.
 *
 * @category writing
 * @since 0.2.0
 */
export const copyCanonical = (from: Uint8Array, at: number, to: Uint8Array, toAt: number): void => {
  if (isMapped(from, at)) {
    to[toAt] = 4
    for (let i = 0; i < 6; i++) to[toAt + 1 + i] = from[at + 13 + i]!
    return
  }
  copy(from, at, to, toAt)
}

/**
 * Copies a packed address as it is and returns its length.
 *
 * @category writing
 * @since 0.2.0
 */
export const copy = (from: Uint8Array, at: number, to: Uint8Array, toAt: number): number => {
  const length = lengthOf(from[at]!)
  if (length === Ipv4Length) {
    // Written out, it takes half the time of the loop, and entries are mostly this.
    to[toAt] = from[at]!
    to[toAt + 1] = from[at + 1]!
    to[toAt + 2] = from[at + 2]!
    to[toAt + 3] = from[at + 3]!
    to[toAt + 4] = from[at + 4]!
    to[toAt + 5] = from[at + 5]!
    to[toAt + 6] = from[at + 6]!
    return length
  }
  for (let i = 0; i < length; i++) to[toAt + i] = from[at + i]!
  return length
}

/**
 * Orders two packed addresses in canonical form by family, address bytes, port.
 * The layout makes this the order of the bytes.
 *
 * @category ordering
 * @since 0.2.0
 */
export const compare = (a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number => {
  const length = lengthOf(a[aAt]!)
  for (let i = 0; i < length; i++) {
    const difference = a[aAt + i]! - b[bAt + i]!
    if (difference !== 0) return difference
  }
  return length === 0 ? a[aAt]! - b[bAt]! : 0
}

/**
 * Whether two packed addresses in canonical form are equal.
 *
 * @category predicates
 * @since 0.2.0
 */
export const equals = (a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean =>
  a[aAt] === 4
    ? // Written out, for the same reason as in `copy`. The port and the end of the address differ most often.
      a[aAt + 6] === b[bAt + 6] &&
      a[aAt + 5] === b[bAt + 5] &&
      a[aAt + 4] === b[bAt + 4] &&
      a[aAt + 3] === b[bAt + 3] &&
      a[aAt + 2] === b[bAt + 2] &&
      a[aAt + 1] === b[bAt + 1] &&
      b[bAt] === 4
    : compare(a, aAt, b, bAt) === 0

/**
 * Whether the packed address at `at` can be a member's: it has a port, and is
 * neither the unspecified, a multicast, a reserved (240.0.0.0/4) nor the broadcast
 * address.
 *
 * @category predicates
 * @since 0.2.0
 */
export const isReachable = (bytes: Uint8Array, at: number): boolean => {
  const length = lengthOf(bytes[at]!)
  if (length === 0 || readU16(bytes, at + length - 2) === 0) return false
  const first = bytes[at + 1]!
  if (length === Ipv4Length ? first >= 224 : first === 0xff) return false
  for (let i = at + 1; i < at + length - 2; i++) if (bytes[i] !== 0) return true
  return false
}

/**
 * Whether a packed address is in 127.0.0.0/8, or is ::1.
 *
 * @category predicates
 * @since 0.2.0
 */
export const isLoopback = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 4
    ? bytes[at + 1] === 127
    : readU32(bytes, at + 1) === 0 &&
      readU32(bytes, at + 5) === 0 &&
      readU32(bytes, at + 9) === 0 &&
      readU32(bytes, at + 13) === 1

/**
 * Writes an `InetAddress` in canonical form and returns its length. A scope id is
 * not part of the packed form.
 *
 * @category writing
 * @since 0.2.0
 */
export const write = (address: NetAddress.InetAddress, to: Uint8Array, at: number): number =>
  writeExact(NetAddress.toCanonical(address), to, at)

const Dot = 46
const Zero = 48

/**
 * Writes an IPv4 address that is given as its usual text (`10.0.0.1`) and a port. Returns `false` for any other text, and
 * then what is in `to` has no meaning.
 *
 * @category writing
 * @since 0.2.0
 */
export const writeIpv4Text = (host: string, port: number, to: Uint8Array): boolean => {
  let octet = 0
  let digits = 0
  let at = 1
  for (let i = 0; i < host.length; i++) {
    const code = host.charCodeAt(i)
    if (code === Dot) {
      if (digits === 0 || at === 4) return false
      to[at++] = octet
      octet = 0
      digits = 0
      continue
    }
    const digit = code - Zero
    octet = 10 * octet + digit
    if (digit < 0 || digit > 9 || octet > 255 || ++digits > 3) return false
  }
  if (digits === 0 || at !== 4) return false
  to[0] = 4
  to[4] = octet
  writeU16(to, 5, port)
  return true
}

/**
 * Writes an `InetAddress` as it is, an IPv4-mapped one as IPv6, and returns its
 * length. Codecs need it, because they must give back the bytes that they read.
 *
 * @category writing
 * @since 0.2.0
 */
export const writeExact = (address: NetAddress.InetAddress, to: Uint8Array, at: number): number => {
  if (address._tag === "InetAddressV4") {
    const octets = NetAddress.ipv4ToOctets(address.address)
    to[at] = 4
    to[at + 1] = octets[0]
    to[at + 2] = octets[1]
    to[at + 3] = octets[2]
    to[at + 4] = octets[3]
    writeU16(to, at + 5, address.port)
    return Ipv4Length
  }
  const segments = NetAddress.ipv6ToSegments(address.address)
  to[at] = 6
  for (let i = 0; i < 8; i++) writeU16(to, at + 1 + 2 * i, segments[i]!)
  writeU16(to, at + 17, address.port)
  return MaxLength
}

// Holds the bytes of one address while its value is made; nothing stays in them between two calls.
const ipv4 = new Uint8Array(4)
const ipv6 = new Uint8Array(16)

/**
 * Reads the packed address at `at`, whose family must be known.
 *
 * @category reading
 * @since 0.2.0
 */
export const read = (bytes: Uint8Array, at: number): NetAddress.InetAddress => {
  if (bytes[at] === 4) {
    for (let i = 0; i < 4; i++) ipv4[i] = bytes[at + 1 + i]!
    return NetAddress.inetAddressUnsafe(NetAddress.ipv4FromBytesUnsafe(ipv4), readU16(bytes, at + 5))
  }
  for (let i = 0; i < 16; i++) ipv6[i] = bytes[at + 1 + i]!
  return NetAddress.inetAddressUnsafe(NetAddress.ipv6FromBytesUnsafe(ipv6), readU16(bytes, at + 17))
}

/**
 * Packs an `InetAddress` in canonical form into an array of its own.
 *
 * @category constructors
 * @since 0.2.0
 */
export const pack = (address: NetAddress.InetAddress): Uint8Array => {
  const bytes = new Uint8Array(MaxLength)
  write(address, bytes, 0)
  return bytes
}

/**
 * A string that is equal for equal packed addresses, for use as the key of a map.
 *
 * @category reading
 * @since 0.2.0
 */
export const key = (bytes: Uint8Array, at: number): string => {
  let text = ""
  const length = lengthOf(bytes[at]!)
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[at + i]!)
  return text
}
