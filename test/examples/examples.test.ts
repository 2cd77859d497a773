/** The examples that are programs, run as a user would run them. `examples/test-clock` is a test itself. */
import { readdirSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { NodeHttpClient, NodeHttpServer } from "@effect/platform-node"
import { assert, describe, expect, it } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Option, Queue, Stream } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { NetAddress } from "effect/net"
import { TestClock } from "effect/testing"
import { Server } from "../../examples/admin-routes/Server.ts"
import * as CustomNode from "../../examples/custom-failure-detector/Node.ts"
import * as Job from "../../examples/leader-job/Job.ts"
import * as Balancer from "../../examples/service-discovery/Balancer.ts"
import * as Sharded from "../../examples/sharded-cache/Sharded.ts"
import * as OwnerOf from "../../examples/hash-ring/OwnerOf.ts"
import { Cluster, ClusterConfig, Membership, type NodeId, Ring } from "../../src/index.ts"
import { Simulation, VirtualNetwork } from "../../src/testing.ts"
import { start, until } from "../integration/RealNodes.ts"
import { ask } from "../admin/HttpRequests.ts"

const root = join(import.meta.dirname, "../../examples")

describe("every example", () => {
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))

  it.each(files)("%s has fewer than forty lines and imports nothing of this package but its entries", (file) => {
    const text = readFileSync(join(root, file), "utf8")
    // The driver of SQLite becomes needless with a package for this version of Effect.
    expect(text.trimEnd().split("\n").length).toBeLessThan(file.endsWith("Sqlite.ts") ? 70 : 40)
    const imports = [...text.matchAll(/from "([^"]+)"/g)].map(([, from]) => from ?? "")
    expect(imports.filter((from) => from.startsWith("..") || from.includes("/src/"))).toEqual([])
  })
})

describe("custom-failure-detector", () => {
  it.effect("is a node that believes the orchestrator, unless the member refutes", () =>
    Effect.gen(function* () {
      const network = yield* VirtualNetwork.make()
      const host = (address: string) => network.host(address, [address])
      const configOf = (address: string) =>
        Effect.fromResult(ClusterConfig.make({ bind: `${address}:7946`, peers: ["10.0.0.1:7946"] }))
      const gone = yield* Queue.unbounded<NodeId.NodeId>()
      const custom = yield* Layer.build(
        CustomNode.layer(yield* configOf("10.0.0.1")).pipe(
          Layer.provide([host("10.0.0.1").layer, Layer.succeed(CustomNode.Gone, Stream.fromQueue(gone))])
        )
      )
      const other = yield* Layer.build(
        Layer.provide(Cluster.layer(yield* configOf("10.0.0.2")), host("10.0.0.2").layer)
      )
      const { id } = Context.get(other, Cluster.Cluster)
      const { get } = Context.get(custom, Membership.Membership)
      const status = Effect.map(get(id), Option.match({ onNone: () => "unknown", onSome: ({ status }) => status }))
      yield* TestClock.adjust("5 seconds")
      expect(yield* status).toBe("alive")

      yield* Queue.offer(gone, id)
      yield* TestClock.adjust(1)
      expect(yield* status).toBe("suspect")
      yield* TestClock.adjust("30 seconds")
      expect(yield* status).toBe("alive")

      host("10.0.0.2").detach()
      yield* TestClock.adjust("1 minute")
      // Nobody probes it.
      expect(yield* status).toBe("alive")
      yield* Queue.offer(gone, id)
      yield* TestClock.adjust("15 seconds")
      expect(yield* status).toBe("dead")
    })
  )
})

describe("hash-ring", () => {
  it.effect("gives a key one owner, and another when that one fails", () =>
    Effect.gen(function* () {
      const network = yield* VirtualNetwork.make()
      const host = (address: string) => network.host(address, [address])
      const node = (address: string) =>
        Cluster.layerOptions({ bind: `${address}:7946`, peers: ["10.0.0.1:7946"] }).pipe(
          Layer.provide(host(address).layer)
        )
      const first = yield* Layer.build(Layer.provide(OwnerOf.layer, node("10.0.0.1")))
      const ownerOf = Context.get(first, OwnerOf.OwnerOf)
      yield* Layer.build(node("10.0.0.2"))
      yield* Layer.build(node("10.0.0.3"))
      yield* TestClock.adjust("5 seconds")

      const keys = Array.from({ length: 300 }, (_, i) => `key ${i}`)
      const owners = Effect.forEach(keys, (key) =>
        Effect.map(ownerOf(key), (member) => (member === undefined ? "" : NetAddress.formatInet(member.address)))
      )
      const before = yield* owners
      expect([...new Set(before)].toSorted()).toEqual(["10.0.0.1:7946", "10.0.0.2:7946", "10.0.0.3:7946"])

      host("10.0.0.3").detach()
      yield* TestClock.adjust("20 seconds")
      const after = yield* owners
      expect([...new Set(after)].toSorted()).toEqual(["10.0.0.1:7946", "10.0.0.2:7946"])
      for (const [i, owner] of before.entries()) if (owner !== "10.0.0.3:7946") assert.strictEqual(after[i], owner)
    })
  )
})

describe("admin-routes", () => {
  it.live("serves the node under /gossip, beside the program's own routes", () =>
    Effect.gen(function* () {
      const services = yield* Layer.build(
        Layer.provideMerge(Server, NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
      )
      const { address } = Context.get(services, HttpServer.HttpServer)
      assert.isTrue(NetAddress.isInetAddress(address))
      if (!NetAddress.isInetAddress(address)) return
      const url = `http://${NetAddress.formatInet(address)}`
      expect((yield* ask(url, "/hello")).text).toBe("hello from one of 1 members")
      expect((yield* ask(url, "/gossip/readyz")).json).toMatchObject({ status: "ready", alive_nodes: 1 })
      expect((yield* ask(url, "/gossip/metrics")).text).toContain("swim_members_alive 1")
      expect((yield* ask(url, "/gossip/leave", { method: "POST" })).status).toBe(401)
      const bearer = { authorization: "Bearer correct-horse-battery-staple" }
      const left = yield* ask(url, "/gossip/leave", { method: "POST", headers: bearer })
      expect([left.status, left.json]).toEqual([200, { status: "left" }])
      expect((yield* ask(url, "/readyz")).status).toBe(404)
    }).pipe(Effect.provide(Logger.layer([])))
  )
})

describe("leader-job", () => {
  it.effect("runs at the oldest node, and at the next one when that one is gone", () =>
    Effect.gen(function* () {
      const ran: Array<string> = []
      const job = Effect.flatMap(Membership.Membership, ({ self }) =>
        Effect.map(self, ({ address }) => void ran.push(NetAddress.formatIp(address.address)))
      )
      yield* Simulation.run(
        Effect.gen(function* () {
          const simulation = yield* Simulation.Simulation
          const [first] = yield* simulation.startWith(Job.layer(job), 3)
          yield* Effect.sleep("3 minutes")
          expect([...new Set(ran)]).toEqual(["10.0.0.1"])
          expect(ran.length).toBeGreaterThan(1)
          ran.length = 0
          yield* simulation.kill(first)
          yield* Effect.sleep("3 minutes")
          expect([...new Set(ran)]).toEqual(["10.0.0.2"])
        }),
        { seed: 1 }
      )
    })
  )
})

describe("sharded-cache", () => {
  it.effect("keeps answering when a node dies", () =>
    Simulation.run(
      Effect.gen(function* () {
        const simulation = yield* Simulation.Simulation
        const layer = Sharded.layer.pipe(Layer.provide(Ring.layer()))
        const [first, second] = yield* simulation.startWith(layer, 5)
        yield* simulation.untilConverged("10 seconds")
        yield* Effect.sleep("1 second")
        const { get, put } = Context.get(first.context, Sharded.Sharded)
        const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`)
        for (const key of keys) yield* put(key, `value of ${key}`)
        yield* simulation.kill(second)
        for (const key of keys) expect(yield* get(key)).toEqual(Option.some(`value of ${key}`))
        expect(yield* get("unknown")).toEqual(Option.none())
      }),
      { seed: 1 }
    )
  )
})

describe("service-discovery", () => {
  it.live("asks the members that serve, and another one when one fails", () =>
    Effect.gen(function* () {
      const serve = (name: string) =>
        Effect.gen(function* () {
          const hello = HttpRouter.add("GET", "/hello", HttpServerResponse.text(name))
          const services = yield* Layer.build(
            HttpRouter.serve(hello).pipe(
              Layer.provideMerge(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" }))
            )
          )
          const { address } = Context.get(services, HttpServer.HttpServer)
          return NetAddress.isInetAddress(address) ? String(address.port) : ""
        })
      const first = yield* start({ tags: { http: yield* serve("first") } })
      // It says that it serves and does not.
      const second = yield* start({ peers: [first.address], tags: { http: "9" } })
      const third = yield* start({ peers: [first.address], tags: { http: yield* serve("third") } })
      const asking = yield* start({ peers: [first.address] })
      yield* until(
        "it knows who serves",
        asking.membership.alive,
        (members) => Balancer.Service.only(members).length === 3
      )
      const client = yield* Balancer.make.pipe(
        Effect.provideContext(asking.services),
        Effect.provideContext(yield* Layer.build(NodeHttpClient.layerUndici))
      )
      const heard = new Set<string>()
      for (let i = 0; i < 60 && heard.size < 2; i++) {
        const text = yield* Effect.flatMap(client.get("/hello"), ({ text }) => text).pipe(Effect.option)
        if (Option.isSome(text)) heard.add(text.value)
      }
      expect([...heard].toSorted()).toEqual(["first", "third"])
      for (const node of [second, third]) yield* node.stop
    }).pipe(Effect.provide(Logger.layer([])))
  )
})
