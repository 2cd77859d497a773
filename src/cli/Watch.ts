/** The members of a node on a screen of their own, drawn when something changes. */
import { Clock, DateTime, Effect, Stream, SubscriptionRef, Terminal } from "effect"
import type * as AdminApi from "../admin/AdminApi.ts"
import * as Canvas from "./Canvas.ts"
import * as Endpoint from "./Endpoint.ts"
import * as Follow from "./Follow.ts"
import * as MembersView from "./MembersView.ts"

/** Time from one frame to the next at least, in ms. */
const FrameInterval = 100

/** Time between looks at the list: round trips, and who is no longer listed, are no changes that a node tells of. */
const LookInterval = "2 seconds"

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
    Effect.fnUntraced(function* (told) {
      const at = DateTime.makeUnsafe(yield* Clock.currentTimeMillis)
      yield* SubscriptionRef.update(views, (view) => {
        switch (told._tag) {
          case "Connected":
            return { ...view, trouble: undefined }
          case "Changed":
            return MembersView.changed(view, told.change)
          case "Missed":
            return MembersView.logged(view, { at, text: MembersView.missedText(told.count), style: "yellow" })
          case "Lost":
            return { ...view, trouble: view.trouble ?? `no connection since ${MembersView.timeText(at)}, tries again` }
        }
      })
    })
  )

// Whether the node can be reached is told by the one who follows it.
const look = (endpoint: Endpoint.Endpoint, views: Views) =>
  endpoint
    .ask((node) => node.members({ query: {} }))
    .pipe(
      Effect.flatMap(({ nodes }) =>
        SubscriptionRef.update(views, (view) => ({ ...view, members: MembersView.byId(nodes) }))
      ),
      Effect.ignore,
      Effect.delay(LookInterval),
      Effect.forever
    )

/** Shows the members until `q` or Ctrl-C. Whatever happens, the terminal is given back as it was. */
export const perform = Effect.fnUntraced(function* (
  endpoint: Endpoint.Endpoint,
  nodes: ReadonlyArray<AdminApi.Node>,
  colour: boolean
) {
  const terminal = yield* Terminal.Terminal
  const views = yield* SubscriptionRef.make<MembersView.View>({
    place: Endpoint.placeText(endpoint.place),
    members: MembersView.byId(nodes),
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
    Effect.raceFirst(look(endpoint, views))
  )
}, Effect.scoped)
