/** `gossip sim`: a cluster in virtual time, and what becomes of it. */
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
    Argument.withDescription("Plan to carry out, in TOML or JSON; flags go before what it says."),
    Argument.optional
  ),
  scenario: file("scenario", "The same."),
  replay: file("replay", "Carry out a recorded plan, and say whether the same happens."),
  nodes: text("nodes", "N", "How many nodes start; 10 if not given."),
  oldNodes: text("old-nodes", "N", "How many of them speak version 1 of the protocol only."),
  seconds: text("seconds", "S", "Seconds of virtual time; 60 if not given."),
  seed: text("seed", "SEED", "Number or text that decides all that is left to chance; 1 if not given."),
  loss: text("loss", "P", "Probability that a datagram is lost."),
  latency: text("latency", "TIME", "How long a datagram takes; 1ms if not given."),
  jitter: text("jitter", "TIME", "Most that a datagram takes longer than that."),
  kill: event("kill", "NODES[@WHEN]", "Kill nodes."),
  stop: event("stop", "NODES[@WHEN]", "Let nodes leave."),
  restart: event("restart", "NODES[@WHEN]", "Start nodes again: those that ended, or others, which are killed."),
  freeze: event("freeze", "NODES[@WHEN][+HOW_LONG]", "Stop processes, as by SIGSTOP."),
  partition: event("partition", "PART[@WHEN][+HOW_LONG]", "Part a fraction of the nodes, or groups, from the others."),
  cut: event("cut", "FROM:TO[@WHEN][+HOW_LONG]", "Let nothing of some nodes reach others."),
  encrypt: Flag.Boolean("encrypt").pipe(
    Flag.withDescription("Encrypt, with a key that is drawn by the seed."),
    Flag.withDefault(false)
  ),
  config: file("config", "TOML file with the configuration of all nodes, as for gossip run."),
  report: file("report", "Write a page that shows what happened to this file."),
  trace: file("trace", "Write every event to this file, as lines of JSON."),
  json: Flag.Boolean("json").pipe(Flag.withDescription("Print the whole report as JSON."), Flag.withDefault(false)),
  printPlan: Flag.Literals("print-plan", ["toml", "json"]).pipe(
    Flag.withOptionalValue("toml"),
    Flag.withMetavar("FORMAT"),
    Flag.withDescription("Print the plan, to start a file from, and do no more."),
    Flag.optional
  )
}

type Flags = Command.Command.Config.Infer<typeof flags>

/** Runs a cluster of real nodes in virtual time. */
export const sim = Command.make(
  "sim",
  flags,
  Effect.fnUntraced(function* (flags: Flags) {
    const { errorText, simulate } = yield* Effect.orDie(Effect.tryPromise(() => import("./Simulate.ts")))
    yield* Effect.mapError(simulate(flags), (cause) => new CliError.UserError({ cause, userMessage: errorText(cause) }))
  })
).pipe(
  Command.withShortDescription("Run a cluster of up to 10000 nodes in virtual time, and see what becomes of it."),
  Command.withDescription(
    [
      "Runs a cluster of real nodes on a network in memory, in virtual time: a minute takes seconds, and one seed gives",
      "  one history, to the bit. What came of it is printed as a table.",
      "",
      "  NODES is how many, drawn by the seed, or names: n3,n7. PART is a fraction, or groups: n1,n2|n3. WHEN and HOW_LONG",
      "  are times such as 500ms, 30s or 2m; without WHEN it is half of the whole, without HOW_LONG for good. Flags for",
      "  events may be given again and again. A file can say more: start one from what --print-plan prints.",
      "",
      "  All the while the nodes are watched for what the protocol rules out. The exit code is 1 if that happens."
    ].join("\n")
  ),
  Command.withExamples([
    { command: "gossip sim --nodes 100 --kill 10", description: "Ten of a hundred die: who knows when?" },
    {
      command: "gossip sim --nodes 100 --loss 0.05 --partition 0.5@20s+15s",
      description: "A bad network, that falls apart for a while"
    },
    {
      command: "gossip sim --kill 2 --print-plan > plan.toml && gossip sim plan.toml",
      description: "The same by a file"
    }
  ])
)
