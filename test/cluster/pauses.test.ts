import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { jitterFraction } from "../../src/failure-detector/SuspicionTiming.ts"
import { Lab, type LabNode, type Timed, claim, countsOf, parts, sender, pass, scenario, virtual } from "./Lab.ts"

// The defaults, in ms.
const Interval = 1000
const Timeout = 500
const HeartbeatInterval = 500
const Latency = 1

const Grain = 1e-5

/** Lets the timers of a node wait for `ms`, as if its event loop were busy. Datagrams are delivered all the same. */
const pause = ({ node: { clock } }: LabNode, ms: number) =>
  Effect.gen(function* () {
    clock.freeze()
    yield* Effect.forkScoped(
      Effect.andThen(
        Effect.sleep(ms),
        Effect.sync(() => clock.thaw())
      ),
      {
        startImmediately: true
      }
    )
  })

/** Stops the process of a node for `ms`: its timers and what is sent to it wait. */
const stopProcess = ({ node: { control } }: LabNode, ms: number) =>
  Effect.gen(function* () {
    control.freeze()
    yield* Effect.forkScoped(Effect.andThen(Effect.sleep(ms), Effect.sync(control.thaw)), { startImmediately: true })
  })

/** The earliest of the times `origin`, `origin + period` and so on that is not before `from`. */
const next = (from: number, period: number, origin = 0) => origin + Math.ceil((from - origin) / period) * period

/**
 * The earliest time from `from` on at which a timer of a node without news is due that was started at 0 and has held a
 * suspicion or a check since `watched`.
 */
const nextTimer = (from: number, watched: number) =>
  Math.min(next(from, HeartbeatInterval), next(from, Interval), next(from, Timeout / 2, watched))

const started = Effect.fnUntraced(function* (lab: Lab, count: number, options = {}) {
  const nodes: Array<LabNode> = [yield* lab.start(1, options)]
  for (let i = 2; i <= count; i++) nodes.push(yield* lab.start(i, { peers: [nodes[0]!.address], ...options }))
  yield* pass(Interval - 1)
  for (const node of nodes) assert.strictEqual((yield* countsOf(node)).alive, count)
  return nodes
})

const names = (nodes: ReadonlyArray<LabNode>) => nodes.map(({ name }) => name)

const probesOf = (lab: Lab, node: LabNode, to: string, from: number) =>
  lab.sent((seen) => seen.message._tag === "Ping" && seen.from === node.name && seen.to === to, from)

const requestsOf = (lab: Lab, node: LabNode, from: number) =>
  lab.sent((seen) => seen.message._tag === "PingReq" && seen.from === node.name, from)

const saw = (node: LabNode, tag: Timed["_tag"], subject?: bigint) =>
  node.changes.filter(
    (change) => change._tag === tag && "member" in change && (subject === undefined || change.member.id === subject)
  )

describe("a pause of a node", () => {
  /** Other nodes that leave the probing to the paused one. */
  const idle = { probes: { interval: "1 hour" } } as const

  /** n1, whose clock can be paused, and n2 and n3, which probe nobody; n2 answers nobody from `T` on, which begins a probe of it. */
  const probing = Effect.gen(function* () {
    const lab = yield* Lab.believing()
    const a = yield* lab.start(1)
    const b = yield* lab.start(2, { peers: [a.address], ...idle })
    const c = yield* lab.start(3, { peers: [a.address], ...idle })
    yield* pass(2000 - 1)
    lab.network.separate([b.name], [a.name, c.name], true)
    const cut = lab.now
    while (probesOf(lab, a, b.name, cut).length === 0) yield* pass(1)
    return { lab, a, b, c, T: lab.now }
  })

  scenario("voids the probe in flight: no relay is asked, nobody is suspected, and the next probe is a new one", () =>
    Effect.gen(function* () {
      const { a, b, lab, T } = yield* probing
      const { detector, clock } = parts(a)
      yield* pass(100)
      const pauses = clock.watch.pauses
      yield* pause(a, 1300)
      const resumed = T + 1400
      yield* pass(1300)
      assert.strictEqual(clock.watch.pauses, pauses + 1)
      assert.deepInclude(detector.counters, { voided: 1, failures: 0 })
      assert.strictEqual(detector.health.score, 0)
      // The cycle's timeout, due at T + 500, came with the end of the pause; the rest of the cycle follows in full.
      const next = resumed + Interval - Timeout
      yield* pass(next - lab.now)
      assert.deepStrictEqual(saw(a, "Suspected"), [])
      assert.deepStrictEqual(requestsOf(lab, a, T), [])
      const fresh = lab.sent(({ at, from, message }) => at > T && from === a.name && message._tag === "Ping")
      assert.deepStrictEqual(
        fresh.map(({ at }) => at),
        [next]
      )
      // Without the void this would be its end; a later probe finds that n2 is gone.
      yield* pass(5 * Interval)
      const [suspected] = saw(a, "Suspected", b.id)
      const begun = suspected!.ms - Interval
      assert.isAtLeast(begun, next)
      assert.strictEqual(probesOf(lab, a, b.name, begun)[0]!.at, begun)
      assert.strictEqual(detector.counters.voided, 1)
    })
  )

  scenario("of less than half a probe timeout only delays the requests to relays", () =>
    Effect.gen(function* () {
      const { a, b, lab, T } = yield* probing
      yield* pass(Timeout - 50)
      const pauses = parts(a).clock.watch.pauses
      // The timeout is due 50 ms later; it is 249 ms late.
      yield* pause(a, 299)
      yield* pass(299)
      assert.strictEqual(parts(a).clock.watch.pauses, pauses)
      yield* pass(1000)
      assert.deepStrictEqual(
        requestsOf(lab, a, T).map(({ at }) => at),
        [T + Timeout + 249]
      )
      // The end of the interval keeps its place.
      assert.deepStrictEqual(
        saw(a, "Suspected", b.id).map(({ ms }) => ms),
        [T + Interval]
      )
      assert.strictEqual(parts(a).detector.counters.voided, 0)
    })
  )

  scenario("of half a probe timeout voids the probe", () =>
    Effect.gen(function* () {
      const { a, lab, T } = yield* probing
      yield* pass(Timeout - 50)
      yield* pause(a, 300)
      yield* pass(Interval)
      assert.strictEqual(parts(a).detector.counters.voided, 1)
      assert.deepStrictEqual(requestsOf(lab, a, T), [])
      assert.deepStrictEqual(saw(a, "Suspected"), [])
    })
  )

  it.effect(
    "extends a suspicion by the lateness of the timers, once per pause, whether it ends before the suspicion or after",
    () =>
      Effect.gen(function* () {
        for (const [begins, length] of [
          [850, 2000],
          [1333, 700],
          [3010, 5000]
        ] as const) {
          yield* virtual(
            Effect.gen(function* () {
              const lab = yield* Lab.believing()
              const origin = lab.now
              const a = yield* lab.start(1)
              const liar = yield* lab.puppet(2)
              yield* pass(999)
              const say = (entry: ReturnType<typeof claim>) =>
                liar.send({ _tag: "Gossip", ...sender(2), entries: [entry] }, a)
              yield* say(claim("Suspect", 3, "10.0.0.3:7946", 0, 5))
              yield* pass(Latency)
              const suspected = lab.now
              // n1 and the suspect: entries come before the header that tells of the liar.
              const ends = suspected + 3000 * (1 + 0.5 * Math.log2(2)) + jitterFraction(0, 1, 0, 3) * 1000
              yield* pass(begins)
              const { watch } = parts(a).clock
              const pauses = watch.pauses
              yield* pause(a, length)
              const resumes = lab.now + length
              const late = resumes - (origin + nextTimer(lab.now - origin, suspected - origin))
              assert.isAbove(late, Timeout / 2)
              yield* pass(20_000)
              assert.strictEqual(watch.pauses, pauses + 1)
              const deaths = saw(a, "Died", 3n)
              assert.strictEqual(deaths.length, 1)
              // Nobody has answered a PING, so the check of the death lasts as long as a probe waits.
              assert.closeTo(deaths[0]!.ms, ends + late + Timeout, Grain)
            })
          )
        }
      })
  )

  scenario("that happens again moves the end again", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const a = yield* lab.start(1)
      const liar = yield* lab.puppet(2)
      yield* pass(1010)
      yield* liar.send({ _tag: "Gossip", ...sender(2), entries: [claim("Suspect", 3, "10.0.0.3:7946", 0, 5)] }, a)
      yield* pass(Latency)
      const suspected = lab.now
      let ends = suspected + 3000 * (1 + 0.5 * Math.log2(2)) + jitterFraction(0, 1, 0, 3) * 1000
      // By then the news has been passed on.
      yield* pass(1000)
      for (let i = 0; i < 4; i++) {
        // A new pause at 50 ms before a timer that is as late as the rest of the pause.
        yield* pass(50)
        const due = next(lab.now, Timeout / 2, suspected)
        yield* pass(due - 50 - lab.now)
        // Whole periods of all loops, so that timers keep their places.
        yield* pause(a, 1050)
        ends += 1000
        yield* pass(1050 + 100)
        assert.strictEqual(parts(a).clock.watch.pauses, i + 1)
      }
      yield* pass(20_000)
      assert.closeTo(saw(a, "Died", 3n)[0]!.ms, ends + Timeout, Grain)
    })
  )

  scenario("moves the checks of a Dead claim too", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.believing()
      const a = yield* lab.start(1)
      const liar = yield* lab.puppet(2)
      yield* pass(1010)
      const address = "10.0.0.3:7946"
      yield* liar.send({ _tag: "Gossip", ...sender(2), entries: [claim("Alive", 3, address)] }, a)
      yield* pass(5)
      yield* liar.send({ _tag: "Gossip", ...sender(2), entries: [claim("Dead", 3, address)] }, a)
      yield* pass(Latency)
      const claimed = lab.now
      // PINGs are sent at 0 and 500 ms. A timer that is due after 750 ms is the first that is late, by 950 ms.
      yield* pass(700)
      yield* pause(a, 1000)
      yield* pass(5000)
      const pings = probesOf(lab, a, "10.0.0.3", claimed).filter(({ at }) => at % Interval !== 0)
      assert.includeMembers(
        pings.map(({ at }) => at - claimed),
        [0, 500, 1000 + 950]
      )
      assert.deepStrictEqual(
        saw(a, "Died", 3n).map(({ ms }) => ms - claimed),
        [1500 + 950]
      )
    })
  )
})

describe("a node that is stopped and continues", () => {
  /** Stops n1 of five for a while, with all that is sent to it waiting. */
  const stop = Effect.fnUntraced(function* (ms: number) {
    const lab = yield* Lab.believing()
    const nodes = yield* started(lab, 5)
    const [stopped, ...others] = nodes
    yield* pass(3250)
    const from = lab.now
    yield* stopProcess(stopped!, ms)
    yield* pass(ms - 1)
    assert.deepStrictEqual(
      lab.sent((seen) => seen.from === stopped!.name, from),
      []
    )
    return { lab, stopped: stopped!, others, from, resumed: from + ms }
  })

  scenario("for less than a suspicion refutes when it continues, and accuses nobody", () =>
    Effect.gen(function* () {
      const { from, lab, others, resumed, stopped } = yield* stop(5000)
      for (const other of others) assert.strictEqual(yield* lab.status(other, stopped), "suspect")
      yield* pass(1500)
      for (const other of others) {
        const [suspected, recovered, ...more] = other.changes.filter(({ ms }) => ms > from)
        assert.deepStrictEqual([suspected!._tag, recovered!._tag, more.length], ["Suspected", "Recovered", 0])
        assert.isAbove(recovered!.ms, resumed)
        assert.strictEqual(yield* lab.status(other, stopped), "alive")
      }
      yield* pass(20_000)
      for (const node of [stopped, ...others]) {
        assert.deepStrictEqual(saw(node, "Died"), [])
        assert.strictEqual((yield* countsOf(node)).alive, 5)
      }
      assert.deepStrictEqual(saw(stopped, "Suspected"), [])
    })
  )

  scenario("for longer is declared dead, rejoins by itself when it continues, and accuses nobody", () =>
    Effect.gen(function* () {
      const { lab, others, resumed, stopped } = yield* stop(14_000)
      for (const other of others) assert.strictEqual(yield* lab.status(other, stopped), "dead")
      yield* pass(1500)
      for (const other of others) {
        assert.strictEqual(saw(other, "Died", stopped.id).length, 1)
        const recovered = saw(other, "Recovered", stopped.id)
        assert.strictEqual(recovered.length, 1)
        assert.isAbove(recovered[0]!.ms, resumed)
        assert.strictEqual(yield* lab.status(other, stopped), "alive")
      }
      yield* pass(20_000)
      for (const node of [stopped, ...others]) assert.strictEqual((yield* countsOf(node)).alive, 5)
      assert.deepStrictEqual([saw(stopped, "Suspected"), saw(stopped, "Died")], [[], []])
      assert.isAtLeast(parts(stopped).clock.watch.pauses, 1)
      assert.deepStrictEqual(names(others.filter((other) => parts(other).clock.watch.pauses > 0)), [])
    })
  )
})
