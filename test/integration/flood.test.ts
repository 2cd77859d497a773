/** One process of a cluster under a flood of datagrams. */
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask } from "../admin/HttpRequests.ts"
import { isLong } from "../Campaign.ts"
import { makePeer } from "./HandMadePeer.ts"
import { cluster, deaths, statuses } from "./ProcessCluster.ts"
import { line, timeout } from "./Program.ts"
import { until, untilTrue } from "./RealNodes.ts"

/** Datagrams a second, and for how many seconds. */
const Rate = isLong ? 20_000 : 6000
const Seconds = isLong ? 10 : 3

/** A slow machine sends less, and answers probes later. In the long form all values are the defaults. */
const settings = (sources: number): Readonly<Record<string, string>> =>
  isLong
    ? {}
    : {
        GOSSIP_PROBES_SUSPECT_TIMEOUT_MS: "60000",
        ...(sources === 1 ? {} : { GOSSIP_NETWORK_MAX_INBOUND_RATE: "400" })
      }

/** Reasons why datagrams were dropped, with their numbers, at a node. */
const dropped = (socketPath: string) =>
  Effect.map(ask("http://node", "/metrics/json", { socketPath }), ({ json }) => {
    const series: ReadonlyArray<{ readonly labels: { readonly reason: string }; readonly value: number }> =
      Object(json).swim_dropped_total.series
    return new Map(series.map(({ labels, value }) => [labels.reason, value]))
  })

const flood = (kind: "pings" | "rubbish", address: string, sources: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const program = fileURLToPath(new URL("flooder.ts", import.meta.url))
      const args = [kind, address.split(":")[1], Rate, Seconds, sources].map(String)
      const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "inherit"] })
      let text = ""
      let code: number | null | undefined
      child.stdout.setEncoding("utf8").on("data", (more) => (text += more))
      child.on("close", (status) => (code = status))
      return { process: child, text: () => text, code: () => code }
    }),
    ({ process }) => Effect.sync(() => process.kill("SIGKILL"))
  )

describe("a node under a flood", () => {
  for (const [what, kind, sources, reason, warning] of [
    ["of rubbish", "rubbish", 1, "source_limit", /dropping datagrams of 127\.9\.0\.1:\d+: they come faster/],
    ["of PINGs of one source", "pings", 1, "source_limit", /dropping datagrams of 127\.9\.0\.1:\d+: they come faster/],
    [
      "of PINGs of many sources",
      "pings",
      isLong ? 10_000 : 1000,
      "global_limit",
      /dropping datagrams, now of 127\.9\.\d+\.\d+:\d+: more come from all sources/
    ]
  ] as const) {
    it.live(
      `${what} stays a member, answers, says what it drops, and recovers`,
      () =>
        Effect.gen(function* () {
          const nodes = yield* cluster(3, { env: settings(sources) })
          const [target] = nodes
          if (target === undefined) return assert.fail()
          const ids = nodes.map(({ node }) => node.id)
          const began = performance.now()
          const flooder = yield* flood(kind, target.node.address, sources)
          yield* untilTrue("it floods", () => flooder.text().includes("sending"))
          yield* until(
            "it drops",
            dropped(target.socket),
            (reasons) => (reasons.get(reason) ?? 0) > (isLong ? 1000 : 0)
          )
          yield* line(target.node, warning)
          yield* untilTrue("the flood has ended", () => flooder.code() !== undefined)
          if (isLong)
            console.log(`${what}: ${flooder.text().trim().replace("\n", ", ")}`, yield* dropped(target.socket))

          // Nobody held a node of the cluster dead meanwhile, and none holds one for suspect for long.
          for (const { node, socket } of nodes) {
            yield* until("all three are alive", statuses(socket), (found) =>
              ids.every((id) => found.get(id) === "alive")
            )
            for (const id of ids)
              assert.isFalse(
                deaths(node).some((line) => line.includes(` ${id} (`)),
                node.stdout()
              )
          }
          // One line in a minute.
          const lines = target.node.stdout().match(/dropping datagrams/g)?.length ?? 0
          assert.isAtMost(lines, 1 + Math.floor((performance.now() - began) / 60_000))
          const peer = yield* makePeer()
          yield* until(
            "it answers",
            Effect.andThen(
              peer.send({ _tag: "Ping", entries: [] }, target.node.address),
              Effect.sync(() => peer.heard)
            ),
            (heard) => heard.some(({ _tag }) => _tag === "Ack")
          )
        }),
      timeout
    )
  }
})
