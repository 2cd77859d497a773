/** Shows the health of a node, whether it has joined, and how many members it sees. */
import { Console, Effect, Option } from "effect"
import type * as AdminApi from "../admin/AdminApi.ts"
import type { MetricsAnswer } from "../admin/MetricsAnswer.ts"
import * as Canvas from "./Canvas.ts"
import { memberText } from "./ChangeLine.ts"
import * as Endpoint from "./Endpoint.ts"
import type * as EndpointFlags from "./EndpointFlags.ts"
import { countsLine } from "./MembersView.ts"

/** What `gossip status` shows. */
export interface Status {
  readonly place: string
  /** Why the node is unhealthy, if it is. */
  readonly unhealthy: Option.Option<string>
  /** Why the node is not ready, if it is not: it has not joined, or it has left. */
  readonly notReady: Option.Option<string>
  readonly nodes: ReadonlyArray<AdminApi.Node>
  readonly metrics: MetricsAnswer
}

const valueOf = (metrics: MetricsAnswer, name: `swim_${string}`): Option.Option<number> => {
  const metric = metrics[name]
  if (metric === undefined || metric.type === "histogram") return Option.none()
  return Option.map(Option.fromUndefinedOr(metric.series[0]), ({ value }) => value)
}

/** The status as lines. */
export const lines = ({ metrics, nodes, notReady, place, unhealthy }: Status): ReadonlyArray<string> => {
  const own = nodes.find(({ self }) => self)
  const row = (name: string, text: string): string => `${name.padEnd(10)}${text}`
  return [
    ...(own === undefined ? [] : [row("node", `${memberText(own)}, incarnation ${own.incarnation}`)]),
    row("endpoint", place),
    row(
      "health",
      Option.getOrElse(unhealthy, () => "ok")
    ),
    row(
      "ready",
      Option.getOrElse(notReady, () => "yes")
    ),
    row("members", Canvas.plain(countsLine(nodes))),
    ...Option.toArray(
      Option.map(valueOf(metrics, "swim_local_health_score"), (score) =>
        row("local", `health score ${score} of 8${score === 0 ? "" : `: its probes wait ${score + 1} times as long`}`)
      )
    )
  ]
}

/** Handles `gossip status`. */
export const handle = Effect.fnUntraced(
  function* (flags: EndpointFlags.Flags) {
    const { ask, place } = yield* Endpoint.connect(flags)
    const unhealthy = yield* ask((node) =>
      node.healthz().pipe(
        Effect.as(Option.none<string>()),
        Effect.catchTag("Unhealthy", ({ message }) => Effect.succeedSome(message))
      )
    )
    const notReady = yield* ask((node) =>
      node.readyz().pipe(
        Effect.as(Option.none<string>()),
        Effect.catchTag("NotReady", ({ message }) => Effect.succeedSome(message))
      )
    )
    const { nodes } = yield* ask((node) => node.members({ query: {} }))
    const metrics = yield* ask((node) => node.metricsJson())
    const shown = lines({ place: Endpoint.placeText(place), unhealthy, notReady, nodes, metrics })
    yield* Console.log(shown.join("\n"))
    const wrong = Option.orElse(unhealthy, () => notReady)
    if (Option.isSome(wrong)) return yield* new Endpoint.EndpointError({ message: wrong.value })
  },
  Effect.scoped,
  Effect.mapError(Endpoint.asUserError)
)
