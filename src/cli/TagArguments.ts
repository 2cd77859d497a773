/** Tags as arguments of commands: `zone=a`. */
import { Result } from "effect"
import { EndpointError } from "./Endpoint.ts"

/** The pairs of such texts; fails with the first that has no key or no equals sign. */
export const parse = (
  texts: ReadonlyArray<string>
): Result.Result<ReadonlyArray<readonly [key: string, value: string]>, EndpointError> => {
  const pairs: Array<readonly [string, string]> = []
  for (const text of texts) {
    const at = text.indexOf("=")
    if (at < 1)
      return Result.fail(new EndpointError({ message: `${JSON.stringify(text)} is no tag; expected KEY=VALUE` }))
    pairs.push([text.slice(0, at), text.slice(at + 1)])
  }
  return Result.succeed(pairs)
}
