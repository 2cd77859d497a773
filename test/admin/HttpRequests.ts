/** Plain HTTP requests without a client of this project, and their answers. */
import * as Http from "node:http"
import { Effect } from "effect"

/** The answer to a request. */
export interface Answer {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly text: string
  /** The body, if it is JSON. */
  readonly json: unknown
}

/** Parts of a request. */
export interface Ask {
  readonly method?: string
  readonly headers?: Http.OutgoingHttpHeaders
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it is. */
  readonly raw?: string
  /** Over this Unix socket. */
  readonly socketPath?: string
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Makes a request on a connection of its own. */
export const ask = (base: string, path: string, { body, headers, method, raw, socketPath }: Ask = {}) =>
  Effect.callback<Answer, Error>((resume) => {
    const request = Http.request(
      `${base}${path}`,
      {
        method: method ?? "GET",
        agent: false,
        headers: headers ?? {},
        ...(socketPath === undefined ? {} : { socketPath })
      },
      (response) => {
        let text = ""
        response.setEncoding("utf8")
        response.on("data", (chunk: string) => (text += chunk))
        response.on("end", () =>
          resume(
            Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, text, json: parsed(text) })
          )
        )
        response.on("error", (error) => resume(Effect.fail(error)))
      }
    )
    request.on("error", (error) => resume(Effect.fail(error)))
    const content = raw ?? (body === undefined ? undefined : JSON.stringify(body))
    if (content !== undefined && headers?.["content-type"] === undefined) {
      request.setHeader("content-type", "application/json")
    }
    request.end(content)
    return Effect.sync(() => request.destroy())
  })

/** One server-sent event, or a comment. */
export interface Received {
  readonly event: string
  readonly id: string | undefined
  readonly data: unknown
}

/** A stream of events that is being read. */
export interface Following {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly events: ReadonlyArray<Received>
  readonly comments: ReadonlyArray<string>
  /** How the stream ended, or undefined while it has not. */
  readonly ended: () => "complete" | "broken" | undefined
  readonly response: Http.IncomingMessage
}

/** Follows the events until the test ends, from an address of this machine. */
export const follow = (base: string, headers: Http.OutgoingHttpHeaders = {}, localAddress?: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<readonly [Http.ClientRequest, Following], Error>((resume) => {
        const request = Http.request(`${base}/events`, { agent: false, headers, localAddress }, (response) => {
          const events: Array<Received> = []
          const comments: Array<string> = []
          let ended: "complete" | "broken" | undefined
          let rest = ""
          response.setEncoding("utf8")
          response.on("data", (chunk: string) => {
            const blocks = (rest + chunk).split("\n\n")
            rest = blocks.pop() ?? ""
            for (const block of blocks) {
              const fields = new Map(
                block.split("\n").map((line) => [line.split(": ", 1)[0], line.replace(/^.*?: /, "")])
              )
              const data = fields.get("data")
              if (data === undefined) comments.push(block)
              else events.push({ event: fields.get("event") ?? "message", id: fields.get("id"), data: parsed(data) })
            }
          })
          response.on("end", () => (ended = "complete"))
          response.on("close", () => (ended ??= "broken"))
          response.on("error", () => (ended ??= "broken"))
          const following: Following = {
            status: response.statusCode ?? 0,
            headers: response.headers,
            events,
            comments,
            ended: () => ended,
            response
          }
          resume(Effect.succeed([request, following]))
        })
        request.on("error", (error) => resume(Effect.fail(error)))
        request.end()
        return Effect.sync(() => request.destroy())
      }),
      ([request]) => Effect.sync(() => request.destroy())
    ),
    ([, following]) => following
  )
