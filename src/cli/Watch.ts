/** The members of a node on a full screen, which is drawn again at each change. */
import { Clock, DateTime, Effect, Stream, SubscriptionRef, Terminal } from "effect"
import type * as AdminApi from "../admin/AdminApi.ts"
import * as Canvas from "./Canvas.ts"
import * as Endpoint from "./Endpoint.ts"
import * as Follow from "./Follow.ts"
import * as MembersView from "./MembersView.ts"

/** Shortest time between frames, in ms. */
const FrameInterval = 100

/** Time between reads of the list: a new round-trip time is not a change, so the stream of changes does not have it. */
const ReadInterval = "2 seconds"

type Views = SubscriptionRef.SubscriptionRef<MembersView.View>

const draw = Effect.fnUntraced(function* (views: Views, colour: boolean) {
  const terminal = yield* Terminal.Terminal
  const sizes = yield* terminal.size
  let shown = ""
  yield* SubscriptionRef.changes(views).pipe(
    Stream.zipLatest(Stream.fromQueue(sizes)),
    Stream.buffer({ capacity: 1, strategy: "sliding" }),
    Stream.runForEach(
      Effect.fnUntraced(function* ([view, size]) {
        const next = Canvas.frame(MembersView.render(view, size), size.columns, colour)
        if (next === shown) return
        shown = next
        yield* terminal.display(next)
        yield* Effect.sleep(FrameInterval)
      })
    )
  )
})

const follow = (endpoint: Endpoint.Endpoint, views: Views) =>
  Follow.follow(
    endpoint,
    Effect.fnUntraced(function* (notice) {
      const at = DateTime.makeUnsafe(yield* Clock.currentTimeMillis)
      yield* SubscriptionRef.update(views, (view) => {
        switch (notice._tag) {
          case "Connected":
            return { ...view, trouble: undefined }
          case "Changed":
            return MembersView.changed(view, notice.change)
          case "Published":
            if (!MembersView.isFromShown(view, notice.event)) return view
            return MembersView.logged(view, MembersView.publishedEntry(notice.event, MembersView.addressIn(view)))
          case "Missed":
            return MembersView.logged(view, { at, text: MembersView.missedText(notice.count), style: "yellow" })
          case "Lost":
            return { ...view, trouble: view.trouble ?? `no connection since ${MembersView.timeText(at)}, retrying` }
        }
      })
    })
  )

// Errors are ignored here: `follow` reports whether the node can be reached.
const readList = (endpoint: Endpoint.Endpoint, views: Views) =>
  endpoint
    .ask((node) => node.members({ query: {} }))
    .pipe(
      Effect.flatMap(({ nodes }) =>
        SubscriptionRef.update(views, (view) => ({ ...view, members: MembersView.byId(nodes) }))
      ),
      Effect.ignore,
      Effect.delay(ReadInterval),
      Effect.forever
    )

/** Shows the members until `q` or Ctrl-C. The terminal is restored however this ends. */
export const show = Effect.fnUntraced(function* (
  endpoint: Endpoint.Endpoint,
  nodes: ReadonlyArray<AdminApi.Node>,
  { colour, tags }: { readonly colour: boolean; readonly tags: MembersView.WantedTags }
) {
  const terminal = yield* Terminal.Terminal
  const views = yield* SubscriptionRef.make<MembersView.View>({
    place: Endpoint.placeText(endpoint.place),
    members: MembersView.byId(nodes),
    tags,
    log: [],
    trouble: undefined
  })
  yield* Effect.acquireRelease(Effect.orDie(terminal.display(Canvas.enter)), () =>
    Effect.ignore(terminal.display(Canvas.exit))
  )
  const input = yield* terminal.readInput
  yield* Stream.fromQueue(input).pipe(
    Stream.takeWhile(({ key }) => key.name !== "q" && !(key.ctrl && key.name === "c")),
    Stream.runDrain,
    Effect.raceFirst(Effect.orDie(draw(views, colour))),
    Effect.raceFirst(follow(endpoint, views)),
    Effect.raceFirst(readList(endpoint, views))
  )
}, Effect.scoped)
