/** What counts as one client where the number of connections, followers or guesses is bounded. */
import { Result } from "effect"
import { IpNetwork, NetAddress } from "effect/net"

/** The address of a client, or its network of IPv6: whoever has one address of that has all of them. */
export const sourceOf = (address: string): string => {
  const parsed = NetAddress.ipFromString(address)
  if (Result.isFailure(parsed)) return address
  const canonical = NetAddress.toCanonical(parsed.success)
  return NetAddress.isIpv4Address(canonical)
    ? NetAddress.formatIp(canonical)
    : IpNetwork.format(IpNetwork.fromAddressUnsafe(canonical, 64))
}
