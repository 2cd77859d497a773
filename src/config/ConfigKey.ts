/**
 * The kinds of configuration keys. A key is a schema with what sources and messages need to know besides.
 */
import { Duration, Effect, Option, Predicate, Redacted, Result } from "effect"
import { Schema, SchemaIssue, SchemaTransformation } from "effect"
import * as ClusterKey from "../crypto/ClusterKey.ts"
import * as NodeId from "../domain/NodeId.ts"
import * as OwnTags from "../domain/OwnTags.ts"
import type { Tags } from "../domain/Tags.ts"

/** One configuration key: `A` is its value, `I` what a program may pass for it, and `D` its default. */
export interface ConfigKey<out A = unknown, out I = unknown, out D = A | undefined> {
  /** From what a program passes or a file has to the value, within the bounds. Encodes to the form of a file. */
  readonly schema: Schema.Codec<A, I>
  /** What a value must be, to end the sentence "expected ...". */
  readonly expected: string
  /** Its value when it is not given, or `undefined`. */
  readonly default: D
  /** Brings the text of a variable or flag into the form of a file, as far as possible; `schema` judges the result. */
  readonly fromText: (text: string) => unknown
  /** `"ms"` for times: their names in files end in `_ms`, and only programs pass something else than numbers. */
  readonly unit?: "ms"
  /** The words that it takes, if it takes no other text. */
  readonly choices?: ReadonlyArray<string>
  /** Whether it holds a list, whose items are separated by commas in a text. */
  readonly list?: boolean
  /** Whether it holds a table of texts, whose pairs are separated by commas in a text: "zone=a,rack=7". */
  readonly record?: boolean
  /** The name of its flag, where that does not follow from the name of the key. */
  readonly flag?: string
  /** Whether no value of it may be shown anywhere, right or wrong, or be written to a file. */
  readonly secret?: boolean
  /** Whether its environment variable may also leave out the section: `GOSSIP_CLUSTER_KEY`. */
  readonly shortVariable?: boolean
}

const asIs = (text: string): unknown => text

/** A key that is read from text as it is, if `more` has no other way. */
export const key = <A, I, D extends A | undefined>(
  schema: Schema.Codec<A, I>,
  expected: string,
  more: Omit<Partial<ConfigKey>, "schema" | "expected"> & { readonly default: D }
): ConfigKey<A, I, D> => ({ fromText: asIs, ...more, schema, expected })

/** A schema by a function that fails with a reason to add to what is expected, or with an empty text. */
export const parsed = <A, I>(
  input: Schema.Codec<I, unknown>,
  output: Schema.Codec<A, unknown>,
  parse: (input: I) => Result.Result<A, string>,
  format: (value: A) => I
): Schema.Codec<A, I> =>
  Schema.toType(input).pipe(
    Schema.decodeTo(
      Schema.toType(output),
      SchemaTransformation.transformEffect<A, I>({
        decode: (input) =>
          Effect.fromResult(Result.mapError(parse(input), (message) => new SchemaIssue.InvalidValue({ message }))),
        encode: (value) => Effect.succeed(format(value))
      })
    )
  )

// --- numbers and times -----------------------------------------------------------

interface Bounds {
  readonly default: number
  readonly minimum: number
  readonly maximum: number
}

const fromText = (text: string): unknown => (text === "" || isNaN(Number(text)) ? text : Number(text))

const within = ({ maximum, minimum }: Bounds): string => `from ${minimum} to ${maximum}`

/** A whole number from `minimum` to `maximum`. */
export const count = (bounds: Bounds) =>
  key(Schema.Int.check(Schema.isBetween(bounds)), `a whole number ${within(bounds)}`, {
    default: bounds.default,
    fromText
  })

/** A number from `minimum` to `maximum`, whole or fractional. */
export const factor = (bounds: Bounds) =>
  key(Schema.Finite.check(Schema.isBetween(bounds)), `a number ${within(bounds)}`, {
    default: bounds.default,
    fromText
  })

/** The longest wait of a JavaScript timer in ms, almost 25 days. A timer fires at once when asked for more. */
export const maximumTimer = 2 ** 31 - 1

const units = new Set(["weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"])

// `Duration` reads NaN, `{}` and `{ second: 1 }` as zero, which would pass where zero means "off".
const isDurationInput = (input: unknown): input is Duration.Input => {
  if (Predicate.isNumber(input)) return !isNaN(input)
  if (Duration.isDuration(input) || !Predicate.isObjectKeyword(input)) return true
  const parts = Object.entries(input)
  return parts.length > 0 && parts.every(([name, n]) => (Array.isArray(input) || units.has(name)) && n === Number(n))
}

/**
 * A time of at least 0.001 ms; `zero` says what 0 means where it is allowed. `maximum` is in ms, by default what a timer
 * can wait.
 */
export const time = (spec: { readonly default: Duration.Input; readonly zero?: string; readonly maximum?: number }) => {
  const { maximum = maximumTimer, zero } = spec
  const allowed = (ms: number) => (ms === 0 && zero !== undefined) || (ms >= 0.001 && ms <= maximum)
  const schema = parsed(
    Schema.declare(isDurationInput),
    Schema.Duration,
    (input) => {
      const time = Option.getOrUndefined(Duration.fromInput(input))
      return time !== undefined && allowed(Duration.toMillis(time)) ? Result.succeed(time) : Result.fail("")
    },
    Duration.toMillis
  )
  const orZero = zero === undefined ? "" : `, or 0 for ${zero}`
  return key(schema, `a number of milliseconds from 0.001 to ${maximum}${orZero}`, {
    default: Duration.fromInputUnsafe(spec.default),
    fromText,
    unit: "ms"
  })
}

// --- words, names and paths ------------------------------------------------------

const booleanFromText = (text: string): unknown => (text === "true" ? true : text === "false" ? false : text)

/** `true` or `false`. */
export const toggle = (spec: { readonly default: boolean }) =>
  key(Schema.Boolean, "true or false", { ...spec, fromText: booleanFromText })

const oneOf = (choices: ReadonlyArray<string>): string =>
  `one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`

/** One of several words. */
export const choice = <const A extends string>(spec: { readonly choices: ReadonlyArray<A>; readonly default: A }) =>
  key(Schema.Literals(spec.choices), oneOf(spec.choices), spec)

const modes = ["off", "accept", "required"] as const

/** A mode of encryption. It has no default, and always a value in a configuration, since it follows from other keys. */
export const encryption = () => {
  const Mode = Schema.Literals(modes)
  const schema = parsed<typeof Mode.Type, typeof Mode.Type | boolean>(
    Schema.Union([Mode, Schema.Boolean]),
    Mode,
    (input) => Result.succeed(input === true ? "required" : input === false ? "off" : input),
    (mode) => mode
  )
  const expected = `${oneOf(modes)}, or true or false`
  return {
    ...key(schema, expected, { default: undefined, choices: modes, fromText: booleanFromText }),
    derived: true as const
  }
}

// A cluster key that is given where its name or its file belongs must not be printed.
const isKey = (text: string): boolean => Result.isSuccess(ClusterKey.fromText(text))

/** A text of at most `maximum` bytes in UTF-8, in normal form C, so that what looks the same is the same. */
export const name = (spec: { readonly default: string; readonly maximum: number }) => {
  const fits = (name: string) => name.isWellFormed() && new TextEncoder().encode(name).length <= spec.maximum
  const schema = parsed(
    Schema.String,
    Schema.String,
    (text) => {
      const name = text.normalize("NFC")
      return fits(name) && !isKey(name) ? Result.succeed(name) : Result.fail("")
    },
    (name) => name
  )
  return key(schema, `a text of at most ${spec.maximum} bytes that is no key`, { default: spec.default })
}

/** A name of a node for people, if it is given. */
export const nodeName = () => {
  const isName = Schema.makeFilter((text: string) => text !== "" && OwnTags.shortName(text) === text && !isKey(text))
  return key(Schema.String.check(isName), `a text of 1 to ${OwnTags.MaxName} bytes that is no key`, {
    default: undefined
  })
}

/** Pairs in a text. A comma separates two pairs only if the text after it has an equals sign, so values can have commas. */
const pairsFromText = (text: string): unknown => {
  const pairs: Array<[key: string, value: string]> = []
  for (const part of text.split(",")) {
    const at = part.indexOf("=")
    const last = pairs.at(-1)
    if (at >= 0) pairs.push([part.slice(0, at).trim(), part.slice(at + 1)])
    else if (last !== undefined) last[1] += `,${part}`
    else if (part.trim() !== "") return text
  }
  return Object.fromEntries(pairs)
}

/** Tags of a node. */
export const tags = () => {
  const Texts = Schema.Record(Schema.String, Schema.String)
  const schema = parsed<Tags, Tags>(
    Texts,
    Texts,
    (input) =>
      Result.mapBoth(OwnTags.withLabels(input, {}), { onFailure: ({ message }) => message, onSuccess: () => input }),
    (tags) => tags
  )
  const none: Tags = {}
  return key(schema, `texts by their keys, such as { zone = "a" }, or zone=a outside of a file`, {
    default: none,
    fromText: pairsFromText,
    record: true,
    flag: "tag"
  })
}

const isPath = Schema.makeFilter((text: string) => text !== "" && !text.includes("\0") && !isKey(text))

/** The path of a file, if it is given. */
export const path = (more: { readonly shortVariable?: true } = {}) =>
  key(Schema.String.check(isPath), "the path of a file, and not a key", { default: undefined, ...more })

/** The path of a directory, if it is given. */
export const directory = () =>
  key(Schema.String.check(isPath), "the path of a directory, and not a key", { default: undefined })

/** A node id, if it is given. In a file a text, or a whole number up to 2^53 - 1, as far as numbers are exact. */
export const nodeId = () => {
  const schema = parsed<NodeId.NodeId, string | number | bigint>(
    Schema.Union([Schema.String, Schema.Int, Schema.BigInt]),
    NodeId.NodeId,
    (input) => Result.mapError(NodeId.fromString(String(input)), () => ""),
    NodeId.format
  )
  const expected = `a node id below 2^64: decimal, or 0x and 1 to 16 hexadecimal digits, such as "0x2a"`
  return key(schema, expected, { default: undefined })
}

// --- secrets ---------------------------------------------------------------------

const Text = Schema.toType(Schema.Redacted(Schema.String))
const Key = Schema.toType(ClusterKey.ClusterKeyFromText)
const isClusterKey = Schema.is(Key)

const textOf = (input: string | Redacted.Redacted<string>): string =>
  Predicate.isString(input) ? input : Redacted.value(input)

const whatIsWrong = ({ length, position }: ClusterKey.ClusterKeyError): string =>
  position === undefined ? `it has ${length} characters` : `character ${position} is not one`

/** The key of a cluster, if it is given. */
export const clusterKey = () => {
  const schema = parsed(
    Schema.Union([Schema.String, Key, Text]),
    Key,
    (input) =>
      isClusterKey(input) ? Result.succeed(input) : Result.mapError(ClusterKey.fromText(textOf(input)), whatIsWrong),
    (key) => key
  )
  const expected = "64 hexadecimal digits, such as gossip keygen makes"
  return key(schema, expected, { default: undefined, secret: true, shortVariable: true })
}

/** Whether a text can be a token: it may stand in an Authorization header (RFC 6750), and is too long to be guessed. */
export const isToken = (text: string): boolean => /^[A-Za-z0-9._~+/-]{16,512}=*$/.test(text)

/** What a text must be to be a token, to end the sentence "expected ...". */
export const tokenForm = "16 to 512 letters, digits or any of . _ ~ + / - without blanks"

/** A secret that lets its bearer operate the node, if it is given. */
export const token = () => {
  const schema = parsed(
    Schema.Union([Schema.String, Text]),
    Text,
    (input) => (isToken(textOf(input)) ? Result.succeed(Redacted.make(textOf(input))) : Result.fail("")),
    (token) => token
  )
  return key(schema, tokenForm, { default: undefined, secret: true })
}
