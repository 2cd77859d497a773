/** Publishes events and asks queries through a running node. */
import { Console, Effect, Option, Result, Schema } from "effect"
import * as AdminApi from "../admin/AdminApi.ts"
import { visible, visibleJson } from "../domain/VisibleText.ts"
import { nodeText } from "./ChangeLine.ts"
import * as Endpoint from "./Endpoint.ts"
import type { SendInput } from "./event.ts"
import type { Input } from "./query.ts"

const parse = Schema.decodeResult(Schema.fromJsonString(Schema.Unknown))

/** The bytes of a payload, as text. */
const textOf = (payload: Option.Option<string>): string =>
  Option.match(payload, {
    onNone: () => "",
    onSome: (text) => (Result.isSuccess(parse(text)) ? text : JSON.stringify(text))
  })

/** Handles `gossip event send`. */
export const send = Effect.fnUntraced(
  function* ({ name, payload, ...flags }: SendInput) {
    const { ask } = yield* Endpoint.connect(flags)
    yield* ask((node) => node.publish({ params: { name }, payload: { payload: textOf(payload) } }))
    yield* Console.log(`published ${name}`)
  },
  Effect.scoped,
  Effect.mapError(Endpoint.asUserError)
)

const encodeAnswers = Schema.encodeEffect(Schema.Array(AdminApi.QueryAnswer))

/** Handles `gossip query`. */
export const query = Effect.fnUntraced(
  function* ({ json, name, payload, timeout, ...flags }: Input) {
    const { ask } = yield* Endpoint.connect(flags)
    const { answers } = yield* ask((node) =>
      node.query({
        params: { name },
        payload: {
          payload: textOf(payload),
          ...(Option.isSome(timeout) ? { timeout_ms: timeout.value } : {})
        }
      })
    )
    if (json)
      return yield* Console.log(visibleJson(JSON.stringify(yield* Effect.orDie(encodeAnswers(answers)), null, 2)))
    if (answers.length === 0) return yield* Console.log("no member answered")
    yield* Console.log(
      answers
        .map(({ address, answer, failed, id, name: memberName }) => {
          const who = memberName === undefined ? nodeText(id, address) : `${memberName} ${nodeText(id, address)}`
          return visible(`${who}: ${failed ? "failed, " : ""}${answer}`)
        })
        .join("\n")
    )
  },
  Effect.scoped,
  Effect.mapError(Endpoint.asUserError)
)
