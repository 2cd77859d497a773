/**
 * Log lines for programs: one JSON object per line, on standard output.
 *
 * `time` is ISO 8601 in UTC, `level` one of the words that `--log-level` takes, and `message` what the line for people
 * says. A change of membership is in `change`, in the form in which `GET /events` sends it. Ids are strings, because
 * they have 64 bits.
 */
import { Array as Arr, Cause, Logger, Predicate, References, Result, Schema } from "effect"
import * as ChangeJson from "../admin/ChangeJson.ts"
import type { Change } from "../domain/Change.ts"
import { ChangeMessage } from "./ChangeLine.ts"
import { visibleJson } from "../domain/VisibleText.ts"

const encodeChange = Schema.encodeResult(ChangeJson.Change)

const changeOf = (change: Change): unknown =>
  change._tag === "Missed"
    ? { kind: change._tag, count: change.count }
    : Result.getOrElse(encodeChange(change), () => undefined)

// No logged value may keep the line from being written.
const plain = (_name: string, value: unknown): unknown => (Predicate.isBigInt(value) ? value.toString() : value)

const textOf = (part: unknown): string => {
  if (Predicate.isString(part)) return part
  if (part instanceof ChangeMessage) return part.text
  return JSON.stringify(part, plain) ?? String(part)
}

/**
 * Formats a log line as JSON.
 */
export const format: Logger.Logger<unknown, string> = Logger.make(({ cause, date, fiber, logLevel, message }) => {
  const parts = Arr.ensure(message)
  const changed = parts.find((part) => part instanceof ChangeMessage)
  const annotations = fiber.getRef(References.CurrentLogAnnotations)
  const json = JSON.stringify(
    {
      time: date.toISOString(),
      level: logLevel.toLowerCase(),
      message: parts.map(textOf).join(" "),
      ...(changed === undefined ? {} : { change: changeOf(changed.change) }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      ...(cause.reasons.length === 0 ? {} : { cause: Cause.pretty(cause) })
    },
    plain
  )
  return visibleJson(json)
})
