#!/usr/bin/env node
// Starts the program: from its source in a checkout, from the bundle when installed. The source is not published, so its
// presence tells the two apart. It is TypeScript that Node.js runs as it is, which takes 22.19. A checkout has such a
// Node.js among its development dependencies, and an older one runs this file again with it.
//
// Signals must then arrive exactly once, because a second one means "exit at once". A terminal, a supervisor or a test
// signals one process or the whole group, and the receiver cannot tell which, so forwarding within one group would
// deliver some signals twice, and not forwarding would lose others. The child therefore leads a session of its own:
// it gets only what is forwarded, and everything is. The rest that the session changes is restored here: stopping and
// continuing (Ctrl-Z, fg) and the size of the window are forwarded as well, and a channel between the two closes when
// the parent dies, at which the child ends as by SIGTERM. Where a process can replace itself (`process.execve`), there
// is no parent and none of this.
import { spawn } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { enableCompileCache } from "node:module"
import { constants } from "node:os"
import { fileURLToPath } from "node:url"
import { setFlagsFromString } from "node:v8"

const source = new URL("../src/node/main.ts", import.meta.url)
// A node has a bundle of its own. With few files and the compiled code of no other command it starts faster. What the
// program says about itself names the other commands too.
const args = process.argv.slice(2)
const runsNode = args[0] === "run" && !args.some((arg) => /^(-h|-v|--help|--version|--completions)\b/.test(arg))
const bundle = new URL(`../dist/bin/${runsNode ? "run" : "gossip"}.js`, import.meta.url)
const bundledNode = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url))

// Set in the child, so that a Node.js of the checkout that is too old is reported, and not started again.
const startedAgainMark = "EFFECT_GOSSIP_STARTED_AGAIN"
const startedAgain = process.env[startedAgainMark] !== undefined
delete process.env[startedAgainMark]

const inCheckout = existsSync(source)
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
const recent = major > 22 || (major === 22 && minor >= 19)

if (process.argv.length === 3 && process.argv[2] === "--version") {
  printVersion()
} else if (recent && (!inCheckout || process.features.typescript)) {
  // 23.0 to 23.5 are later than 22.19 and do not run TypeScript.
  if (startedAgain) endWithParent()
  silenceExperimentalWarnings()
  // Otherwise V8 enlarges its young generation while the program starts, and an idle node never needs that again.
  setFlagsFromString("--semi-space-growth-factor=1")
  // Keeps the compiled code for the next start, which then takes two thirds of the time.
  enableCompileCache()
  await import((inCheckout ? source : bundle).href)
} else if (inCheckout && !startedAgain && existsSync(bundledNode)) {
  startAgain()
} else {
  process.stderr.write(`effect-gossip needs Node.js 22.19 or later, this is ${process.version}\n`)
  process.exitCode = 1
}

// Without the program, which would take most of the time.
function printVersion() {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"))
  process.stdout.on("error", () => process.exit(1))
  process.stdout.write(`gossip ${version}\n`)
}

function startAgain() {
  const args = [...process.execArgv, ...process.argv.slice(1)]
  const env = { ...process.env, [startedAgainMark]: "1" }
  if (process.execve !== undefined) process.execve(bundledNode, [bundledNode, ...args], env)

  const child = spawn(bundledNode, args, { env, detached: true, stdio: ["inherit", "inherit", "inherit", "ipc"] })
  const { signals } = constants
  const forwarded = /** @type {Array<NodeJS.Signals>} */ ([
    "SIGINT",
    "SIGTERM",
    "SIGHUP",
    "SIGQUIT",
    "SIGUSR1",
    "SIGUSR2",
    "SIGWINCH",
    "SIGCONT"
  ])
  for (const signal of forwarded) process.on(signal, () => child.kill(signal))
  // The leader of a session ignores SIGTSTP, so it gets SIGSTOP.
  process.on("SIGTSTP", () => {
    child.kill("SIGSTOP")
    process.kill(process.pid, "SIGSTOP")
  })

  child.on("error", (error) => {
    process.stderr.write(`effect-gossip could not start ${bundledNode}: ${error.message}\n`)
    process.exit(1)
  })
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    // Die by the same signal as the child, for the caller; the exit code is for a signal that does not kill here.
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
    process.exitCode = 128 + signals[signal]
  })
}

function endWithParent() {
  if (process.channel === undefined) return
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"))
  process.channel.unref()
}

function silenceExperimentalWarnings() {
  const emitWarning = process.emitWarning
  /** @type {(...args: Array<unknown>) => void} */
  const emitOthers = (...args) => {
    if (!/^(Type Stripping|SQLite) is an experimental feature/.test(String(args[0]))) {
      Reflect.apply(emitWarning, process, args)
    }
  }
  process.emitWarning = emitOthers
}
