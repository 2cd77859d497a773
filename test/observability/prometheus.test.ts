/** What watches a cluster, with a real Prometheus: its configuration, the alerts, and every query of the dashboard. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { inspect } from "node:util"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schedule, Schema, Scope } from "effect"
import { isLong } from "../Campaign.ts"
import { type Running, running } from "../integration/Program.ts"

const directory = fileURLToPath(new URL("../../observability", import.meta.url))
const inDirectory = (name: string): string => join(directory, name)
const textOf = (name: string): string => readFileSync(inDirectory(name), "utf8")

const missing = "prometheus and promtool are not installed: on Debian and Ubuntu, apt-get install prometheus"

/** How long a condition may take, in ms: far beyond what the slowest machine needs. */
const TimeLimit = 60_000
const timeout = 5 * TimeLimit

// --- promtool ------------------------------------------------------------------------------------

const promtool = (args: ReadonlyArray<string>, input = ""): string => {
  const { error, status, stderr, stdout } = spawnSync("promtool", args, { encoding: "utf8", input })
  if (error !== undefined) throw new Error(`${missing} (${error.message})`)
  assert.strictEqual(status, 0, `promtool ${args.join(" ")}\n${stdout}${stderr}`)
  return stdout
}

describe("promtool", () => {
  it.each(["prometheus.yml", "prometheus.compose.yml"])("finds no fault in %s", (name) => {
    // The rules that it names are checked with it.
    assert.include(promtool(["check", "config", "--lint=all", "--lint-fatal", inDirectory(name)]), "rules found")
  })

  it("finds that the alerts fire when they should, and only then", () => {
    promtool(["check", "rules", "--lint=all", "--lint-fatal", inDirectory("rules.yml")])
    promtool(["test", "rules", inDirectory("rules.test.yml")])
  })

  it("the two configurations differ in their targets only", () => {
    const withoutTargets = (name: string): string =>
      textOf(name)
        .replace(/^#.*\n/gm, "")
        .replace(/targets: .*/, "")
        .trim()
    assert.strictEqual(withoutTargets("prometheus.compose.yml"), withoutTargets("prometheus.yml"))
  })
})

// --- the queries ---------------------------------------------------------------------------------

const Dashboard = Schema.Struct({
  templating: Schema.Struct({
    list: Schema.Array(Schema.Struct({ name: Schema.String, definition: Schema.optional(Schema.String) }))
  }),
  annotations: Schema.Struct({ list: Schema.Array(Schema.Struct({ expr: Schema.String })) }),
  panels: Schema.Array(
    Schema.Struct({
      title: Schema.String,
      targets: Schema.optional(Schema.Array(Schema.Struct({ expr: Schema.String })))
    })
  )
})

const dashboard = Schema.decodeUnknownSync(Schema.fromJsonString(Dashboard))(textOf("grafana/dashboards/gossip.json"))

/** What Grafana would put in the place of its variables. */
const filledIn = (expr: string): string => {
  const query = expr.replaceAll("$job", "gossip").replaceAll("$instance", ".+").replaceAll("$__rate_interval", "10s")
  assert.notInclude(query, "$", "a variable that this test does not know")
  return query
}

const panelQueries = dashboard.panels.flatMap(({ targets = [], title }) =>
  targets.map(({ expr }) => ({ title, query: filledIn(expr) }))
)

/** The series that a query reads, each as a query of its own. */
const selectorsIn = (query: string): ReadonlyArray<string> => query.match(/\bswim_\w+(?:\{[^}]*\})?/g) ?? []

// --- Prometheus ----------------------------------------------------------------------------------

const Labels = Schema.Record(Schema.String, Schema.String)
const Vector = Schema.Struct({
  data: Schema.Struct({
    result: Schema.Array(
      Schema.Struct({ metric: Labels, value: Schema.Tuple([Schema.Number, Schema.NumberFromString]) })
    )
  })
})
const Rules = Schema.Struct({
  data: Schema.Struct({
    groups: Schema.Array(
      Schema.Struct({
        rules: Schema.Array(
          Schema.Struct({
            name: Schema.String,
            query: Schema.String,
            health: Schema.String,
            lastError: Schema.optional(Schema.String)
          })
        )
      })
    )
  })
})
const Names = Schema.Struct({ data: Schema.Array(Schema.String) })

interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Asks until the answer is as it should be. */
const until = <A>(what: string, ask: Effect.Effect<A>, holds: (answer: A) => boolean): Effect.Effect<A> => {
  let last: A | undefined
  return ask.pipe(
    Effect.tap((answer) => Effect.sync(() => (last = answer))),
    Effect.repeat({ until: holds, schedule: Schedule.spaced("250 millis") }),
    Effect.timeout(TimeLimit),
    Effect.catchTag("TimeoutError", () =>
      Effect.die(new Error(`waited in vain until ${what}; at last it was ${inspect(last, { depth: 5 })}`))
    )
  )
}

const text = (url: string): Effect.Effect<string> =>
  Effect.promise(async (signal) => {
    const response = await fetch(url, { signal })
    const body = await response.text()
    assert.isTrue(response.ok, `${url}: ${response.status} ${body}`)
    return body
  })

const freePort: Effect.Effect<number> = Effect.callback((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** Times that make a test quick. No assertion depends on them but that a death is settled before an alert's patience. */
const quick = {
  GOSSIP_GOSSIP_INTERVAL_MS: "100",
  GOSSIP_GOSSIP_ANTI_ENTROPY_INTERVAL_MS: "1000",
  GOSSIP_PROBES_INTERVAL_MS: "400",
  GOSSIP_PROBES_TIMEOUT_MS: "200",
  GOSSIP_PROBES_SUSPECT_TIMEOUT_MS: "600",
  GOSSIP_PROBES_SUSPECT_JITTER_MS: "200",
  GOSSIP_PROBES_DEAD_RETENTION_MS: "300000"
}

/** The files with a tenth of their scrape interval and a fifth of the patience of their alerts. */
const hurried = (name: string): string =>
  textOf(name)
    .replace("scrape_interval: 5s", "scrape_interval: 500ms")
    .replace("scrape_timeout: 4s", "scrape_timeout: 500ms")
    .replace("evaluation_interval: 5s", "evaluation_interval: 500ms")
    .replaceAll("[30s]", "[6s]")
    .replaceAll("for: 30s", "for: 6s")
    .replaceAll("for: 1m", "for: 12s")

class Watched extends Context.Service<
  Watched,
  {
    readonly nodes: readonly [Running, Running, Running]
    /** Where each is scraped. */
    readonly instances: ReadonlyArray<string>
    /** Starts a fourth node that is scraped too, and knows nobody. */
    readonly startStranger: Effect.Effect<Running>
    /** What a query gives, now. */
    readonly query: (query: string) => Effect.Effect<ReadonlyArray<Sample>>
    readonly get: (path: string) => Effect.Effect<string>
  }
>()("test/observability/Watched") {}

const startPrometheus = Effect.fnUntraced(function* (targets: ReadonlyArray<string>) {
  const temporary = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "gossip-prometheus-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
  )
  const config = hurried("prometheus.yml").replace(/targets: \[.*\]/, `targets: ${JSON.stringify(targets)}`)
  for (const target of targets) assert.include(config, target)
  writeFileSync(join(temporary, "prometheus.yml"), config)
  writeFileSync(join(temporary, "rules.yml"), hurried("rules.yml"))

  const address = `127.0.0.1:${yield* freePort}`
  let log = ""
  let ended: string | undefined
  const args = [
    `--config.file=${join(temporary, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(temporary, "data")}`,
    `--web.listen-address=${address}`,
    "--log.level=warn"
  ]
  yield* Effect.acquireRelease(
    Effect.sync((): ChildProcess => {
      const child = spawn("prometheus", args, { stdio: ["ignore", "ignore", "pipe"] })
      child.stderr.setEncoding("utf8").on("data", (more: string) => (log += more))
      child.on("error", (error) => (ended = `${missing} (${error.message})`))
      child.on("exit", (code, signal) => (ended ??= `prometheus ended with ${code ?? signal}\n${log}`))
      return child
    }),
    (child) =>
      Effect.callback<void>((resume) => {
        if (ended !== undefined) return resume(Effect.void)
        child.once("exit", () => resume(Effect.void))
        child.kill("SIGKILL")
      })
  )
  const isReady = Effect.promise(() =>
    fetch(`http://${address}/-/ready`).then(
      ({ ok }) => ok,
      () => false
    )
  )
  yield* until("Prometheus is ready", isReady, (ready) => {
    if (ended !== undefined) throw new Error(ended)
    return ready
  })
  return `http://${address}`
})

const watched = Effect.gen(function* () {
  const scope = yield* Effect.scope
  const ports = yield* Effect.forEach([1, 2, 3, 4], () => freePort)
  const instances = ports.map((port) => `127.0.0.1:${port}`)
  const base = yield* startPrometheus(instances)

  const node = (index: number, args: ReadonlyArray<string>) =>
    running(args, { env: { ...quick, GOSSIP_METRICS_SERVER_PORT: String(ports[index]) } })
  const first = yield* node(0, [])
  const second = yield* node(1, ["--peers", first.address])
  const third = yield* node(2, ["--peers", first.address])

  const get = (path: string) => text(`${base}${path}`)
  return Watched.of({
    nodes: [first, second, third],
    instances,
    startStranger: Effect.provideService(node(3, []), Scope.Scope, scope),
    get,
    query: (query) =>
      get(`/api/v1/query?query=${encodeURIComponent(query)}`).pipe(
        Effect.map(Schema.decodeUnknownSync(Schema.fromJsonString(Vector))),
        Effect.map(({ data }) => data.result.map(({ metric, value: [, value] }) => ({ labels: metric, value })))
      )
  })
})

layer(Layer.effect(Watched, watched), { excludeTestServices: true, timeout })("Prometheus", (it) => {
  it.effect(
    "scrapes three nodes, which see each other",
    () =>
      Effect.gen(function* () {
        const { instances, query } = yield* Watched
        const alive = yield* until("three nodes see three", query("swim_members_alive"), (samples) =>
          [0, 1, 2].every((index) =>
            samples.some(({ labels, value }) => labels["instance"] === instances[index] && value === 3)
          )
        )
        assert.strictEqual(alive.length, 3)
      }),
    timeout
  )

  it.effect("what a node serves has no fault that promtool knows", () =>
    Effect.gen(function* () {
      const { instances } = yield* Watched
      promtool(["check", "metrics"], yield* text(`http://${instances[0]}/metrics`))
    })
  )

  it.effect(
    "a node that is killed is dead to the others, and no split brain",
    () =>
      Effect.gen(function* () {
        const { instances, nodes, query } = yield* Watched
        nodes[2].process.kill("SIGKILL")
        const killedAt = Date.now()
        const both = (value: number) => (samples: ReadonlyArray<Sample>) =>
          samples.length === 2 && samples.every((sample) => sample.value === value)
        yield* until("two see two alive", query("swim_members_alive"), both(2))
        yield* until("two see one dead", query("swim_members_dead"), both(1))

        const down = yield* until(
          "its alert fires",
          query(`ALERTS{alertname="GossipNodeDown", alertstate="firing"}`),
          (samples) => samples.length > 0
        )
        assert.deepStrictEqual(
          down.map(({ labels }) => labels["instance"]),
          [instances[2]]
        )
        // That alert has twice the patience of the one about a split brain, which would have fired by now.
        assert.isAbove(Date.now() - killedAt, 12_000)
        assert.deepStrictEqual(
          yield* query(`count_over_time(ALERTS{alertname="GossipSplitBrain", alertstate="firing"}[5m])`),
          []
        )
      }),
    timeout
  )

  it.effect.each(panelQueries)("$title: $query", ({ query: expr }) =>
    Effect.gen(function* () {
      const { query } = yield* Watched
      const samples = yield* query(expr)
      assert.isNotEmpty(samples)
      // Of recoveries there were none, so nobody can say how long they took.
      const expected = samples.filter(({ labels }) => labels["outcome"] !== "recovered")
      for (const { labels, value } of expected) assert.isTrue(Number.isFinite(value), inspect({ labels, value }))
      assert.isNotEmpty(expected)
    })
  )

  it.effect("the variables and annotations of the dashboard find what they look for", () =>
    Effect.gen(function* () {
      const { get, instances, query } = yield* Watched
      for (const { expr } of dashboard.annotations.list) assert.isNotEmpty(yield* query(filledIn(expr)))
      const found = new Map<string, ReadonlyArray<string>>()
      for (const { definition, name } of dashboard.templating.list) {
        const [, series, label] = /^label_values\((.+), (\w+)\)$/.exec(definition ?? "") ?? []
        if (series === undefined) continue
        const url = `/api/v1/label/${label}/values?match[]=${encodeURIComponent(filledIn(series))}`
        found.set(name, Schema.decodeUnknownSync(Schema.fromJsonString(Names))(yield* get(url)).data)
      }
      assert.deepStrictEqual(found.get("job"), ["gossip"])
      assert.sameMembers([...(found.get("instance") ?? [])], instances.slice(0, 3))
    })
  )

  it.effect("evaluates every rule, and there is a series for all that they read", () =>
    Effect.gen(function* () {
      const { get, query } = yield* Watched
      const { data } = Schema.decodeUnknownSync(Schema.fromJsonString(Rules))(yield* get("/api/v1/rules"))
      const rules = data.groups.flatMap(({ rules }) => rules)
      assert.strictEqual(rules.length, textOf("rules.yml").match(/- alert:/g)?.length)
      for (const { health, lastError, name, query: expr } of rules) {
        assert.strictEqual(health, "ok", `${name}: ${lastError}`)
        yield* query(expr)
        const selectors = selectorsIn(expr)
        assert.isNotEmpty(selectors, name)
        for (const selector of selectors) assert.isNotEmpty(yield* query(selector), `${name}: ${selector}`)
      }
    })
  )

  if (isLong) {
    it.effect(
      "reports a split brain",
      () =>
        Effect.gen(function* () {
          const { query, startStranger } = yield* Watched
          yield* startStranger
          yield* until(
            "its alert fires",
            query(`ALERTS{alertname="GossipSplitBrain", alertstate="firing"}`),
            (samples) => samples.length > 0
          )
        }),
      timeout
    )
  }
})
