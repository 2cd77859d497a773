/** The claim that is being merged: about whom, what, by whom, and from where. */
import type { MemberCause } from "../domain/Change.ts"
import * as Claim from "../domain/Claim.ts"
import * as NodeId from "../domain/NodeId.ts"
import { EntryCursor } from "../wire/Entry.ts"
import type { Header } from "../wire/Header.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"

/** Where the address of a claim comes from. */
export const AddressFrom = {
  /** The entry of a message. */
  Entry: 0,
  /** The source of the datagram; it stands in until the member's own entry arrives. */
  Source: 1,
  /** What the table holds already. */
  Table: 2
} as const

const heard: MemberCause = { _tag: "Heard" }

/**
 * One claim about one node. A view has a single record and fills it for every entry and header that it merges, so that
 * merging allocates nothing.
 */
export class ClaimRecord extends EntryCursor {
  /** The packed canonical address of the claim begins at `addressAt` in these bytes. */
  address: Uint8Array = new Uint8Array(PackedAddress.MaxLength)
  addressFrom: number = AddressFrom.Entry
  /** Whether the node announced that it leaves; only with the status Dead. */
  left = false
  /** Whether the message names the members that left, which one of version 1 cannot. */
  namesLeft = false
  /** Why the claim is made, where not only a message of a member says so. */
  statedCause: MemberCause | undefined = undefined
  /** When the claim is merged, in ms of the monotonic clock. */
  now = 0
  /** Packed source address of the message. */
  source: Uint8Array = new Uint8Array(PackedAddress.MaxLength)
  /** Halves of the id of the message's sender. */
  byHi = 0
  byLo = 0
  /** Whether the message proves nothing about its sender: it is a replay. */
  replay = false
  /** The cause of the claims that the sender of the message passes on, made once for all of them. */
  #claimed: MemberCause | undefined = undefined
  readonly #canonical = new Uint8Array(PackedAddress.MaxLength)

  /** Who sent the message. */
  get by(): NodeId.NodeId {
    return NodeId.fromWords(this.byHi, this.byLo)
  }

  /** Why the claim is made: unless something else is stated, `Heard` if it is first-hand, else `Claimed`. */
  get cause(): MemberCause {
    if (this.statedCause !== undefined) return this.statedCause
    if (this.firstHand) return heard
    return (this.#claimed ??= { _tag: "Claimed", by: this.by })
  }

  /** Whether the node that the claim is about made it itself, in a message that is no replay. */
  get firstHand(): boolean {
    return !this.replay && this.idHi === this.byHi && this.idLo === this.byLo
  }

  /** Begins a message from `sender`. */
  startMessage(sender: Header, source: Uint8Array, replay: boolean, now: number): void {
    this.byHi = sender.idHi
    this.byLo = sender.idLo
    this.namesLeft = sender.sectioned
    this.source = source
    this.replay = replay
    this.now = now
    this.addressFrom = AddressFrom.Entry
    this.statedCause = undefined
    this.#claimed = undefined
    this.left = false
  }

  /** Takes the claim of the entry at `at`. An IPv4-mapped address becomes IPv4. */
  override read(bytes: Uint8Array, at: number): void {
    super.read(bytes, at)
    if (PackedAddress.isMapped(bytes, this.addressAt)) {
      PackedAddress.copyCanonical(bytes, this.addressAt, this.#canonical, 0)
      this.address = this.#canonical
      this.addressAt = 0
    } else if (this.address !== bytes) this.address = bytes
  }

  /** Takes the claim of a message's header: its sender is alive. It has no address until one is set. */
  readHeader(header: Header): void {
    this.idHi = header.idHi
    this.idLo = header.idLo
    this.incarnation = header.incarnation
    this.heartbeat = header.heartbeat
    this.status = Claim.Alive
  }

  /** Makes it a claim of our own about a member, which keeps its address. */
  decide(claim: Claim.Claim, cause: MemberCause, now: number): void {
    this.incarnation = claim.incarnation
    this.heartbeat = claim.heartbeat
    this.status = claim.status
    this.left = false
    this.statedCause = cause
    this.now = now
  }

  setAddress(address: Uint8Array, addressAt: number, from: number): void {
    this.address = address
    this.addressAt = addressAt
    this.addressFrom = from
  }
}
