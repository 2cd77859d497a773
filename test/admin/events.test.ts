import { connect } from "node:net"
import { assert, describe, expect, it } from "@effect/vitest"
import { DateTime, Effect, Exit, Fiber, Latch, Scope, Stream } from "effect"
import { FetchHttpClient } from "effect/http"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import { MaxFollowers, MaxFollowersOfAddress } from "../../src/admin/Admin.ts"
import * as AdminClient from "../../src/admin/AdminClient.ts"
import type { Change } from "../../src/admin/ChangeJson.ts"
import { EventLog } from "../../src/admin/EventLog.ts"
import * as EventStream from "../../src/admin/EventStream.ts"
import * as NodeId from "../../src/domain/NodeId.ts"
import { startServed, until, untilTrue } from "../integration/RealNodes.ts"
import { ask, follow } from "./HttpRequests.ts"

const change = (sequence: number): Change => ({
  _tag: "Unreadable",
  sequence,
  at: DateTime.makeUnsafe(0),
  cause: { _tag: "OtherKey" },
  id: NodeId.fromWords(0, 1),
  address: NetAddress.inetAddressFromStringUnsafe("10.0.0.1:1")
})

const text = (sequence: number) =>
  `id: ${sequence}\ndata: {"kind":"Unreadable","sequence":${sequence},"at":"1970-01-01T00:00:00.000Z",` +
  `"cause":{"kind":"OtherKey"},"id":"1","addr":"10.0.0.1:1"}\n\n`

const missed = (count: number | null, id: number) => `id: ${id}\nevent: missed\ndata: {"count":${count}}\n\n`

const greeting = ": the changes of this node\n\n"
const heartbeat = ": still here\n\n"

/** Follows a log; `received` is what has arrived. The follower reads nothing while `open` is closed. */
const followLog = Effect.fnUntraced(function* (log: EventLog, from: number | undefined, open?: Latch.Latch) {
  const received: Array<string> = []
  let disconnected = false
  const scope = yield* Scope.fork(yield* Effect.scope)
  const stream = yield* EventStream.make(
    log,
    from,
    EventStream.makeWriter(),
    Effect.sync(() => (disconnected = true))
  ).pipe(Scope.provide(scope))
  const fiber = yield* Stream.runForEach(stream, (piece) =>
    Effect.andThen(
      Effect.sync(() => received.push(piece)),
      open === undefined ? Effect.void : open.await
    )
  ).pipe(Effect.forkScoped({ startImmediately: true }))
  return { received, isDisconnected: () => disconnected, fiber, close: Scope.close(scope, Exit.void) }
})

describe("the stream", () => {
  it.effect("sends changes as they happen, and a comment after 15 seconds without one", () =>
    Effect.gen(function* () {
      const log = new EventLog()
      const { received } = yield* followLog(log, log.now)
      yield* TestClock.adjust("14 seconds")
      expect(received).toEqual([greeting])
      log.append(change(3))
      yield* TestClock.adjust("14 seconds")
      expect(received).toEqual([greeting, text(3)])
      yield* TestClock.adjust("1 second")
      expect(received).toEqual([greeting, text(3), heartbeat])
      yield* TestClock.adjust("30 seconds")
      expect(received).toEqual([greeting, text(3), heartbeat, heartbeat, heartbeat])
    })
  )

  it.effect("continues after a cursor, and reports lost changes", () =>
    Effect.gen(function* () {
      const log = new EventLog(4)
      for (let sequence = 1; sequence <= 10; sequence++) log.append(change(sequence))
      const receivedFrom = Effect.fnUntraced(function* (from: number | undefined) {
        const { received } = yield* followLog(log, from)
        yield* TestClock.adjust(0)
        return received.join("")
      })
      expect(yield* receivedFrom(8)).toBe(greeting + text(9) + text(10))
      expect(yield* receivedFrom(10)).toBe(greeting)
      expect(yield* receivedFrom(log.now)).toBe(greeting)
      expect(yield* receivedFrom(0)).toBe(greeting + missed(6, 6) + text(7) + text(8) + text(9) + text(10))
      // A cursor of an earlier run of the node.
      expect(yield* receivedFrom(99)).toBe(greeting + missed(null, 6) + text(7) + text(8) + text(9) + text(10))
    })
  )

  it.effect("reports once that an unknown number of changes is lost", () =>
    Effect.gen(function* () {
      const { received } = yield* followLog(new EventLog(), 99)
      yield* TestClock.adjust("15 seconds")
      expect(received).toEqual([greeting, missed(null, 0), heartbeat])
    })
  )

  it.effect("ends with the log", () =>
    Effect.gen(function* () {
      const log = new EventLog()
      const { fiber, received } = yield* followLog(log, log.now)
      yield* TestClock.adjust(0)
      log.append(change(1))
      log.end()
      yield* Fiber.join(fiber)
      expect(received.join("")).toBe(greeting + text(1))
      const late = yield* followLog(log, 0)
      yield* Fiber.join(late.fiber)
      expect(late.received.join("")).toBe(greeting + text(1))
    })
  )

  it.effect("drops changes for a slow follower, and delays no other", () =>
    Effect.gen(function* () {
      const log = new EventLog(16)
      const open = yield* Latch.make(true)
      const slow = yield* followLog(log, log.now, open)
      const quick = yield* followLog(log, log.now)
      log.append(change(1))
      yield* TestClock.adjust(0)
      yield* open.close
      for (let sequence = 2; sequence <= 100; sequence++) {
        log.append(change(sequence))
        yield* TestClock.adjust(0)
      }
      expect(quick.received.join("").match(/^id: /gm)).toHaveLength(100)
      yield* open.open
      yield* TestClock.adjust(0)
      const ids = slow.received
        .join("")
        .match(/(?<=^id: )\d+/gm)
        ?.map(Number)
      assert(ids !== undefined)
      expect(slow.received.join("")).toMatch(/event: missed\ndata: \{"count":82\}/)
      expect(ids.slice(-16)).toEqual(Array.from({ length: 16 }, (_, i) => 85 + i))
      expect(slow.isDisconnected()).toBe(false)
    })
  )

  it.effect("disconnects a follower that reads nothing for a minute, and none that has nothing to read", () =>
    Effect.gen(function* () {
      const log = new EventLog()
      const open = yield* Latch.make(true)
      const idle = yield* followLog(log, log.now)
      const stuck = yield* followLog(log, log.now, open)
      yield* TestClock.adjust(0)
      yield* open.close
      log.append(change(1))
      yield* TestClock.adjust("55 seconds")
      expect([idle.isDisconnected(), stuck.isDisconnected()]).toEqual([false, false])
      yield* TestClock.adjust("30 seconds")
      expect([idle.isDisconnected(), stuck.isDisconnected()]).toEqual([false, true])
      yield* TestClock.adjust("10 minutes")
      expect(idle.isDisconnected()).toBe(false)
    })
  )
})

describe("GET /events", () => {
  it.live("sends every change as it happens, and earlier ones on request", () =>
    Effect.gen(function* () {
      const a = yield* startServed({ nodeId: "1" })
      const live = yield* follow(a.url)
      expect([live.status, live.headers["content-type"], live.headers["cache-control"]]).toEqual([
        200,
        "text/event-stream",
        "no-store"
      ])
      const b = yield* startServed({ nodeId: "2", peers: [a.address] })
      yield* untilTrue("the node has joined", () => live.events.length > 0)
      const iso = expect.stringMatching(/Z$/)
      const joined = {
        event: "message",
        id: "1",
        data: {
          kind: "Joined",
          sequence: 1,
          at: iso,
          member: {
            id: "2",
            addr: b.address,
            status: "alive",
            incarnation: expect.any(Number),
            heartbeat: expect.any(Number),
            level: expect.any(Number),
            since: iso,
            tags: {},
            self: false
          },
          cause: { kind: "Heard" }
        }
      }
      expect(live.events[0]).toEqual(joined)
      yield* b.stop
      const leftNow = () => live.events.some(({ data }) => Object(data).kind === "Left")
      yield* untilTrue("the node has left", leftNow)

      const again = yield* follow(a.url, { "last-event-id": "0" })
      yield* untilTrue("all came again", () => again.events.length === live.events.length)
      expect(again.events).toEqual(live.events)
      const rest = yield* follow(a.url, { "last-event-id": "1" })
      yield* untilTrue("the rest came again", () => rest.events.length === live.events.length - 1)
      expect(rest.events).toEqual(live.events.slice(1))
      const former = yield* follow(a.url, { "last-event-id": "1000" })
      yield* untilTrue("all came", () => former.events.length === live.events.length + 1)
      expect(former.events[0]).toEqual({ event: "missed", id: "0", data: { count: null } })
    })
  )

  it.live("refuses an id that is not a number", () =>
    Effect.gen(function* () {
      const { url } = yield* startServed()
      for (const id of ["x", "-1", "1.5", "9".repeat(16)]) {
        const answer = yield* ask(url, "/events", { headers: { "last-event-id": id } })
        expect([answer.status, answer.json]).toEqual([
          400,
          {
            type: "about:blank",
            status: 400,
            title: "Bad Request",
            detail: "header: Last-Event-ID is the id of an event, a number"
          }
        ])
      }
    })
  )

  it.live("ends streams completely and at once when the node ends", () =>
    Effect.gen(function* () {
      const node = yield* startServed()
      const following = yield* Effect.all([follow(node.url), follow(node.url)])
      const before = performance.now()
      yield* node.stop
      expect(performance.now() - before).toBeLessThan(1000)
      yield* untilTrue("both have ended", () => following.every(({ ended }) => ended() !== undefined))
      expect(following.map(({ ended }) => ended())).toEqual(["complete", "complete"])
      const refused = yield* Effect.flip(ask(node.url, "/healthz"))
      expect(refused.message).toMatch(/ECONNREFUSED/)
    })
  )

  it.live("does not wait long for slow or silent clients when the node ends", () =>
    Effect.gen(function* () {
      const node = yield* startServed()
      const port = Number(new URL(node.url).port)
      const sockets = yield* Effect.acquireRelease(
        Effect.sync(() =>
          ["", "GET /healthz HTTP/1.1\r\nHost: x\r\n", "GET /events HTTP/1.1\r\nHost: x\r\n\r\n"].map((text) => {
            const socket = connect(port, "127.0.0.1")
            socket.on("error", () => undefined)
            socket.write(text)
            return socket
          })
        ),
        (sockets) => Effect.sync(() => sockets.forEach((socket) => socket.destroy()))
      )
      yield* Effect.sleep("100 millis")
      const before = performance.now()
      yield* node.stop
      expect(performance.now() - before).toBeLessThan(5000)
      for (const socket of sockets) socket.resume()
      yield* untilTrue("all are closed", () => sockets.every((socket) => socket.destroyed))
    })
  )

  it.live(`allows ${MaxFollowers} followers at the same time`, () =>
    Effect.gen(function* () {
      const node = yield* startServed()
      const scope = yield* Scope.fork(yield* Effect.scope)
      yield* Effect.forEach(
        Array.from({ length: MaxFollowers }, (_, n) => `127.0.0.${2 + Math.floor(n / MaxFollowersOfAddress)}`),
        (from) => follow(node.url, {}, from),
        { concurrency: 8 }
      ).pipe(Scope.provide(scope))
      const full = yield* ask(node.url, "/events")
      expect([full.status, full.headers["content-type"], Object(full.json).detail]).toEqual([
        503,
        "application/problem+json",
        `${MaxFollowers} clients follow the events, which is the limit`
      ])
      yield* Scope.close(scope, Exit.void)
      yield* until(
        "there is room",
        Effect.scoped(Effect.map(follow(node.url), ({ status }) => status)),
        (status) => status === 200
      )
    })
  )

  it.live("gives the client typed events", () =>
    Effect.gen(function* () {
      const a = yield* startServed({ nodeId: "1" })
      const client = yield* AdminClient.make({ baseUrl: a.url })
      yield* startServed({ nodeId: "2", peers: [a.address] })
      const events = yield* client.events({ headers: { "last-event-id": "0" } })
      const [first] = yield* events.pipe(Stream.take(1), Stream.runCollect)
      assert(first?.event === "message" && first.data._tag === "Joined")
      expect([first.id, first.data.member.id, first.data.cause]).toEqual(["1", 2n, { _tag: "Heard" }])
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
