/**
 * Configuration as TOML text.
 */
import { Predicate, Result, Schema } from "effect"
import { Toml } from "effect/encoding"
import type { FileValue } from "./ConfigKey.ts"
import { encode } from "./ConfigKey.ts"
import type { ClusterConfig, Given, Problem } from "./ConfigResolution.ts"
import { show } from "./ConfigResolution.ts"
import type { Entry } from "./ConfigTable.ts"
import { entries, sections } from "./ConfigTable.ts"
import type { Alias } from "./Suggestion.ts"
import { nearest } from "./Suggestion.ts"

/**
 * A file is not TOML. `message` names the file, line and column, and never repeats a value from it: values may be
 * secrets.
 */
export class ConfigFileError extends Schema.TaggedError<ConfigFileError>()("ConfigFileError", {
  path: Schema.String,
  message: Schema.String
}) {}

// The parser's error carries the whole file, and some of its messages quote the text where a value should stand, which
// may be a secret without its quotes. Only messages known to quote a key or a delimiter are kept whole.
const withoutValues = (message: string): string =>
  /^(Expected|Cannot redefine) /.test(message)
    ? message
    : message
        .replace(/ '.*'(?= at line \d+, column \d+$)/s, "")
        .replace(/^Invalid value(?= at )/, "Invalid value (texts must stand in quotes)")

/**
 * Reads a file's text into the values it gives. What it gives to keys that do not exist is returned as problems; the
 * values are not judged yet. Fails when the text is not TOML.
 */
export const parse = (file: {
  readonly path: string
  readonly text: string
}): Result.Result<
  { readonly given: ReadonlyArray<Given>; readonly problems: ReadonlyArray<Problem> },
  ConfigFileError
> =>
  Result.mapBoth(Toml.parse(file.text), {
    onFailure: (error) =>
      new ConfigFileError({ path: file.path, message: `${file.path}: ${withoutValues(error.message)}` }),
    onSuccess: (root) => {
      const given: Array<Given> = []
      const problems: Array<Problem> = []
      const refuse = (key: string, message: string) => problems.push({ key, message: `${message} (${file.path})` })

      for (const [section, table] of Object.entries(root)) {
        if (!sections.includes(section)) {
          const kind = Predicate.isObject(table) ? "section" : "key"
          refuse(section, `unknown ${kind} \`${section}\`${kind === "key" ? hint(section) : sectionHint(section)}`)
          continue
        }
        if (!Predicate.isObject(table)) {
          refuse(section, `\`${section}\` is ${show(table)}; expected a section, \`[${section}]\``)
          continue
        }
        for (const [name, raw] of Object.entries(table)) {
          const path = `${section}.${name}`
          const entry = entries.find((entry) => entry.path === path)
          if (entry === undefined) refuse(path, `unknown key \`${path}\`${hint(path)}`)
          else given.push({ entry, origin: "file", raw, shown: raw, name: `\`${path}\` in ${file.path}` })
        }
      }
      return { given, problems }
    }
  })

const quoted = (names: ReadonlyArray<string>): string => names.map((name) => `\`${name}\``).join(", ")

const sectionHint = (section: string): string => {
  const found = nearest(
    section,
    sections.map((name): Alias => [name, `\`${name}\``])
  )
  return found === undefined ? `; the sections are ${quoted(sections)}` : `; did you mean ${found}?`
}

// A key may be misspelt in its own section, stand in another's, or stand before all sections.
const hint = (path: string): string => {
  const [section = "", name = section] = path.split(".", 2)
  const alias = (entry: Entry): Alias => [entry.name, `\`${entry.path}\``]
  const own = entries.filter((entry) => entry.section === section)
  const found = nearest(name, own.map(alias)) ?? nearest(name, entries.map(alias))
  if (found !== undefined) return `; did you mean ${found}?`
  return own.length === 0
    ? `; the sections are ${quoted(sections)}`
    : `; the keys of \`${section}\` are ${quoted(own.map((entry) => entry.name))}`
}

const literal = (value: FileValue): string =>
  typeof value === "object" ? `[${value.map((item) => JSON.stringify(item)).join(", ")}]` : JSON.stringify(value)

const line = ({ key, name }: Entry, value: unknown): string => {
  if (key.secret) return `# ${name} =${value === undefined ? "" : ' "<redacted>"'}`
  const encoded = encode(key, value)
  return encoded === undefined ? `# ${name} =` : `${name} = ${literal(encoded)}`
}

/**
 * A configuration as the text of a file that loads back to the same configuration, once secrets are added: a secret is
 * not in it. Every key is, with its purpose as a comment; one that is not given stands in a comment itself. `annotate` may add a remark to a key's
 * comment, by its path in files.
 */
export const format = (config: ClusterConfig, annotate?: (path: string) => string | undefined): string =>
  sections
    .map((section) => {
      const lines = entries
        .filter((entry) => entry.section === section)
        .map((entry) => {
          const value = valueOf(config, entry)
          const remark = annotate?.(entry.path)
          const comment = `# ${entry.key.doc}${remark === undefined ? "" : ` (${remark})`}`
          return `${comment}\n${line(entry, value)}\n`
        })
      return `[${section}]\n${lines.join("")}`
    })
    .join("\n")

/**
 * The value that a configuration has for a key.
 */
export const valueOf = (config: ClusterConfig, { property, section }: Entry): unknown => {
  const tables: Readonly<Record<string, Readonly<Record<string, unknown>>>> = { ...config }
  return tables[section]?.[property]
}
