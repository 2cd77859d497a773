/** The bounds of names and payloads of events and queries. */
import { Result } from "effect"
import { MaxName, MaxPayload } from "../wire/sections/NamedPayload.ts"
import * as Utf8 from "../wire/Utf8.ts"
import { PublishError } from "./ClusterEvent.ts"

/** What is wrong with a name and a payload, if anything. */
export const checkNamed = (name: string, payload: Uint8Array): Result.Result<Uint8Array, PublishError> => {
  if (name === "") return Result.fail(new PublishError({ name, reason: "EmptyName" }))
  if (Utf8.encode(name).length > MaxName) return Result.fail(new PublishError({ name, reason: "NameTooLong" }))
  return payload.length > MaxPayload
    ? Result.fail(new PublishError({ name, reason: "PayloadTooLong", bytes: payload.length }))
    : Result.succeed(payload)
}
