/** The texts that are made from the table of keys: the example file, and the page of the configuration. */
import { readFileSync } from "node:fs"
import { assert } from "@effect/vitest"
import { encode } from "../../src/config/ConfigResolution.ts"
import { type Entry, entries, isBare, sections, valueAt } from "../../src/config/ConfigTable.ts"
import { profiles } from "../../src/config/Profile.ts"

export const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8")

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
export const samples: Readonly<Record<string, string>> = {
  "network.advertise": `"10.0.0.5:7946"`,
  "network.peers": `["10.0.0.1:7946", "seed.example:7946"]`,
  "network.node_id": `"0x2a"`,
  "network.state_dir": `"/var/lib/gossip"`,
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
export const textOf = ({ option, path }: Entry): readonly [text: string, fallback: string] => {
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

export const isOfProfile = (entry: Entry): boolean => valueAt(profiles.lan, entry) !== undefined

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

export const exampleFile = [
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

export const configurationPage = [
  "# Configuration",
  "",
  "This page is written by `vitest run test/architecture.test.ts -u` from the table of keys in `src/config/ConfigTable.ts`.",
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
