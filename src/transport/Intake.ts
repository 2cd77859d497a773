/** What becomes of a received datagram: it is dropped and counted, or it is a message. */
import type { NetAddress } from "effect/net"
import type { DatagramSocket } from "effect/socket"
import type { ClusterConfig } from "../config/ClusterConfig.ts"
import type { KeyRing } from "../crypto/KeyRing.ts"
import * as SealedDatagram from "../crypto/SealedDatagram.ts"
import * as NodeId from "../domain/NodeId.ts"
import { readU32 } from "../wire/Bytes.ts"
import { clusterSalt } from "../wire/ClusterSalt.ts"
import { Inbound } from "../wire/Inbound.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import type { WireError } from "../wire/WireError.ts"
import { AllowList } from "./AllowList.ts"
import { RateLimiter, Verdict } from "./RateLimiter.ts"
import { type Rejection, type RejectionReason, Rejections } from "./Rejections.ts"
import { count, type TransportCounters } from "./TransportCounters.ts"

/** What an `Intake` is made of. */
export interface IntakeOptions {
  /** The highest extension level whose messages are understood. */
  readonly maxLevel: number
  readonly limits: ClusterConfig["limits"]
  readonly network: ClusterConfig["network"]
  /** The keys of the node; `undefined` if it does not encrypt. */
  readonly ring: KeyRing["Service"] | undefined
  /** Random bits that no stranger knows. */
  readonly seed: number
  readonly counters: TransportCounters
}

/** Packs the source of a datagram. Returns `false` for an IPv6 zone that appeared after the socket was opened. */
const readSource = (datagram: DatagramSocket.Datagram, into: Uint8Array): boolean => {
  // A datagram of a socket has its source as text too, which costs a tenth of an address as a value.
  if ("host" in datagram && "port" in datagram && typeof datagram.host === "string") {
    if (PackedAddress.writeIpv4Text(datagram.host, Number(datagram.port), into)) return true
  }
  try {
    PackedAddress.write(datagram.address, into, 0)
    return true
  } catch {
    return false
  }
}

/** The least time between two reports of datagrams that come too fast, in ms. */
const LimitedPause = 60_000

/**
 * A source whose datagrams are dropped because it, or all sources together, sent too many.
 *
 * @category models
 * @since 0.2.0
 */
export interface Limited {
  readonly reason: "GlobalLimit" | "SourceLimit"
  readonly address: NetAddress.InetAddress
}

/** Checks, opens and decodes datagrams. */
export class Intake {
  readonly limiter: RateLimiter
  /** Adds a source whose datagrams cannot be read, now and then. */
  readonly rejectionListeners: Array<(rejection: Rejection, now: number) => void> = []
  /** Gets a source whose datagrams are dropped because too many come, once in `LimitedPause`. */
  readonly limitedListeners: Array<(limited: Limited) => void> = []
  /** Whether a packed address is that of a member, whose datagrams strangers cannot crowd out. */
  isMember: (packed: Uint8Array) => boolean = () => false
  /** One object for all messages. */
  readonly #inbound = new Inbound()
  readonly #allowed: AllowList
  readonly #rejections = new Rejections()
  readonly #counters: TransportCounters
  readonly #ring: KeyRing["Service"] | undefined
  readonly #acceptsPlaintext: boolean
  readonly #maxLevel: number
  /** When datagrams that come too fast may be reported again, in ms. */
  #limitedFrom = -Infinity
  /** The salt of our cluster's name, for messages in the clear. */
  readonly #salt: number
  /** What the last checksum that did not fit would be the salt of. */
  #strangeSalt = 0

  constructor({ counters, limits, maxLevel, network, ring, seed }: IntakeOptions) {
    this.#maxLevel = maxLevel
    this.#salt = clusterSalt(network.cluster)
    this.#allowed = new AllowList(network.allow)
    this.limiter = new RateLimiter({
      maxInboundRate: network.maxInboundRate,
      sourceCapacity: network.inboundPeerCapacity,
      sourceRefill: network.inboundPeerRefillRate,
      maxSources: limits.sources,
      seed
    })
    this.#counters = counters
    this.#ring = network.encryption === "off" ? undefined : ring
    this.#acceptsPlaintext = network.encryption === "accept"
  }

  /**
   * The message in a datagram, valid until the next call, or `undefined` if it is dropped. Each check is cheaper than the
   * next, so that unwanted datagrams cost least.
   */
  take(datagram: DatagramSocket.Datagram, now: number): Inbound | undefined {
    const counters = this.#counters
    const inbound = this.#inbound
    const { source } = inbound
    const { payload } = datagram
    counters.datagramsIn++
    counters.bytesIn += payload.length
    if (!readSource(datagram, source)) {
      counters.dropped.UnknownSource++
      return undefined
    }
    if (!this.#allowed.all && !this.#allowed.has(source, 0)) {
      counters.dropped.NotAllowed++
      return undefined
    }
    const verdict = this.limiter.admit(source, 0, this.isMember(source), now)
    if (verdict !== Verdict.Admitted) {
      const reason = verdict === Verdict.GlobalLimit ? "GlobalLimit" : "SourceLimit"
      counters.dropped[reason]++
      if (now >= this.#limitedFrom) this.#tellLimited(reason, now)
      return undefined
    }
    const message = this.#open(payload, now)
    if (message === undefined) return undefined
    inbound.header.salt = inbound.sealed ? 0 : this.#salt
    const fault = inbound.decode(message, this.#maxLevel)
    if (fault !== undefined) {
      this.#drop(fault, message, now)
      return undefined
    }
    count(counters.received, inbound.header.kind, payload.length)
    return inbound
  }

  #tellLimited(reason: Limited["reason"], now: number): void {
    this.#limitedFrom = now + LimitedPause
    const limited = { reason, address: PackedAddress.read(this.#inbound.source, 0) }
    for (const listener of this.limitedListeners) listener(limited)
  }

  #drop(fault: WireError, message: Uint8Array, now: number): void {
    const { dropped } = this.#counters
    if (fault._tag !== "ChecksumMismatch" || this.#inbound.sealed) {
      dropped[fault._tag]++
      return
    }
    // Damage changes a checksum by chance, and another name by the same bits each time.
    const { impliedSalt } = fault
    dropped[impliedSalt === 0 || impliedSalt === this.#strangeSalt ? "OtherCluster" : "ChecksumMismatch"]++
    this.#strangeSalt = impliedSalt
    this.#reject("Checksum", message, SealedDatagram.IdInHeader, now)
  }

  /** The message in a payload, opened if it is sealed, or `undefined` if it cannot be used. */
  #open(payload: Uint8Array, now: number): Uint8Array | undefined {
    const inbound = this.#inbound
    inbound.sealed = false
    if (this.#ring === undefined) return payload
    const opened = this.#ring.open(payload)
    if (opened instanceof Uint8Array) {
      inbound.sealed = true
      return opened
    }
    if (opened._tag === "Plaintext") {
      if (this.#acceptsPlaintext) return payload
      // A live member may send in the clear because it does not know yet that we encrypt. It then sends sealed too.
      if (!this.isMember(inbound.source)) this.#reject("Plaintext", payload, SealedDatagram.IdInHeader, now)
    } else if (opened._tag === "NotOpened") this.#reject("OtherKey", payload, SealedDatagram.IdInClear, now)
    this.#counters.dropped[opened._tag]++
    return undefined
  }

  /** Reports a source whose datagrams cannot be read. The id that it names is not sealed, and `idAt` says where it is. */
  #reject(reason: RejectionReason, payload: Uint8Array, idAt: number, now: number): void {
    const { source } = this.#inbound
    if (payload.length < idAt + 8 || !this.#rejections.report(reason, source, now)) return
    const rejection = {
      reason,
      address: PackedAddress.read(source, 0),
      id: NodeId.fromWords(readU32(payload, idAt), readU32(payload, idAt + 4))
    }
    for (const listener of this.rejectionListeners) listener(rejection, now)
  }
}
