/** Nodes on a virtual network and clock: what they answer is known to the millisecond. */
import { createServer } from "node:http"
import { connect } from "node:net"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, expect } from "@effect/vitest"
import { Context, DateTime, Effect, Layer, Logger, Stream } from "effect"
import { HttpServer } from "effect/http"
import { HttpApiTest } from "effect/http-api"
import { NetAddress } from "effect/net"
import * as Admin from "../../src/admin/Admin.ts"
import { AdminApi } from "../../src/admin/AdminApi.ts"
import * as Journal from "../../src/admin/Journal.ts"
import * as Problems from "../../src/admin/Problems.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { Membership } from "../../src/membership/Membership.ts"
import { Simulation } from "../../src/simulation/Simulation.ts"
import { Lab, type LabNode, pass, scenario } from "../cluster/Lab.ts"

/** What answers for a node of the lab, without a server, and what it keeps from now on. */
const clientOf = Effect.fnUntraced(function* (node: LabNode) {
  const services = yield* Layer.build(
    Admin.layerHandlers.pipe(
      Layer.provideMerge(Journal.layer),
      Layer.provide(Layer.succeedContext(node.context)),
      Layer.provideMerge(Layer.mergeAll(Admin.withoutToken, Problems.layerRequests, HttpServer.layerServices))
    )
  )
  const client = yield* Effect.provideContext(HttpApiTest.groups(AdminApi, ["observe", "operate"]), services)
  return { client, journal: Context.get(services, Journal.Journal) }
})

const id = (n: number) => NodeId.fromWords(0, n)

describe("the history of a member", () => {
  scenario("has the cause of a death, also after the member is removed", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      const { client } = yield* clientOf(a)
      const b = yield* lab.start(2, { peers: ["10.0.0.1:7946"] })
      yield* lab.start(3, { peers: ["10.0.0.1:7946"] })
      yield* pass("10 seconds")
      const well = yield* client.member({ params: { id: id(2) } })
      expect([well.status, well.listed, well.cause]).toMatchObject(["alive", true, { value: { _tag: "Heard" } }])
      // Links take 1 ms each way.
      expect(well.rtt).toMatchObject({ value: expect.anything() })

      const from = lab.now
      yield* lab.kill(b)
      yield* pass("12 seconds")
      const dead = yield* client.member({ params: { id: id(2) } })
      expect([dead.status, dead.listed]).toEqual(["dead", true])
      const told = dead.history.map(({ at, cause, from: before, to }) => [
        before,
        to,
        cause._tag,
        DateTime.toEpochMillis(at) > from
      ])
      expect(told.slice(0, 1)).toEqual([[null, "alive", "Heard", false]])
      expect(told.slice(-2)).toEqual([
        ["alive", "suspect", expect.stringMatching(/ProbeFailed|Claimed/), true],
        ["suspect", "dead", expect.stringMatching(/SuspicionExpired|Claimed|DeathConfirmed/), true]
      ])
      assert(dead.cause._tag === "Some")
      expect(dead.cause.value).toEqual(dead.history.at(-1)?.cause)
      expect((yield* client.members({ query: { status: "dead" } })).nodes).toMatchObject([
        { id: 2n, cause: dead.cause }
      ])

      yield* pass("20 seconds")
      expect((yield* client.members({ query: {} })).nodes.map(({ id }) => id)).toEqual([1n, 3n])
      const forgotten = yield* client.member({ params: { id: id(2) } })
      expect(forgotten).toEqual({ ...dead, listed: false, rtt: forgotten.rtt })
    })
  )

  scenario("has no cause for members that were listed before it began", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      yield* lab.start(2, { peers: ["10.0.0.1:7946"] })
      yield* pass("2 seconds")
      // The member was listed before the journal began.
      const { client, journal } = yield* clientOf(a)
      expect((yield* client.member({ params: { id: id(2) } })).history).toEqual([])
      expect((yield* client.members({ query: {} })).nodes.map(({ cause }) => cause._tag)).toEqual(["None", "None"])
      expect(journal.hasMet()).toBe(true)
    })
  )
})

describe("a node that has joined", () => {
  scenario("stays ready after all other members are gone and removed", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, { peers: ["10.0.0.2:7946", "10.0.0.9:7946"] })
      const { client } = yield* clientOf(a)
      expect((yield* Effect.flip(client.readyz()))._tag).toBe("NotReady")
      const b = yield* lab.start(2)
      yield* pass("15 seconds")
      expect(yield* client.readyz()).toEqual({ status: "ready", alive: 2, suspect: 0, dead: 0, left: 0 })
      yield* lab.kill(b)
      yield* pass("1 minute")
      expect(yield* client.readyz()).toEqual({ status: "ready", alive: 1, suspect: 0, dead: 0, left: 0 })
    })
  )
})

/** Lets the platform deliver what is under way on real connections. */
const soon = Effect.flatMap(Simulation, ({ inRealTime }) =>
  inRealTime(Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void))))
)

describe("over a real connection", () => {
  scenario("a client that reads nothing for a minute is disconnected without a log line", () =>
    Effect.gen(function* () {
      const lines: Array<unknown> = []
      const log = Logger.layer([Logger.make(({ message }) => void lines.push(message))])
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      const services = yield* Layer.build(
        Admin.layer().pipe(
          Layer.provideMerge(NodeHttpServer.layerServer(createServer, { host: "127.0.0.1", port: 0 })),
          Layer.provideMerge(Journal.layer),
          Layer.provide(Layer.succeedContext(a.context)),
          Layer.provide(log)
        )
      )
      const { address } = Context.get(services, HttpServer.HttpServer)
      assert(NetAddress.isInetAddress(address))
      const { events } = Context.get(services, Journal.Journal)
      const state = { closed: false }
      const socket = yield* Effect.acquireRelease(
        Effect.sync(() => {
          const socket = connect(address.port, "127.0.0.1")
          socket.on("close", () => (state.closed = true))
          socket.on("error", () => undefined)
          socket.pause()
          socket.write("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
          return socket
        }),
        (socket) => Effect.sync(() => socket.destroy())
      )
      // More than all buffers on the way take.
      let sequence = 0
      for (let round = 0; round < 60; round++) {
        for (let i = 0; i < 1000; i++) {
          events.append({
            _tag: "Unreadable",
            sequence: ++sequence,
            at: DateTime.makeUnsafe(0),
            cause: { _tag: "OtherKey" },
            id: id(1),
            address: NetAddress.inetAddressFromStringUnsafe("10.0.0.1:1")
          })
        }
        for (let i = 0; i < 50; i++) yield* soon
      }
      yield* pass("30 seconds")
      yield* soon
      expect(state.closed).toBe(false)
      yield* pass("1 minute")
      let heard = 0
      socket.on("data", (bytes) => (heard += bytes.length))
      socket.resume()
      for (let i = 0; i < 10_000 && !state.closed; i++) yield* soon
      expect(state.closed).toBe(true)
      expect(heard).toBeLessThan(sequence * 100)
      expect(lines).toEqual([])
    })
  )
})

describe("two nodes with one id", () => {
  scenario("are a conflict at every member, told once a minute and listed for as long as it lasts", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1)
      const b = yield* lab.start(2, { peers: ["10.0.0.1:7946"] })
      yield* pass("2 seconds")
      const told: Array<string> = []
      for (const node of [a, b]) {
        yield* Context.get(node.context, Membership).changes.pipe(
          Stream.runForEach((change) =>
            Effect.sync(() => {
              if (change._tag === "Conflict") told.push(`${change.kind} ${change.id}`)
            })
          ),
          Effect.forkChild({ startImmediately: true })
        )
      }
      const first = yield* lab.start(3, { nodeId: "42", peers: ["10.0.0.1:7946"] })
      yield* pass("1500 millis")
      yield* lab.start(4, { nodeId: "42", peers: ["10.0.0.1:7946"] })
      yield* pass("90 seconds")
      expect(told).toEqual(["SameId 42", "SameId 42", "SameId 42", "SameId 42"])
      for (const node of [a, first]) {
        const { client } = yield* clientOf(node)
        const { conflicts = [] } = yield* client.members({ query: {} })
        expect(conflicts).toMatchObject([{ kind: "SameId", id: 42n }])
        expect(conflicts[0]?.addresses.map(String)).toEqual(["10.0.0.3:7946", "10.0.0.4:7946"])
      }
    })
  )
})

describe("an operator", () => {
  scenario("makes a node join another cluster, and all members forget a dead one", () =>
    Effect.gen(function* () {
      const lab = yield* Lab.make()
      const a = yield* lab.start(1, { extensions: {} })
      const b = yield* lab.start(2, { extensions: {} })
      yield* pass("2 seconds")
      const { client } = yield* clientOf(a)
      const { client: other } = yield* clientOf(b)
      expect(yield* Effect.flip(client.join({ payload: { peers: ["10.0.0.2"] } }))).toMatchObject({
        _tag: "BadRequest"
      })
      yield* client.join({ payload: { peers: ["10.0.0.2:7946"] } })
      yield* pass("1 second")
      const joined = yield* other.members({ query: {} })
      expect([joined.nodes.map(({ id }) => id), joined.conflicts]).toEqual([[2n, 1n], undefined])

      const c = yield* lab.start(3, { extensions: {}, peers: ["10.0.0.1:7946"] })
      yield* pass("2 seconds")
      const params = { id: id(3) }
      expect(yield* Effect.flip(client.forget({ params }))).toMatchObject({ _tag: "Conflict" })
      expect(yield* Effect.flip(client.forget({ params: { id: id(4) } }))).toMatchObject({ _tag: "NotFound" })
      yield* lab.kill(c)
      yield* pass("12 seconds")
      expect((yield* other.members({ query: { status: "dead" } })).nodes.map(({ id }) => id)).toEqual([3n])
      yield* client.forget({ params })
      yield* pass("1 second")
      expect((yield* other.members({ query: {} })).nodes.map(({ id }) => id)).toEqual([2n, 1n])
      const { history, listed } = yield* other.member({ params })
      expect([listed, history.at(-1)?.to]).toEqual([false, "dead"])
    })
  )
})
