import { spawn } from "node:child_process"
import { setFlagsFromString } from "node:v8"
import { fileURLToPath } from "node:url"
import { runInNewContext } from "node:vm"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Clock, Context, Duration, Effect, Exit, Fiber, Latch, Layer, Random, Schedule } from "effect"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import { isLong } from "../Campaign.ts"
import { Cluster } from "../../src/cluster/Cluster.ts"
import { Membership } from "../../src/membership/Membership.ts"
import type { NotInTime, WrongCondition } from "../../src/simulation/SimulationError.ts"
import * as Simulation from "../../src/simulation/Simulation.ts"
import type { AnyNode } from "../../src/simulation/SimNode.ts"
import { Network } from "../../src/transport/Network.ts"
import { Beginning } from "../../src/simulation/time/VirtualClock.ts"
import { history, unrelated } from "./history.ts"

/** An effect that takes real time. */
const really = (ms: number) => Effect.promise(() => new Promise<void>((resolve) => setTimeout(resolve, ms)))

/** The service of a simulation. */
const simulate = <A, E, R>(
  scenario: (simulation: Simulation.Simulation["Service"]) => Effect.Effect<A, E, R>,
  options: Parameters<typeof Simulation.run>[1] = {}
) => Simulation.run(Effect.flatMap(Simulation.Simulation, scenario), options)

/** A service on a node with a name, which records its start and its end. */
class Guest extends Context.Service<Guest, { readonly name: string; readonly fiber: Fiber.Fiber<never> }>()(
  "test/simulation/Guest"
) {
  static readonly layer = (name: string, notes: Array<string>, goodbye: Effect.Effect<void> = Effect.void) =>
    Layer.effect(
      Guest,
      Effect.gen(function* () {
        const { id } = yield* Cluster
        const clock = yield* Clock.Clock
        const note = (what: string) =>
          Effect.sync(
            () => void notes.push(`${name} of ${id} ${what} at ${Number(clock.monotonicTimeNanosUnsafe()) / 1e6}`)
          )
        yield* note("begins")
        yield* Effect.addFinalizer(() => Effect.andThen(goodbye, note("ends")))
        return { name, fiber: yield* Effect.forkScoped(Effect.never) }
      })
    )
}

describe("Simulation.run", () => {
  it.effect("has the exit of the scenario: success, failure, defect and interruption", () =>
    Effect.gen(function* () {
      const exit = <A, E>(scenario: Effect.Effect<A, E>) => Effect.exit(Simulation.run(scenario))
      assert.deepStrictEqual(yield* exit(Effect.succeed(3)), Exit.succeed(3))
      assert.deepStrictEqual(yield* exit(Effect.as(Effect.sleep("1 hour"), "later")), Exit.succeed("later"))
      assert.deepStrictEqual(yield* exit(Effect.fail("failure")), Exit.fail("failure"))
      assert.deepStrictEqual(yield* exit(Effect.andThen(Effect.sleep(1), Effect.die("defect"))), Exit.die("defect"))
      const interrupted = yield* exit(Effect.andThen(Effect.sleep(1), Effect.interrupt))
      assert.isTrue(Exit.isFailure(interrupted) && Cause.hasInterruptsOnly(interrupted.cause))
    })
  )

  it.effect("runs in virtual time, whatever the outer clock is", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("5 minutes")
      const times = yield* simulate((simulation) =>
        Effect.gen(function* () {
          const times: Array<number> = []
          const note = Effect.map(Clock.currentTimeMillis, (now) => times.push(now - Beginning))
          yield* note
          yield* Effect.sleep("3 days")
          yield* note
          yield* Effect.ignore(Effect.timeout(Effect.never, "1 second"))
          yield* note
          yield* Effect.repeat(note, { schedule: Schedule.spaced("10 millis"), times: 2 })
          assert.strictEqual(simulation.now(), times.at(-1))
          return times
        })
      )
      const later = 3 * 86_400_000 + 1000
      assert.deepStrictEqual(times, [0, later - 1000, later, later, later + 10, later + 20])
      // The outer clock did not advance.
      assert.strictEqual(yield* Clock.currentTimeMillis, 300_000)
    })
  )

  it.effect("depends on the seed only", () =>
    Effect.gen(function* () {
      const drawn = (seed?: number | string) =>
        simulate(
          ({ restart, start }) =>
            Effect.gen(function* () {
              const [one, other] = yield* start(2)
              const numbers = [yield* Random.next, yield* Random.next]
              for (const node of [one, other, yield* restart(one)]) numbers.push(yield* node.run(Random.next))
              return numbers
            }),
          seed === undefined ? {} : { seed }
        )
      const usual = yield* drawn()
      assert.strictEqual(new Set(usual).size, 5)
      assert.deepStrictEqual(yield* Random.withSeed(drawn(), "around it"), usual)
      assert.deepStrictEqual(yield* drawn(1), usual)
      assert.deepStrictEqual(yield* drawn("1"), usual)
      const other = yield* drawn(2)
      for (const [i, number] of usual.entries()) assert.notStrictEqual(other[i], number)
    })
  )

  it.effect("has the services of its context", () =>
    Effect.gen(function* () {
      class Fixture extends Context.Service<Fixture, string>()("test/simulation/Fixture") {}
      const found = yield* simulate((simulation) =>
        Effect.gen(function* () {
          const [node] = yield* simulation.start(1)
          return [yield* Fixture, yield* node.run(Fixture)]
        })
      ).pipe(Effect.provideService(Fixture, "around"))
      assert.deepStrictEqual(found, ["around", "around"])
    })
  )

  it.live("ends when it is interrupted, and releases its resources in virtual time", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      const exit = yield* simulate((simulation) =>
        Effect.gen(function* () {
          yield* simulation.startWith(Guest.layer("guest", notes), 1)
          yield* Effect.addFinalizer(() =>
            Effect.gen(function* () {
              const before = simulation.now()
              yield* Effect.sleep("3 seconds")
              notes.push(`released after ${simulation.now() - before}`)
            })
          )
          // Never idle and never done.
          yield* Effect.forever(Effect.sleep(1))
        }).pipe(Effect.scoped)
      ).pipe(Effect.timeout(20), Effect.exit)
      assert.isTrue(Exit.isFailure(exit))
      assert.strictEqual(notes[1], "released after 3000")
      assert.match(String(notes[2]), /^guest of 1 ends at /)
    })
  )

  it.live("ends when it is interrupted during work in real time", () =>
    Effect.gen(function* () {
      let released = false
      const waiting = yield* simulate(({ inRealTime }) =>
        Effect.ensuring(
          inRealTime(Effect.never),
          Effect.andThen(
            Effect.sleep(5),
            Effect.sync(() => (released = true))
          )
        )
      ).pipe(Effect.forkChild({ startImmediately: true }))
      yield* really(5)
      yield* Fiber.interrupt(waiting)
      assert.isTrue(released)
    })
  )

  it.effect("fails when fibers wake each other for ever by yields or sleeps of 0", () =>
    Effect.gen(function* () {
      for (const endless of [Effect.yieldNow, Effect.sleep(0)]) {
        const error = yield* simulate(() =>
          Effect.gen(function* () {
            yield* Effect.sleep("2 seconds")
            yield* Effect.forkChild(Effect.forever(endless, { disableYield: true }))
            yield* Effect.sleep("1 minute")
          })
        ).pipe(Effect.flip)
        assert.strictEqual(error.message, "virtual time is stuck at 2 s: fibers wake each other without ever sleeping")
      }
    })
  )

  it.live("does work in real time, while virtual time advances or stands still", () =>
    Effect.gen(function* () {
      const passed = yield* simulate(({ now, inRealTime, start }) =>
        Effect.gen(function* () {
          yield* start(2)
          yield* Effect.sleep(500)
          yield* inRealTime(Effect.all([really(3), really(1)], { concurrency: "unbounded" }))
          // It continues at the instant at which it waited.
          assert.strictEqual(now(), 500)
          yield* Effect.all([inRealTime(really(3)), inRealTime(really(1)), inRealTime(really(2))], {
            concurrency: "unbounded"
          })
          assert.strictEqual(now(), 500)
          const forked = yield* Effect.andThen(really(1), Effect.forkChild(Effect.succeed(now())))
          yield* really(3)
          const before = yield* Fiber.join(forked)
          yield* Effect.sleep(1)
          return now() - before
        })
      )
      assert.isAtLeast(passed, 1)
    })
  )

  it.live("ends with work in real time, although nothing is left in virtual time", () =>
    Effect.gen(function* () {
      for (const invariants of [true, false]) {
        assert.strictEqual(yield* Simulation.run(Effect.as(really(2), "end"), { invariants }), "end")
      }
    })
  )

  if (isLong) {
    it.live("runs beside other simulations, and inside one, without influence", () =>
      Effect.gen(function* () {
        const [first, second] = [yield* history(1), yield* history(2)]
        assert.notStrictEqual(first, second)
        const inside = simulate(({ now, start }) =>
          Effect.gen(function* () {
            yield* start(2)
            yield* Effect.sleep("10 seconds")
            const hash = yield* history(2)
            assert.strictEqual(now(), 10_000)
            return hash
          })
        )
        const together = yield* Effect.all([history(1, really(3)), unrelated, inside], { concurrency: "unbounded" })
        assert.deepStrictEqual(together, [first, undefined, second])
      })
    )
  }

  it.live("has the same history in every process", () =>
    Effect.gen(function* () {
      const program = fileURLToPath(new URL("history.ts", import.meta.url))
      const printed = (
        options: ReadonlyArray<string>,
        args: ReadonlyArray<string>,
        env: Readonly<Record<string, string>>
      ) =>
        Effect.callback<string>((resume) => {
          const child = spawn(process.execPath, [...options, program, ...args], {
            env: { PATH: process.env["PATH"], ...env },
            stdio: ["ignore", "pipe", "inherit"]
          })
          let out = ""
          child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text))
          child.on("close", () => resume(Effect.succeed(out.trim())))
          return Effect.sync(() => child.kill("SIGKILL"))
        })
      const [here, plain, other] = yield* Effect.all(
        [
          history(7, really(1)),
          printed([], ["7"], { TZ: "UTC" }),
          printed(["--max-semi-space-size=1", "--stack-size=700"], ["7", "unrelated"], {
            TZ: "Asia/Kathmandu",
            LANG: "tr_TR.UTF-8"
          })
        ],
        { concurrency: "unbounded" }
      )
      assert.match(here, /^[0-9a-f]{16}$/)
      assert.strictEqual(plain, here)
      assert.strictEqual(other, here)
    })
  )

  it.live("leaves no timers, and no memory after many runs", () =>
    Effect.gen(function* () {
      setFlagsFromString("--expose-gc")
      const collect: () => void = runInNewContext("gc")
      const resources = () =>
        process.getActiveResourcesInfo().filter((name) => name === "Timeout" || name === "Immediate")
      const before = resources()
      const timelines: Array<WeakRef<object>> = []
      for (let run = 0; run < 50; run++) {
        yield* simulate(({ network, now, inRealTime, start, startWith, timeline }) =>
          Effect.gen(function* () {
            timelines.push(new WeakRef(timeline))
            yield* start(2)
            yield* startWith(Guest.layer("guest", []), 1)
            network.defaults.loss = 0.1
            yield* Effect.forkDetach(Effect.forever(Effect.sleep(7)))
            yield* Effect.forkDetach(Effect.never)
            if (run % 10 === 0) yield* inRealTime(really(1))
            yield* Effect.sleep(200)
            return now()
          })
        ).pipe(Effect.exit)
      }
      assert.isAtMost(resources().length, before.length)
      yield* really(1)
      collect()
      // The last one may still be on the stack.
      assert.isAtMost(timelines.filter((ref) => ref.deref() !== undefined).length, 1)
      assert.strictEqual(timelines.length, 50)
    })
  )
})

describe("waiters", () => {
  it.effect("check every 10 ms and at the limit, and fail with the name of the condition", () =>
    Effect.gen(function* () {
      yield* simulate(({ now, until }) =>
        Effect.gen(function* () {
          const looks: Array<number> = []
          const look = (holds: (now: number) => boolean) => () => {
            looks.push(now())
            return holds(now())
          }
          yield* until(
            "now",
            look(() => true),
            "1 second"
          )
          yield* until(
            "half past",
            look((now) => now >= 25),
            "1 second"
          )
          assert.deepStrictEqual(looks, [0, 0, 10, 20, 30])
          const error: NotInTime = yield* Effect.flip(
            until(
              "a miracle",
              look(() => false),
              "25 millis"
            )
          )
          assert.deepStrictEqual(looks.slice(5), [30, 40, 50, 55])
          assert.strictEqual(error.message, "not within 0.025 s, at 0.055 s: a miracle")
          assert.deepStrictEqual([error._tag, error.at, Duration.toMillis(error.within)], ["NotInTime", 55, 25])
          yield* Effect.flip(until("what comes too late", () => now() >= 61, "5 millis"))
          assert.strictEqual(now(), 60)
          yield* Effect.flip(until("at once", () => false, 0))
          assert.strictEqual(now(), 60)
          assert.strictEqual(yield* Effect.flip(until("an effect", Effect.fail("failed"), 5)), "failed")
          yield* until("an effect", Effect.as(Effect.sleep(100), true), "1 milli")
          assert.strictEqual(now(), 160)
        })
      )
    })
  )

  it.effect("fail with the disagreements, and with what the nodes see instead", () =>
    Effect.gen(function* () {
      yield* simulate(({ freeze, kill, partition, start, untilConverged, untilEveryoneSees }) =>
        Effect.gen(function* () {
          const [a, b, c] = yield* start(3)
          assert.strictEqual(
            (yield* Effect.flip(untilConverged(0))).message,
            [
              "not within 0 s, at 0 s: all nodes that are up see each other alive",
              "n1 sees 1 of 3 alive and 0 suspect",
              "n2 sees 1 of 3 alive and 0 suspect",
              "n3 sees 1 of 3 alive and 0 suspect"
            ].join("\n  ")
          )
          yield* untilConverged(0, [a])
          yield* untilConverged("10 seconds")
          yield* kill(c)
          const error = yield* Effect.flip(untilEveryoneSees(c, ["dead", "left"], 0))
          assert.match(error.message, /: everyone sees n3 dead or left\n {2}n1 sees it alive\n {2}n2 sees it alive$/)
          yield* untilEveryoneSees(c, "alive", 0)
          yield* untilEveryoneSees(c, "dead", "1 minute")
          yield* untilConverged(0)
          yield* partition([a], [b])
          yield* untilEveryoneSees(a, "dead", "1 minute")
          // Only nodes that are up count.
          yield* freeze(b)
          assert.match(
            (yield* Effect.flip(untilEveryoneSees(c, "left", 0))).message,
            /: everyone sees n3 left\n {2}n1 sees it \w+$/
          )
        })
      )
    })
  )
})

describe("verbs", () => {
  it.effect("need nodes in the right condition", () =>
    Effect.gen(function* () {
      yield* simulate((simulation) =>
        Effect.gen(function* () {
          const { blockIo, crash, freeze, kill, start, startWith, stop, thaw, unblockIo } = simulation
          const verbs = { stop, kill, crash, freeze, thaw, blockIo, unblockIo }
          const [up, frozen, killed, crashed, left] = yield* start(5)
          const [leaving] = yield* startWith(Guest.layer("guest", [], Effect.sleep("10 seconds")), 1)
          yield* freeze(frozen)
          yield* kill(killed)
          yield* crash(crashed)
          yield* stop(left)
          const farewell = yield* Effect.forkChild(stop(leaving), { startImmediately: true })
          const refused: Record<string, Array<string>> = {}
          for (const node of [up, frozen, killed, crashed, left, leaving]) {
            for (const [name, verb] of Object.entries(verbs)) {
              const { condition } = node
              const possible = {
                up: "stop kill crash freeze blockIo unblockIo",
                frozen: "kill crash thaw",
                leaving: "kill crash"
              }
              if (new Map(Object.entries(possible)).get(condition)?.split(" ").includes(name) === true) continue
              const error: WrongCondition = yield* Effect.flip(verb(node))
              assert.strictEqual(error.message, `cannot ${name} ${node.name}: it is ${condition}`)
              assert.strictEqual(node.condition, condition)
              ;(refused[condition] ??= []).push(name)
            }
          }
          assert.deepStrictEqual(
            Object.values(refused).map(({ length }) => length),
            [1, 4, 7, 7, 7, 5]
          )
          yield* blockIo(up)
          yield* unblockIo(up)
          yield* thaw(frozen)
          assert.deepStrictEqual([up.condition, frozen.condition], ["up", "up"])
          yield* Fiber.join(farewell)
          assert.deepStrictEqual([leaving.condition, left.condition, killed.condition], ["left", "left", "killed"])
        })
      )
    })
  )

  it.effect("kill a process, whose machine refuses datagrams, and crash a machine, which is silent", () =>
    Effect.gen(function* () {
      const answers = yield* simulate((simulation) =>
        Effect.gen(function* () {
          const { crash, heal, kill, reject, restart, start, startLevel0, stop } = simulation
          const [prober, up, killed, crashed, left] = yield* start(5)
          const [level0] = yield* startLevel0(1)
          const ask = (node: AnyNode) =>
            prober.run(
              Effect.gen(function* () {
                const { probePort } = yield* Network
                const target = NetAddress.inetAddressFromStringUnsafe(node.address)
                const answer = yield* probePort!({ target, payload: Uint8Array.of(1), timeout: "1 second" })
                return answer._tag
              })
            )
          yield* kill(killed)
          yield* crash(crashed)
          yield* stop(left)
          yield* kill(level0)
          const answers = yield* Effect.forEach([up, killed, crashed, left, level0], ask)
          yield* reject(prober, up)
          answers.push(yield* ask(up))
          yield* heal
          answers.push(yield* ask(up), yield* ask(yield* restart(killed)), yield* ask(yield* restart(crashed)))
          assert.deepStrictEqual([up.condition, killed.condition, crashed.condition], ["up", "killed", "crashed"])
          return answers
        })
      )
      assert.deepStrictEqual(answers, [
        // Up, killed, crashed, left, and a killed level 0 node.
        "Silent",
        "Refused",
        "Silent",
        "Refused",
        "Refused",
        // Rejected, healed, and restarted.
        "Refused",
        "Silent",
        "Silent",
        "Silent"
      ])
    })
  )

  it.effect("start nodes on machines of their own, which join, notice a death, and leave", () =>
    Effect.gen(function* () {
      yield* simulate(({ kill, nodes, start, stop, untilConverged, untilEveryoneSees }) =>
        Effect.gen(function* () {
          const [first, ...others] = yield* start(4)
          // Nodes of different address families cannot reach each other.
          const [v6] = yield* start(1, { family: 6, config: { peers: [] } })
          assert.deepStrictEqual(nodes, [first, ...others, v6])
          assert.deepStrictEqual(
            nodes.map(({ address, id, life, name, number }) => [number, name, life, String(id), address]),
            [
              [1, "n1", 1, "1", "10.0.0.1:7946"],
              [2, "n2", 1, "2", "10.0.0.2:7946"],
              [3, "n3", 1, "3", "10.0.0.3:7946"],
              [4, "n4", 1, "4", "10.0.0.4:7946"],
              [5, "n5", 1, "5", "[fd00::5]:7946"]
            ]
          )
          yield* kill(v6)
          yield* untilConverged("10 seconds", [first, ...others])
          yield* kill(others[0])
          yield* untilEveryoneSees(others[0], "dead", "1 minute")
          yield* stop(others[1])
          yield* untilEveryoneSees(others[1], "left", "5 seconds")
        })
      )
    })
  )

  it.effect("put a layer on each node, which closes when the node stops, and at the end", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      const both = Layer.provideMerge(
        Layer.effectDiscard(
          Effect.acquireRelease(Effect.asVoid(Guest), () => Effect.sync(() => notes.push("above ends")))
        ),
        Guest.layer("guest", notes, Effect.sleep(50))
      )
      yield* simulate(({ freeze, kill, restart, startWith, stop }) =>
        Effect.gen(function* () {
          const [stopped, killed, frozen, up] = yield* startWith(both, 4)
          assert.strictEqual(yield* up.run(Effect.map(Guest, ({ name }) => name)), "guest")
          assert.strictEqual(Context.get(up.context, Guest).fiber.pollUnsafe(), undefined)
          assert.deepStrictEqual(
            notes.splice(0),
            [1, 2, 3, 4].map((id) => `guest of ${id} begins at 0`)
          )
          yield* Effect.sleep(1000)
          yield* stop(stopped)
          assert.isDefined(Context.get(stopped.context, Guest).fiber.pollUnsafe())
          assert.deepStrictEqual(notes.splice(0), ["above ends", "guest of 1 ends at 1050"])
          yield* kill(killed)
          yield* Effect.sleep("10 seconds")
          assert.deepStrictEqual(notes.splice(0), [])
          const again = yield* restart(stopped, { identity: "new" })
          assert.strictEqual(yield* again.run(Effect.map(Guest, ({ name }) => name)), "guest")
          assert.match(String(notes.splice(0)), /^guest of 5 begins at \d+(\.\d+)?$/)
          yield* freeze(frozen)
        })
      )
      // Those that are not killed; a frozen one could not end.
      assert.deepStrictEqual(
        notes.map((note) => note.replace(/ at .*/, "")),
        [3, 4, 5].flatMap((id) => ["above ends", `guest of ${id} ends`])
      )
    })
  )

  it.effect("fail when a layer fails, and leave nothing of that node", () =>
    Effect.gen(function* () {
      yield* simulate(({ nodes, start, startWith, untilConverged }) =>
        Effect.gen(function* () {
          const [alone] = yield* start(1)
          const notes: Array<string> = []
          const broken = Layer.provideMerge(
            Layer.effectDiscard(Effect.andThen(Guest, Effect.fail("broken"))),
            Guest.layer("guest", notes)
          )
          assert.strictEqual(yield* Effect.flip(startWith(broken, 1)), "broken")
          // The built part of the layer is closed.
          assert.deepStrictEqual(notes, ["guest of 2 begins at 0", "guest of 2 ends at 0"])
          assert.deepStrictEqual(nodes, [alone])
          yield* Effect.sleep("20 seconds")
          // No other node knows it.
          assert.deepStrictEqual(alone.liveCounts(), { alive: 1, suspect: 0 })
          const [second] = yield* start(1)
          assert.strictEqual(second.name, "n2")
          yield* untilConverged("10 seconds")
        })
      )
    })
  )

  it.effect("run effects on a node with its services, clock and randomness, until it is killed", () =>
    Effect.gen(function* () {
      yield* simulate(({ kill, now, restart, skew, start }) =>
        Effect.gen(function* () {
          const [fast, other] = yield* start(2)
          assert.strictEqual(yield* fast.run(Effect.map(Cluster, ({ id }) => id)), fast.id)
          assert.strictEqual(yield* other.run(Membership), other.membership)
          yield* skew(fast, 2)
          yield* fast.run(Effect.sleep("10 seconds"))
          assert.strictEqual(now(), 5000)
          assert.strictEqual(yield* fast.run(Clock.currentTimeMillis), Beginning + 10_000)
          const late = yield* restart(other, { clockBehind: "1 hour" })
          assert.strictEqual(yield* late.run(Clock.currentTimeMillis), Beginning + 5000 - 3_600_000)
          assert.deepStrictEqual(yield* Effect.exit(late.run(Effect.fail("failed"))), Exit.fail("failed"))

          const { fibers } = late
          const { sleeping } = late.clock
          let interrupted = 0
          const running = yield* Effect.forkChild(
            late.run(
              Effect.onInterrupt(
                Effect.andThen(
                  Effect.forkChild(Effect.sleep("1 day"), { startImmediately: true }),
                  Effect.sleep("1 day")
                ),
                () => Effect.sync(() => interrupted++)
              )
            ),
            { startImmediately: true }
          )
          assert.deepStrictEqual([late.fibers - fibers, late.clock.sleeping - sleeping], [1, 2])
          yield* kill(late)
          const exit = yield* Fiber.await(running)
          assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
          assert.strictEqual(interrupted, 1)
          assert.strictEqual(late.clock.sleeping, 0)
          assert.isTrue(Exit.isFailure(yield* Effect.exit(late.run(Effect.sleep(1)))))
        })
      )
    })
  )

  it.effect("end an effect on a node that is killed, even if it would never end by itself", () =>
    Effect.gen(function* () {
      yield* simulate(({ kill, start }) =>
        Effect.gen(function* () {
          const [node] = yield* start(1)
          const stubborn = Effect.ensuring(Effect.never, Effect.sleep("1 second"))
          const running = yield* Effect.forkChild(node.run(stubborn))
          yield* Effect.sleep(1)
          yield* kill(node)
          // The clock of the node never wakes it again.
          assert.isTrue(Exit.isFailure(yield* Effect.timeout(Fiber.await(running), "10 seconds")))
        })
      )
    })
  )

  it.effect("restart a node with the same or a new identity, and with changes", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      yield* simulate(({ freeze, kill, nodes, now, restart, start, startWith, untilConverged, untilEveryoneSees }) =>
        Effect.gen(function* () {
          const [, first] = yield* start(2)
          const [guest] = yield* startWith(Guest.layer("guest", notes), 1)
          yield* untilConverged("10 seconds")
          const second = yield* restart(first)
          assert.deepStrictEqual([first.condition, second.condition], ["killed", "up"])
          assert.deepStrictEqual([second.id, second.life, second.startedAt], [first.id, 2, now()])
          assert.deepStrictEqual([second.name, second.address, nodes[1]], ["n2", first.address, second])
          yield* untilConverged("10 seconds")
          yield* freeze(second)
          const third = yield* restart(second, { identity: "new", config: { probes: { timeout: 321 } } })
          assert.deepStrictEqual([second.condition, third.life, String(third.id)], ["killed", 3, "4"])
          yield* untilEveryoneSees(first, ["dead", "unknown"], "1 minute")
          yield* untilConverged("1 minute")
          yield* kill(third)
          const fourth = yield* restart(third)
          assert.deepStrictEqual(
            [String(fourth.id), fourth.life, Duration.toMillis(fourth.config.probes.timeout)],
            ["4", 4, 321]
          )
          // Whichever life of the machine one has at hand.
          const fifth = yield* restart(first)
          assert.deepStrictEqual([fourth.condition, fifth.life, nodes[1]], ["killed", 5, fifth])
          const again = yield* restart(guest)
          assert.strictEqual(yield* again.run(Effect.map(Guest, ({ name }) => name)), "guest")
        })
      )
    })
  )

  it.effect("leave nothing of a node that stopped, and nothing that runs of one that was killed", () =>
    Effect.gen(function* () {
      yield* simulate(
        ({ kill, network, start, startWith, stop, timeline, untilConverged }) =>
          Effect.gen(function* () {
            const [observer] = yield* start(1)
            const [stopped, killed] = yield* startWith(Guest.layer("guest", []), 2)
            yield* untilConverged("10 seconds")
            for (const node of [stopped, killed]) {
              assert.isAbove(node.fibers, 3)
              assert.isAbove(node.clock.sleeping, 0)
            }
            const sent = new Set<string>()
            network.observe({ sent: ({ from }) => sent.add(from) })
            yield* stop(stopped)
            assert.deepStrictEqual([stopped.fibers, stopped.clock.sleeping], [0, 0])
            yield* kill(killed)
            assert.strictEqual(killed.clock.sleeping, 0)
            const { fibers } = killed
            sent.clear()
            yield* Effect.sleep("5 minutes")
            assert.deepStrictEqual([...sent], ["n1"])
            assert.deepStrictEqual([killed.fibers, killed.clock.sleeping], [fibers, 0])
            yield* stop(observer)
            yield* Effect.sleep("1 second")
            // No event is left.
            const { events } = timeline
            yield* Effect.sleep("1 hour")
            assert.strictEqual(timeline.events, events + 1)
          }),
        { invariants: false }
      )
    })
  )

  it.effect("do not wait for the leave of a node that is killed meanwhile", () =>
    Effect.gen(function* () {
      yield* simulate(({ kill, startWith, stop }) =>
        Effect.gen(function* () {
          for (const forHow of ["long", "something"]) {
            const latch = yield* Latch.make()
            const goodbye = forHow === "long" ? Effect.sleep("20 seconds") : latch.await
            const [node] = yield* startWith(Guest.layer("guest", [], goodbye), 1)
            const farewell = yield* Effect.forkChild(stop(node))
            yield* Effect.sleep("1 second")
            assert.strictEqual(node.condition, "leaving")
            yield* kill(node)
            yield* Effect.timeout(Fiber.await(farewell), "1 second")
            // Not even when what it waited for happens.
            yield* latch.open
            yield* Effect.sleep("1 second")
            assert.strictEqual(node.condition, "killed")
          }
        })
      )
    })
  )

  it.effect("do not wait for the leave of a level 0 node that is killed meanwhile", () =>
    Effect.gen(function* () {
      yield* simulate(({ kill, start, startLevel0, stop, untilConverged }) =>
        Effect.gen(function* () {
          yield* start(1)
          const [node] = yield* startLevel0(1)
          yield* untilConverged("10 seconds")
          const farewell = yield* Effect.forkChild(stop(node))
          yield* Effect.sleep(1)
          assert.strictEqual(node.condition, "leaving")
          yield* kill(node)
          yield* Effect.timeout(Fiber.await(farewell), "1 second")
          assert.strictEqual(node.condition, "killed")
        })
      )
    })
  )

  it.effect("let a leaving node close its layer, although the scenario has ended", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      yield* simulate(({ startWith, stop }) =>
        Effect.gen(function* () {
          const [leaving] = yield* startWith(Guest.layer("guest", notes, Effect.sleep("20 seconds")), 1)
          yield* Effect.forkChild(stop(leaving))
          yield* Effect.sleep("1 second")
        })
      )
      assert.deepStrictEqual(notes, ["guest of 1 begins at 0", "guest of 1 ends at 20000"])
    })
  )

  it.effect("build a layer for each node, even if the context of the simulation has it", () =>
    Effect.gen(function* () {
      let built = 0
      const counted = Layer.effectDiscard(Effect.sync(() => built++))
      yield* simulate(({ restart, startWith }) =>
        Effect.gen(function* () {
          const [, node] = yield* startWith(counted, 2)
          yield* restart(node)
        })
      ).pipe(Effect.provide(counted))
      assert.strictEqual(built, 4)
    })
  )

  it.effect("stop a process, which runs its timers first and then its datagrams when it continues", () =>
    Effect.gen(function* () {
      yield* simulate(
        ({ blockIo, freeze, network, now, start, thaw, unblockIo, untilConverged }) =>
          Effect.gen(function* () {
            const [node] = yield* start(2)
            yield* untilConverged("10 seconds")
            const seen: Array<string> = []
            const since = now()
            network.observe({ delivered: ({ to }) => void (to === "n1" && seen.push(`got at ${now() - since}`)) })
            yield* Effect.forkChild(
              node.run(
                Effect.andThen(
                  Effect.sleep(100),
                  Effect.sync(() => seen.push(`woke at ${now() - since}`))
                )
              )
            )
            yield* Effect.yieldNow
            yield* freeze(node)
            yield* Effect.sleep("3 seconds")
            assert.deepStrictEqual(seen, [])
            assert.isAbove(node.host.held, 0)
            yield* thaw(node)
            yield* Effect.sleep(1)
            assert.strictEqual(seen[0], "woke at 3000")
            assert.strictEqual(seen[1], "got at 3000")
            // Its timers run while its datagrams wait.
            yield* blockIo(node)
            seen.length = 0
            yield* node.run(Effect.sleep("2 seconds"))
            assert.deepStrictEqual(seen, [])
            // A freeze and a thaw do not change that.
            yield* freeze(node)
            yield* thaw(node)
            yield* Effect.sleep(10)
            assert.deepStrictEqual(seen, [])
            yield* unblockIo(node)
            yield* Effect.sleep(1)
            assert.isAbove(seen.length, 0)
          }),
        { invariants: false }
      )
    })
  )

  it.effect("close all layers of nodes, although some of them fail", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      const exit = yield* simulate(({ startWith }) =>
        Effect.gen(function* () {
          yield* startWith(Guest.layer("first", notes, Effect.die("first")), 1)
          yield* startWith(Guest.layer("second", notes), 1)
          notes.length = 0
        })
      ).pipe(Effect.exit)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.deepStrictEqual(notes, ["second of 2 ends at 0"])
    })
  )
})
