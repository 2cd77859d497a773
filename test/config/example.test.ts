import { readFileSync } from "node:fs"
import { assert, describe, expect, it } from "@effect/vitest"
import { Effect, Equal, Option } from "effect"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import * as ConfigSources from "../../src/config/ConfigSources.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"
import { entries } from "../../src/config/ConfigTable.ts"

const text = readFileSync(new URL("../../gossip.example.toml", import.meta.url), "utf8")

const load = (text: string) => ConfigSources.load({ file: Option.some({ path: "gossip.example.toml", text }) })

describe("gossip.example.toml", () => {
  it.effect("gives every key that has a default, and the default", () =>
    Effect.gen(function* () {
      const { config, origins } = yield* load(text)
      assert.isTrue(Equal.equals(config, ClusterConfig.defaults))
      for (const { key, path } of entries) {
        expect([path, origins.get(path)]).toEqual([path, key.default === undefined ? "default" : "file"])
      }
    })
  )

  it.effect("shows the keys without a default in comments that are right once uncommented", () =>
    Effect.gen(function* () {
      const uncommented = text
        .replace(/^peers = \[\]$/m, "")
        .replace(/^allow = \[\]$/m, "")
        .replace(/^bind = .*$/m, `bind = "[::]:7946"`)
        .replace(/^# (?=(advertise|peers|node_id|allow|encryption|cluster_key|socket|token) = )/gm, "")
      const { config, origins } = yield* load(uncommented)
      expect([...origins].filter(([, origin]) => origin !== "file")).toEqual([
        ["network.cluster_key_file", "default"],
        ["admin.token_file", "default"]
      ])
      expect(config.admin.socket).toBe("/run/gossip/admin.sock")
      expect(String(config.network.advertise)).toBe("10.0.0.5:7946")
      expect(config.network.peers).toHaveLength(2)
      expect(config.network.nodeId).toBe(42n)
      expect(config.network.allow.map(String)).toEqual(["10.0.0.0/8", "fd00::/8"])
      expect(config.network.encryption).toBe("required")
      expect(config.network.keys.map(ClusterKey.toText)).toEqual(["0123456789abcdef".repeat(4)])
      const withFile = uncommented.replace(/^cluster_key = .*$/m, "").replace(/^# (?=cluster_key_file = )/gm, "")
      expect((yield* load(withFile)).config.network.clusterKeyFile).toBe("/etc/gossip/cluster.key")
    })
  )

  it("explains every key above it", () => {
    const lines = text.split("\n")
    for (const { name } of entries) {
      const at = lines.findIndex((line) => new RegExp(`^(# )?${name} = `).test(line))
      expect([name, lines[at - 1]]).toEqual([name, expect.stringMatching(/^# .*[.)]$/)])
    }
  })
})
