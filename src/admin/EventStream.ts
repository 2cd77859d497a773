/** The changes as server-sent events, for one follower. */
import { Clock, Duration, Effect, Schema, type Scope, Stream } from "effect"
import { Sse } from "effect/encoding"
import * as MonotonicTime from "../time/MonotonicTime.ts"
import * as AdminApi from "./AdminApi.ts"
import type * as ChangeJson from "./ChangeJson.ts"
import type { Batch, EventLog } from "./EventLog.ts"

/** A comment goes out this long after the last word, so that neither side takes the silence for a broken line. */
export const Heartbeat = Duration.seconds(15)
/** Who takes nothing for this long, while there is something to take, is cut off. */
export const Patience = Duration.seconds(60)

/** Changes in one piece of the stream. */
const PieceSize = 64

const encodeEvent = Schema.encodeEffect(AdminApi.Event)

/** Turns changes into text, each once for all followers. */
export type Writer = (change: ChangeJson.Change) => Effect.Effect<string>

export const makeWriter = (): Writer => {
  const texts = new WeakMap<ChangeJson.Change, string>()
  return (change) =>
    Effect.suspend(() => {
      const known = texts.get(change)
      if (known !== undefined) return Effect.succeed(known)
      return Effect.map(write({ event: "message", id: String(change.sequence), data: change }), (text) => {
        texts.set(change, text)
        return text
      })
    })
}

/**
 * The stream's text. It begins with a comment, which sends the headers on their way, and ends with the log. The scope
 * is that of the request; `cut` ends the request of a follower that has stopped to take what is sent.
 */
export const make = Effect.fnUntraced(function* (
  log: EventLog,
  from: number | undefined,
  textOf: Writer,
  cut: Effect.Effect<void>
): Effect.fn.Return<Stream.Stream<string>, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const now = () => MonotonicTime.millis(clock)
  // When the follower took the last piece; undefined while it waits for the next one.
  let tookAt: number | undefined = now()

  yield* Effect.sleep(Heartbeat).pipe(
    Effect.andThen(
      Effect.suspend(() => (tookAt !== undefined && now() - tookAt >= Duration.toMillis(Patience) ? cut : Effect.void))
    ),
    Effect.forever,
    Effect.forkScoped
  )

  const isNews = ({ entries, missed }: Batch): boolean => entries.length > 0 || missed !== 0

  const more = (cursor: number | undefined) =>
    Effect.callback<void>((resume) => {
      // This may run a moment after it was found that there is none.
      if (log.ended || isNews(log.read(cursor, 1))) return resume(Effect.void)
      const callOff = log.onMore(() => resume(Effect.void))
      return Effect.sync(callOff)
    })

  const piece = Effect.fnUntraced(function* (cursor: number | undefined) {
    tookAt = undefined
    let batch = log.read(cursor, PieceSize)
    if (!isNews(batch)) {
      if (log.ended) return undefined
      const woken = yield* Effect.timeoutOption(more(cursor), Heartbeat)
      if (woken._tag === "None") {
        tookAt = now()
        return [": still here\n\n", cursor] as const
      }
      batch = log.read(cursor, PieceSize)
      if (!isNews(batch)) return undefined
    }
    let text = ""
    if (batch.missed !== 0) {
      // The id of the change before the next one.
      const id = String((batch.entries[0]?.sequence ?? (batch.cursor ?? 0) + 1) - 1)
      text += yield* write({ event: "missed", id, data: { count: batch.missed } })
    }
    for (const change of batch.entries) text += yield* textOf(change)
    // A long tale is told without keeping the node from its work.
    if (batch.entries.length === PieceSize) yield* Effect.yieldNow
    tookAt = now()
    return [text, batch.cursor] as const
  })

  return Stream.concat(Stream.succeed(": the changes of this node\n\n"), Stream.unfold(from, piece))
})

const write = (event: AdminApi.Event): Effect.Effect<string> =>
  Effect.map(Effect.orDie(encodeEvent(event)), ({ data, event, id }) =>
    Sse.encoder.write({ _tag: "Event", event, id, data })
  )
