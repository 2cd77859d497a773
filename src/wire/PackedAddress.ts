/**
 * Addresses as they stand on the wire: a family byte (4 or 6), 4 or 16 address
 * bytes, a u16 port. Cores keep and compare them in this form, since building an
 * `InetAddress` costs more than merging an entry.
 */
import { NetAddress } from "effect/net"
import { readU16, writeU16 } from "./Bytes.ts"

/** Length of a packed IPv4 address. */
export const Ipv4Length = 7
/** Length of a packed IPv6 address, and so of the largest. */
export const MaxLength = 19

/** The packed length for a family byte, or 0 when the family is unknown. */
export const lengthOf = (family: number): number => (family === 4 ? Ipv4Length : family === 6 ? MaxLength : 0)

/** Whether the packed address at `at` is an IPv4-mapped IPv6 address (`::ffff:0:0/96`). */
export const isMapped = (bytes: Uint8Array, at: number): boolean => {
  if (bytes[at] !== 6 || bytes[at + 11] !== 0xff || bytes[at + 12] !== 0xff) return false
  for (let i = at + 1; i < at + 11; i++) if (bytes[i] !== 0) return false
  return true
}

/**
 * Copies a packed address in canonical form: an IPv4-mapped one becomes IPv4, so
 * that a member seen through a dual-stack socket is one member and not two.
 */
export const copyCanonical = (from: Uint8Array, at: number, to: Uint8Array, toAt: number): void => {
  if (isMapped(from, at)) {
    to[toAt] = 4
    for (let i = 0; i < 6; i++) to[toAt + 1 + i] = from[at + 13 + i]!
    return
  }
  copy(from, at, to, toAt)
}

/** Copies a packed address as it is and returns its length. */
export const copy = (from: Uint8Array, at: number, to: Uint8Array, toAt: number): number => {
  const length = lengthOf(from[at]!)
  for (let i = 0; i < length; i++) to[toAt + i] = from[at + i]!
  return length
}

/**
 * Orders by family, address bytes, port; both in canonical form. The layout makes
 * this the order of the bytes.
 */
export const compare = (a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number => {
  const length = lengthOf(a[aAt]!)
  for (let i = 0; i < length; i++) {
    const difference = a[aAt + i]! - b[bAt + i]!
    if (difference !== 0) return difference
  }
  return length === 0 ? a[aAt]! - b[bAt]! : 0
}

/** Whether the packed address at `at` can name a member: a port, and not the unspecified or a multicast address. */
export const isReachable = (bytes: Uint8Array, at: number): boolean => {
  const length = lengthOf(bytes[at]!)
  if (length === 0 || readU16(bytes, at + length - 2) === 0) return false
  const first = bytes[at + 1]!
  if (length === Ipv4Length ? first >= 224 && first < 240 : first === 0xff) return false
  for (let i = at + 1; i < at + length - 2; i++) if (bytes[i] !== 0) return true
  return false
}

/** Writes an `InetAddress` in canonical form and returns its length. Scope ids do not travel. */
export const write = (address: NetAddress.InetAddress, to: Uint8Array, at: number): number => {
  const canonical = NetAddress.toCanonical(address)
  if (NetAddress.isInetAddressV4(canonical)) {
    const octets = NetAddress.ipv4ToOctets(canonical.address)
    to[at] = 4
    to[at + 1] = octets[0]
    to[at + 2] = octets[1]
    to[at + 3] = octets[2]
    to[at + 4] = octets[3]
    writeU16(to, at + 5, canonical.port)
    return Ipv4Length
  }
  writeAsIs(canonical, to, at)
  return MaxLength
}

/** Writes an IPv6 `InetAddress` without canonicalising it. */
const writeAsIs = (address: NetAddress.InetAddressV6, to: Uint8Array, at: number): void => {
  const segments = NetAddress.ipv6ToSegments(address.address)
  to[at] = 6
  for (let i = 0; i < 8; i++) writeU16(to, at + 1 + 2 * i, segments[i]!)
  writeU16(to, at + 17, address.port)
}

/** Writes an `InetAddress` exactly, a mapped one as IPv6, for codecs that must give back the bytes they took. */
export const writeExact = (address: NetAddress.InetAddress, to: Uint8Array, at: number): number => {
  if (NetAddress.isInetAddressV4(address)) return write(address, to, at)
  writeAsIs(address, to, at)
  return MaxLength
}

/** Reads the packed address at `at`, whose family must be known. */
export const read = (bytes: Uint8Array, at: number): NetAddress.InetAddress =>
  bytes[at] === 4
    ? NetAddress.inetAddressUnsafe(
        NetAddress.ipv4FromBytesUnsafe(bytes.subarray(at + 1, at + 5)),
        readU16(bytes, at + 5)
      )
    : NetAddress.inetAddressUnsafe(
        NetAddress.ipv6FromBytesUnsafe(bytes.subarray(at + 1, at + 17)),
        readU16(bytes, at + 17)
      )

/** Packs an `InetAddress` in canonical form into an array of its own. */
export const pack = (address: NetAddress.InetAddress): Uint8Array => {
  const bytes = new Uint8Array(MaxLength)
  write(address, bytes, 0)
  return bytes
}

/** A string that is equal for equal packed addresses, for use as a map key. */
export const key = (bytes: Uint8Array, at: number): string => {
  let text = ""
  const length = lengthOf(bytes[at]!)
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[at + i]!)
  return text
}
