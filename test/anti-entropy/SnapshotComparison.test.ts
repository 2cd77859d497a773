import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { NetAddress } from "effect/net"
import * as fc from "fast-check"
import { SnapshotComparison } from "../../src/anti-entropy/SnapshotComparison.ts"
import * as Claim from "../../src/domain/Claim.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { bucketOf } from "../../src/membership/Digest.ts"
import { MemberTable, Phase } from "../../src/membership/MemberTable.ts"
import { MaxLevel } from "../../src/wire/Header.ts"
import { Inbound } from "../../src/wire/Inbound.ts"
import * as Message from "../../src/wire/Message.ts"

type Status = Message.MessageEntry["status"]
const code = { Alive: Claim.Alive, Suspect: Claim.Suspect, Dead: Claim.Dead } as const

interface Known {
  readonly id: number
  readonly status: Status | "tombstone"
  readonly incarnation: number
}

/** A table with this node as 1000 and the given nodes. */
const tableOf = (nodes: ReadonlyArray<Known>): MemberTable => {
  const table = new MemberTable(1)
  table.setPhase(table.take(0, 1000), Phase.Self)
  for (const { id, incarnation, status } of nodes) {
    const slot = table.take(0, id)
    table.setPhase(slot, status === "tombstone" ? Phase.Tombstone : Phase.Member)
    table.setStatus(slot, status === "tombstone" ? Claim.Dead : code[status])
    table.setIncarnation(slot, incarnation)
  }
  return table
}

const address = NetAddress.inetAddressFromStringUnsafe("10.0.0.1:7946")

const messageOf = (
  entries: ReadonlyArray<readonly [id: number, status: Status, incarnation: number]>
): Message.AntiEntropy => ({
  _tag: "AntiEntropy",
  senderId: NodeId.fromWords(0, 1),
  incarnation: 0,
  heartbeat: 0,
  flags: 0,
  level: 0,
  tableVersion: 1n,
  chunkIndex: 0,
  totalChunks: 1,
  entries: entries.map(([id, status, incarnation]) => ({
    nodeId: NodeId.fromWords(0, id),
    status,
    incarnation,
    heartbeat: 0,
    address
  }))
})

const chunkOf = (entries: ReadonlyArray<readonly [id: number, status: Status, incarnation: number]>): Inbound => {
  const inbound = new Inbound()
  assert.isUndefined(inbound.decode(Result.getOrThrow(Message.encode(messageOf(entries)))))
  return inbound
}

/** Ids of the nodes that the sender, node 1, gets. */
const answer = (
  nodes: ReadonlyArray<Known>,
  ...chunks: ReadonlyArray<ReadonlyArray<readonly [number, Status, number]>>
): ReadonlyArray<number> => {
  const table = tableOf([{ id: 1, status: "Alive", incarnation: 0 }, ...nodes])
  const comparison = new SnapshotComparison(table)
  for (const entries of chunks) comparison.add(chunkOf(entries))
  const ids = comparison.answerTo(table.index.get(0, 1)).map((slot) => table.idLo(slot))
  return ids.toSorted((a, b) => a - b)
}

const known = (status: Known["status"], incarnation = 5): ReadonlyArray<Known> => [{ id: 2, status, incarnation }]

describe("the comparison of a snapshot", () => {
  it.each<[Known["status"], Status, number, boolean]>([
    ["Alive", "Alive", 4, true],
    ["Alive", "Alive", 5, false],
    ["Alive", "Alive", 6, false],
    ["Alive", "Suspect", 5, false],
    ["Alive", "Dead", 4, true],
    ["Suspect", "Alive", 5, true],
    ["Suspect", "Suspect", 5, false],
    ["Suspect", "Alive", 6, false],
    ["Dead", "Suspect", 5, true],
    ["Dead", "Dead", 4, true],
    ["tombstone", "Alive", 5, true],
    ["tombstone", "Suspect", 4, true],
    ["tombstone", "Alive", 6, false],
    ["tombstone", "Dead", 4, false]
  ])(
    "of a table with %s and a snapshot with %s at incarnation %i answers: %s",
    (status, said, incarnation, answers) => {
      assert.deepStrictEqual(answer(known(status), [[2, said, incarnation]]), answers ? [2] : [])
    }
  )

  it("answers with live members that the snapshot lacks, and with no dead ones", () => {
    for (const status of ["Alive", "Suspect"] as const) assert.deepStrictEqual(answer(known(status), []), [2])
    for (const status of ["Dead", "tombstone"] as const) assert.deepStrictEqual(answer(known(status), []), [])
  })

  it("never answers with the sender itself, nor with this node, for being absent", () => {
    assert.deepStrictEqual(answer([], []), [])
  })

  it("takes the last word of a snapshot that contains a node twice", () => {
    assert.deepStrictEqual(answer(known("Alive"), [[2, "Alive", 4]], [[2, "Alive", 5]]), [])
    assert.deepStrictEqual(answer(known("Alive"), [[2, "Alive", 5]], [[2, "Alive", 4]]), [2])
  })

  it("does not answer about a node whose slot is free by then", () => {
    const table = tableOf([...known("Alive"), { id: 1, status: "Alive", incarnation: 0 }])
    const comparison = new SnapshotComparison(table)
    comparison.add(chunkOf([[2, "Alive", 4]]))
    table.release(table.index.get(0, 2))
    assert.deepStrictEqual(comparison.answerTo(table.index.get(0, 1)), [])
  })

  it("recognises an introduction: the snapshot contains the sender and nobody else that is known", () => {
    const isIntroduction = (...ids: ReadonlyArray<number>) => {
      const table = tableOf([...known("Alive"), { id: 1, status: "Alive", incarnation: 0 }])
      const comparison = new SnapshotComparison(table)
      comparison.add(chunkOf(ids.map((id) => [id, "Alive", 0])))
      return comparison.isIntroduction(table.index.get(0, 1))
    }
    assert.isTrue(isIntroduction(1))
    assert.isTrue(isIntroduction(1, 77))
    assert.isFalse(isIntroduction(1, 2))
    assert.isFalse(isIntroduction(2))
    assert.isFalse(isIntroduction())
  })

  it("contains exactly the known nodes of its chunks, in whatever chunks and order they come", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.nat(700), { maxLength: 40 }), { maxLength: 6 }), (chunks) => {
        const table = tableOf(Array.from({ length: 600 }, (_, id) => ({ id, status: "Alive", incarnation: 0 })))
        const comparison = new SnapshotComparison(table)
        for (const ids of chunks) comparison.add(chunkOf(ids.map((id) => [id, "Alive", 0])))
        const named = new Set(chunks.flat())
        for (let id = 0; id < 600; id++) {
          assert.strictEqual(comparison.contains(table.index.get(0, id)), named.has(id))
        }
        const lacking = 600 - [...named].filter((id) => id < 600).length
        assert.lengthOf(comparison.answerTo(-1), lacking)
      }),
      { numRuns: 50 }
    )
  })

  describe("of some buckets", () => {
    const bits = 2
    /** Two ids in each of the four buckets. */
    const idsIn = (bucket: number): ReadonlyArray<number> =>
      Array.from({ length: 100 }, (_, id) => id + 2)
        .filter((id) => bucketOf(0, id, bits) === bucket)
        .slice(0, 2)

    /** A chunk that covers these buckets. */
    const chunkOfBuckets = (
      covered: ReadonlyArray<number>,
      entries: ReadonlyArray<readonly [number, Status, number]>
    ) => {
      const { entries: values, senderId } = messageOf(entries)
      const message: Message.Message = {
        _tag: "AntiEntropy1",
        senderId,
        incarnation: 0,
        heartbeat: 0,
        flags: 0,
        level: 1,
        chunk: { tableVersion: 1n, chunkIndex: 0, totalChunks: 1 },
        differing: Array.from({ length: 4 }, (_, bucket) => covered.includes(bucket)),
        ...(values.length > 0 && { entries: values })
      }
      const inbound = new Inbound()
      assert.isUndefined(inbound.decode(Result.getOrThrow(Message.encode(message)), MaxLevel))
      return inbound
    }

    it("answers with live members that the other lacks in these buckets only", () => {
      const all = [0, 1, 2, 3].flatMap(idsIn)
      const table = tableOf([
        { id: 1, status: "Alive", incarnation: 0 },
        ...all.map((id) => ({ id, status: "Alive", incarnation: 0 }) as const)
      ])
      for (const covered of [[0], [1, 3], [0, 1, 2, 3]]) {
        const comparison = new SnapshotComparison(table)
        const [has] = idsIn(covered[0]!)
        comparison.add(chunkOfBuckets(covered, [[has!, "Alive", 0]]))
        const slots = comparison.answerTo(table.index.get(0, 1))
        assert.deepStrictEqual(
          slots.map((slot) => table.idLo(slot)).toSorted((a, b) => a - b),
          covered
            .flatMap(idsIn)
            .filter((id) => id !== has)
            .toSorted((a, b) => a - b)
        )
      }
    })

    it("answers with what it knows better, and to a chunk without entries", () => {
      const [x, y] = idsIn(2)
      const table = tableOf([
        { id: 1, status: "Alive", incarnation: 0 },
        { id: x!, status: "Dead", incarnation: 5 },
        { id: y!, status: "Alive", incarnation: 5 }
      ])
      const ids = (entries: ReadonlyArray<readonly [number, Status, number]>) => {
        const comparison = new SnapshotComparison(table)
        comparison.add(chunkOfBuckets([2], entries))
        return comparison.answerTo(table.index.get(0, 1)).map((slot) => table.idLo(slot))
      }
      assert.sameMembers(ids([[x!, "Alive", 5]]), [x, y])
      assert.sameMembers(ids([[y!, "Alive", 5]]), [])
      assert.sameMembers(ids([]), [y])
    })

    it("is never an introduction, though it contains nobody but its sender", () => {
      const table = tableOf([{ id: 1, status: "Alive", incarnation: 0 }])
      const comparison = new SnapshotComparison(table)
      comparison.add(chunkOfBuckets([0, 1, 2, 3], [[1, "Alive", 0]]))
      assert.isTrue(comparison.contains(table.index.get(0, 1)))
      assert.isFalse(comparison.isIntroduction(table.index.get(0, 1)))
    })
  })
})
