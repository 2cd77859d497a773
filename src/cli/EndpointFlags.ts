/**
 * The flags of the commands that ask a running node.
 */
import { type Command, Flag } from "effect/cli"

/**
 * The flags that name the node.
 */
export const flags = {
  endpoint: Flag.String("endpoint").pipe(
    Flag.withAlias("e"),
    Flag.withMetavar("URL|PATH"),
    Flag.withDescription("The node: http://HOST:PORT, or the path of its Unix socket."),
    Flag.optional
  ),
  tokenFile: Flag.Path("token-file").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("File with the node's token, which operations over a network require."),
    Flag.optional
  ),
  config: Flag.Path("config").pipe(
    Flag.withMetavar("FILE"),
    Flag.withDescription("TOML file of the node, which has its port or socket."),
    Flag.optional
  )
}

/**
 * What these flags give.
 */
export type Flags = Command.Command.Config.Infer<typeof flags>
