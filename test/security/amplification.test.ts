/** How much can be directed at an address that never asked for anything. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "fast-check"
import { AmplificationLimit } from "../../src/outbox/ReplyBudget.ts"
import { IndirectAck, RequestAck } from "../../src/wire/Header.ts"
import type * as Message from "../../src/wire/Message.ts"
import { ofAlive } from "../../src/failure-detector/DeathChecks.ts"
import { Burst, Interval as PingInterval } from "../../src/outbox/StrangerPings.ts"
import { isLong } from "../Campaign.ts"
import { bytesOf, claim, keyOf, Lab, type LabNode, sender, type Seen, pass, scenario, virtual } from "../cluster/Lab.ts"

type Family = 4 | 6

/** The victim: its address is the source of the forged datagrams, and it never answers. */
const victimOf = (family: Family) => (family === 4 ? "10.9.9.9:7946" : "[fd99::9]:7946")
const VictimIds = [90, 91, 92]
/** The entries of a whole datagram at most. */
const Many = 38

/** Nodes that send nothing by themselves for a while, so that the test decides everything. */
const silent = {
  reliableMaxRetries: 0,
  gossip: { interval: "1 hour", antiEntropyInterval: 0, healInterval: "1 hour" },
  probes: { interval: "1 hour", timeout: "30 minutes", suspectTimeout: "1 hour", deadRetention: 5000 }
} as const

/** A node that knows eight others and has a queue of changes, and the address of the victim. */
const targeted = Effect.fnUntraced(function* (family: Family, sealed: boolean) {
  const lab = yield* Lab.make()
  if (sealed) lab.rings.push(yield* Lab.ring([keyOf(1)]))
  const options = { ...silent, ...(sealed ? { clusterKey: keyOf(1) } : {}) }
  const host = lab.network.host("n1", ["10.0.0.1", "fd00::1"])
  const bind = family === 4 ? "10.0.0.1:7946" : "[fd00::1]:7946"
  const node = yield* lab.startAt("n1", host, { ...options, bind, nodeId: "1" })
  lab.network.host("victim", ["10.9.9.9", "fd99::9"])
  const wire = (message: Message.Message) => (sealed ? lab.rings[0]!.seal(bytesOf(message)) : bytesOf(message))
  // Eight that are known, and one more that is buried, from somewhere else.
  const known = Array.from({ length: 8 }, (_, i) => claim("Alive", 20 + i, `10.1.0.${i}:7946`))
  const from = family === 4 ? "10.1.0.0:7946" : "[fd11::1]:7946"
  yield* lab.forge(
    wire({ _tag: "Gossip", ...sender(20), entries: [...known, claim("Alive", 50, "10.1.0.50:1")] }),
    from,
    node
  )
  yield* pass(10)
  const dead = [claim("Dead", 50, "10.1.0.50:1"), claim("Dead", 51, "10.1.0.51:1")]
  yield* lab.forge(wire({ _tag: "Gossip", ...sender(20, 0, 1), entries: dead }), from, node)
  yield* pass(12_000)
  lab.seen.length = 0
  return { lab, node, wire, victim: victimOf(family) }
})

/** What a line of the script says. Identities, statuses and counts are small, so that they meet often. */
interface Line {
  readonly kind: Message.BaseMessage["_tag"]
  readonly id: number
  readonly numbers: readonly [incarnation: number, heartbeat: number]
  readonly ack: boolean
  readonly entries: ReadonlyArray<readonly [status: number, id: number, incarnation: number, where: number]>
  readonly repeat: boolean
  readonly target: number
  readonly chunk: readonly [version: number, index: number, total: number]
  readonly wait: number
}

const lineArbitrary: fc.Arbitrary<Line> = fc.record({
  kind: fc.constantFrom("Gossip", "Ping", "PingReq", "Ack", "Leave", "AntiEntropy"),
  id: fc.constantFrom(...VictimIds, 1, 20, 50, 51),
  numbers: fc.tuple(fc.nat(2), fc.nat(3)),
  ack: fc.boolean(),
  entries: fc.array(fc.tuple(fc.nat(2), fc.constantFrom(...VictimIds, 1, 20, 21, 50, 51, 60), fc.nat(2), fc.nat(2)), {
    maxLength: 4
  }),
  repeat: fc.boolean(),
  target: fc.constantFrom(...VictimIds, 1, 20, 50, 99),
  chunk: fc.tuple(fc.nat(3), fc.nat(1), fc.nat(2)),
  wait: fc.constantFrom(0, 1, 20, 1000)
})

const statuses = ["Alive", "Suspect", "Dead"] as const

const messageOf = (line: Line, victim: string): Message.Message => {
  const { ack, chunk, entries, id, kind, numbers, repeat, target } = line
  const header = sender(id, numbers[0], numbers[1], ack ? RequestAck : 0)
  // At the victim's address, at another, and at another of the other family.
  const places = [victim, "10.1.0.1:7946", victim.startsWith("[") ? "10.9.9.9:7946" : "[fd99::9]:7946"]
  const few = entries.map(([status, of, incarnation, where]) =>
    claim(statuses[status]!, of, places[where]!, incarnation, 9)
  )
  const filled = repeat && few.length > 0 ? Array.from({ length: Many }, (_, i) => few[i % few.length]!) : few
  switch (kind) {
    case "Leave":
      return { _tag: kind, ...header }
    case "PingReq":
      return {
        _tag: kind,
        ...header,
        targetId: claim("Alive", target, victim).nodeId,
        targetAddress: claim("Alive", 1, places[chunk[0] % 3]!).address
      }
    case "AntiEntropy":
      return {
        _tag: kind,
        ...header,
        tableVersion: BigInt(chunk[0]),
        chunkIndex: chunk[1],
        totalChunks: chunk[2],
        entries: filled
      }
    default:
      return { _tag: kind, ...header, entries: filled }
  }
}

const toVictim = ({ to }: Seen) => to === "victim"
const sum = (seen: ReadonlyArray<Seen>) => seen.reduce((bytes, seen) => bytes + seen.bytes, 0)

/** A claim that the victim is dead is checked by three PINGs to it. That is no answer, and has a bound of its own. */
const isDeathCheck = ({ message }: Seen) => message._tag === "Ping" && message.entries[0]?.status === "Dead"

/** An ACK that a relay passes on. It answers a PING_REQ that came before, so it counts only in the sum of a script. */
const isRelayed = ({ message }: Seen) => (message.flags & IndirectAck) !== 0

const play = (script: ReadonlyArray<Line>, family: Family, sealed: boolean) =>
  virtual(
    Effect.gen(function* () {
      const { lab, node, victim, wire } = yield* targeted(family, sealed)
      let spent = 0
      let caused = 0
      for (const line of script) {
        const payload = wire(messageOf(line, victim))
        const before = lab.seen.length
        yield* lab.forge(payload, victim, node)
        // One millisecond on the way; what is sent then is an answer.
        yield* pass(1)
        const answers = lab.seen.slice(before).filter((seen) => toVictim(seen) && !isDeathCheck(seen))
        const answered = sum(answers.filter((seen) => !isRelayed(seen)))
        spent += payload.length
        caused += sum(answers)
        assert.isAtMost(answered, AmplificationLimit * payload.length, `${line.kind} of ${payload.length} bytes`)
        yield* pass(line.wait)
      }
      return { spent, caused, factor: caused / spent }
    })
  )

describe("an address that never answered", () => {
  for (const family of [4, 6] as const) {
    for (const sealed of [false, true]) {
      it.effect(
        `gets at most three times the bytes that came from it, over IPv${family}, ${sealed ? "sealed" : "in the clear"}`,
        () =>
          Effect.gen(function* () {
            const scripts = fc.sample(fc.array(lineArbitrary, { minLength: 1, maxLength: 50 }), {
              numRuns: isLong ? 200 : 15,
              seed: 7
            })
            let worst = 0
            for (const script of scripts) {
              const { factor } = yield* play(script, family, sealed)
              worst = Math.max(worst, factor)
            }
            assert.isAtMost(worst, AmplificationLimit)
            // Some of the script is answered.
            assert.isAbove(worst, 0.5)
          })
      )
    }
  }
})

describe("a member whose address never answered", () => {
  scenario("gets at most two entries for a PING_REQ, for healing and for the check of a Dead claim", () =>
    Effect.gen(function* () {
      const { lab, node, victim, wire } = yield* targeted(4, false)
      // Many changes wait to be passed on, and would fill any PING.
      const news = Array.from({ length: 50 }, (_, i) => claim("Alive", 200 + i, `10.2.0.${i}:7946`))
      yield* lab.forge(wire({ _tag: "Gossip", ...sender(20, 0, 5), entries: news }), "10.1.0.0:7946", node)
      yield* lab.forge(wire({ _tag: "Ping", ...sender(90), entries: [claim("Alive", 90, victim)] }), victim, node)
      yield* pass(10)
      lab.seen.length = 0
      const target = claim("Alive", 90, victim)
      const ask = { _tag: "PingReq", targetId: target.nodeId, targetAddress: target.address } as const
      for (let i = 0; i < 20; i++) {
        yield* lab.forge(wire({ ...ask, ...sender(20, 0, 6 + i) }), "10.1.0.0:7946", node)
        yield* pass(20)
      }
      assert.deepStrictEqual(
        lab.seen.filter(toVictim).map(({ bytes, message }) => `${message._tag} ${bytes}`),
        Array.from({ length: Burst }, () => "Ping 48")
      )
      // Until it may be sent some again.
      yield* pass(Burst * PingInterval)
      lab.seen.length = 0
      const dead = [claim("Dead", 90, victim)]
      yield* lab.forge(wire({ _tag: "Gossip", ...sender(20, 0, 99), entries: dead }), "10.1.0.0:7946", node)
      yield* pass(5000)
      assert.deepStrictEqual(
        lab.seen.filter(toVictim).map(({ bytes, message }) => `${message._tag} ${bytes}`),
        Array.from({ length: ofAlive.pings }, () => "Ping 72")
      )
    })
  )

  scenario("gets three PINGs, however many claims say that members there are dead", () =>
    Effect.gen(function* () {
      const { lab, node, victim, wire } = yield* targeted(4, false)
      const ids = Array.from({ length: 50 }, (_, i) => 300 + i)
      const say = (status: Message.MessageEntry["status"], heartbeat: number) =>
        lab.forge(
          wire({ _tag: "Gossip", ...sender(20, 0, heartbeat), entries: ids.map((id) => claim(status, id, victim)) }),
          victim,
          node
        )
      yield* say("Alive", 5)
      yield* pass(10)
      lab.seen.length = 0
      yield* say("Dead", 6)
      yield* pass(10_000)
      const got = lab.seen.filter(toVictim)
      assert.strictEqual(got.length, Burst)
      // At most 216 bytes for 2448 bytes that came.
      assert.isAtMost(sum(got), Burst * 72)
    })
  )
})

/** Time until nobody holds a member live, and what is sent to it until then. */
const untilDead = Effect.fnUntraced(function* (lab: Lab, nodes: ReadonlyArray<LabNode>, id: bigint, host: string) {
  const from = lab.now
  lab.seen.length = 0
  const held = Effect.map(
    Effect.forEach(nodes, (node) => lab.status(node, id)),
    (statuses) => statuses.some((status) => status === "alive" || status === "suspect")
  )
  yield* pass(1000)
  assert.isTrue(yield* held)
  while (yield* held) yield* pass(500)
  return { ms: lab.now - from, bytes: sum(lab.seen.filter(({ to }) => to === host)) }
})

/** Nodes with default settings, settled. */
const settled = Effect.fnUntraced(function* (size: number) {
  const lab = yield* Lab.make()
  const nodes: Array<LabNode> = []
  for (let i = 1; i <= size; i++) {
    nodes.push(yield* lab.start(i, { peers: nodes.slice(0, 1).map((node) => node.address) }))
  }
  yield* pass(30_000)
  lab.network.host("victim", ["10.9.9.9"])
  return { lab, nodes }
})

/** One datagram of 48 bytes, at one of the nodes. */
const forgeJoin = (lab: Lab, nodes: ReadonlyArray<LabNode>) =>
  lab.forge(
    bytesOf({ _tag: "Ping", ...sender(90), entries: [claim("Alive", 90, victimOf(4))] }),
    victimOf(4),
    nodes[0]!
  )

describe("a forged join", () => {
  // Measured: 96 bytes in 14.5 s, 96 in 20 s, 96 in 26.5 s: an ACK and a PING.
  for (const [size, bytes, ms] of [
    [3, 241, 30_000],
    [10, 241, 60_000],
    ...(isLong ? ([[30, 241, 120_000]] as const) : [])
  ] as const) {
    scenario(
      `in a cluster of ${size} sends the victim less than ${bytes} bytes until it is declared dead, within ${ms} ms`,
      () =>
        Effect.gen(function* () {
          const { lab, nodes } = yield* settled(size)
          yield* forgeJoin(lab, nodes)
          const cost = yield* untilDead(lab, nodes, 90n, "victim")
          assert.isBelow(cost.bytes, bytes)
          assert.isBelow(cost.ms, ms)
        })
    )
  }

  it.effect("sends the victim at most twice the bytes that a dead member gets", () =>
    Effect.gen(function* () {
      const ghost = yield* virtual(
        Effect.gen(function* () {
          const { lab, nodes } = yield* settled(10)
          yield* forgeJoin(lab, nodes)
          return yield* untilDead(lab, nodes, 90n, "victim")
        })
      )
      const dead = yield* virtual(
        Effect.gen(function* () {
          const { lab, nodes } = yield* settled(11)
          const last = nodes.pop()!
          yield* lab.kill(last)
          return yield* untilDead(lab, nodes, last.id, last.name)
        })
      )
      assert.isAtMost(ghost.bytes, 2 * dead.bytes)
    })
  )

  scenario("and many others cause at most one PING per node in 7.5 s, of 72 bytes", () =>
    Effect.gen(function* () {
      const { lab, nodes } = yield* settled(10)
      for (let i = 0; i < 20; i++) {
        const entries = [claim("Alive", 90 + i, `10.9.9.9:${1000 + i}`)]
        yield* lab.forge(bytesOf({ _tag: "Ping", ...sender(90 + i), entries }), `10.9.9.9:${1000 + i}`, nodes[0]!)
      }
      yield* pass(40_000)
      lab.seen.length = 0
      const seconds = isLong ? 600 : 150
      yield* pass(seconds * 1000)
      const got = lab.seen.filter(toVictim)
      assert.isTrue(got.every(({ message }) => message._tag === "Ping"))
      assert.isTrue(got.every(({ bytes }) => bytes === 72))
      assert.isAtMost(got.length, nodes.length * (seconds / 7.5))
    })
  )

  // For a day: a member that died is looked for, whether or not it ever answered anybody.
  scenario("causes a few short PINGs and nothing else after ten minutes", () =>
    Effect.gen(function* () {
      const { lab, nodes } = yield* settled(3)
      yield* forgeJoin(lab, nodes)
      yield* pass(600_000)
      lab.seen.length = 0
      yield* pass(600_000)
      // One from each node each time that the time since the death has doubled.
      const sent = lab.seen.filter(toVictim)
      assert.isAtMost(sent.length, 2 * nodes.length)
      assert.isTrue(sent.every(({ bytes, message }) => message._tag === "Ping" && bytes <= 72))
    })
  )
})
