import { connect } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, References } from "effect"
import { FetchHttpClient } from "effect/http"
import * as AdminClient from "../../src/admin/AdminClient.ts"
import { NodeClock } from "../../src/time/NodeClock.ts"
import { startServed, until } from "../integration/RealNodes.ts"
import { type Answer, ask } from "./HttpRequests.ts"

const problem = (status: number, title: string, detail: unknown) => ({ type: "about:blank", status, title, detail })

const expectProblem = (answer: Answer, status: number, title: string, detail: unknown) => {
  expect(answer.status).toBe(status)
  expect(answer.headers["content-type"]).toBe("application/problem+json")
  expect(answer.json).toEqual(problem(status, title, detail))
}

const iso = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/)

const aliveSeen = (url: string, count: number) =>
  until(
    `${count} are alive`,
    Effect.map(ask(url, "/readyz"), ({ json }) => json),
    (json) => JSON.stringify(json).includes(`"alive_nodes":${count},`)
  )

describe("routes that read", () => {
  it.live("healthz: ok while all loops run, else the failed ones", () =>
    Effect.gen(function* () {
      const node = yield* startServed()
      const well = yield* ask(node.url, "/healthz")
      expect([well.status, well.json]).toEqual([200, { status: "ok" }])
      const { fork } = Context.get(node.services, NodeClock)
      yield* Effect.scoped(Effect.andThen(fork("gossip", Effect.die("injected")), Effect.sleep("50 millis"))).pipe(
        Effect.provideService(References.MinimumLogLevel, "None")
      )
      const ill = yield* ask(node.url, "/healthz")
      expect(ill.status).toBe(503)
      expect(ill.headers["content-type"]).toBe("application/problem+json")
      expect(ill.json).toEqual({
        ...problem(503, "Service Unavailable", "these loops failed by a defect: gossip"),
        dead: ["gossip"]
      })
    })
  )

  it.live("readyz: at once without peers, with peers after one has answered, and from then on", () =>
    Effect.gen(function* () {
      const first = yield* startServed()
      const alone = yield* ask(first.url, "/readyz")
      expect([alone.status, alone.json]).toEqual([
        200,
        { status: "ready", alive_nodes: 1, suspect_nodes: 0, dead_nodes: 0, left_nodes: 0 }
      ])

      const lost = yield* startServed({ peers: ["127.0.0.1:9"] })
      expectProblem(
        yield* ask(lost.url, "/readyz"),
        503,
        "Service Unavailable",
        "the node has not joined yet: no peer has answered"
      )

      const second = yield* startServed({ peers: [first.address, "127.0.0.1:9"] })
      yield* aliveSeen(second.url, 2)
      expect((yield* ask(second.url, "/readyz")).status).toBe(200)
      yield* first.stop
      yield* until("it is alone", ask(second.url, "/readyz"), ({ text }) => text.includes(`"left_nodes":1`))
      const later = yield* ask(second.url, "/readyz")
      expect([later.status, later.json]).toEqual([
        200,
        { status: "ready", alive_nodes: 1, suspect_nodes: 0, dead_nodes: 0, left_nodes: 1 }
      ])
    })
  )

  it.live("membership: every member, itself first, with its round-trip time and the cause of its status", () =>
    Effect.gen(function* () {
      const a = yield* startServed({ nodeId: "18446744073709551615" })
      const b = yield* startServed({ nodeId: "7", peers: [a.address] })
      const { json } = yield* until("the answer of a probe", ask(a.url, "/membership"), ({ text }) =>
        /"rtt_ms":[0-9]/.test(text)
      )
      const own = {
        id: "18446744073709551615",
        addr: a.address,
        status: "alive",
        incarnation: expect.any(Number),
        heartbeat: expect.any(Number),
        level: expect.any(Number),
        started_at: iso,
        tags: {},
        since: iso,
        rtt_ms: null,
        cause: null,
        self: true
      }
      const other = {
        ...own,
        id: "7",
        addr: b.address,
        rtt_ms: expect.any(Number),
        cause: { kind: "Heard" },
        self: false
      }
      expect(json).toEqual({ nodes: [own, other] })
      expect((yield* ask(a.url, "/membership?status=alive")).json).toEqual({ nodes: [own, other] })
      expect((yield* ask(a.url, "/membership?status=dead")).json).toEqual({ nodes: [] })
      expect((yield* ask(a.url, "/membership?status=")).status).toBe(400)
      expectProblem(
        yield* ask(a.url, "/membership?status=zombie"),
        400,
        "Bad Request",
        `query: Expected "alive" | "suspect" | "dead" | "left" at ["status"]`
      )

      const seven = {
        ...other,
        listed: true,
        history: [
          {
            sequence: 1,
            at: iso,
            from: null,
            to: "alive",
            addr: b.address,
            incarnation: expect.any(Number),
            cause: { kind: "Heard" }
          }
        ]
      }
      expect((yield* ask(a.url, "/membership/7")).json).toEqual(seven)
      expect((yield* ask(a.url, "/membership/0x7")).json).toEqual(seven)
      expectProblem(yield* ask(a.url, "/membership/8"), 404, "Not Found", "there is no member 8, and no history of one")
      for (const id of ["x", "-1", "18446744073709551616", "%00", "1".repeat(90)]) {
        expectProblem(
          yield* ask(a.url, `/membership/${id}`),
          400,
          "Bad Request",
          `path: expected a node id: a decimal number below 2^64, or 0x and 1 to 16 hexadecimal digits at ["id"]`
        )
      }
    })
  )

  it.live("metrics, as text and as JSON", () =>
    Effect.gen(function* () {
      const node = yield* startServed()
      const text = yield* ask(node.url, "/metrics")
      expect([text.status, text.headers["content-type"]]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"])
      expect(text.text).toMatch(/^# HELP swim_/m)
      const json = yield* ask(node.url, "/metrics/json")
      expect([json.status, json.headers["content-type"]]).toEqual([200, "application/json"])
      expect(json.json).toMatchObject({ swim_probe_rtt_seconds: { type: "histogram" } })
    })
  )

  it.live("metrics as JSON also under the flat names of the older implementation", () =>
    Effect.gen(function* () {
      const a = yield* startServed({ nodeId: "1" })
      yield* startServed({ nodeId: "2", peers: [a.address] })
      const metrics = yield* until(
        "both nodes have exchanged messages",
        Effect.map(ask(a.url, "/metrics/json"), ({ json }) => Object(json)),
        ({ alive, gossip_recv, pings_sent }) => alive === 2 && gossip_recv > 0 && pings_sent > 0
      )
      const flat = Object.keys(metrics).filter((name) => !name.startsWith("swim_"))
      expect(flat).toEqual([
        "gossip_rounds",
        "gossip_sent",
        "gossip_recv",
        "pings_sent",
        "pings_recv",
        "acks_sent",
        "acks_recv",
        "ping_reqs_sent",
        "ping_reqs_recv",
        "probe_direct_timeouts",
        "probe_failures",
        "merges_new",
        "merges_updated",
        "merges_stale",
        "anti_entropy_sent",
        "rate_limited",
        "reliable_retries",
        "reliable_exhausted",
        "alive",
        "suspect",
        "dead"
      ])
      for (const name of flat) {
        const metric = metrics[`swim_${name}_total`] ?? metrics[`swim_members_${name}`]
        expect([name, metrics[name]]).toEqual([name, metric.series[0].value])
      }
    })
  )

  it.live("openapi.json, from the same schemas", () =>
    Effect.gen(function* () {
      const node = yield* startServed()
      const { json, status } = yield* ask(node.url, "/openapi.json")
      expect(status).toBe(200)
      expect(json).toMatchObject({ openapi: "3.1.0", info: { title: "effect-gossip" } })
      const { paths } = Object(json)
      expect(Object.keys(paths)).toEqual([
        "/healthz",
        "/readyz",
        "/membership",
        "/membership/{id}",
        "/events",
        "/ui",
        "/metrics",
        "/metrics/json",
        "/leave",
        "/events/{name}",
        "/queries/{name}",
        "/tags",
        "/join",
        "/membership/{id}/forget",
        "/keys",
        "/keys/use",
        "/keys/remove"
      ])
      expect(paths["/keys"].post.security).toEqual([{ bearer: [] }])
      expect(paths["/membership"].get.security).toEqual([])
    })
  )
})

describe("requests without a route", () => {
  it.live("an unknown path: 404", () =>
    Effect.gen(function* () {
      const { url } = yield* startServed()
      for (const path of ["/", "/nope", "/healthz/x", "/membership/1/2", "/keys/zzz", "/metrics/json/x", "//", "/%"]) {
        expectProblem(yield* ask(url, path), 404, "Not Found", "there is nothing at this path")
      }
      expectProblem(yield* ask(url, "/nope", { method: "POST", body: {} }), 404, "Not Found", expect.any(String))
    })
  )

  it.live("an unknown method: 405, with the supported ones", () =>
    Effect.gen(function* () {
      const { url } = yield* startServed()
      for (const [method, path, allowed] of [
        ["POST", "/healthz", "GET, HEAD"],
        ["DELETE", "/membership?status=alive", "GET, HEAD"],
        ["PUT", "/membership/7", "GET, HEAD"],
        ["POST", "/openapi.json", "GET, HEAD"],
        ["POST", "/metrics", "GET, HEAD"],
        ["GET", "/leave", "POST"],
        ["HEAD", "/keys/use", "POST"],
        ["PATCH", "/keys", "GET, POST, HEAD"],
        ["OPTIONS", "/events", "GET, HEAD"]
      ] as const) {
        const answer = yield* ask(url, path, { method })
        expect([method, path, answer.status, answer.headers["allow"]]).toEqual([method, path, 405, allowed])
        if (method !== "HEAD") expectProblem(answer, 405, "Method Not Allowed", `this path supports ${allowed}`)
      }
    })
  )

  it.live("HEAD: GET without a body", () =>
    Effect.gen(function* () {
      const { url } = yield* startServed()
      for (const path of ["/healthz", "/readyz", "/membership", "/metrics", "/events"]) {
        const answer = yield* ask(url, path, { method: "HEAD" })
        expect([path, answer.status, answer.text]).toEqual([path, 200, ""])
      }
    })
  )

  it.live("bytes that are not HTTP do no harm", () =>
    Effect.gen(function* () {
      const { url } = yield* startServed()
      const text = yield* Effect.callback<string>((resume) => {
        const socket = connect(Number(new URL(url).port), "127.0.0.1")
        let text = ""
        socket.on("data", (bytes) => (text += bytes.toString("latin1")))
        socket.on("close", () => resume(Effect.succeed(text)))
        socket.on("error", () => undefined)
        socket.end("SWIM?\r\n\r\n")
      })
      expect(text).toMatch(/^HTTP\/1.1 400 /)
      expect((yield* ask(url, "/healthz")).status).toBe(200)
    })
  )
})

describe("the client", () => {
  it.live("returns typed answers", () =>
    Effect.gen(function* () {
      const node = yield* startServed({ nodeId: "5" })
      const client = yield* AdminClient.make({ baseUrl: node.url })
      expect(yield* client.healthz()).toEqual({ status: "ok" })
      expect(yield* client.readyz()).toEqual({ status: "ready", alive: 1, suspect: 0, dead: 0, left: 0 })
      const { nodes } = yield* client.members({ query: {} })
      expect(nodes.map(({ address, id, self }) => [id, String(address), self])).toEqual([[5n, node.address, true]])
      expect((yield* client.member({ params: { id: nodes[0]!.id } })).history).toEqual([])
      expect(yield* client.metrics()).toContain("swim_")
      expect(Object.keys(yield* client.metricsJson())).toContain("swim_probe_rtt_seconds")
      const refused = yield* Effect.flip(client.leave())
      expect(refused._tag).toBe("Forbidden")
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
