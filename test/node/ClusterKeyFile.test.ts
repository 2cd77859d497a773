import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, expect, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, Logger, Option, Result } from "effect"
import { Cluster } from "../../src/cluster/Cluster.ts"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"
import * as ClusterKeyFile from "../../src/node/ClusterKeyFile.ts"
import * as NodeCluster from "../../src/node/NodeCluster.ts"

const first = "6f1c0f7e6d5a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c"
const second = "00d1c2b3a495867768594a3b2c1d0e0f1f2e3d4c5b6a79880716253443526170"

const made = (options: ClusterConfig.ClusterOptions) => Result.getOrThrow(ClusterConfig.make(options))

/** The body with a key file, and what it logs. */
const withFile = <A, E>(
  text: string,
  mode: number,
  body: (path: string) => Effect.Effect<A, E, FileSystem.FileSystem>
) => {
  const logged: Array<string> = []
  const collect = Logger.layer([Logger.make(({ logLevel, message }) => logged.push(`${logLevel} ${String(message)}`))])
  return Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const path = `${yield* files.makeTempDirectoryScoped()}/cluster.key`
    yield* files.writeFileString(path, text)
    yield* files.chmod(path, mode)
    const result = yield* body(path)
    return { result, logged, path }
  }).pipe(Effect.scoped, Effect.provide(Layer.mergeAll(NodeServices.layer, collect)))
}

describe("a key file", () => {
  it.effect("gives its keys in their order, and logs nothing when only its owner can read it", () =>
    Effect.gen(function* () {
      const text = `# since March\n${first}\n\n  ${second.toUpperCase()} # next\n`
      const { logged, result } = yield* withFile(text, 0o600, ClusterKeyFile.read)
      expect(result.map(ClusterKey.toText)).toEqual([first, second])
      expect(logged).toEqual([])
    })
  )

  it.effect.each([0o640, 0o604, 0o620, 0o610, 0o644])("gives a warning when others may do something: %d", (mode) =>
    Effect.gen(function* () {
      const { logged, path, result } = yield* withFile(first, mode, ClusterKeyFile.read)
      expect(result).toHaveLength(1)
      expect(logged).toEqual([`Warn key file ${path} is open to other users (mode 0${mode.toString(8)}): chmod 600 it`])
    })
  )

  it.effect.each([
    [`${first}\n${first}0\n`, "line 2: expected a key of 64 hexadecimal digits, got 65 characters"],
    [
      `# ${first}\n\n${first.slice(1)}O`,
      "line 3: expected a key of 64 hexadecimal digits, but character 64 is not one"
    ],
    [`${first} ${second}`, "line 1: expected a key of 64 hexadecimal digits, got 129 characters"],
    ["# none yet\n", "expected a key of 64 hexadecimal digits in a line of its own, found none"]
  ] as const)("is refused for a bad line, whose text is not repeated: %#", ([text, reason]) =>
    Effect.gen(function* () {
      const { logged, path, result } = yield* withFile(text, 0o644, (path) => Effect.flip(ClusterKeyFile.read(path)))
      expect(result._tag).toBe("ClusterKeyFileError")
      expect(result.message).toBe(`key file ${path}: ${reason}`)
      expect(JSON.stringify(result) + String(result) + String(result.stack) + logged.join()).not.toContain("6d5a4b3c")
    })
  )

  it.effect("that cannot be read is said in a line", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(ClusterKeyFile.read("/no/such.key"))
      expect(error._tag).toBe("UnreadableFile")
      expect(error.message).toBe("cannot read /no/such.key: there is no such file")
      expect((yield* Effect.flip(ClusterKeyFile.read("/"))).message).toBe("cannot read /: it is not a regular file")
      const mistaken = yield* Effect.flip(ClusterKeyFile.read(`${first}0`))
      expect(JSON.stringify(mistaken) + mistaken.message).not.toContain("6d5a4b3c")
    }).pipe(Effect.provide(NodeServices.layer))
  )
})

describe("a configuration", () => {
  it.effect("takes the keys of the file that it names", () =>
    Effect.gen(function* () {
      const load = (path: string) => ClusterKeyFile.load(made({ clusterKeyFile: path, encryption: "accept" }))
      const { network } = (yield* withFile(`${first}\n${second}`, 0o600, load)).result
      expect(network.keys.map(ClusterKey.toText)).toEqual([first, second])
      expect(network.encryption).toBe("accept")
    })
  )

  it.effect("is not changed when it names none, or encryption is off", () =>
    Effect.gen(function* () {
      for (const config of [
        made({}),
        made({ clusterKey: first }),
        made({ clusterKeyFile: "/no/such.key", encryption: "off" })
      ]) {
        assert.strictEqual(yield* ClusterKeyFile.load(config), config)
      }
    }).pipe(Effect.provide(NodeServices.layer))
  )
})

describe("a node", () => {
  const fingerprints = Effect.gen(function* () {
    const { keyRing } = yield* Cluster
    return Option.isNone(keyRing) ? [] : (yield* keyRing.value.list).map(({ fingerprint }) => fingerprint)
  })

  it.live("reads the key file that its options or its configuration name", () =>
    Effect.gen(function* () {
      const node = (path: string) =>
        Effect.all([
          Effect.provide(fingerprints, NodeCluster.layer({ clusterKeyFile: path })),
          Effect.provide(fingerprints, NodeCluster.layerResolved(made({ clusterKeyFile: path })))
        ])
      const { result } = yield* withFile(`${second}\n${first}`, 0o600, node)
      const inOptions = yield* Effect.provide(fingerprints, NodeCluster.layer({ clusterKey: second }))
      expect(inOptions).toEqual([expect.stringMatching(/^[0-9a-f]{8}$/)])
      expect(result[0]).toEqual([...inOptions, expect.stringMatching(/^[0-9a-f]{8}$/)])
      expect(result[1]).toEqual(result[0])
      expect(yield* Effect.provide(fingerprints, NodeCluster.layer())).toEqual([])
    })
  )

  it.live("does not start without the keys that it is to have", () =>
    Effect.gen(function* () {
      const fails = (options: ClusterConfig.ClusterOptions) =>
        Effect.map(Effect.flip(Layer.build(NodeCluster.layer(options)).pipe(Effect.scoped)), ({ _tag }) => _tag)
      expect(yield* fails({ clusterKeyFile: "/no/such.key" })).toBe("UnreadableFile")
      expect(yield* fails({ clusterKeyFile: "f", clusterKey: first })).toBe("ClusterConfigError")
      const bad = yield* withFile("x", 0o600, (path) => fails({ clusterKeyFile: path }))
      expect(bad.result).toBe("ClusterKeyFileError")
      const nine = Array.from({ length: 9 }, (_, n) => `${first.slice(1)}${n}`).join("\n")
      const many = yield* withFile(nine, 0o600, (path) => fails({ clusterKeyFile: path }))
      expect(many.result).toBe("TooManyKeys")
    })
  )
})
