/**
 * What a member with the key can do by false claims. Its messages are accepted, so these tests show the damage, and how soon
 * the others agree again. Times are the worst that were seen with these seeds, rounded up.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { NetAddress } from "effect/net"
import type { ClusterOptions } from "../../src/config/ClusterConfig.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import type * as Message from "../../src/wire/Message.ts"
import { everyNth } from "../Campaign.ts"
import {
  bytesOf,
  claim,
  keyOf,
  Lab,
  type LabNode,
  membersOf,
  parts,
  type Puppet,
  story,
  pass,
  scenario,
  virtual
} from "../cluster/Lab.ts"

/** The liar: a member with the key, at an address of its own. */
const Liar = 9
/** Nobody is there. */
const Nowhere = "10.0.0.77:7946"

type Body = Message.Message extends infer M
  ? M extends Message.Message
    ? Omit<M, keyof Message.Sender>
    : never
  : never

interface World {
  readonly lab: Lab
  readonly nodes: ReadonlyArray<LabNode>
  readonly liar: Puppet
  /** Sends a sealed message, by default in its own name and with its next heartbeat. */
  readonly say: (to: LabNode, body: Body, header?: Partial<Message.Sender>) => Effect.Effect<void>
  /** Lets time pass. The liar answers PINGs meanwhile, as a correct member does. */
  readonly pass: (ms: number) => Effect.Effect<void>
}

const id = (n: number | bigint) => NodeId.fromWords(Number(BigInt(n) >> 32n), Number(BigInt(n) & 0xffffffffn))

/** Five members and the liar, which all of them hold alive. */
const world = (options: ClusterOptions = {}, count = 5) =>
  Effect.gen(function* () {
    const lab = yield* Lab.make()
    const ring = yield* Lab.ring([keyOf(1)])
    lab.rings.push(ring)
    const nodes: Array<LabNode> = []
    for (let i = 1; i <= count; i++) {
      nodes.push(yield* lab.start(i, { clusterKey: keyOf(1), peers: ["10.0.0.1:7946"], ...options }))
    }
    const liar = yield* lab.puppet(Liar)
    let heartbeat = 0
    let answered = 0
    const say = (to: LabNode | string, body: Body, header: Partial<Message.Sender> = {}) =>
      Effect.suspend(() => {
        const sender = { senderId: id(Liar), incarnation: 0, heartbeat: heartbeat++, flags: 0, level: 0, ...header }
        return liar.sendBytes(ring.seal(bytesOf({ ...body, ...sender })), to)
      })
    const own = () => [claim("Alive", Liar, `10.0.0.${Liar}:7946`, 0, heartbeat)]
    const pass = (ms: number) =>
      Effect.gen(function* () {
        for (const end = lab.now + ms; lab.now < end;) {
          yield* lab.pass(Math.min(50, end - lab.now))
          for (const { from, message } of liar.received.slice(answered)) {
            if (message._tag === "Ping") yield* say(from, { _tag: "Ack", entries: own() })
          }
          answered = liar.received.length
        }
      })
    for (const node of nodes) yield* say(node, { _tag: "Gossip", entries: own() })
    yield* pass(15_000)
    const it: World = { lab, nodes, liar, say, pass }
    assert.deepStrictEqual(yield* disagreements(it), [])
    lab.watching = false
    return it
  })

/** All differences between the views of the correct members and the truth about them. */
const disagreements = ({ nodes }: World) =>
  Effect.gen(function* () {
    const wrong: Array<string> = []
    for (const observer of nodes) {
      const members = yield* membersOf(observer)
      for (const subject of nodes) {
        const held = members.find((member) => member.id === subject.id)
        const { incarnation } = parts(subject).view
        const is = held && `${held.status} ${held.incarnation} ${NetAddress.formatInet(held.address)}`
        if (is !== `alive ${incarnation} ${subject.address}`) wrong.push(`${observer.name} of ${subject.name}: ${is}`)
      }
    }
    return wrong
  })

const suspected = (happened: ReadonlyArray<readonly [number, string]>) =>
  happened.filter(([, what]) => /^(Suspected|Died|Left) [1-5]:/.test(what))

/** Waits until all agree on the truth, for at most `limit` ms. After that the agreement must last, without suspicions. */
const agreement = (world: World, limit: number) =>
  Effect.gen(function* () {
    const { lab, nodes, pass } = world
    const from = lab.now
    let wrong = yield* disagreements(world)
    while (wrong.length > 0 && lab.now - from < limit) {
      yield* pass(100)
      wrong = yield* disagreements(world)
    }
    assert.deepStrictEqual(wrong, [])
    const took = lab.now - from
    // Effects that are under way may still show; each round of probes takes 5 s.
    yield* pass(10_000)
    const settled = lab.now
    yield* pass(20_000)
    assert.deepStrictEqual(yield* disagreements(world), [])
    for (const node of nodes) {
      assert.deepStrictEqual(suspected(story(node, settled)), [])
      assert.deepStrictEqual([...parts(node).clock.failedLoops], [])
    }
    return took
  })

interface Seen {
  readonly world: World
  readonly victim: LabNode
  /** How long it took until all agreed, in ms. */
  readonly took: number
  /** Deaths and leaves that nodes saw, with the ms since the attack began. */
  readonly deaths: ReadonlyArray<readonly [number, string]>
}

/** Carries out an attack in a new cluster, waits for agreement, and checks the result. */
const after = (
  limit: number,
  attack: (world: World, victim: LabNode, rest: ReadonlyArray<LabNode>) => Effect.Effect<void>,
  look: (seen: Seen) => Effect.Effect<void> = () => Effect.void
) =>
  virtual(
    Effect.gen(function* () {
      const it = yield* world()
      const victim = it.nodes[2]!
      const from = it.lab.now
      yield* attack(
        it,
        victim,
        it.nodes.filter((node) => node !== victim)
      )
      yield* it.pass(5)
      const took = yield* agreement(it, limit)
      const deaths = it.nodes.flatMap((node) =>
        story(node, from).filter(([, what]) => /^(Died|Left) [1-5]:/.test(what))
      )
      yield* look({ world: it, victim, took, deaths })
    })
  )

const nobodyDied = ({ deaths }: Seen) => Effect.sync(() => assert.deepStrictEqual(deaths, []))

const gossip = (...entries: ReadonlyArray<Message.MessageEntry>): Body => ({ _tag: "Gossip", entries })

const toEach = (
  { say }: World,
  nodes: ReadonlyArray<LabNode>,
  body: (i: number) => Body,
  header: (i: number) => Partial<Message.Sender> = () => ({})
) => Effect.forEach(nodes, (node, i) => say(node, body(i), header(i)), { discard: true })

const Half = 0x8000_0000
const statuses = ["Alive", "Suspect", "Dead"] as const

describe("false claims about a member", () => {
  /** Every status, at its address and elsewhere, told to one of the others, to all of them, and to the member itself. */
  const claims = statuses.flatMap((status) =>
    [false, true].flatMap((elsewhere) => [0, 1, 2].map((told) => ({ status, elsewhere, told })))
  )
  let tests = 0
  const everyClaim = (limit: number, incarnation: number, look: (seen: Seen) => Effect.Effect<void>) => {
    // In `npm test` each test has another sixth of them.
    const some = everyNth(claims, 6, tests++)
    return Effect.forEach(some, ({ elsewhere, status, told }) =>
      after(
        limit,
        (world, victim, rest) =>
          toEach(world, told === 0 ? rest.slice(0, 1) : told === 1 ? rest : [victim], () =>
            gossip(claim(status, victim.id, elsewhere ? Nowhere : victim.address, incarnation, 40))
          ),
        look
      )
    )
  }

  for (const ahead of [1, 1000, Half - 1]) {
    it.effect(`${ahead} incarnations ahead are refuted within 6 s, and nobody dies`, () =>
      everyClaim(6000, ahead, nobodyDied)
    )
  }

  it.effect("exactly 2^31 incarnations ahead are refuted within 6 s, and a death may be accepted until then", () =>
    // For nodes that had not heard of the death, its refutation is the lower claim.
    everyClaim(6000, Half, ({ deaths }) =>
      Effect.sync(() => {
        for (const [ms] of deaths) assert.isAtLeast(ms, 1501)
      })
    )
  )

  it.effect("2^32 - 1 incarnations ahead are one behind, and change nothing", () =>
    everyClaim(0, 0xffff_ffff, nobodyDied)
  )

  it.effect(
    "whose incarnations wrap around in steps of 2^31 - 1, one more for each member, are refuted within 2 s",
    () =>
      after(2000, (world, victim, rest) =>
        toEach(world, rest, (i) =>
          gossip(
            ...[0x7fff_ffff, 0xffff_fffe, 0x7fff_fffd, 0xffff_fffc]
              .slice(0, i + 1)
              .map((incarnation) => claim("Suspect", victim.id, victim.address, incarnation, 40))
          )
        )
      )
  )

  it.effect(
    "whose incarnations wrap around for 10 s, sent to one node after the other, are refuted 2 s after the last",
    () =>
      after(2000, (world, victim) =>
        Effect.gen(function* () {
          let incarnation = 0
          for (let i = 0; i < 100; i++) {
            incarnation = (incarnation + Half - 1) >>> 0
            const entry = claim(statuses[i % 3]!, victim.id, victim.address, incarnation, 40)
            yield* world.say(world.nodes[i % 5]!, gossip(entry))
            yield* world.pass(100)
          }
        })
      )
  )

  it.effect("with a heartbeat far ahead are refuted within 4 s, and do not hide a later death", () =>
    Effect.gen(function* () {
      for (const heartbeat of everyNth([2 ** 20, Half - 1, Half, 0xffff_ffff], 2, 1)) {
        yield* after(
          4000,
          (world, victim, rest) =>
            toEach(world, rest, () => gossip(claim("Alive", victim.id, victim.address, 0, heartbeat))),
          (seen) =>
            Effect.gen(function* () {
              assert.deepStrictEqual(seen.deaths, [])
              const { lab, nodes, pass } = seen.world
              yield* lab.kill(seen.victim)
              yield* pass(20_000)
              for (const node of nodes) {
                if (node !== seen.victim) assert.strictEqual(yield* lab.status(node, seen.victim), "dead")
              }
            })
        )
      }
    })
  )

  it.effect("of another address with the next heartbeat misdirect datagrams for at most 6 s", () =>
    Effect.gen(function* () {
      for (const many of [1, 4]) {
        yield* after(
          6000,
          (world, victim, rest) => {
            // Refuted by its next entry, or, where that is late, by its refutation of the other address.
            const next = parts(victim).view.table.heartbeat(0) + 1
            return toEach(world, rest.slice(0, many), () => gossip(claim("Alive", victim.id, Nowhere, 0, next)))
          },
          (seen) =>
            Effect.sync(() => {
              assert.isAbove(seen.took, 0)
              assert.deepStrictEqual(seen.deaths, [])
            })
        )
      }
    })
  )

  it.effect("of Suspect and Dead in one message are refuted, and nobody declares it dead", () =>
    Effect.gen(function* () {
      for (const many of [1, 4]) {
        yield* after(
          3000,
          (world, { address, id }, rest) =>
            toEach(world, rest.slice(0, many), () =>
              gossip(claim("Suspect", id, address, 0, 1000), claim("Dead", id, address, 0, 1000))
            ),
          ({ deaths }) => Effect.sync(() => assert.deepStrictEqual(deaths, []))
        )
      }
    })
  )

  it.effect("of Suspect and Dead about all members are refuted, and nobody declares anybody dead", () =>
    after(
      6000,
      (world) =>
        toEach(world, world.nodes, (i) =>
          gossip(
            ...world.nodes
              .filter((_, other) => other !== i)
              .flatMap(({ address, id }) => [
                claim("Suspect", id, address, 0, 1000),
                claim("Dead", id, address, 0, 1000)
              ])
          )
        ),
      ({ deaths }) => Effect.sync(() => assert.deepStrictEqual(deaths, []))
    )
  )
})

describe("messages with the sender id of a member", () => {
  it.effect("and counters far ahead make its own messages look like replays for at most 6 s, and nobody dies", () =>
    Effect.gen(function* () {
      for (const [incarnations, heartbeats] of [
        [
          [0, 0, 0, 0],
          [1000, Half - 1, 40, 2 ** 20]
        ],
        [
          [1, 2, 3, 4],
          [0, 0, 0, 0]
        ],
        // What one of them heard is half the way round from what another did.
        [
          [0, 0, 1, Half - 1],
          [1000, Half - 1, 0, 5]
        ],
        [
          [Half - 1, Half - 2, Half, Half + 1],
          [0, 1, 2, 3]
        ]
      ] as const) {
        yield* after(
          6000,
          (world, victim, rest) =>
            toEach(
              world,
              rest,
              () => gossip(),
              (i) => ({ senderId: id(victim.id), incarnation: incarnations[i]!, heartbeat: heartbeats[i]! })
            ),
          nobodyDied
        )
      }
    })
  )

  it.effect(
    "that are LEAVE remove it, since a sealed LEAVE may come from any address: no defence; it is back within 3 s",
    () =>
      Effect.gen(function* () {
        for (const incarnations of [[0], [0, 0, 0, 0], [0, 7, Half - 1, Half]]) {
          yield* after(
            3000,
            (world, victim, rest) =>
              toEach(
                world,
                rest.slice(0, incarnations.length),
                () => ({ _tag: "Leave" }),
                (i) => ({ senderId: id(victim.id), incarnation: incarnations[i]!, heartbeat: 1000 - i })
              ),
            ({ deaths }) =>
              Effect.sync(() =>
                assert.deepStrictEqual(
                  // Others hear of the highest of these incarnations later, as of a death.
                  deaths.filter(([, what]) => what.startsWith("Left")),
                  incarnations.map(() => [1, "Left 3: LeaveReceived"] as const)
                )
              )
          )
        }
      })
  )

  it.effect(
    "from another address with rising incarnations for 20 s are a conflict, which ends within 2 s of the last one",
    () =>
      after(
        2000,
        (world, victim, rest) =>
          Effect.gen(function* () {
            for (let i = 1; i <= 40; i++) {
              const ping: Body = { _tag: "Ping", entries: [claim("Alive", victim.id, `10.0.0.${Liar}:7946`, i, i)] }
              yield* toEach(
                world,
                rest,
                () => ping,
                () => ({ senderId: id(victim.id), heartbeat: i, incarnation: i })
              )
              yield* world.pass(500)
            }
          }),
        ({ deaths, victim }) =>
          Effect.sync(() => {
            assert.deepStrictEqual(deaths, [])
            assert.strictEqual(victim.changes.filter(({ _tag }) => _tag === "Conflict").length, 1)
            // At most one refutation in a probe interval, so that two honest nodes with one id do not race.
            assert.isBelow(parts(victim).view.incarnation, 100)
          })
      )
  )
})

/** Small, so that a test reaches them. */
const limits = { members: 60, tombstones: 80, unlistedTombstones: 40, assemblies: 4, relays: 8, sources: 4096 }

/** How full the tables of a node are, each with its bound. */
const fullness = (node: LabNode) => {
  const { antiEntropy, detector, join, outbox, transport, view } = parts(node)
  const { table } = view
  return {
    members: [table.listed, limits.members],
    tombstones: [table.tombstones.length, limits.tombstones],
    unlisted: [table.unlisted.length, limits.unlistedTombstones],
    slots: [table.top, 2 + limits.members + limits.tombstones + limits.unlistedTombstones],
    changes: [outbox.queue.size, 1 + limits.members],
    suspicions: [detector.suspicions(), limits.members],
    checks: [detector.checks.size, 16],
    relays: [detector.relays.size, limits.relays],
    assemblies: [antiEntropy.assemblies.size, limits.assemblies],
    healing: [join.healList.size, 1024],
    sources: [transport.sources().members + transport.sources().strangers, 2 * limits.sources]
  } as const
}

const assertWithinBounds = (nodes: ReadonlyArray<LabNode>) => {
  for (const node of nodes) {
    for (const [what, [size, most]] of Object.entries(fullness(node))) assert.isAtMost(size, most, what)
  }
}

describe("floods", () => {
  scenario(
    "of invented members stop at the limit of the table; newcomers have to wait; after 5 min the invented ones are gone",
    () =>
      Effect.gen(function* () {
        const w = yield* world({ limits })
        let invented = 1000
        let worst = 0
        for (let second = 0; second < 20; second++) {
          for (const node of w.nodes) {
            const entries = Array.from({ length: 50 }, (_, i) => {
              const n = invented++
              return claim(statuses[i % 3]!, n, `10.1.${n >> 8}.${n & 0xff}:7946`, 0, 0)
            })
            yield* w.say(node, gossip(...entries))
          }
          yield* w.pass(1000)
          assertWithinBounds(w.nodes)
          worst = Math.max(worst, ...w.nodes.map((node) => fullness(node).members[0]))
        }
        assert.strictEqual(worst, limits.members)
        for (const node of w.nodes) assert.isAbove(parts(node).view.refusedMembers, 0)
        // No member was removed for the invented ones.
        assert.deepStrictEqual(yield* disagreements(w), [])
        const stopped = w.lab.now
        const newcomer = yield* w.lab.start(6, { clusterKey: keyOf(1), peers: ["10.0.0.1:7946"], limits })
        const everybody = [...w.nodes, newcomer]
        const crowded = (node: LabNode) => fullness(node).members[0] > 6
        let knownAfter = Infinity
        while (everybody.some(crowded) && w.lab.now - stopped < 300_000) {
          yield* w.pass(1000)
          assertWithinBounds(everybody)
          const known = yield* Effect.forEach(w.nodes, (node) => w.lab.status(node, newcomer))
          if (known.every((status) => status === "alive")) knownAfter = Math.min(knownAfter, w.lab.now - stopped)
        }
        // Each node probes one member at a time, and nine times more slowly while most probes fail.
        assert.isBelow(w.lab.now - stopped, 300_000)
        assert.isBelow(knownAfter, 90_000)
        yield* agreement({ ...w, nodes: everybody }, 1000)
        yield* w.pass(180_000)
        for (const node of everybody) {
          const { tombstones, unlisted } = fullness(node)
          assert.deepStrictEqual([tombstones[0], unlisted[0]], [0, 0])
        }
      })
  )

  scenario("of inconsistent chunks, incomplete snapshots and totals of 65535 stay within the limits", () =>
    Effect.gen(function* () {
      const w = yield* world({ limits })
      const chunk = (version: bigint, chunkIndex: number, totalChunks: number, n: number): Body => ({
        _tag: "AntiEntropy",
        tableVersion: version,
        chunkIndex,
        totalChunks,
        entries: [claim("Alive", Liar, `10.0.0.${Liar}:7946`, 0, n)]
      })
      let n = 0
      for (let second = 0; second < 20; second++) {
        for (const node of w.nodes) {
          yield* w.say(node, chunk(7n, 0, 3, n++))
          yield* w.say(node, chunk(7n, 1, 2, n++))
          yield* w.say(node, chunk(7n, 5, 3, n++))
          yield* w.say(node, chunk(BigInt(second), second % 3, 0, n++))
          yield* w.say(node, chunk(2n ** 64n - 1n, 65_534, 65_535, n++))
          yield* w.say(node, chunk(BigInt(1000 + second), 0, 2048, n++))
          // Of many ids, of which each begins one and none ends it.
          for (const invented of [100 + second, 200 + second]) {
            yield* w.say(node, chunk(1n, 0, 2048, n++), { senderId: id(invented) })
          }
        }
        yield* w.pass(1000)
        assertWithinBounds(w.nodes)
      }
      for (const node of w.nodes) {
        const { assemblies, counters } = parts(node).antiEntropy
        assert.strictEqual(assemblies.size, limits.assemblies)
        assert.isAtLeast(assemblies.inconsistent, 60)
        assert.isAbove(counters.chunksReceived, 100)
      }
      yield* agreement(w, 1000)
    })
  )
})

describe("PING_REQ", () => {
  scenario(
    "for an unknown member, a tombstone or the relay itself causes no PING, and the address in it is never used",
    () =>
      Effect.gen(function* () {
        const w = yield* world({ limits, probes: { deadRetention: "2 seconds" } })
        const [relay, other, third, fourth, gone] = w.nodes
        if (relay === undefined || other === undefined || third === undefined || fourth === undefined)
          return assert.fail()
        if (gone === undefined) return assert.fail()
        yield* w.lab.kill(gone)
        yield* w.pass(30_000)
        const rest = { ...w, nodes: [relay, other, third, fourth] }
        assert.strictEqual(yield* w.lab.status(relay, gone), "unknown")
        w.lab.watching = true
        const ask = (n: number | bigint, at: string) => {
          const targetAddress = NetAddress.inetAddressFromStringUnsafe(at)
          return w.say(relay, { _tag: "PingReq", targetId: id(n), targetAddress })
        }
        // Between two probes, so that what is sent is sent for these.
        const asked = (...targets: ReadonlyArray<readonly [number | bigint, string]>) =>
          Effect.gen(function* () {
            yield* w.pass(1000 - (w.lab.now % 1000) + 700)
            const from = w.lab.now
            for (const [n, at] of targets) yield* ask(n, at)
            yield* pass(1)
            return w.lab.sent((seen) => seen.from === "n1" && seen.message._tag === "Ping", from).map(({ to }) => to)
          })
        const nobody = [
          [777, Nowhere],
          [gone.id, gone.address],
          [relay.id, relay.address],
          [relay.id, Nowhere]
        ] as const
        assert.deepStrictEqual(yield* asked(...nobody, ...nobody), [])
        // A member is asked where it is, and the sender may ask for itself.
        assert.deepStrictEqual(yield* asked([other.id, Nowhere], [Liar, Nowhere]), ["n2", `n${Liar}`])
        const many = Array.from({ length: 40 }, () => [third.id, Nowhere] as const)
        assert.strictEqual((yield* asked(...many)).length, limits.relays)
        assert.strictEqual(parts(relay).detector.relays.refused, many.length - limits.relays)
        assertWithinBounds(rest.nodes)
        yield* agreement(rest, 1000)
      })
  )
})
