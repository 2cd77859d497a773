/** The address that a node tells others. */
import { Array as Arr, Order } from "effect"
import { NetAddress } from "effect/net"

/**
 * How the advertised address was chosen: it is configured, or the bound address, or
 * that of an interface where the wildcard address is bound.
 *
 * @category models
 * @since 0.2.0
 */
export type AdvertiseSource = "configured" | "bound" | "interface"

/** An address that others can use, and how it was chosen. */
export interface Advertised {
  readonly address: NetAddress.InetAddress
  readonly from: AdvertiseSource
}

/** The address to advertise, or `undefined` if it depends on the interfaces: the wildcard address is bound. */
export const withoutInterfaces = (
  bound: NetAddress.InetAddress,
  configured: NetAddress.InetAddress | undefined
): Advertised | undefined => {
  if (configured !== undefined) {
    const port = configured.port === 0 ? bound.port : configured.port
    const address = NetAddress.toCanonical(NetAddress.inetAddressUnsafe(configured.address, port))
    return { address, from: "configured" }
  }
  if (NetAddress.isUnspecified(bound.address)) return undefined
  return { address: NetAddress.toCanonical(bound), from: "bound" }
}

/** More than the greatest rank. */
const OutboundFirst = 4

// An IPv4 address reaches nodes with sockets of both families. Loopback is the last resort.
const rank = (address: NetAddress.IpAddress): number =>
  (NetAddress.isLoopback(address) ? 2 : 0) + (NetAddress.isIpv4Address(address) ? 0 : 1)

/**
 * The best of the interfaces for a bound wildcard address, or `undefined` if none can be used: the one by which this machine
 * reaches other networks, if that is known, and else the first that others may reach.
 */
export const ofInterfaces = (
  bound: NetAddress.InetAddress,
  interfaces: ReadonlyArray<NetAddress.IpAddress>,
  outbound: ReadonlyArray<NetAddress.IpAddress> = []
): Advertised | undefined => {
  const dual = NetAddress.isIpv6Address(bound.address)
  const usable = interfaces.filter(
    (address) =>
      (dual || NetAddress.isIpv4Address(address)) &&
      !NetAddress.isLinkLocal(address) &&
      !NetAddress.isMulticast(address)
  )
  const isOutbound = (address: NetAddress.IpAddress): boolean =>
    !NetAddress.isLoopback(address) &&
    outbound.some((other) => NetAddress.formatIp(other) === NetAddress.formatIp(address))
  const [best] = Arr.sortWith(
    usable,
    (address) => rank(address) - (isOutbound(address) ? OutboundFirst : 0),
    Order.Number
  )
  if (best === undefined) return undefined
  return { address: NetAddress.inetAddressUnsafe(best, bound.port), from: "interface" }
}
