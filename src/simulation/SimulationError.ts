/** Why a simulation fails. */
import { Duration, Schema } from "effect"

const seconds = (millis: number): string => `${Number((millis / 1000).toFixed(3))} s`

/**
 * A condition did not hold in time.
 *
 * @category errors
 * @since 0.2.0
 */
export class NotInTime extends Schema.TaggedError<NotInTime>()("NotInTime", {
  /** The condition that was waited for. */
  awaited: Schema.String,
  within: Schema.Duration,
  /** When the wait ended, in ms of virtual time. */
  at: Schema.Number,
  /** What was the case instead, one line each. */
  found: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const within = seconds(Duration.toMillis(this.within))
    return [`not within ${within}, at ${seconds(this.at)}: ${this.awaited}`, ...this.found].join("\n  ")
  }
}

/**
 * A node did what the protocol rules out.
 *
 * @category errors
 * @since 0.2.0
 */
export class InvariantBroken extends Schema.TaggedError<InvariantBroken>()("InvariantBroken", {
  /** The name of the invariant, see `invariants`. */
  invariant: Schema.String,
  /** The name of the node. */
  node: Schema.String,
  detail: Schema.String,
  /** When it broke, in ms of virtual time. */
  at: Schema.Number,
  /** The number of events before it. The same run breaks it at the same event. */
  event: Schema.Int
}) {
  override get message(): string {
    return `${this.invariant} broken on ${this.node} at ${seconds(this.at)}, event ${this.event}: ${this.detail}`
  }
}

/**
 * Fibers run at one instant of virtual time without ever sleeping.
 *
 * @category errors
 * @since 0.2.0
 */
export class VirtualTimeStuck extends Schema.TaggedError<VirtualTimeStuck>()("VirtualTimeStuck", {
  /** The instant, in ms of virtual time. */
  at: Schema.Number
}) {
  override get message(): string {
    return `virtual time is stuck at ${seconds(this.at)}: fibers wake each other without ever sleeping`
  }
}

/**
 * A verb needs a node in another condition.
 *
 * @category errors
 * @since 0.2.0
 */
export class WrongCondition extends Schema.TaggedError<WrongCondition>()("WrongCondition", {
  /** The name of the node. */
  node: Schema.String,
  condition: Schema.String,
  verb: Schema.String
}) {
  override get message(): string {
    return `cannot ${this.verb} ${this.node}: it is ${this.condition}`
  }
}
