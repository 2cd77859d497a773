/**
 * The kinds of configuration keys. A key is a schema with what sources and messages need to know besides.
 */
import { Array as Arr, Duration, Effect, Option, Predicate, Redacted, Result } from "effect"
import { Schema, SchemaIssue, SchemaTransformation } from "effect"
import * as ClusterKey from "../crypto/ClusterKey.ts"
import * as NodeId from "../domain/NodeId.ts"

/**
 * One configuration key: `A` is its value, `I` what a program may pass for it, and `D` what its default may be besides a
 * value: `undefined` where the key has none.
 */
export interface ConfigKey<out A, out I = unknown, out D extends A | undefined = A | undefined> {
  /** From what a program passes or a file has to the value, within the bounds. Encodes to the form of a file. */
  readonly schema: Schema.Codec<A, I>
  readonly default: D
  /** What a value must be, to end the sentence "expected ...". */
  readonly expected: string
  /** Brings the text of a variable or flag into the form of a file, as far as possible; `schema` judges the result. */
  readonly fromText: (text: string) => unknown
  /** `"ms"` for times: their names in files end in `_ms`, and only programs pass something else than numbers. */
  readonly unit?: "ms"
  /** The words that it takes, if it takes no other text. */
  readonly choices?: ReadonlyArray<string>
  /** Whether it holds a list, whose items are separated by commas in a text. */
  readonly list?: boolean
  /** Whether no value of it may be shown anywhere, right or wrong, or be written to a file. */
  readonly secret?: boolean
  /** Whether its environment variable may also leave out the section: `GOSSIP_CLUSTER_KEY`. */
  readonly shortVariable?: boolean
}

/** The longest wait of a JavaScript timer in ms, almost 25 days. A timer fires at once when asked for more. */
export const maximumTimer = 2 ** 31 - 1

export const asIs = (text: string): unknown => text

const numberFromText = (text: string): unknown => (text === "" || isNaN(Number(text)) ? text : Number(text))

const booleanFromText = (text: string): unknown => (text === "true" ? true : text === "false" ? false : text)

export const itemsFromText = (text: string): ReadonlyArray<string> =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")

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

const number = (schema: Schema.Codec<number>, what: string, bounds: Bounds): ConfigKey<number, number, number> => ({
  schema: schema.check(Schema.isBetween(bounds)),
  default: bounds.default,
  expected: `${what} from ${bounds.minimum} to ${bounds.maximum}`,
  fromText: numberFromText
})

/** A whole number from `minimum` to `maximum`. */
export const count = (bounds: Bounds) => number(Schema.Int, "a whole number", bounds)

/** A number from `minimum` to `maximum`, whole or fractional. */
export const factor = (bounds: Bounds) => number(Schema.Finite, "a number", bounds)

const units = new Set(["weeks", "days", "hours", "minutes", "seconds", "milliseconds", "microseconds", "nanoseconds"])

// `Duration` reads NaN, `{}` and `{ second: 1 }` as zero, which would pass where zero means "off".
const isDurationInput = (input: unknown): input is Duration.Input => {
  if (Predicate.isNumber(input)) return !isNaN(input)
  if (Duration.isDuration(input) || !Predicate.isObjectKeyword(input)) return true
  const parts = Object.entries(input)
  return parts.length > 0 && parts.every(([name, n]) => (Arr.isArray(input) || units.has(name)) && n === Number(n))
}

/**
 * A time of at least 0.001 ms; `zero` says what 0 means where it is allowed. `maximum` is in ms, by default what a timer
 * can wait.
 */
export const time = (spec: {
  readonly default: Duration.Input
  readonly zero?: string
  readonly maximum?: number
}): ConfigKey<Duration.Duration, Duration.Input, Duration.Duration> => {
  const { maximum = maximumTimer, zero } = spec
  const allowed = (ms: number) => (ms === 0 && zero !== undefined) || (ms >= 0.001 && ms <= maximum)
  return {
    schema: parsed(
      Schema.declare(isDurationInput),
      Schema.Duration,
      (input) => {
        const time = Option.getOrUndefined(Duration.fromInput(input))
        return time !== undefined && allowed(Duration.toMillis(time)) ? Result.succeed(time) : Result.fail("")
      },
      Duration.toMillis
    ),
    default: Duration.fromInputUnsafe(spec.default),
    expected: `a number of milliseconds from 0.001 to ${maximum}${zero === undefined ? "" : `, or 0 for ${zero}`}`,
    fromText: numberFromText,
    unit: "ms"
  }
}

// --- words, names and paths ------------------------------------------------------

/** `true` or `false`. */
export const toggle = (spec: { readonly default: boolean }): ConfigKey<boolean, boolean, boolean> => ({
  schema: Schema.Boolean,
  default: spec.default,
  expected: "true or false",
  fromText: booleanFromText
})

const oneOf = (choices: ReadonlyArray<string>): string =>
  `one of ${choices.map((choice) => JSON.stringify(choice)).join(", ")}`

/** One of several words. */
export const choice = <const A extends string>(spec: {
  readonly choices: ReadonlyArray<A>
  readonly default: A
}): ConfigKey<A, A, A> => ({
  schema: Schema.Literals(spec.choices),
  choices: spec.choices,
  default: spec.default,
  expected: oneOf(spec.choices),
  fromText: asIs
})

/** What `network.encryption` may be. */
export const encryptionModes = ["off", "accept", "required"] as const

type EncryptionMode = (typeof encryptionModes)[number]

const Mode = Schema.Literals(encryptionModes)

/** A mode of encryption. It has no default, and always a value in a configuration, since it follows from other keys. */
export const encryption = (): ConfigKey<EncryptionMode, EncryptionMode | boolean, undefined> & {
  readonly derived: true
} => ({
  schema: parsed<EncryptionMode, EncryptionMode | boolean>(
    Schema.Union([Mode, Schema.Boolean]),
    Mode,
    (input) => Result.succeed(input === true ? "required" : input === false ? "off" : input),
    (mode) => mode
  ),
  choices: encryptionModes,
  default: undefined,
  derived: true,
  expected: `${oneOf(encryptionModes)}, or true or false`,
  fromText: booleanFromText
})

// A cluster key that is given where its name or its file belongs must not be printed.
const isKey = (text: string): boolean => Result.isSuccess(ClusterKey.fromText(text))

/** A text of at most `maximum` bytes in UTF-8, in normal form C, so that what looks the same is the same. */
export const name = (spec: {
  readonly default: string
  readonly maximum: number
}): ConfigKey<string, string, string> => ({
  schema: parsed(
    Schema.String,
    Schema.String,
    (text) => {
      const name = text.normalize("NFC")
      const fits = text.isWellFormed() && new TextEncoder().encode(name).length <= spec.maximum
      return fits && !isKey(text) ? Result.succeed(name) : Result.fail("")
    },
    (text) => text
  ),
  default: spec.default,
  expected: `a text of at most ${spec.maximum} bytes that is no key`,
  fromText: asIs
})

/** The path of a file, if it is given. */
export const path = (spec: { readonly shortVariable?: boolean } = {}): ConfigKey<string, string, undefined> => ({
  schema: Schema.String.check(Schema.makeFilter((text) => text !== "" && !text.includes("\0") && !isKey(text))),
  default: undefined,
  expected: "the path of a file, and not a key",
  fromText: asIs,
  ...spec
})

/** A node id, if it is given. In a file a text, or a whole number up to 2^53 - 1, as far as numbers are exact. */
export const nodeId = (): ConfigKey<NodeId.NodeId, string | number | bigint, undefined> => ({
  schema: parsed<NodeId.NodeId, string | number | bigint>(
    Schema.Union([Schema.String, Schema.Int, Schema.BigInt]),
    NodeId.NodeId,
    (input) => Result.mapError(NodeId.fromString(String(input)), () => ""),
    NodeId.format
  ),
  default: undefined,
  expected: `a node id below 2^64: decimal, or 0x and 1 to 16 hexadecimal digits, such as "0x2a"`,
  fromText: asIs
})

// --- secrets ---------------------------------------------------------------------

const Text = Schema.toType(Schema.Redacted(Schema.String))
const Key = Schema.toType(ClusterKey.ClusterKeyFromText)
const isClusterKey = Schema.is(Key)

const textOf = (input: string | Redacted.Redacted<string>): string =>
  Predicate.isString(input) ? input : Redacted.value(input)

const secret = { default: undefined, fromText: asIs, secret: true } as const

/** The key of a cluster, if it is given. */
export const clusterKey = () =>
  ({
    ...secret,
    schema: parsed(
      Schema.Union([Schema.String, Key, Text]),
      Key,
      (input) =>
        isClusterKey(input) ? Result.succeed(input) : Result.mapError(ClusterKey.fromText(textOf(input)), whatIsWrong),
      (key) => key
    ),
    expected: "64 hexadecimal digits, such as gossip keygen makes",
    shortVariable: true
  }) satisfies ConfigKey<unknown>

const whatIsWrong = ({ length, position }: ClusterKey.ClusterKeyError): string =>
  position === undefined ? `it has ${length} characters` : `character ${position} is not one`

/** Whether a text can be a token: it may stand in an Authorization header (RFC 6750), and is too long to be guessed. */
export const isToken = (text: string): boolean => /^[A-Za-z0-9._~+/-]{16,512}=*$/.test(text)

/** What a text must be to be a token, to end the sentence "expected ...". */
export const tokenForm = "16 to 512 letters, digits or any of . _ ~ + / - without blanks"

/** A secret that lets its bearer operate the node, if it is given. */
export const token = () =>
  ({
    ...secret,
    schema: parsed(
      Schema.Union([Schema.String, Text]),
      Text,
      (input) => (isToken(textOf(input)) ? Result.succeed(Redacted.make(textOf(input))) : Result.fail("")),
      (token) => token
    ),
    expected: tokenForm
  }) satisfies ConfigKey<unknown>
