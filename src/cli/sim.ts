/** `gossip sim`: a cluster in virtual time, and what happens to it. */
import { Effect } from "effect"
import { Argument, CliError, Command, Flag } from "effect/cli"

const text = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.optional)

const event = (name: string, metavar: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar(metavar), Flag.withDescription(description), Flag.atLeast(0))

const file = (name: string, description: string) =>
  Flag.Path(name).pipe(Flag.withMetavar("FILE"), Flag.withDescription(description), Flag.optional)

const flags = {
  scenarioFile: Argument.Path("SCENARIO").pipe(
    Argument.withDescription("Plan to carry out, in TOML or JSON. Flags override it."),
    Argument.optional
  ),
  scenario: file("scenario", "The same as SCENARIO."),
  replay: file("replay", "Carry out a recorded plan, and report whether the same happens."),
  nodes: text("nodes", "N", "Number of nodes at the start; 10 by default."),
  oldNodes: text("old-nodes", "N", "Number of them that speak version 1 of the protocol only (extension level 0)."),
  seconds: text("seconds", "S", "Seconds of virtual time; 60 by default."),
  seed: text("seed", "SEED", "Number or text that decides everything random; 1 by default."),
  loss: text("loss", "P", "Probability that a datagram is lost."),
  latency: text("latency", "TIME", "Delay of a datagram; 1ms by default."),
  jitter: text("jitter", "TIME", "Largest random delay on top of the latency."),
  kill: event("kill", "NODES[@WHEN]", "Kill processes; their machines refuse datagrams."),
  crash: event("crash", "NODES[@WHEN]", "Let machines fail; they do not answer at all."),
  stop: event("stop", "NODES[@WHEN]", "Let nodes leave."),
  restart: event("restart", "NODES[@WHEN]", "Restart nodes: those that have ended, or others, which are killed first."),
  freeze: event("freeze", "NODES[@WHEN][+HOW_LONG]", "Stop processes, as by SIGSTOP."),
  partition: event(
    "partition",
    "PART[@WHEN][+HOW_LONG]",
    "Separate a fraction of the nodes, or groups, from the others."
  ),
  cut: event("cut", "FROM:TO[@WHEN][+HOW_LONG]", "Let nothing that some nodes send reach others."),
  encrypt: Flag.Boolean("encrypt").pipe(
    Flag.withDescription("Encrypt, with a key that the seed draws."),
    Flag.withDefault(false)
  ),
  config: file("config", "TOML file with the configuration of all nodes, as for gossip run."),
  report: file("report", "Write a page with charts of what happened to this file."),
  trace: file("trace", "Write every event to this file, as lines of JSON."),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print the whole report as JSON."), Flag.withDefault(false)),
  printPlan: Flag.Literals("print-plan", ["toml", "json"]).pipe(
    Flag.withOptionalValue("toml"),
    Flag.withMetavar("FORMAT"),
    Flag.withDescription("Print the plan as a file, and exit."),
    Flag.optional
  )
}

type Flags = Command.Command.Config.Infer<typeof flags>

/** Runs a cluster of full nodes in virtual time. */
export const sim = Command.make(
  "sim",
  flags,
  Effect.fnUntraced(function* (flags: Flags) {
    const { errorText, simulate } = yield* Effect.orDie(Effect.tryPromise(() => import("./Simulate.ts")))
    yield* Effect.mapError(simulate(flags), (cause) => new CliError.UserError({ cause, userMessage: errorText(cause) }))
  })
).pipe(
  Command.withShortDescription("Run a cluster of up to 10000 nodes in virtual time, and measure it."),
  Command.withDescription(
    [
      "Runs a cluster of full nodes on a network in memory, in virtual time: a minute takes seconds, and one seed gives",
      "  one history. The result is printed as a table.",
      "",
      "  NODES is a number of nodes, which the seed draws, or names: n3,n7. PART is a fraction, or groups: n1,n2|n3. WHEN",
      "  and HOW_LONG are times such as 500ms, 30s or 2m. The default of WHEN is half of the duration; without HOW_LONG the",
      "  event does not end. Flags for events may be repeated. A file can contain more; --print-plan prints one to start",
      "  from.",
      "",
      "  The nodes are checked against the invariants of the protocol. The exit code is 1 if one breaks."
    ].join("\n")
  ),
  Command.withExamples([
    {
      command: "gossip sim --nodes 100 --kill 10",
      description: "Kill ten of a hundred, and measure when the others notice"
    },
    {
      command: "gossip sim --nodes 100 --loss 0.05 --partition 0.5@20s+15s",
      description: "A bad network with a partition of 15 seconds"
    },
    {
      command: "gossip sim --kill 2 --print-plan > plan.toml && gossip sim plan.toml",
      description: "The same with a plan in a file"
    }
  ])
)
