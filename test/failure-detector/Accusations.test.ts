import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import type { ClusterOptions } from "../../src/config/ClusterConfig.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { Kind } from "../../src/wire/Header.ts"
import type * as Message from "../../src/wire/Message.ts"
import { MessageWriter } from "../../src/wire/MessageWriter.ts"
import { SectionType } from "../../src/wire/sections/Section.ts"
import type { Accusation } from "../../src/wire/SectionValues.ts"
import { bytesOf, claim, entriesOf, Lab, type LabNode, parts, sender, pass, scenario, virtual } from "../cluster/Lab.ts"

const Timeout = 500
const Interval = 20_000
const Latency = 1

/** The puppet, which speaks extension level 1, and ten members of whom it tells. Nobody answers. */
const Speaker = 50
const Others = [60, 61, 62, 63, 64, 65, 66, 67, 68, 69] as const
const X = 60

/** Suspicions last 3 s to 8377 ms in a cluster of 12, and no less than 1.5 s with accusers. */
const Most = 3000 * (1 + 0.5 * Math.log2(12))
const Least = 1500

const probes: NonNullable<ClusterOptions["probes"]> = {
  interval: Interval,
  timeout: Timeout,
  suspectTimeout: 3000,
  suspectMultiplier: 0.5,
  suspectMinFraction: 0.5,
  suspectJitter: 0,
  witnesses: 0
}

const idOf = (n: number) => NodeId.fromWords(0, n)
const own = (n: number, incarnation = 0, heartbeat = 0) => claim("Alive", n, `10.0.0.${n}:7946`, incarnation, heartbeat)

/** Who accuses whom, as a value. */
const accusation = (
  target: number,
  by: number,
  evidence: Accusation["evidence"] = "Silent",
  incarnation = 0
): Accusation => ({ targetId: idOf(target), incarnation, accuserId: idOf(by), evidence })

/** A node, and the puppet that has told it of the others. Without `extensions` the node speaks level 1 with all of it. */
const introduced = (options: ClusterOptions = {}, make = Lab.believing) =>
  Effect.gen(function* () {
    const lab = yield* make()
    const node = yield* lab.start(1, {
      extensions: {},
      ...options,
      gossip: { interval: 100, antiEntropyInterval: 0, healInterval: "1 hour" },
      probes: { ...probes, ...options.probes }
    })
    const puppet = yield* lab.puppet(Speaker)
    let heartbeat = 1
    const header = (): Message.Sender => ({ ...sender(Speaker, 0, heartbeat++), level: 1 })
    const tell = (...entries: ReadonlyArray<Message.MessageEntry>) =>
      Effect.andThen(puppet.send({ _tag: "Gossip", ...header(), entries }, node), pass(Latency))
    const accuse = (...accusations: ReadonlyArray<Accusation>) =>
      Effect.andThen(puppet.send({ _tag: "Gossip1", ...header(), accusations }, node), pass(Latency))
    yield* tell(own(Speaker), ...Others.map((n) => own(n)))
    // Until what is new has been passed on.
    yield* pass(3000)
    return { lab, node, puppet, header, tell, accuse, since: lab.now }
  })

/** What the node saw of a member since then, as `"Suspected by 61"`, and how long the member was suspect. */
const story = (node: LabNode, n: number, since = 0) =>
  node.changes
    .filter((change) => "member" in change && change.member.id === idOf(n) && change.ms >= since)
    .map(({ _tag, cause }) => (cause._tag === "Claimed" ? `${_tag} by ${cause.by}` : `${_tag}: ${cause._tag}`))

/** How long the suspicion lasted that ended in the death of a member. The check of the death comes after it. */
const lasted = (node: LabNode, n: number) => {
  const died = node.changes.findLast((change) => change._tag === "Died" && change.member.id === idOf(n))
  return died?.cause._tag === "SuspicionExpired" ? Math.round(Duration.toMillis(died.cause.after)) : NaN
}

/** The accusations that the node passed on since then, each once. */
const passedOn = (lab: Lab, since: number) => {
  const all = lab
    .sent(({ from, message }) => from === "n1" && "accusations" in message, since)
    .flatMap(({ message }) => ("accusations" in message ? (message.accusations ?? []) : []))
    .map(({ accuserId, evidence, incarnation, targetId }) => `${targetId} ${incarnation} by ${accuserId} ${evidence}`)
  return [...new Set(all)].toSorted()
}

/** The accusations that wait to be passed on. */
const waiting = (node: LabNode) => {
  const all: Array<string> = []
  parts(node).outbox.accusations.take(100, ({ accuserLo, evidence, incarnation, targetLo }) => {
    all.push(`${targetLo} ${incarnation} by ${accuserLo} ${["Silent", "Refused", "Replaced"][evidence]}`)
    return true
  })
  return all
}

const pingsTo = (lab: Lab, n: number, since: number) =>
  lab.sent(({ from, message, to }) => from === "n1" && message._tag === "Ping" && to === `10.0.0.${n}`, since)

describe("an accusation", () => {
  scenario("makes its target suspect, and is passed on to members that understand it", () =>
    Effect.gen(function* () {
      const { accuse, lab, node, since } = yield* introduced()
      yield* accuse(accusation(X, 61))
      assert.deepStrictEqual(story(node, X), ["Joined by 50", "Suspected by 61"])
      const { table } = parts(node).view
      assert.strictEqual(table.heartbeat(parts(node).view.slotOf(idOf(X))), 2 ** 20)
      yield* pass(2000)
      assert.deepStrictEqual(passedOn(lab, since), ["60 0 by 61 Silent"])
      // Those that were never heard get entries alone.
      const receivers = lab.sent(({ message }) => "accusations" in message, since).map(({ to }) => to)
      assert.deepStrictEqual([...new Set(receivers)], ["n1", "n50"])
      assert.strictEqual(parts(node).detector.counters.accusations.Silent, 1)
      yield* pass(10_000)
      assert.strictEqual(lasted(node, X), Math.round(Most))
    })
  )

  it.effect("by each further member shortens the suspicion, down to its least time", () =>
    Effect.gen(function* () {
      for (const [accusers, expected] of [
        [[61, 62], Most - (Most - Least) * (Math.log(2) / Math.log(4))],
        [[61, 62, 63], Most - (Most - Least) * (Math.log(3) / Math.log(4))],
        [[61, 62, 63, 64], Least],
        [[61, 62, 63, 64, 65, 66], Least],
        [[61, 61, 61, 61], Most]
      ] as const) {
        yield* virtual(
          Effect.gen(function* () {
            const { accuse, node } = yield* introduced()
            for (const by of accusers) yield* accuse(accusation(X, by))
            yield* pass(10_000)
            assert.strictEqual(lasted(node, X), Math.round(expected))
          })
        )
      }
    })
  )

  scenario("counts for a suspicion that an entry began, and only the first four are passed on", () =>
    Effect.gen(function* () {
      const { accuse, lab, node, since, tell } = yield* introduced()
      yield* tell(claim("Suspect", X, "10.0.0.60:7946", 0, 2 ** 20))
      yield* accuse(...[61, 62, 63, 64, 65, 66].map((by) => accusation(X, by)))
      yield* pass(1000)
      assert.deepStrictEqual(
        passedOn(lab, since),
        [61, 62, 63, 64].map((by) => `60 0 by ${by} Silent`)
      )
      yield* pass(10_000)
      assert.strictEqual(lasted(node, X), Least)
    })
  )

  scenario("shortens nothing with accusations off", () =>
    Effect.gen(function* () {
      const { accuse, node } = yield* introduced({ extensions: { accusations: false } })
      yield* accuse(...[61, 62, 63, 64].map((by) => accusation(X, by)))
      yield* pass(10_000)
      assert.strictEqual(lasted(node, X), Math.round(Most))
    })
  )

  scenario("of another incarnation, by the target, by a node that is no live member, or of none is ignored", () =>
    Effect.gen(function* () {
      const { accuse, lab, node, since, tell } = yield* introduced()
      yield* tell(own(X, 5))
      yield* tell(claim("Suspect", 69, "10.0.0.69:7946", 0, 2 ** 20), claim("Dead", 69, "10.0.0.69:7946", 0, 2 ** 20))
      yield* pass(1000)
      assert.strictEqual(yield* lab.status(node, idOf(69)), "dead")
      yield* accuse(
        accusation(X, 61, "Refused", 4),
        accusation(X, 61, "Refused", 6),
        accusation(X, X, "Refused", 5),
        accusation(X, 99, "Refused", 5),
        accusation(X, 69, "Refused", 5),
        accusation(98, 61),
        accusation(69, 61)
      )
      assert.strictEqual(yield* lab.status(node, idOf(X)), "alive")
      assert.strictEqual(yield* lab.status(node, idOf(98)), "unknown")
      yield* pass(2000)
      assert.deepStrictEqual(passedOn(lab, since).length, 0)
      assert.deepStrictEqual(parts(node).detector.counters.accusations, { Silent: 0, Refused: 0, Replaced: 0 })
    })
  )

  scenario("with evidence of a kind that we do not know is ignored", () =>
    Effect.gen(function* () {
      const { lab, node, puppet } = yield* introduced()
      const writer = new MessageWriter()
      const send = (evidence: number, heartbeat: number) => {
        Object.assign(writer.header, { idHi: 0, idLo: Speaker, heartbeat, incarnation: 0, level: 1 })
        writer.beginSectioned(Kind.Gossip, 0)
        writer.beginSection(SectionType.Accusations)
        writer.accusation({ targetHi: 0, targetLo: X, incarnation: 0, accuserHi: 0, accuserLo: 61, evidence })
        return Effect.andThen(puppet.sendBytes(writer.finish(), node), pass(Latency))
      }
      yield* send(3, 100)
      yield* send(255, 101)
      assert.strictEqual(yield* lab.status(node, idOf(X)), "alive")
      yield* send(2, 102)
      assert.strictEqual(yield* lab.status(node, idOf(X)), "suspect")
    })
  )

  scenario("of ourselves is refuted, unless it is of an older incarnation, or we leave", () =>
    Effect.gen(function* () {
      const { accuse, lab, node } = yield* introduced()
      yield* accuse(accusation(1, 61))
      assert.strictEqual(parts(node).view.incarnation, 1)
      yield* accuse(accusation(1, 61), accusation(1, 62))
      assert.strictEqual(parts(node).view.incarnation, 1)
      yield* accuse(accusation(1, 61, "Silent", 7))
      assert.strictEqual(parts(node).view.incarnation, 8)
      assert.strictEqual(parts(node).view.refutations, 2)
      yield* lab.stop(node)
      yield* accuse(accusation(1, 61, "Silent", 8))
      assert.strictEqual(parts(node).view.incarnation, 8)
    })
  )

  scenario("of another is nothing to a node that leaves", () =>
    Effect.gen(function* () {
      const { accuse, lab, node, since } = yield* introduced({ probes: { witnesses: 64 } })
      yield* lab.stop(node)
      yield* accuse(accusation(X, 61))
      assert.strictEqual(yield* lab.status(node, idOf(X)), "alive")
      assert.lengthOf(pingsTo(lab, X, since), 0)
    })
  )

  scenario("is void once its target has refuted", () =>
    Effect.gen(function* () {
      const { accuse, lab, node, since, tell } = yield* introduced()
      yield* accuse(...[61, 62, 63, 64].map((by) => accusation(X, by)))
      yield* tell(own(X, 1))
      const then = lab.now
      yield* pass(2000)
      assert.deepStrictEqual(story(node, X, since), ["Suspected by 61", "Recovered by 50"])
      assert.deepStrictEqual(passedOn(lab, then), [])
      // The accusers start anew.
      yield* accuse(accusation(X, 65, "Silent", 1))
      yield* pass(10_000)
      assert.strictEqual(lasted(node, X), Math.round(Most))
    })
  )
})

describe("evidence of two accusers", () => {
  it.effect("leaves the suspect only the time to refute", () =>
    Effect.gen(function* () {
      for (const [accusations, expected] of [
        [[accusation(X, 61, "Refused"), accusation(X, 62, "Replaced")], 500],
        [[accusation(X, 61, "Refused"), accusation(X, 61, "Replaced")], Most],
        [[accusation(X, 61, "Refused"), accusation(X, 62)], Most - (Most - Least) / 2]
      ] as const) {
        yield* virtual(
          Effect.gen(function* () {
            const { accuse, node } = yield* introduced()
            yield* accuse(...accusations)
            yield* pass(10_000)
            assert.strictEqual(lasted(node, X), Math.round(expected))
          })
        )
      }
    })
  )

  scenario("is passed on when a known accuser found it later", () =>
    Effect.gen(function* () {
      const { accuse, lab, node, since } = yield* introduced({ probes: { proofTimeout: 2000 } })
      yield* accuse(accusation(X, 61), accusation(X, 62, "Refused"))
      yield* pass(1000)
      yield* accuse(accusation(X, 61, "Refused"))
      yield* pass(10_000)
      assert.deepStrictEqual(passedOn(lab, since), ["60 0 by 61 Refused", "60 0 by 61 Silent", "60 0 by 62 Refused"])
      assert.strictEqual(lasted(node, X), 1000 + Latency + 2000)
    })
  )

  scenario("is worth nothing with proof off", () =>
    Effect.gen(function* () {
      const { accuse, node } = yield* introduced({ extensions: { proof: false } })
      yield* accuse(...[61, 62, 63, 64].map((by) => accusation(X, by, "Refused")))
      yield* pass(10_000)
      assert.strictEqual(lasted(node, X), Least)
    })
  )
})

describe("a second opinion", () => {
  const witness = { probes: { witnesses: 64, indirectK: 0 } }

  scenario("is a probe at once, with what is claimed of the suspect, for the first accusation of an incarnation", () =>
    Effect.gen(function* () {
      const { accuse, lab, node, since, tell } = yield* introduced(witness)
      yield* accuse(accusation(X, 61))
      yield* accuse(accusation(X, 62))
      const [ping, ...more] = pingsTo(lab, X, since)
      assert.deepStrictEqual([ping?.at, more.length], [since + Latency, 0])
      const entries = "entries" in ping!.message ? (ping!.message.entries ?? []) : []
      assert.deepInclude(entries[0], { nodeId: idOf(X), status: "Suspect" })
      assert.strictEqual(parts(node).detector.counters.witnessed, 1)
      yield* tell(own(X, 1))
      yield* accuse(accusation(X, 62, "Silent", 1))
      assert.lengthOf(pingsTo(lab, X, since), 2)
    })
  )

  scenario("that fails is an accusation of our own", () =>
    Effect.gen(function* () {
      const { accuse, node } = yield* introduced({
        probes: { ...witness.probes, interval: 2000, suspectTimeout: 6000 }
      })
      const { counters } = parts(node).detector
      // A member that a round probes just now needs no further probe.
      yield* accuse(accusation(X, 61))
      const accused = counters.witnessed === 0 ? 62 : X
      if (accused !== X) yield* accuse(accusation(accused, 61))
      yield* pass(3000)
      assert.include(waiting(node), `${accused} 0 by 1 Silent`)
      // Others need no further one.
      yield* accuse(accusation(accused, 68))
      assert.strictEqual(counters.witnessed, 1)
    })
  )

  it.effect("is not given by a node that is no witness, or is off", () =>
    Effect.gen(function* () {
      for (const options of [
        { probes: { witnesses: 0 } },
        { probes: witness.probes, extensions: { secondOpinions: false } }
      ]) {
        yield* virtual(
          Effect.gen(function* () {
            const { accuse, lab, node, since } = yield* introduced(options)
            yield* accuse(accusation(X, 61))
            yield* pass(1000)
            assert.lengthOf(pingsTo(lab, X, since), 0)
            assert.strictEqual(parts(node).detector.counters.witnessed, 0)
          })
        )
      }
    })
  )

  scenario("is given to 16 accusations at once, and more are dropped", () =>
    Effect.gen(function* () {
      const { accuse, lab, node, since, tell } = yield* introduced(witness)
      const many = Array.from({ length: 20 }, (_, i) => 100 + i)
      yield* tell(...many.map((n) => own(n)))
      yield* accuse(...many.map((n) => accusation(n, 61)))
      assert.strictEqual(parts(node).detector.counters.witnessed, 16)
      assert.lengthOf(
        many.flatMap((n) => pingsTo(lab, n, since)),
        16
      )
    })
  )
})

describe("a probe of ours that fails", () => {
  /** A node whose first probe of X fails. X has spoken, so that its PING is of level 1. */
  const failing = (
    host: "silent" | "refusing" | "replaced" | "replaced elsewhere",
    extensions: ClusterOptions["extensions"] = {}
  ) =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const node = yield* lab.start(1, {
        extensions,
        gossip: { interval: 100, antiEntropyInterval: 0, healInterval: "1 hour" },
        probes: { ...probes, interval: 1000 }
      })
      const entries = [own(X, 3)]
      const spoken: Message.Message = { _tag: "Gossip", ...sender(X, 3), level: 1, entries }
      if (host === "replaced" || host === "replaced elsewhere") {
        const other = yield* lab.puppet(X)
        const impostor = host === "replaced" ? other : yield* lab.puppet(71)
        yield* other.send(spoken, node)
        yield* Effect.forkChild(
          Effect.forever(
            Effect.gen(function* () {
              yield* Effect.sleep(1)
              for (const { message } of other.received.splice(0)) {
                // It answers what is meant for X only: with the answer to a PING of its own it would replace X at once.
                if (message._tag !== "Ping1" || message.probe?.targetId !== idOf(X)) continue
                const { sequence } = message.probe
                yield* impostor.send({ _tag: "Ack1", ...sender(70, 0, 1), level: 1, probe: { sequence } }, node)
              }
            })
          )
        )
      } else {
        const target = lab.network.host(`n${X}`, [`10.0.0.${X}`])
        yield* lab.forge(bytesOf(spoken), `10.0.0.${X}:7946`, node)
        if (host === "silent") target.detach()
      }
      const from = lab.now
      yield* pass(2100)
      return { lab, node, from }
    })

  for (const [host, evidence] of [
    ["silent", "Silent"],
    ["refusing", "Refused"],
    ["replaced", "Replaced"],
    ["replaced elsewhere", "Silent"]
  ] as const) {
    scenario(`is our accusation, with the evidence ${evidence} of a host that is ${host}`, () =>
      Effect.gen(function* () {
        const { node } = yield* failing(host)
        assert.strictEqual(parts(node).view.table.status(parts(node).view.slotOf(idOf(X))), 1)
        assert.deepStrictEqual(waiting(node), [`60 3 by 1 ${evidence}`])
        const { accusations, accused, proofs } = parts(node).detector.counters
        // With two members one accuser is enough.
        assert.strictEqual(proofs, evidence === "Silent" ? 0 : 1)
        assert.deepStrictEqual(accused, { Silent: 0, Refused: 0, Replaced: 0, [evidence]: 1 })
        assert.deepStrictEqual(accusations, { Silent: 0, Refused: 0, Replaced: 0 })
      })
    )
  }

  scenario("is not looked at closer with proof off", () =>
    Effect.gen(function* () {
      const { node } = yield* failing("refusing", { proof: false })
      assert.strictEqual(parts(node).detector.counters.proofs, 0)
    })
  )

  it.effect("tells the suspect at once, in the form that every node reads", () =>
    Effect.gen(function* () {
      for (const telling of [true, false]) {
        yield* virtual(
          Effect.gen(function* () {
            const { from, lab } = yield* failing("silent", { telling })
            const pings = lab.sent(({ from: by, message }) => by === "n1" && message._tag.startsWith("Ping"), from)
            const told = pings.filter(
              ({ message }) => "entries" in message && message.entries?.[0]?.status === "Suspect"
            )
            // At the end of the round, and so beside the PING of the next one, which never tells without the switch.
            assert.deepStrictEqual(
              told.map(({ at, message }) => [at, message._tag]),
              telling
                ? [
                    [2000, "Ping"],
                    [2000, "Ping"]
                  ]
                : []
            )
            assert.strictEqual(pings[0]?.message._tag, "Ping1")
          })
        )
      }
    })
  )
})

describe("an ACK with a sequence that is not that of a PING of ours", () => {
  scenario("proves no address", () =>
    Effect.gen(function* () {
      const { header, node, puppet } = yield* introduced({ probes: { interval: 3500, indirectK: 0 } }, Lab.make)
      const { table } = parts(node).view
      const slot = parts(node).view.slotOf(idOf(Speaker))
      // As if it had just been sent a PING.
      table.setPinged(slot, table.heardAt(slot))
      const { outbox } = parts(node)
      const ack = (sequence: number) =>
        Effect.andThen(puppet.send({ _tag: "Ack1", ...header(), probe: { sequence } }, node), pass(Latency))
      yield* ack(12_345)
      assert.isTrue(outbox.isUnproved(slot))
      yield* puppet.send({ _tag: "Ack", ...header(), entries: [] }, node)
      yield* pass(Latency)
      assert.isFalse(outbox.isUnproved(slot))
    })
  )
})

describe("a member that has refuted", () => {
  scenario("its death is suspect for longer too", () =>
    Effect.gen(function* () {
      const { accuse, node, tell } = yield* introduced({ probes: { interval: 600_000 } })
      yield* accuse(...[61, 62, 63, 64].map((by) => accusation(X, by)))
      yield* pass(Least + Timeout)
      assert.strictEqual(lasted(node, X), Least)
      yield* tell(own(X, 1))
      yield* accuse(...[61, 62, 63, 64].map((by) => accusation(X, by, "Silent", 1)))
      yield* pass(10_000)
      assert.strictEqual(lasted(node, X), Math.round(Math.min(8 * Least, Most)))
    })
  )

  it.effect("is suspect for longer the next time, for a minute", () =>
    Effect.gen(function* () {
      for (const [damping, wait, expected] of [
        [true, 1000, 2 * Least],
        [true, 61_000, Least],
        [false, 1000, Least]
      ] as const) {
        yield* virtual(
          Effect.gen(function* () {
            const { accuse, node, tell } = yield* introduced({
              extensions: { damping },
              probes: { interval: 600_000 }
            })
            yield* accuse(accusation(X, 61))
            yield* tell(own(X, 1))
            yield* pass(wait)
            yield* accuse(...[61, 62, 63, 64].map((by) => accusation(X, by, "Silent", 1)))
            yield* pass(10_000)
            assert.strictEqual(lasted(node, X), expected)
          })
        )
      }
    })
  )
})

describe("a suspect that only this node accuses", () => {
  it.effect("is told again every probe interval, until another member accuses it too", () =>
    Effect.gen(function* () {
      // A probe of a round can tell it once more.
      for (const [confirmedAfter, least, most] of [
        [Infinity, 5, 6],
        [2500, 2, 3]
      ] as const) {
        yield* virtual(
          Effect.gen(function* () {
            const { accuse, lab, node } = yield* introduced({
              extensions: { earlyFailure: false },
              probes: {
                interval: 1000,
                timeout: 500,
                suspectTimeout: 6000,
                suspectMultiplier: 0,
                suspectMinFraction: 1
              }
            })
            const suspected = () =>
              node.changes.find(({ _tag, cause }) => _tag === "Suspected" && cause._tag === "ProbeFailed")
            while (suspected() === undefined) yield* pass(10)
            const change = suspected()
            if (change === undefined || !("member" in change)) return assert.fail("no member")
            const suspect = Number(change.member.id)
            if (confirmedAfter < Infinity) {
              yield* pass(confirmedAfter)
              yield* accuse(accusation(suspect, suspect === 61 ? 62 : 61))
            }
            yield* pass(10_000)
            const told = pingsTo(lab, suspect, change.ms + 1).filter(
              ({ at, message }) =>
                at < change.ms + 6000 &&
                entriesOf(message).some(({ nodeId, status }) => Number(nodeId) === suspect && status === "Suspect")
            )
            assert.isAtLeast(told.length, least)
            assert.isAtMost(told.length, most)
          })
        )
      }
    })
  )
})
