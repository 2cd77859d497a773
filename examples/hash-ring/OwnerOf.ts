// Which member owns a key: a consistent-hashing ring that follows the members that are alive.
import { Context, Effect, HashRing, Layer, PrimaryKey, Stream, SubscriptionRef } from "effect"
import { NetAddress } from "effect/net"
import { type Member, Membership } from "effect-gossip"

class Owner implements PrimaryKey.PrimaryKey {
  readonly member: Member.Member
  constructor(member: Member.Member) {
    this.member = member
  }
  [PrimaryKey.symbol]() {
    return NetAddress.formatInet(this.member.address)
  }
}

export class OwnerOf extends Context.Service<OwnerOf, (key: string) => Effect.Effect<Member.Member | undefined>>()(
  "example/OwnerOf"
) {}

export const layer = Layer.effect(
  OwnerOf,
  Effect.gen(function* () {
    const { views } = yield* Membership.Membership
    const ring = yield* SubscriptionRef.make(HashRing.make<Owner>())
    yield* views().pipe(
      Stream.map(({ members }) =>
        members.filter(({ status }) => status === "alive").map((member) => new Owner(member))
      ),
      Stream.runForEach((alive) => SubscriptionRef.set(ring, HashRing.addMany(HashRing.make<Owner>(), alive))),
      Effect.forkScoped({ startImmediately: true })
    )
    return (key) => Effect.map(SubscriptionRef.get(ring), (ring) => HashRing.get(ring, key)?.member)
  })
)
