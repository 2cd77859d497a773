/** Makes nodes members of one cluster without any datagram. */
import { Context, Effect } from "effect"
import { Outbox } from "../outbox/Outbox.ts"
import { SelfSlot } from "../membership/MemberTable.ts"
import { Alive } from "../domain/Claim.ts"
import { Kind } from "../wire/Header.ts"
import { Findings } from "../membership/Findings.ts"
import { Inbound } from "../wire/Inbound.ts"
import { MessageWriter } from "../wire/MessageWriter.ts"
import * as PackedAddress from "../wire/PackedAddress.ts"
import type { SimNode } from "./SimNode.ts"

/** GOSSIP messages of the first node with the entries of all nodes. */
const introductions = (nodes: ReadonlyArray<SimNode>): ReadonlyArray<Uint8Array> => {
  const writer = new MessageWriter()
  const messages: Array<Uint8Array> = []
  const begin = (): void => {
    const { table } = nodes[0]!.view
    const { header } = writer
    header.idHi = table.idHi(SelfSlot)
    header.idLo = table.idLo(SelfSlot)
    header.incarnation = table.incarnation(SelfSlot)
    header.heartbeat = 0
    writer.begin(Kind.Gossip, 0)
  }
  const write = ({ view: { table } }: SimNode): boolean =>
    writer.entry(
      table.idHi(SelfSlot),
      table.idLo(SelfSlot),
      0,
      table.incarnation(SelfSlot),
      Alive,
      table.addressBytes(SelfSlot),
      table.addressAt(SelfSlot)
    )
  begin()
  for (const node of nodes) {
    if (write(node)) continue
    messages.push(writer.finish())
    begin()
    write(node)
  }
  messages.push(writer.finish())
  return messages
}

/** Gives a node the tags of the others. */
const tellTags = ({ view }: SimNode, nodes: ReadonlyArray<SimNode>, now: number): void => {
  for (const other of nodes) {
    const tags = other.view.table.tags[SelfSlot]
    const slot = view.slotOf(other.id)
    if (slot > SelfSlot && tags !== undefined) view.giveTags(slot, tags, now)
  }
}

/**
 * Merges the entries of all nodes at each node, and leaves no change to disseminate. The nodes know each other for long, so
 * they have answered each other's PINGs.
 */
export const introduce = (nodes: ReadonlyArray<SimNode>): Effect.Effect<void> =>
  Effect.sync(() => {
    const [first] = nodes
    if (first === undefined) return
    const messages = introductions(nodes)
    const inbound = new Inbound()
    const findings = new Findings()
    const { table } = first.view
    PackedAddress.copy(table.addressBytes(SelfSlot), table.addressAt(SelfSlot), inbound.source, 0)
    for (const node of nodes) {
      const { queue, tags } = Context.get(node.context, Outbox)
      const now = node.clock.nanos / 1e6
      for (const message of messages) {
        if (inbound.decode(message) === undefined) node.view.receive(inbound, now, findings)
      }
      tellTags(node, nodes, now)
      for (let slot = SelfSlot; slot < node.view.table.top; slot++) {
        if (slot !== SelfSlot) {
          queue.remove(slot)
          node.view.table.markProved(slot)
        }
        tags.remove(slot)
      }
    }
  })
