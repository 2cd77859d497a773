/**
 * The program with `gossip run` as its only command: what the package starts for it, so that a node loads and makes
 * nothing of the other commands. `bin/gossip.js` chooses between the two, and `scripts/bundle.ts` makes them.
 */
import { Command } from "effect/cli"
import * as Program from "./Program.ts"
import { make } from "./run.ts"
import { handle } from "./RunNode.ts"

const gossip = Command.make("gossip").pipe(Command.withSubcommands([make(handle)]))

/**
 * Runs a node.
 */
export const main = (version: string) => Program.main(gossip, version)
