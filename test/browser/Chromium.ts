/** A real browser: Chromium, without any network but that of this machine. */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { assert } from "@effect/vitest"
import { Effect, Predicate, Schedule, Schema, type Scope } from "effect"

/** How long anything may take, in ms: far beyond what the slowest machine needs. */
const TimeLimit = 60_000
export const timeout = 2 * TimeLimit

// --- Chromium ------------------------------------------------------------------------------------

const Answer = Schema.fromJsonString(
  Schema.Struct({
    id: Schema.optional(Schema.Int),
    method: Schema.optional(Schema.String),
    params: Schema.optional(Schema.Unknown),
    result: Schema.optional(Schema.Unknown),
    error: Schema.optional(Schema.Struct({ message: Schema.String }))
  })
)
type Answer = typeof Answer.Type
const decodeAnswer = Schema.decodeUnknownSync(Answer)

const Evaluated = Schema.Struct({
  result: Schema.Struct({ value: Schema.optional(Schema.Unknown) }),
  exceptionDetails: Schema.optional(Schema.Unknown)
})
const Targets = Schema.Struct({
  targetInfos: Schema.Array(Schema.Struct({ targetId: Schema.String, type: Schema.String }))
})
const Screenshot = Schema.Struct({ data: Schema.String })
const Session = Schema.Struct({ sessionId: Schema.String })
const Logged = Schema.Struct({ entry: Schema.Struct({ level: Schema.String, text: Schema.String }) })
const Request = Schema.Struct({ request: Schema.Struct({ url: Schema.String }) })

/** What Chromium says of itself, and can be asked by the pipes of its debugger. */
interface Connection {
  readonly call: (method: string, params: object, sessionId?: string) => Effect.Effect<unknown>
  /** What it told without having been asked. */
  readonly told: Array<Answer>
}

const connect = (child: ChildProcess, ended: () => string | undefined): Connection => {
  const [, , , writes, reads] = child.stdio
  assert.isTrue(Predicate.hasProperty(writes, "write") && Predicate.hasProperty(reads, "on"))
  const waiting = new Map<number, (answer: Answer) => void>()
  const told: Array<Answer> = []
  const decoder = new TextDecoder()
  let last = 0
  let text = ""
  reads?.on("data", (more: Buffer) => {
    const messages = (text + decoder.decode(more, { stream: true })).split("\0")
    text = messages.pop() ?? ""
    for (const answer of messages.map((message) => decodeAnswer(message))) {
      const resume = answer.id === undefined ? undefined : waiting.get(answer.id)
      if (resume === undefined) told.push(answer)
      else resume(answer)
    }
  })
  const call: Connection["call"] = (method, params, sessionId) =>
    Effect.callback<Answer>((resume) => {
      const id = ++last
      waiting.set(id, (answer) => {
        waiting.delete(id)
        resume(Effect.succeed(answer))
      })
      if (writes && "write" in writes) writes.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    }).pipe(
      Effect.timeout(TimeLimit),
      Effect.catchTag("TimeoutError", () =>
        Effect.die(new Error(`no answer to ${method}: ${ended() ?? "it is silent"}`))
      ),
      Effect.map(({ error, result }) => {
        assert.isUndefined(error, `${method}: ${error?.message}`)
        return result
      })
    )
  return { call, told }
}

const browser: Effect.Effect<Connection, never, Scope.Scope> = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "gossip-chromium-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))
  )
  let ended: string | undefined
  const args = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--force-color-profile=srgb",
    `--user-data-dir=${join(directory, "profile")}`,
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
    "about:blank"
  ]
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => {
      // What it leaves behind elsewhere, because it is killed, is removed too.
      const env = { ...process.env, TMPDIR: directory }
      const child = spawn("chromium", args, { env, stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] })
      child.on("error", ({ message }) => {
        ended = `chromium is not installed: on Debian and Ubuntu, apt-get install chromium (${message})`
      })
      child.on("exit", (code, signal) => (ended ??= `chromium ended with ${code ?? signal}`))
      // Its end is told above.
      for (const stream of child.stdio) stream?.on("error", () => {})
      return child
    }),
    (child) =>
      Effect.callback<void>((resume) => {
        if (ended !== undefined) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )
  yield* Effect.callback<void>((resume) => {
    child.once("spawn", () => resume(Effect.void))
    child.once("error", () => resume(Effect.die(new Error(ended))))
  })
  return connect(child, () => ended)
})

// --- the page ------------------------------------------------------------------------------------

export interface Look {
  readonly width?: number
  readonly dark?: boolean
}

export interface Page {
  /** The value of an expression in the page. */
  readonly value: (expression: string) => Effect.Effect<unknown>
  readonly number: (expression: string) => Effect.Effect<number>
  readonly texts: (expression: string) => Effect.Effect<ReadonlyArray<string>>
  readonly until: (what: string, expression: string) => Effect.Effect<void>
  readonly look: (look: Look) => Effect.Effect<void>
  readonly mouse: (
    type: "mousePressed" | "mouseMoved" | "mouseReleased",
    at: readonly [number, number]
  ) => Effect.Effect<void>
  /** What went wrong, and what was asked of the network. */
  readonly mistakes: () => ReadonlyArray<string>
  readonly requests: () => ReadonlyArray<string>
  /** What is shown, as PNG. */
  readonly screenshot: Effect.Effect<Buffer>
}

const decodeNumber = Schema.decodeUnknownSync(Schema.Number)
const decodeTexts = Schema.decodeUnknownSync(Schema.Array(Schema.String))

/** Opens an address, and waits until `ready`, an expression in the page, is true. */
export const openAddress = Effect.fnUntraced(function* (url: string, ready: string, look: Look = {}) {
  const { call, told } = yield* browser
  const { targetInfos } = Schema.decodeUnknownSync(Targets)(yield* call("Target.getTargets", {}))
  const target = targetInfos.find(({ type }) => type === "page")
  const attached = yield* call("Target.attachToTarget", { targetId: target?.targetId, flatten: true })
  const { sessionId } = Schema.decodeUnknownSync(Session)(attached)
  const ask = (method: string, params: object = {}) => call(method, params, sessionId)

  const value = (expression: string) =>
    Effect.map(ask("Runtime.evaluate", { expression, returnByValue: true }), (answer) => {
      const { exceptionDetails, result } = Schema.decodeUnknownSync(Evaluated)(answer)
      assert.isUndefined(exceptionDetails, `${expression}\n${JSON.stringify(exceptionDetails)}`)
      return result.value
    })
  const until = (what: string, expression: string) =>
    value(expression).pipe(
      Effect.repeat({ until: (answer) => answer === true, schedule: Schedule.spaced("20 millis") }),
      Effect.timeout(TimeLimit),
      Effect.catchTag("TimeoutError", () => Effect.die(new Error(`waited in vain until ${what}`))),
      Effect.asVoid
    )
  const setLook = ({ dark = false, width = 1280 }: Look) =>
    Effect.gen(function* () {
      yield* ask("Emulation.setDeviceMetricsOverride", {
        width,
        height: 900,
        deviceScaleFactor: 1,
        mobile: width < 600
      })
      yield* ask("Emulation.setEmulatedMedia", {
        features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]
      })
      // Two frames: one in which the page learns of it, and one in which it is drawn.
      yield* value("globalThis.frames2 = 0; requestAnimationFrame(() => requestAnimationFrame(() => (frames2 = 2)))")
      yield* until("it is drawn anew", "frames2 === 2")
    })

  for (const domain of ["Runtime", "Log", "Page", "Network"]) yield* ask(`${domain}.enable`)
  yield* setLook(look)
  yield* ask("Page.navigate", { url })
  yield* until("the page is drawn", ready)

  const logged = () =>
    told
      .filter(({ method }) => method === "Log.entryAdded")
      .map(({ params }) => Schema.decodeUnknownSync(Logged)(params).entry)

  const page: Page = {
    value,
    number: (expression) => Effect.map(value(expression), (value) => decodeNumber(value)),
    texts: (expression) => Effect.map(value(expression), (value) => decodeTexts(value)),
    until,
    look: setLook,
    mouse: (type, [x, y]) =>
      Effect.asVoid(
        ask("Input.dispatchMouseEvent", {
          type,
          x,
          y,
          ...(type === "mouseMoved" ? {} : { button: "left", clickCount: 1 })
        })
      ),
    mistakes: () =>
      told
        .filter(({ method }) => method === "Runtime.exceptionThrown" || method === "Runtime.consoleAPICalled")
        .map(({ params }) => JSON.stringify(params))
        .concat(
          logged()
            .filter(({ level }) => level === "error")
            .map(({ text }) => text)
        ),
    screenshot: Effect.map(ask("Page.captureScreenshot", { format: "png" }), (answer) =>
      Buffer.from(Schema.decodeUnknownSync(Screenshot)(answer).data, "base64")
    ),
    requests: () =>
      told
        .filter(({ method }) => method === "Network.requestWillBeSent")
        .map(({ params }) => Schema.decodeUnknownSync(Request)(params).request.url)
  }
  return page
})

/** Opens a page from its text, and waits until it is drawn. */
export const openText = Effect.fnUntraced(function* (html: string, look: Look = {}) {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "gossip-report-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const file = join(directory, "report.html")
  writeFileSync(file, html)
  const ready = `document.documentElement?.dataset.drawn === "yes" || document.getElementById("failure")?.hidden === false`
  return yield* openAddress(pathToFileURL(file).href, ready, look)
})
