/**
 * A client of the HTTP API of a node.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { AdminClient } from "effect-gossip/admin"
 *
 * const program = Effect.gen(function*() {
 *   const node = yield* AdminClient.make({ baseUrl: "http://127.0.0.1:9100" })
 *   const { nodes } = yield* node.members({ query: { status: "dead" } })
 *   for (const { id } of nodes) yield* Effect.log(yield* node.member({ params: { id } }))
 * })
 * ```
 *
 * @since 0.2.0
 */
import type { Effect, Redacted } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { AdminApi } from "./AdminApi.ts"

/**
 * Options of the client.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options {
  /** The URL of the node. Over a Unix socket any URL will do, because the `HttpClient` has the path. */
  readonly baseUrl: string
  /** The token of the node, which operations over a network require. */
  readonly token?: Redacted.Redacted<string> | undefined
}

/**
 * Every route of a node as a function.
 *
 * @category models
 * @since 0.2.0
 */
export type AdminClient = HttpApiClient.ForApi<typeof AdminApi>

/**
 * Makes a client with the `HttpClient` that is provided.
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = ({ baseUrl, token }: Options): Effect.Effect<AdminClient, never, HttpClient.HttpClient> =>
  HttpApiClient.make(AdminApi, {
    baseUrl,
    transformClient: HttpClient.mapRequest((request) =>
      token === undefined ? request : HttpClientRequest.bearerToken(request, token)
    )
  })
