/** The addresses from which datagrams are accepted. */
import { Result, Schema } from "effect"
import { IpNetwork, NetAddress } from "effect/net"
import { readU32 } from "../wire/Bytes.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

/** A text is not a network. */
export class AllowListError extends Schema.TaggedError<AllowListError>()("AllowListError", {
  input: Schema.String,
  message: Schema.String
}) {}

/** Words of an IPv6 network: 4 of its mask, 4 of its prefix. */
const V6Words = 8

/** The mask of the first `bits` bits of a 32-bit word: all bits from 32 on, none below 1. */
const maskOf = (bits: number): number => (bits <= 0 ? 0 : bits >= 32 ? 0xffff_ffff : ~(0xffff_ffff >>> bits) >>> 0)

/**
 * A list of networks. An address is allowed if it is in one of them, or if the list is empty. Networks within
 * `::ffff:0:0/96` are the IPv4 networks that they stand for. Other IPv6 networks, including `::/0`, have no IPv4 address.
 *
 * @example
 * ```ts
 * const allowed = Result.getOrThrow(AllowList.fromTexts(["10.0.0.0/8", "fd00::/8"]))
 * if (!allowed.has(inbound.source, 0)) return
 * ```
 */
export class AllowList {
  // By network: mask, prefix.
  readonly #v4: Uint32Array
  // By network: mask, prefix; 4 words each.
  readonly #v6: Uint32Array
  /** Whether every address is allowed. */
  readonly all: boolean

  constructor(networks: Iterable<IpNetwork.IpNetwork>) {
    const v4: Array<number> = []
    const v6: Array<number> = []
    let count = 0
    const packed = new Uint8Array(PackedAddress.MaxLength)
    for (const { address, prefixLength } of networks) {
      count++
      PackedAddress.write(NetAddress.inetAddressUnsafe(address, 0), packed, 0)
      const mapped = packed[0] === 4 && NetAddress.isIpv6Address(address)
      if (packed[0] === 4 && (!mapped || prefixLength >= 96)) {
        v4.push(maskOf(mapped ? prefixLength - 96 : prefixLength), readU32(packed, 1))
      } else {
        PackedAddress.writeExact(NetAddress.inetAddressUnsafe(address, 0), packed, 0)
        for (let i = 0; i < 4; i++) v6.push(maskOf(prefixLength - 32 * i))
        for (let i = 0; i < 4; i++) v6.push(readU32(packed, 1 + 4 * i))
      }
    }
    this.#v4 = Uint32Array.from(v4)
    this.#v6 = Uint32Array.from(v6)
    this.all = count === 0
  }

  /**
   * Reads networks in CIDR notation; a bare address is a network of one. An empty list allows all.
   *
   * Fails with `AllowListError` for the first text that is neither, or has bits set behind its prefix.
   */
  static fromTexts(texts: ReadonlyArray<string>): Result.Result<AllowList, AllowListError> {
    const networks: Array<IpNetwork.IpNetwork> = []
    for (const input of texts) {
      const network = parse(input.trim())
      if (Result.isFailure(network)) {
        return Result.fail(
          new AllowListError({ input, message: `${JSON.stringify(input)}: ${network.failure.message}` })
        )
      }
      networks.push(network.success)
    }
    return Result.succeed(new AllowList(networks))
  }

  /** Whether the packed address at `at` is allowed. IPv4-mapped addresses are IPv4. */
  has(packed: Uint8Array, at: number): boolean {
    if (this.all) return true
    if (packed[at] === 4) return this.#hasV4(readU32(packed, at + 1))
    if (packed[at] !== 6) return false
    return PackedAddress.isMapped(packed, at) ? this.#hasV4(readU32(packed, at + 13)) : this.#hasV6(packed, at + 1)
  }

  #hasV4(address: number): boolean {
    const v4 = this.#v4
    for (let i = 0; i < v4.length; i += 2) if ((address & v4[i]!) >>> 0 === v4[i + 1]) return true
    return false
  }

  #hasV6(packed: Uint8Array, at: number): boolean {
    const a = readU32(packed, at)
    const b = readU32(packed, at + 4)
    const c = readU32(packed, at + 8)
    const d = readU32(packed, at + 12)
    const v6 = this.#v6
    for (let i = 0; i < v6.length; i += V6Words) {
      if (
        (a & v6[i]!) >>> 0 === v6[i + 4] &&
        (b & v6[i + 1]!) >>> 0 === v6[i + 5] &&
        (c & v6[i + 2]!) >>> 0 === v6[i + 6] &&
        (d & v6[i + 3]!) >>> 0 === v6[i + 7]
      ) {
        return true
      }
    }
    return false
  }
}

const parse = (text: string): Result.Result<IpNetwork.IpNetwork, NetAddress.NetAddressError> =>
  text.includes("/")
    ? IpNetwork.fromString(text)
    : Result.flatMap(NetAddress.ipFromString(text), (address) =>
        IpNetwork.make(address, NetAddress.isIpv4Address(address) ? 32 : 128)
      )
