// An HTTP client that spreads requests over the members that serve, by the tags that they set.
import { Effect, Random, Schema } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import { NetAddress } from "effect/net"
import { Membership, Tags } from "effect-gossip"

export const Service = Tags.schema(Schema.Struct({ http: Schema.Int }))

export class NoMember extends Schema.TaggedError<NoMember>()("NoMember", {}) {}

/** A client for requests with a path only. A request that fails goes to another member, at most twice. */
export const make = Effect.gen(function* () {
  const { alive } = yield* Membership.Membership
  const client = yield* HttpClient.HttpClient
  const toMember = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.gen(function* () {
      const serving = Service.only(yield* alive)
      if (serving.length === 0) return yield* new NoMember()
      const { member, tags } = serving[yield* Random.nextIntBetween(0, serving.length - 1)]!
      const host = NetAddress.formatIp(member.address.address)
      return HttpClientRequest.prependUrl(request, `http://${host}:${tags.http}`)
    })
  return client.pipe(HttpClient.mapRequestEffect(toMember), HttpClient.retry({ times: 2 }))
})
