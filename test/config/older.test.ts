/** Files of the older implementation in Rust: they mean here what they mean there. */
import { readFileSync } from "node:fs"
import { assert, describe, expect, it } from "@effect/vitest"
import { Duration, Effect, Result } from "effect"
import * as MetricsAnswer from "../../src/admin/MetricsAnswer.ts"
import * as ConfigSources from "../../src/config/ConfigSources.ts"
import { parse } from "../../src/config/ConfigFile.ts"
import { encode } from "../../src/config/ConfigResolution.ts"
import { entryAt, valueAt } from "../../src/config/ConfigTable.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"

const text = readFileSync(new URL("older.example.toml", import.meta.url), "utf8")

const guide = readFileSync(new URL("../../docs/MIGRATING.md", import.meta.url), "utf8")

/** The rows of the table in the guide with this heading. */
const rows = (heading: string): ReadonlyArray<ReadonlyArray<string>> => {
  const section = guide.split(/^## /m).find((section) => section.startsWith(heading)) ?? ""
  return section
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")))
}

const load = (text: string) => ConfigSources.load({ file: { path: "older.toml", text } })

/** The older defaults that are others here: the limits of rates have to let large clusters through. */
const different = ["network.max_inbound_rate", "network.inbound_peer_capacity"]

describe("a file of the older implementation", () => {
  it.effect("is accepted with all its keys, and every value is the one in the file", () =>
    Effect.gen(function* () {
      const { config, origins } = yield* load(text)
      const { given, problems } = Result.getOrThrow(parse({ path: "", text }))
      expect(problems).toEqual([])
      expect(given).toHaveLength(text.match(/^\w+ = /gm)?.length ?? 0)
      for (const { entry, raw } of given) {
        expect([entry.path, encode(entry.key, valueAt(config, entry))]).toEqual([entry.path, raw])
        expect(origins.get(entry.path)).toBe("file")
      }
      expect(config.gossip).toMatchObject({ fanout: 50, maxSends: 1, interval: Duration.millis(200), piggybackMax: 6 })
      expect(config.network).toMatchObject({
        maxInboundRate: 500,
        inboundPeerCapacity: 100,
        inboundPeerRefillRate: 50,
        reliableAckTimeout: Duration.millis(500),
        reliableMaxRetries: 3,
        encryption: "off"
      })
      expect(config.probes).toMatchObject({ indirectK: 2, suspectMultiplier: 0.5, deadRetention: Duration.seconds(15) })
      expect(config.metrics.serverPort).toBe(0)
    })
  )

  it.effect("has the defaults of this implementation, except for the limits of rates", () =>
    Effect.gen(function* () {
      const { config } = yield* load(text)
      const given = Result.getOrThrow(parse({ path: "", text })).given.map(({ entry }) => entry)
      const others = given.filter((entry) => {
        const value = valueAt(config, entry)
        const standard = entry.key.default
        return Duration.isDuration(value) && Duration.isDuration(standard)
          ? !Duration.equals(value, standard)
          : value !== standard
      })
      expect(others.map(({ path }) => path)).toEqual(different)
    })
  )

  it.effect("may set max_inbound_rate to 0, which sets no limit", () =>
    Effect.gen(function* () {
      const { config } = yield* load("[network]\nmax_inbound_rate = 0")
      expect(config.network.maxInboundRate).toBe(0)
    })
  )

  it.effect("may give encryption as true or false, with the key beside it", () =>
    Effect.gen(function* () {
      const digits = "0123456789abcdef".repeat(4)
      const sealed = yield* load(`[network]\nencryption = true\ncluster_key = "${digits}"`)
      expect(sealed.config.network.encryption).toBe("required")
      expect(sealed.config.network.keys.map(ClusterKey.toText)).toEqual([digits])
      expect((yield* load("[network]\nencryption = false")).config.network.encryption).toBe("off")
      const error = yield* Effect.flip(load("[network]\nencryption = true"))
      expect(error.message).toContain('`network.encryption` in older.toml is "required", which needs the cluster key')
    })
  )

  it.effect("is refused for a misspelt key, with the nearest one", () =>
    Effect.gen(function* () {
      for (const line of text.split("\n").filter((line) => line.includes(" = "))) {
        const name = line.split(" ")[0] ?? ""
        const misspelt = text.replace(`\n${line}\n`, `\n${line.replace(name, `${name.slice(0, 2)}${name.slice(3)}`)}\n`)
        const error = yield* Effect.flip(load(misspelt))
        assert(error._tag === "ClusterConfigError")
        expect(error.problems).toHaveLength(1)
        const [, suggested = ""] = /did you mean `(.*)`\?/.exec(error.message) ?? []
        expect([name, entryAt(suggested)?.name]).toEqual([name, name])
      }
    })
  )
})

describe("docs/MIGRATING.md", () => {
  it("names every key of the older file with both defaults", () => {
    const { given } = Result.getOrThrow(parse({ path: "", text }))
    const expected = given.map(({ entry, raw }) => [
      entry.path,
      String(raw),
      String(encode(entry.key, entry.key.default))
    ])
    expect(rows("Configuration").map(([, ...cells]) => cells.slice(0, 3))).toEqual(expected)
  })

  it("names every flat name of a metric with the metric that it stands for", () => {
    const answer = MetricsAnswer.make(
      Object.fromEntries(
        rows("Metrics").map(([, , name = ""], index) => [
          name,
          { help: "", type: "gauge" as const, series: [{ labels: {}, value: index + 1 }] }
        ])
      )
    )
    const flat = Object.entries(answer).filter(([name]) => !name.startsWith("swim_"))
    expect(flat).toEqual(rows("Metrics").map(([, name], index) => [name, index + 1]))
  })
})
