/** Why a member cannot be forgotten. In a module of its own, so that the tag of `Membership` loads no schema. */
import { Schema } from "effect"
import { NodeId } from "../domain/NodeId.ts"

/**
 * A member cannot be forgotten: no member with this id is known, or it is alive or suspect.
 *
 * @category errors
 * @since 0.2.0
 */
export class ForgetError extends Schema.TaggedError<ForgetError>()("ForgetError", {
  id: NodeId,
  reason: Schema.Literals(["Unknown", "Live"])
}) {
  override get message(): string {
    return this.reason === "Unknown"
      ? `there is no member ${this.id}`
      : `member ${this.id} is not dead: make it leave, or wait until its failure is noticed`
  }
}
