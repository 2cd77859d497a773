/**
 * Reads parts of a checked message into values.
 *
 * @since 0.2.0
 */
import { Brand } from "effect"
import type { Address } from "../domain/Address.ts"
import type { NodeId } from "../domain/NodeId.ts"
import type { AddressCache } from "./AddressCache.ts"
import * as Entry from "./Entry.ts"
import type { Inbound } from "./Inbound.ts"
import * as PackedAddress from "./PackedAddress.ts"
import { type MessageEntry, statuses } from "./SectionValues.ts"

const toNodeId = Brand.nominal<NodeId>()

/**
 * A reader of the values of one message, which `inbound` has decoded.
 *
 * @category reading
 * @since 0.2.0
 */
export class ValueReader {
  readonly inbound: Inbound
  readonly #view: DataView
  readonly #addresses: AddressCache | undefined

  constructor(inbound: Inbound, addresses: AddressCache | undefined) {
    const { bytes } = inbound
    this.inbound = inbound
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#addresses = addresses
  }

  /** The 64-bit number at an offset. */
  u64(at: number): bigint {
    return this.#view.getBigUint64(at)
  }

  /** The id at an offset. */
  nodeId(at: number): NodeId {
    return toNodeId(this.#view.getBigUint64(at))
  }

  /** The packed address at an offset. */
  address(at: number): Address {
    return this.#addresses === undefined
      ? PackedAddress.read(this.inbound.bytes, at)
      : this.#addresses.read(this.inbound.bytes, at)
  }

  /** The entries of the message, in either form. Those with a status above 2 are skipped. */
  entries(): ReadonlyArray<MessageEntry> {
    const { bytes, entriesEnd, entriesStart } = this.inbound
    const entries: Array<MessageEntry> = []
    const cursor = new Entry.EntryCursor()
    for (let at = entriesStart; at < entriesEnd; at = cursor.next) {
      cursor.read(bytes, at)
      const status = statuses[cursor.status]
      if (status === undefined) continue
      entries.push({
        nodeId: this.nodeId(at),
        heartbeat: cursor.heartbeat,
        incarnation: cursor.incarnation,
        status,
        address: this.address(cursor.addressAt)
      })
    }
    return entries
  }
}
