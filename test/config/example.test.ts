import { assert, describe, expect, it } from "@effect/vitest"
import { Effect, Equal } from "effect"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { encode } from "../../src/config/ConfigResolution.ts"
import * as ConfigSources from "../../src/config/ConfigSources.ts"
import { type Entry, entries } from "../../src/config/ConfigTable.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"
import { isOfProfile, read, samples, textOf } from "./ConfigTexts.ts"

const load = (text: string) => ConfigSources.load({ file: { path: "gossip.example.toml", text } })

describe("gossip.example.toml", () => {
  it.effect("gives the default to every key that has one and is not set by the profile", () =>
    Effect.gen(function* () {
      const { config, origins } = yield* load(read("gossip.example.toml"))
      assert.isTrue(Equal.equals(config, ClusterConfig.defaults))
      for (const entry of entries) {
        const expected = isOfProfile(entry) ? "profile" : entry.key.default === undefined ? "default" : "file"
        expect([entry.path, origins.get(entry.path)]).toEqual([entry.path, expected])
      }
    })
  )

  it.effect("has samples that are right once they are uncommented", () =>
    Effect.gen(function* () {
      const uncommented = read("gossip.example.toml")
        .replace(/^(peers|allow) = \[\]$|^tags = \{\}$/gm, "")
        .replace(/^bind = .*$/m, `bind = "[::]:7946"`)
        .replace(/^# (?=[a-z_]+ = )/gm, "")
        .replace(/^(cluster_key|token_file) = .*$/gm, "")
      const { config, origins } = yield* load(uncommented)
      expect([...origins].filter(([, origin]) => origin !== "file")).toEqual([
        ["network.cluster_key", "default"],
        ["admin.token_file", "default"]
      ])
      expect(config.admin.socket).toBe("/run/gossip/admin.sock")
      expect(String(config.network.advertise)).toBe("10.0.0.5:7946")
      expect(config.network.peers).toHaveLength(2)
      expect(config.network.nodeId).toBe(42n)
      expect(config.network.allow.map(String)).toEqual(["10.0.0.0/8", "fd00::/8"])
      expect(config.network.encryption).toBe("required")
      const key = samples["network.cluster_key"] ?? ""
      const withKey = yield* load(`[network]\ncluster_key = ${key}`)
      expect(withKey.config.network.keys.map(ClusterKey.toText)).toEqual(["0123456789abcdef".repeat(4)])
    })
  )
})

/** What the comment on a key must name: its bounds, unless they are those of every time, and the words that it takes. */
const mustName = ({ key }: Entry): ReadonlyArray<string> => {
  const [, bounds = "", minimum, maximum] = /from (([\d.]+) to (\d+))/.exec(key.expected) ?? []
  if (maximum === undefined || maximum === String(2 ** 31 - 1)) return (key.choices ?? []).map((word) => `"${word}"`)
  return [key.unit === undefined && minimum !== "0" ? bounds : maximum]
}

const unitMillis: Readonly<Record<string, number>> = { millis: 1, second: 1000, seconds: 1000, hours: 3_600_000 }

/** The default as the last sentence of a comment names it; in any words where the key has none. */
const namedDefault = ({ key }: Entry, named: string): string => {
  if (key.default === undefined || key.list === true || key.record === true) return named
  // "10 seconds" and 10000 are the same time.
  if (key.unit === undefined) return JSON.stringify(encode(key, key.default))
  const unit = named.split(" ")[1] ?? ""
  return `${Number(encode(key, key.default)) / (unitMillis[unit] ?? 0)} ${unit}`
}

describe("the comment on a key", () => {
  it.each(entries.map((entry) => [entry.path, entry] as const))("of %s names its default and bounds", (_, entry) => {
    const [text, named] = textOf(entry)
    expect(named).toBe(namedDefault(entry, named))
    expect(mustName(entry).filter((part) => !text.includes(part))).toEqual([])
  })
})
