/** A strict reader of Prometheus' text format, version 0.0.4. It refuses everything that the format does not allow. */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface TextFamily {
  readonly name: string
  readonly help: string
  readonly type: "counter" | "gauge" | "histogram"
  readonly samples: Array<Sample>
}

const name = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/
const number = /^(?:[+-]Inf|NaN|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/

const fail = (line: string, what: string): never => {
  throw new Error(`${what}: ${line}`)
}

const valueOf = (line: string, text: string): number => {
  if (!number.test(text)) return fail(line, "not a number")
  return text.endsWith("Inf") ? (text.startsWith("-") ? -Infinity : Infinity) : Number(text)
}

const labelsOf = (line: string, text: string): Readonly<Record<string, string>> => {
  const labels: Record<string, string> = {}
  const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y
  while (label.lastIndex < text.length) {
    const [, key = "", value = ""] = label.exec(text) ?? fail(line, "bad labels")
    if (key in labels) fail(line, "a label twice")
    labels[key] = value.replace(/\\(.)/g, (_, escaped: string) => (escaped === "n" ? "\n" : escaped))
  }
  if (text.endsWith(",")) fail(line, "a comma too many")
  return labels
}

const sampleOf = (line: string): Sample => {
  const [, name = "", labels = "", value = ""] =
    /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{([^\n]+)\})? (\S+)$/.exec(line) ?? fail(line, "neither a comment nor a sample")
  return { name, labels: labelsOf(line, labels), value: valueOf(line, value) }
}

const without = (labels: Readonly<Record<string, string>>, label: string): string =>
  JSON.stringify(Object.entries(labels).filter(([key]) => key !== label))

/** Checks that the buckets of each series rise up to one without a bound, and that a sum and a count follow. */
const checkHistogram = ({ name, samples }: TextFamily): void => {
  const series = Map.groupBy(samples, ({ labels }) => without(labels, "le"))
  for (const [key, samples] of series) {
    const where = `${name} ${key}`
    const buckets = samples.slice(0, -2)
    const [sum, count] = samples.slice(-2)
    if (sum?.name !== `${name}_sum` || count?.name !== `${name}_count`) fail(where, "no sum and count at the end")
    let bound = -Infinity
    let seen = 0
    for (const { labels, name: bucket, value } of buckets) {
      const le = valueOf(where, labels["le"] ?? "")
      if (bucket !== `${name}_bucket` || le <= bound || value < seen) fail(where, "buckets do not rise")
      bound = le
      seen = value
    }
    if (bound !== Infinity || seen !== count?.value) fail(where, "the last bucket does not have all")
  }
}

/** The metrics of a text, by name. Throws where the text breaks a rule. */
export const parse = (text: string): ReadonlyMap<string, TextFamily> => {
  const families = new Map<string, TextFamily>()
  if (!text.endsWith("\n")) fail(text.slice(-40), "no line feed at the end")
  const lines = text.slice(0, -1).split("\n")
  let help: readonly [name: string, text: string] | undefined
  let family: TextFamily | undefined
  for (const line of lines) {
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line)
    if (comment !== null) {
      const [, keyword, subject = "", rest = ""] = comment
      if (!name.test(subject) || families.has(subject)) fail(line, "bad name, or a metric twice")
      if (keyword === "HELP") {
        if (help !== undefined) fail(line, "a help without a type")
        help = [subject, rest]
        continue
      }
      if (help?.[0] !== subject) return fail(line, "a type without a help before")
      if (rest !== "counter" && rest !== "gauge" && rest !== "histogram") return fail(line, "bad type")
      family = { name: subject, help: help[1], type: rest, samples: [] }
      families.set(subject, family)
      help = undefined
      continue
    }
    if (help !== undefined || family === undefined) return fail(line, "a sample without a type")
    const sample = sampleOf(line)
    const own =
      family.type === "histogram"
        ? [`${family.name}_bucket`, `${family.name}_sum`, `${family.name}_count`]
        : [family.name]
    if (!own.includes(sample.name)) fail(line, `not a sample of ${family.name}`)
    if (family.type !== "gauge" && !(sample.value >= 0)) fail(line, "counts nothing")
    family.samples.push(sample)
  }
  for (const family of families.values()) {
    if (family.samples.length === 0) fail(family.name, "no samples")
    const keys = family.samples.map(({ labels, name }) => `${name} ${without(labels, "")}`)
    if (new Set(keys).size !== keys.length) fail(family.name, "a sample twice")
    if (family.type === "histogram") checkHistogram(family)
  }
  return families
}

/** The values of a text by the name and labels of their samples: `swim_table_size{table="members"}`. */
export const valuesOf = (text: string): ReadonlyMap<string, number> =>
  new Map(
    [...parse(text).values()].flatMap(({ samples }) =>
      samples.map(({ labels, name, value }): [string, number] => {
        const pairs = Object.entries(labels).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        return [pairs.length === 0 ? name : `${name}{${pairs.join(",")}}`, value]
      })
    )
  )
