import { readFileSync } from "node:fs"
import { assert, describe, expect, it } from "@effect/vitest"
import { Effect, Equal } from "effect"
import * as ClusterConfig from "../../src/config/ClusterConfig.ts"
import { encode } from "../../src/config/ConfigResolution.ts"
import * as ConfigSources from "../../src/config/ConfigSources.ts"
import { type Entry, entries, isBare, sections, valueAt } from "../../src/config/ConfigTable.ts"
import { profiles } from "../../src/config/Profile.ts"
import * as ClusterKey from "../../src/crypto/ClusterKey.ts"

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

// --- the text of the file, from the comments in the table ------------------------

const header = [
  "Every key of the configuration, with its default. A key that is left out takes its default, an unknown one is refused.",
  "Each key can also be set by an environment variable, GOSSIP_<SECTION>_<KEY>, and by a flag of gossip run, " +
    "--<section>-<key>, or --<key> for [network] and [node]: GOSSIP_PROBES_SUSPECT_TIMEOUT_MS=5000, --probes-suspect-timeout-ms 5000. " +
    "Lists are separated by commas there: GOSSIP_NETWORK_PEERS=10.0.0.1:7946,10.0.0.2:7946. A flag goes before a variable, " +
    "that before the file, the file before the profile, and that before the default.",
  "Keys that end in _ms are milliseconds, whole or fractional, from 0.001 to 2147483647 (almost 25 days) where nothing " +
    "else is said. Members should agree on [gossip], [probes] and [extensions]: nodes with different values work together, " +
    "but the quickest to suspect decides how often the cluster is wrong. They must agree on cluster and encryption, and " +
    "share a key."
]

/** What stands behind the name of a key that has no default, or no value worth showing. */
const samples: Readonly<Record<string, string>> = {
  "network.advertise": `"10.0.0.5:7946"`,
  "network.peers": `["10.0.0.1:7946", "seed.example:7946"]`,
  "network.node_id": `"0x2a"`,
  "network.allow": `["10.0.0.0/8", "fd00::/8"]`,
  "network.encryption": `"required"`,
  "node.name": `"web-1"`,
  "node.tags": `{ zone = "a", http = "8080" }`,
  "network.cluster_key": `"${"0123456789abcdef".repeat(4)}"`,
  "network.cluster_key_file": `"/etc/gossip/cluster.key"`,
  "admin.socket": `"/run/gossip/admin.sock"`,
  "admin.token": `"replace-me-by-what-openssl-rand-hex-32-says"`,
  "admin.token_file": `"/etc/gossip/admin.token"`
}

/** The comments on the keys, by their option. */
const comments = (source: string): ReadonlyMap<string, string> => {
  const found = new Map<string, string>()
  let section = ""
  for (const [, opened, comment, property] of source
    .slice(source.indexOf("export const topLevel"), source.indexOf("// --- types"))
    .matchAll(/^ {2}(\w+): \{$|\/\*\*((?:(?!\*\/)[^])*)\*\/\s+(\w+): /gm)) {
    if (opened !== undefined) section = isBare(opened) ? "" : `${opened}.`
    if (comment !== undefined)
      found.set(
        `${section}${property}`,
        comment
          .replace(/^[ *]+/gm, "")
          .replace(/\s+/g, " ")
          .trim()
      )
  }
  return found
}

const texts = comments(read("src/config/ConfigTable.ts"))

/** The text of a comment and its last sentence, about the default. */
const textOf = ({ option, path }: Entry): readonly [text: string, fallback: string] => {
  const [, text, fallback] = /^(.*[.)]) Defaults to (.*)\.$/.exec(texts.get(option) ?? "") ?? []
  assert(text !== undefined && fallback !== undefined, `${path} needs a comment that ends with its default`)
  return [text, fallback]
}

/** Options are named as keys of a file. */
const inFile = (text: string): string =>
  text.replace(/`([^`]+)`/g, (quoted, option) => {
    const entry = entries.find((entry) => entry.option === option)
    return entry === undefined ? quoted : `\`${entry.path}\``
  })

const wrap = (text: string): string => {
  const lines = [""]
  for (const word of text.split(" ")) {
    const line = `${lines.at(-1)} ${word}`
    if (line.length > 118) lines.push(` ${word}`)
    else lines[lines.length - 1] = line
  }
  return lines.map((line) => `#${line}`).join("\n")
}

const isOfProfile = (entry: Entry): boolean => valueAt(profiles.lan, entry) !== undefined

const lineOf = (entry: Entry): string => {
  const { key, name, path } = entry
  const sample = samples[path]
  const given = encode(key, key.default)
  const line = given === undefined ? "" : `${name} = ${JSON.stringify(given)}`
  if (sample !== undefined) return `# ${name} = ${sample}${line === "" ? "" : `\n${line}`}`
  // A value here would go before the profile.
  return isOfProfile(entry) ? `# ${line}` : line
}

const textOfKey = (entry: Entry): string => {
  const [text, fallback] = textOf(entry)
  const shown = encode(entry.key, entry.key.default) === undefined ? `${text} Defaults to ${fallback}.` : text
  const times = Object.entries(profiles).map(([name, times]) => `${name} ${String(valueAt(times, entry))}`)
  const all = isOfProfile(entry) ? `${shown} By profile: ${times.join(", ")}.` : shown
  return `${wrap(inFile(all))}\n${lineOf(entry)}\n`
}

const whole = [
  `${header.map(wrap).join("\n#\n")}\n`,
  ...["", ...sections].flatMap((section) => {
    const keys = entries.filter((entry) => entry.section === section).map(textOfKey)
    return section === "" ? keys : [`[${section}]\n${keys[0]}`, ...keys.slice(1)]
  })
].join("\n")

// --- the same as a document -------------------------------------------------------

const secondsOr = (ms: number): string => (ms >= 1000 && ms % 1000 === 0 ? `${ms / 1000} s` : `${ms} ms`)

const defaultOf = (entry: Entry): string => {
  if (isOfProfile(entry)) {
    return Object.entries(profiles)
      .map(([name, times]) => `${name} ${secondsOr(Number(valueAt(times, entry)))}`)
      .join(", ")
  }
  const given = encode(entry.key, entry.key.default)
  if (entry.key.unit === "ms" && given !== undefined) return secondsOr(Number(given))
  return given === undefined ? textOf(entry)[1].replace(", and to ", ", ") : `\`${JSON.stringify(given)}\``
}

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`
const code = (text: string): string => `\`${text}\``

const sectionAsTable = (section: string): string => {
  const keys = entries.filter((entry) => entry.section === section)
  return [
    section === "" ? "## Without a section" : `## ${code(`[${section}]`)}`,
    "",
    row(["key", "default", "option", "flag", "variable"]),
    "|---|---|---|---|---|",
    ...keys.map((entry) =>
      row([
        code(entry.name),
        defaultOf(entry),
        code(entry.option),
        code(entry.flag),
        [entry.variable, ...(entry.shortVariable === undefined ? [] : [entry.shortVariable])].map(code).join(", ")
      ])
    ),
    "",
    ...keys.map((entry) => `- ${code(entry.name)}: ${inFile(textOf(entry)[0])}`),
    ""
  ].join("\n")
}

const configuration = [
  "# Configuration",
  "",
  "This page is written by `vitest run test/config/example.test.ts -u` from the table of keys in `src/config/ConfigTable.ts`.",
  "[gossip.example.toml](../gossip.example.toml) has the same as a file. `gossip config check FILE` checks a file, and",
  "`gossip config print` shows every value with where it comes from.",
  "",
  "A value comes from the first of these that has it: the flag, the environment variable, the file, the profile, the default.",
  "Programs pass the options to `NodeCluster.layer({ ... })`; keys of `[network]` and `[node]` need no section there and as",
  'flags. Times are milliseconds in files, variables and flags, and what Effect takes for a duration in programs: `"5 seconds"`.',
  'An option of a section is written as one: `probes.suspectTimeout` is `{ probes: { suspectTimeout: "5 seconds" } }`.',
  "",
  "Members should agree on `[gossip]`, `[probes]` and `[extensions]`: nodes with different values work together, but the",
  "quickest to suspect decides how often the cluster is wrong. They must agree on `cluster` and `encryption`, and share a key.",
  "",
  ...["", ...sections].map(sectionAsTable)
].join("\n")

// --- tests -----------------------------------------------------------------------

const load = (text: string) => ConfigSources.load({ file: { path: "gossip.example.toml", text } })

describe("gossip.example.toml", () => {
  it("is what the table of keys says", () => expect(whole).toMatchFileSnapshot("../../gossip.example.toml"))

  it("says the same as the document", () => expect(configuration).toMatchFileSnapshot("../../docs/CONFIGURATION.md"))

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
