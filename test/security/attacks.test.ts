/** What one socket outside a cluster in the clear can do to it and through it, by inventing members. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Stream } from "effect"
import { Events } from "../../src/events/Events.ts"
import { Burst, Interval } from "../../src/outbox/StrangerPings.ts"
import { RequestAck } from "../../src/wire/Header.ts"
import type { Message, MessageEntry } from "../../src/wire/Message.ts"
import { bytesOf, claim, countsOf, Lab, type LabNode, parts, pass, sender, virtual } from "../cluster/Lab.ts"

/** Nodes with default settings, settled, and a socket outside. */
const makeWorld = (size = 5) =>
  Effect.gen(function* () {
    const lab = yield* Lab.make()
    const nodes: Array<LabNode> = []
    for (let i = 1; i <= size; i++) {
      nodes.push(yield* lab.start(i, { extensions: {}, peers: nodes.slice(0, 1).map(({ address }) => address) }))
    }
    lab.network.host(
      "victim",
      Array.from({ length: 64 }, (_, i) => `10.9.9.${i}`)
    )
    const outside = yield* lab.puppet(99)
    yield* pass(30_000)
    lab.seen.length = 0
    let heartbeat = 0
    let spent = 0
    const count = (message: Message): Uint8Array => {
      const bytes = bytesOf(message)
      spent += bytes.length
      return bytes
    }
    const sendBytes = (message: Message, to: LabNode) => outside.sendBytes(count(message), to)
    /** The same from the address of another host. */
    const forge = (message: Message, from: string, to: LabNode) => lab.forge(count(message), from, to)
    const say = (to: LabNode, entries: ReadonlyArray<MessageEntry>) =>
      sendBytes({ _tag: "Gossip", ...sender(99, 0, ++heartbeat), entries: [...entries] }, to)
    return { lab, nodes, say, send: sendBytes, forge, spent: () => spent }
  })

type World = Effect.Success<ReturnType<typeof makeWorld>>
type Attack = (world: World) => Effect.Effect<void>

interface Lie {
  readonly first?: number
  readonly count?: number
  readonly at?: (i: number) => string
  readonly status?: MessageEntry["status"]
  readonly incarnation?: number
}

const Victim = "10.9.9.9:7946"

/** A whole datagram has 58 entries. */
const lie = ({ at = () => Victim, count = 58, first = 1000, incarnation = 0, status = "Alive" }: Lie) =>
  Array.from({ length: count }, (_, i) => claim(status, first + i, at(i), incarnation))

const once =
  (options: Lie): Attack =>
  ({ nodes, say }) =>
    say(nodes[0]!, lie(options))

const many: Attack = ({ nodes, say }) =>
  Effect.gen(function* () {
    for (let i = 0; i < 50; i++) yield* say(nodes[i % 5]!, lie({ first: 1000 + 58 * i }))
  })

/** A lie of one entry each second for a minute, to one node after the other. */
const eachSecond =
  (entry: (second: number, world: World) => MessageEntry): Attack =>
  (world) =>
    Effect.gen(function* () {
      for (let second = 0; second < 59; second++) {
        yield* world.say(world.nodes[second % world.nodes.length]!, [entry(second, world)])
        yield* Effect.sleep(1000)
      }
    })

/** What the host of the victim gets within a minute in several histories, and what the lies cost. */
const minute = Effect.fnUntraced(function* (attack: Attack, size = 5) {
  let got = 0
  let spent = 0
  for (let seed = 1; seed <= Histories; seed++) {
    yield* virtual(
      Effect.gen(function* () {
        const world = yield* makeWorld(size)
        const { lab, nodes } = world
        const from = lab.now
        yield* attack(world)
        yield* pass(60_000 - (lab.now - from))
        const sent = lab.seen.filter(({ to }) => to === "victim")
        for (const node of nodes) {
          const pings = sent.filter(({ from, message }) => from === node.name && /^Ping1?$/.test(message._tag)).length
          assert.isAtMost(pings, 64 * (Burst + 60_000 / Interval))
        }
        // An ACK is a reply to a message in the name of the victim's address.
        assert.isTrue(sent.every(({ message }) => /^(Ping|Ack)1?$/.test(message._tag)))
        got += sent.reduce((sum, { bytes }) => sum + bytes, 0)
        spent += world.spent()
      }),
      { seed }
    )
  }
  return { got, spent }
})

const own = claim("Alive", 1000, Victim)
const ping: Message = { _tag: "Ping", ...sender(1000), entries: [own] }
const gossip: Message = { _tag: "Gossip", ...sender(1000), entries: [own] }
const askFor: Message = {
  _tag: "PingReq",
  ...sender(98),
  targetId: own.nodeId,
  targetAddress: own.address
}
const snapshot: Message = {
  _tag: "AntiEntropy",
  ...sender(1000),
  tableVersion: 1n,
  chunkIndex: 0,
  totalChunks: 1,
  entries: [own]
}
const everyKind: ReadonlyArray<Message> = [
  // First: after a PING it would be taken for the answer.
  { _tag: "Ack", ...sender(1000), entries: [own] },
  ping,
  gossip,
  snapshot,
  { ...gossip, flags: RequestAck },
  { _tag: "Gossip1", ...sender(1000), level: 1, entries: [own] },
  {
    _tag: "Ping1",
    ...sender(1000),
    level: 1,
    probe: { sequence: 1, targetId: claim("Alive", 1, Victim).nodeId },
    entries: [own]
  }
]

const lies: Readonly<Record<string, Attack>> = {
  "one member": once({ count: 1 }),
  "one suspect": once({ count: 1, status: "Suspect" }),
  "one dead member": (world) =>
    Effect.andThen(
      once({ count: 1 })(world),
      Effect.andThen(Effect.sleep(500), once({ count: 1, status: "Dead" })(world))
    ),
  "58 members at one address": once({}),
  "58 suspects": once({ status: "Suspect" }),
  "members at 58 ports": once({ at: (i) => `10.9.9.9:${1000 + i}` }),
  "members at 38 ports by IPv6": once({ at: (i) => `[::ffff:10.9.9.9]:${1000 + i}`, count: 38 }),
  "members at 58 hosts of the victim": once({ at: (i) => `10.9.9.${i}:7946` }),
  "2900 members": many,
  "a member that says so itself, to one node": ({ nodes, send }) => send(gossip, nodes[0]!),
  "a member that says so itself, to all": ({ nodes, send }) =>
    Effect.forEach(nodes, (node) => send(gossip, node), { discard: true }),
  "each kind of message in the name of the victim's address": ({ forge, nodes }) =>
    Effect.forEach(everyKind, (message) => forge(message, Victim, nodes[0]!), { discard: true }),
  "a PING in the name of the victim's address": ({ forge, nodes }) => forge(ping, Victim, nodes[0]!),
  "a member, and requests to PING it": (world) =>
    Effect.gen(function* () {
      yield* once({ count: 1 })(world)
      for (let i = 0; i < 10; i++) {
        yield* Effect.sleep(200)
        yield* world.send(askFor, world.nodes[i % world.nodes.length]!)
      }
    }),
  "higher incarnations each second": eachSecond((second) => claim("Alive", 1000, Victim, second)),
  "higher heartbeats each second": eachSecond((second) => claim("Alive", 1000, Victim, 0, second)),
  "another member each second": eachSecond((second) => claim("Alive", 1000 + second, Victim)),
  "other addresses of one member": eachSecond((second) => claim("Alive", 1000, `10.9.9.${second}:7946`, second)),
  "a real member that moved": ({ nodes, say }) => say(nodes[0]!, [claim("Alive", nodes[1]!.id, Victim, 0, 1 << 19)]),
  "a real member that moves each second": eachSecond((second, { nodes }) =>
    claim("Alive", nodes[1]!.id, Victim, (second + 1) * 1000)
  )
}

/** In how many histories a lie is told. */
const Histories = 3

describe("a host that has nothing to do with the cluster", () => {
  for (const [name, attack] of Object.entries(lies)) {
    // Measured: 0 to 4 times. When each node decided alone, one member brought 34 times, and 58 hosts 36 times.
    it.effect(`gets at most five times the bytes of a lie in a minute: ${name}`, () =>
      Effect.gen(function* () {
        const { got, spent } = yield* minute(attack)
        assert.isAtMost(got, 5 * spent)
      })
    )
  }

  it.effect("gets no more from a larger cluster", () =>
    Effect.gen(function* () {
      for (const attack of [lies["one member"]!, lies["a member that says so itself, to one node"]!]) {
        const { got, spent } = yield* minute(attack, 20)
        assert.isAtMost(got, 5 * spent)
      }
    })
  )

  it.effect("is taken for gone, with all members that were invented there, within a quarter of an hour", () =>
    virtual(
      Effect.gen(function* () {
        const world = yield* makeWorld()
        yield* once({ at: (i) => `10.9.9.9:${1000 + i}` })(world)
        yield* pass(10_000)
        for (const node of world.nodes) assert.isAbove((yield* countsOf(node)).alive, 60)
        // The first PING goes there within two minutes times the number of other members, and one member dies a second.
        yield* pass(900_000)
        for (const node of world.nodes) {
          const { alive, suspect } = yield* countsOf(node)
          assert.strictEqual(alive + suspect, 5)
        }
      })
    )
  )
})

describe("a living member", () => {
  it.effect("does not die by claims from outside that it is suspect and dead, in one datagram or two", () =>
    virtual(
      Effect.gen(function* () {
        const { nodes, say } = yield* makeWorld()
        const victim = nodes[4]!
        const about = (status: MessageEntry["status"]) => claim(status, victim.id, victim.address, 0, 1000)
        for (const node of nodes) {
          yield* say(node, [about("Suspect"), about("Dead")])
          yield* say(node, [about("Suspect")])
          yield* say(node, [about("Dead")])
        }
        yield* pass(20_000)
        for (const node of nodes) {
          assert.deepStrictEqual(
            node.changes.filter((change) => change._tag === "Died" && change.member.id === victim.id),
            []
          )
        }
      })
    )
  )

  it.effect("is heard when others published an event in its name with a number far ahead", () =>
    virtual(
      Effect.gen(function* () {
        const { lab, nodes } = yield* makeWorld()
        const [author, reader] = nodes
        const heard: Array<string> = []
        const events = yield* Effect.forkScoped(
          Stream.runForEach(Context.get(reader!.context, Events).all, ({ name }) => Effect.sync(() => heard.push(name)))
        )
        const outside = yield* lab.puppet(98)
        const header = { ...sender(98, 0, 1), level: 1 }
        const entries = [claim("Alive", 98, "10.0.0.98:7946")]
        const forged = {
          originId: author!.node.id,
          incarnation: author!.node.view.incarnation,
          number: 1_000_000,
          name: "forged",
          payload: new Uint8Array(0)
        }
        for (const node of nodes) yield* outside.send({ _tag: "Gossip1", ...header, entries, events: [forged] }, node)
        yield* pass(3000)
        yield* Context.get(author!.context, Events).publishBytes("real", new Uint8Array(0))
        yield* pass(3000)
        assert.deepStrictEqual(heard, ["forged", "real"])
        yield* Fiber.interrupt(events)
      })
    )
  )
})

/** How long it takes until all others know that a member was killed, in ms, three seconds after an attack. */
const detection = (attack: Attack) =>
  virtual(
    Effect.gen(function* () {
      const world = yield* makeWorld()
      const { lab, nodes } = world
      lab.watching = false
      yield* attack(world)
      yield* pass(3000)
      const killed = nodes.pop()!
      yield* lab.kill(killed)
      const from = lab.now
      const isDead = (node: LabNode) => Effect.map(lab.status(node, killed), (status) => status === "dead")
      while (!(yield* Effect.forEach(nodes, isDead)).every(Boolean)) yield* pass(250)
      for (const node of nodes) assert.strictEqual(parts(node).detector.health.score, 0)
      return lab.now - from
    })
  )

describe("a real death", () => {
  // Measured: 3 s undisturbed, 4 s with 58 invented members, 3 s with 2900; before, 12.25 s and more than 150 s.
  it.effect("is known within twice the time, and local health stays good, while members are invented", () =>
    Effect.gen(function* () {
      const undisturbed = yield* detection(() => Effect.void)
      for (const attack of [once({}), once({ status: "Suspect" }), once({ at: (i) => `10.9.9.${i}:7946` }), many]) {
        assert.isAtMost(yield* detection(attack), 2 * undisturbed)
      }
    })
  )
})
