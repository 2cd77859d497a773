import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as fc from "fast-check"
import { SelfSlot } from "../../src/membership/MemberTable.ts"
import { MaxLevel } from "../../src/wire/Header.ts"
import * as Message from "../../src/wire/Message.ts"
import * as PackedAddress from "../../src/wire/PackedAddress.ts"
import { a, addressOf, alive, dead, findings, id, inbound, Now, open, reporter, Self } from "./View.ts"

interface Claimed {
  readonly n: number
  readonly incarnation: number
  readonly version: number
  readonly zone: string
}

type Node = ReturnType<typeof open>

/** The reporter passes on tags, after entries. */
const tell = ({ view }: Node, claims: ReadonlyArray<Claimed>, entries: ReadonlyArray<Message.MessageEntry> = []) => {
  const message: Message.Message = {
    _tag: "Gossip1",
    senderId: id(reporter),
    heartbeat: 0,
    incarnation: 0,
    level: 1,
    flags: 0,
    ...(entries.length === 0 ? {} : { entries }),
    tags: claims.map(({ incarnation, n, version, zone }) => ({
      nodeId: n === 0 ? Self : id(n),
      incarnation,
      version,
      tags: { zone }
    }))
  }
  assert.isUndefined(inbound.decode(Result.getOrThrow(Message.encode(message)), MaxLevel))
  PackedAddress.write(addressOf(reporter), inbound.source, 0)
  view.receive(inbound, Now, findings)
}

const opened = () => {
  const node = open()
  const changes: Array<string> = []
  node.view.observe({ tagsChanged: ({ cause, slot }) => changes.push(`${slot} ${cause._tag}`) })
  const held = (slot: number) => {
    const tags = node.table.tags[slot]
    return tags === undefined ? undefined : [tags.incarnation, tags.version, tags.labels.tags["zone"]]
  }
  return { ...node, changes, held, heldOf: (n: number) => held(node.slotOf(n)) }
}

const claim = (n: number, incarnation: number, version: number, zone: string): Claimed => ({
  n,
  incarnation,
  version,
  zone
})

describe("tags of members", () => {
  it("come with the member if they are in one message, and later as a change", () => {
    const node = opened()
    tell(node, [claim(a, 3, 1, "a")], [alive(a, 3, 0)])
    assert.deepStrictEqual(node.heldOf(a), [3, 1, "a"])
    assert.deepStrictEqual(node.changes, [])
    tell(node, [claim(a, 3, 2, "b")])
    assert.deepStrictEqual(node.heldOf(a), [3, 2, "b"])
    assert.deepStrictEqual(node.changes, [`${node.slotOf(a)} Claimed`])
  })

  it("count by incarnation, then version, whatever the order in which they come", () => {
    const claims = fc.array(
      fc.record({ n: fc.constant(a), incarnation: fc.nat(3), version: fc.nat(3), zone: fc.constantFrom("a", "b") }),
      { minLength: 1, maxLength: 8 }
    )
    const shuffled = claims.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length }))
    )
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        const ends = [one, [...other, ...other]].map((list) => {
          const node = opened()
          tell(node, [], [alive(a, 3, 0)])
          for (const item of list) tell(node, [item])
          const { hi, lo } = node.table.digest
          return { held: node.heldOf(a), hi, lo }
        })
        assert.deepStrictEqual(ends[0], ends[1])
        const [incarnation, version] = ends[0]?.held ?? []
        const highest = Math.max(...one.map((item) => 4 * item.incarnation + item.version))
        assert.strictEqual(4 * Number(incarnation) + Number(version), highest)
      })
    )
  })

  it("of an unknown node, a dead one, or an incarnation that is not known yet are dropped", () => {
    const node = opened()
    tell(node, [claim(a, 0, 1, "a")])
    assert.strictEqual(node.slotOf(a), -1)
    tell(node, [], [alive(a, 1, 0)])
    tell(node, [claim(a, 2, 1, "forged")])
    assert.isUndefined(node.heldOf(a))
    tell(node, [], [dead(2, 1, 0)])
    tell(node, [claim(2, 1, 1, "a")])
    assert.isUndefined(node.heldOf(2))
  })

  it("are part of the digest as those of the present incarnation only", () => {
    const [one, other] = [opened(), opened()]
    const digestOf = ({ table: { digest } }: Node) => [digest.count, digest.hi, digest.lo]
    for (const node of [one, other]) tell(node, [], [alive(a, 3, 0)])
    tell(one, [claim(a, 2, 9, "old")])
    assert.deepStrictEqual(digestOf(one), digestOf(other))
    tell(one, [claim(a, 3, 1, "a")])
    assert.notDeepEqual(digestOf(one), digestOf(other))
    tell(other, [claim(a, 3, 1, "a")])
    assert.deepStrictEqual(digestOf(one), digestOf(other))
    // The tags stay until those of the new incarnation come.
    for (const node of [one, other]) tell(node, [], [alive(a, 4, 0)])
    assert.deepStrictEqual(one.heldOf(a), [3, 1, "a"])
    assert.deepStrictEqual(digestOf(one), digestOf(other))
  })
})

describe("our own tags", () => {
  const ours = () => {
    const node = opened()
    Result.getOrThrow(node.view.startTags({ zone: "own" }, { startedAt: 0 }))
    return node
  }

  it("rise in version when they change, and only then", () => {
    const node = ours()
    Result.getOrThrow(node.view.setTags({ zone: "own" }, Now))
    assert.deepStrictEqual(node.held(SelfSlot), [0, 1, "own"])
    Result.getOrThrow(node.view.setTags({ zone: "new" }, Now))
    assert.deepStrictEqual(node.held(SelfSlot), [0, 2, "new"])
    assert.isTrue(Result.isFailure(node.view.setTags({ "@name": "x" }, Now)))
    assert.deepStrictEqual(node.changes, ["0 Heard"])
  })

  it("go out again with a new incarnation", () => {
    const node = ours()
    node.view.raiseIncarnation(4, false, Now)
    assert.deepStrictEqual(node.held(SelfSlot), [5, 1, "own"])
    assert.deepStrictEqual(node.changes, ["0 Heard"])
  })

  it("win over what others say of them", () => {
    const node = ours()
    tell(node, [claim(0, 0, 1, "forged")])
    assert.deepStrictEqual(node.held(SelfSlot), [0, 2, "own"])
    tell(node, [claim(0, 0, 7, "forged")])
    assert.deepStrictEqual(node.held(SelfSlot), [0, 8, "own"])
    tell(node, [claim(0, 0, 7, "old")])
    assert.deepStrictEqual(node.held(SelfSlot), [0, 8, "own"])
  })
})
