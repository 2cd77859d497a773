import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { NetAddress } from "effect/net"
import { PendingAcknowledgements } from "../../src/delivery/PendingAcknowledgements.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { MemberTable, SelfSlot } from "../../src/membership/MemberTable.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as Message from "../../src/wire/Message.ts"

const Self = 9
const Incarnation = 4

/** Waiting messages to members of level 0 (slot 1) and of level 1 (slots 2 and 3), and what was settled. */
const make = () => {
  const table = new MemberTable(1)
  for (const id of [Self, 1, 2, 3]) table.take(0, id)
  table.setIncarnation(SelfSlot, Incarnation)
  for (const slot of [0, 2, 3]) table.setLevel(slot, 1)
  const pending = new PendingAcknowledgements(table)
  const settled: Array<number> = []
  const wait = (slot: number) => {
    const waiting = { slot, settle: () => settled.push(slot) }
    pending.add(waiting)
    return waiting
  }
  return { pending, settled, wait }
}

const ack = (
  ...entries: ReadonlyArray<readonly [id: number, status: Message.MessageEntry["status"], incarnation: number]>
): Inbound => {
  const message: Message.Message = {
    _tag: "Ack",
    senderId: NodeId.fromWords(0, 1),
    incarnation: 0,
    heartbeat: 0,
    flags: 0,
    level: 0,
    entries: entries.map(([id, status, incarnation]) => ({
      nodeId: NodeId.fromWords(0, id),
      status,
      incarnation,
      heartbeat: 0,
      address: NetAddress.inetAddressFromStringUnsafe("10.0.0.1:1")
    }))
  }
  const inbound = new Inbound()
  assert.isUndefined(inbound.decode(Result.getOrThrow(Message.encode(message))))
  return inbound
}

describe("PendingAcknowledgements", () => {
  it("takes any ACK of a member of level 0", () => {
    const { pending, settled, wait } = make()
    wait(1)
    pending.receive(1, ack())
    assert.deepStrictEqual(settled, [1])
  })

  it.each<[what: string, settles: boolean, ack: Inbound]>([
    ["our entry as Dead", true, ack([Self, "Dead", Incarnation])],
    ["our entry as Dead after others", true, ack([2, "Dead", 0], [3, "Alive", 1], [Self, "Dead", Incarnation])],
    ["our entry as Dead at another incarnation", false, ack([Self, "Dead", Incarnation - 1])],
    ["our entry as Suspect", false, ack([Self, "Suspect", Incarnation])],
    ["the entry of another dead node", false, ack([2, "Dead", Incarnation])],
    ["no entry", false, ack()]
  ])("an ACK of level 1 with %s settles a message: %s", (_, settles, inbound) => {
    const { pending, settled, wait } = make()
    wait(2)
    pending.receive(2, inbound)
    assert.deepStrictEqual(settled, settles ? [2] : [])
  })

  it("settles nothing for other members, and nothing that was deleted", () => {
    const { pending, settled, wait } = make()
    wait(1)
    const second = wait(2)
    pending.receive(3, ack([Self, "Dead", Incarnation]))
    pending.settle(3)
    pending.delete(second)
    pending.settle(2)
    assert.deepStrictEqual([settled, pending.size], [[], 1])
  })

  it("settles all messages that wait for one member", () => {
    const { pending, settled, wait } = make()
    wait(2)
    wait(2)
    pending.settle(2)
    assert.deepStrictEqual(settled, [2, 2])
  })
})
