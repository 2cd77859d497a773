/** Checks the peers that a program adds at run time, by the rules of the `peers` option. */
import { Result, Schema } from "effect"
import * as ClusterConfig from "../config/ClusterConfig.ts"
import type * as Peer from "../domain/Peer.ts"
import type { BootstrapPeers } from "./BootstrapPeers.ts"

/**
 * Peers cannot be contacted: a text is no peer, the socket of this node cannot
 * reach an address, the `allow` list excludes it, or there are too many peers.
 *
 * **Details**
 *
 * `problems` names everything that is wrong. `message` has one line for each.
 *
 * @category errors
 * @since 0.2.0
 */
export class ContactError extends Schema.TaggedError<ContactError>()("ContactError", {
  problems: Schema.Array(ClusterConfig.Problem)
}) {
  override get message(): string {
    return ["These peers cannot be contacted:", ...this.problems.map(({ message }) => `  ${message}`)].join("\n")
  }
}

/** The peers that `given` stands for, or all that is wrong with them. `known` holds the peers that the node has. */
export const check = (
  given: ReadonlyArray<string | Peer.Peer>,
  { limits, network }: ClusterConfig.ClusterConfig,
  known: BootstrapPeers
): Result.Result<ReadonlyArray<Peer.Peer>, ContactError> => {
  const { allow, bind } = network
  const { bootstrapPeers } = limits
  const config = ClusterConfig.make({ allow, bind, peers: given, limits: { bootstrapPeers } })
  if (Result.isFailure(config)) return Result.fail(new ContactError({ problems: config.failure.problems }))
  const { peers } = config.success.network
  const total = known.size + known.countNew(peers)
  if (total <= bootstrapPeers) return Result.succeed(peers)
  const message =
    `the node would have ${total} peers, and \`limits.bootstrapPeers\` is ${bootstrapPeers}: ` +
    "add fewer, since any one peer is enough to join, or raise the limit"
  return Result.fail(new ContactError({ problems: [{ key: "limits.bootstrapPeers", message }] }))
}
