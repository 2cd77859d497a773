/** The argument that names a member. */
import { Effect } from "effect"
import { show } from "../config/ConfigProblem.ts"
import * as NodeId from "../domain/NodeId.ts"
import { EndpointError } from "./Endpoint.ts"

/** The id that a user gave. */
export const parse = (text: string): Effect.Effect<NodeId.NodeId, EndpointError> =>
  Effect.mapError(
    Effect.fromResult(NodeId.fromString(text)),
    ({ message }) => new EndpointError({ message: `ID is ${show(text)}; ${message}` })
  )
