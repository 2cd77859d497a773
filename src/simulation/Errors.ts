/** Why a simulation fails. */
import { Duration, Schema } from "effect"

const seconds = (millis: number): string => `${Number((millis / 1000).toFixed(3))} s`

/** What a scenario waited for did not come about in time. */
export class NotInTime extends Schema.TaggedError<NotInTime>()("NotInTime", {
  /** What was waited for. */
  awaited: Schema.String,
  within: Schema.Duration,
  /** When it was given up, in ms of virtual time. */
  at: Schema.Number,
  /** What was the case instead, a line each. */
  instead: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const within = seconds(Duration.toMillis(this.within))
    return [`not within ${within}, at ${seconds(this.at)}: ${this.awaited}`, ...this.instead].join("\n  ")
  }
}

/** Something happened that the protocol rules out. */
export class InvariantBroken extends Schema.TaggedError<InvariantBroken>()("InvariantBroken", {
  /** Which rule: a name that stays the same from run to run. */
  invariant: Schema.String,
  /** Where: the name of a node. */
  node: Schema.String,
  detail: Schema.String,
  /** When, in ms of virtual time. */
  at: Schema.Number,
  /** How many events came before: the same run breaks it at the same event. */
  event: Schema.Int
}) {
  override get message(): string {
    return `${this.invariant} broken on ${this.node} at ${seconds(this.at)}, event ${this.event}: ${this.detail}`
  }
}

/** Fibers wake each other at one instant of virtual time for ever. */
export class TimeStandsStill extends Schema.TaggedError<TimeStandsStill>()("TimeStandsStill", {
  at: Schema.Number
}) {
  override get message(): string {
    return `virtual time stands still at ${seconds(this.at)}: fibers wake each other for ever without sleeping`
  }
}

/** A verb was used on a node that is not in the condition for it. */
export class WrongCondition extends Schema.TaggedError<WrongCondition>()("WrongCondition", {
  node: Schema.String,
  condition: Schema.String,
  verb: Schema.String
}) {
  override get message(): string {
    return `cannot ${this.verb} ${this.node}: it is ${this.condition}`
  }
}
