/** The stream of server-sent events of one follower. */
import { Clock, Duration, Effect, Schema, type Scope, Stream } from "effect"
import * as Sse from "effect/encoding/Sse"
import * as MonotonicTime from "../time/MonotonicTime.ts"
import * as AdminApi from "./AdminApi.ts"
import type * as ChangeJson from "./ChangeJson.ts"
import type { Batch, EventLog } from "./EventLog.ts"

/** A comment is sent after this time without an event, so that neither side takes the connection for broken. */
export const Heartbeat = Duration.seconds(15)
/** A follower that reads nothing for this time, while there is something to read, is disconnected. */
export const StallLimit = Duration.seconds(60)

/** The most changes in one piece of the stream. */
const PieceSize = 64

const encodeEvent = Schema.encodeEffect(AdminApi.Event)

/** Encodes changes, each once for all followers. */
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
 * The text of the stream. It begins with a comment, so that the headers are sent at once, and ends with the log. The
 * scope is that of the request; `disconnect` ends the request of a follower that has stopped reading.
 */
export const make = Effect.fnUntraced(function* (
  log: EventLog,
  from: number | undefined,
  textOf: Writer,
  disconnect: Effect.Effect<void>
): Effect.fn.Return<Stream.Stream<string>, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const now = () => MonotonicTime.millis(clock)
  // When the follower read the last piece; undefined while it waits for the next one.
  let readAt: number | undefined = now()

  yield* Effect.sleep(Heartbeat).pipe(
    Effect.andThen(
      Effect.suspend(() =>
        readAt !== undefined && now() - readAt >= Duration.toMillis(StallLimit) ? disconnect : Effect.void
      )
    ),
    Effect.forever,
    Effect.forkScoped
  )

  const hasNews = ({ entries, missed }: Batch): boolean => entries.length > 0 || missed !== 0

  const more = (cursor: number | undefined) =>
    Effect.callback<void>((resume) => {
      // A change may have arrived since the last read.
      if (log.ended || hasNews(log.read(cursor, 1))) return resume(Effect.void)
      const cancel = log.onMore(() => resume(Effect.void))
      return Effect.sync(cancel)
    })

  const piece = Effect.fnUntraced(function* (cursor: number | undefined) {
    readAt = undefined
    let batch = log.read(cursor, PieceSize)
    if (!hasNews(batch)) {
      if (log.ended) return undefined
      const woken = yield* Effect.timeoutOption(more(cursor), Heartbeat)
      if (woken._tag === "None") {
        readAt = now()
        return [": still here\n\n", cursor] as const
      }
      batch = log.read(cursor, PieceSize)
      if (!hasNews(batch)) return undefined
    }
    let text = ""
    if (batch.missed !== 0) {
      // The id of the change before the next one.
      const id = String((batch.entries[0]?.sequence ?? (batch.cursor ?? 0) + 1) - 1)
      text += yield* write({ event: "missed", id, data: { count: batch.missed } })
    }
    for (const change of batch.entries) text += yield* textOf(change)
    // Many changes are sent without delaying the node.
    if (batch.entries.length === PieceSize) yield* Effect.yieldNow
    readAt = now()
    return [text, batch.cursor] as const
  })

  return Stream.concat(Stream.succeed(": the changes of this node\n\n"), Stream.unfold(from, piece))
})

/** The text of one event. */
export const write = (event: AdminApi.Event): Effect.Effect<string> =>
  Effect.map(Effect.orDie(encodeEvent(event)), (encoded) =>
    Sse.encoder.write({ _tag: "Event", id: undefined, ...encoded })
  )
