/**
 * The program with all of its commands.
 */
import { Command } from "effect/cli"
import { config } from "./config.ts"
import { demo } from "./demo.ts"
import { event } from "./event.ts"
import { events } from "./events.ts"
import { explain } from "./explain.ts"
import { forget } from "./forget.ts"
import { join } from "./join.ts"
import { keygen } from "./keygen.ts"
import { keys } from "./keys.ts"
import { leave } from "./leave.ts"
import { members } from "./members.ts"
import * as Program from "./Program.ts"
import { query } from "./query.ts"
import * as LazyHandler from "./LazyHandler.ts"
import { make as makeRun } from "./run.ts"
import { sim } from "./sim.ts"
import { status } from "./status.ts"
import { tags } from "./tags.ts"

const run = makeRun(LazyHandler.make(() => import("./RunNode.ts").then(({ handle }) => handle)))

/**
 * The command line.
 */
export const gossip = Command.make("gossip").pipe(
  Command.withDescription("Cluster membership by SWIM gossip over UDP: which nodes are up, which failed, which left."),
  Command.withSubcommands([
    { group: "A NODE", commands: [run, config, keygen, demo, sim] },
    {
      group: "A RUNNING NODE",
      commands: [members, status, events, event, query, explain, tags, join, forget, leave, keys]
    }
  ]),
  Command.withExamples([
    { command: "gossip demo", description: "See what it does" },
    { command: "gossip run --bind 127.0.0.1:7946", description: "The first node of a cluster on this machine" },
    { command: "gossip run --peers 127.0.0.1:7946", description: "Another node that joins it" },
    { command: "gossip --bind 127.0.0.1:7946", description: "Short for gossip run" },
    { command: "gossip --generate-key", description: "Short for gossip keygen" }
  ])
)

/**
 * Runs the command that the arguments of the process name.
 */
export const main = (version: string) => Program.main(gossip, version)
