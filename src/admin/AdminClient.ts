/**
 * What asks a node over HTTP, made from the same schemas that answer there.
 *
 * @example
 * ```ts
 * const program = Effect.gen(function*() {
 *   const node = yield* AdminClient.make({ baseUrl: "http://127.0.0.1:9100" })
 *   const { nodes } = yield* node.members({ query: { status: "dead" } })
 *   for (const { id } of nodes) yield* Effect.log(yield* node.member({ params: { id } }))
 * })
 * ```
 */
import type { Effect, Redacted } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { AdminApi } from "./AdminApi.ts"

export interface Options {
  /** Where the node is served; over a Unix socket, any: what matters is the `HttpClient`. */
  readonly baseUrl: string
  /** The token of the node, for what only an operator may do over a network. */
  readonly token?: Redacted.Redacted<string> | undefined
}

/** Every route of a node as a function. */
export type AdminClient = HttpApiClient.ForApi<typeof AdminApi>

/** A client on the `HttpClient` that is provided. */
export const make = ({ baseUrl, token }: Options): Effect.Effect<AdminClient, never, HttpClient.HttpClient> =>
  HttpApiClient.make(AdminApi, {
    baseUrl,
    transformClient: HttpClient.mapRequest((request) =>
      token === undefined ? request : HttpClientRequest.bearerToken(request, token)
    )
  })
