/**
 * Makes the pictures of the documents from real runs: the dashboard of a node, the page of a simulation, and the demo.
 * Needs Chromium, and `script` of util-linux, which gives the demo a terminal.
 *
 *     node scripts/pictures.ts
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { Context, Effect } from "effect"
import { Events } from "../src/events/Events.ts"
import { openAddress } from "../test/browser/Chromium.ts"
import { startServed, until } from "../test/integration/RealNodes.ts"

const root = join(import.meta.dirname, "..")
const pictures = join(root, "docs/pictures")
const work = mkdtempSync(join(tmpdir(), "gossip-pictures-"))
const gossip = join(root, "bin/gossip.js")

const save = (name: string, png: Buffer) => Effect.sync(() => writeFileSync(join(pictures, `${name}.png`), png))

const dashboard = Effect.scoped(
  Effect.gen(function* () {
    const first = yield* startServed({ name: "web-1", tags: { zone: "a", http: "8080" } })
    const nodes = yield* Effect.forEach(["b", "c", "a", "b", "c", "a"], (zone, index) =>
      startServed({ name: `web-${index + 2}`, peers: [first.address], tags: { zone, http: `${8081 + index}` } })
    )
    yield* until("all are named", first.membership.alive, (alive) => alive.filter(({ name }) => name).length === 7)
    const page = yield* openAddress(`${first.url}/ui`, `document.querySelectorAll("#rows tr").length === 7`, {
      width: 1200
    })
    const [second, third, fourth] = nodes
    if (second === undefined || third === undefined || fourth === undefined) return
    yield* Context.get(second.services, Events).publishBytes("deploy", new TextEncoder().encode("1.4.2"))
    yield* second.membership.setTags({ zone: "b", http: "8090" })
    yield* third.stop
    yield* fourth.crash
    yield* page.until("a death", `document.getElementById("count-dead").textContent === "1"`)
    yield* Effect.sleep("3 seconds")
    yield* save("dashboard", yield* page.screenshot)
  })
)

const simulation = Effect.scoped(
  Effect.gen(function* () {
    const file = join(work, "report.html")
    const events = ["--loss", "0.05", "--kill", "3@20s", "--partition", "0.5@30s+15s"]
    execFileSync(process.execPath, [gossip, "sim", "--nodes", "100", "--seconds", "60", ...events, "--report", file])
    const page = yield* openAddress(pathToFileURL(file).href, `document.documentElement?.dataset.drawn === "yes"`, {
      width: 1200
    })
    yield* page.value(`document.getElementById("nodes").scrollIntoView({ block: "end" })`)
    yield* Effect.sleep("500 millis")
    yield* save("simulation", yield* page.screenshot)
  })
)

const styles: Readonly<Record<string, string>> = {
  "1": "font-weight: bold",
  "31": "color: #ff7b72",
  "32": "color: #7ee787",
  "33": "color: #f2cc60",
  "34": "color: #79c0ff",
  "90": "color: #8b949e"
}

/** Stands for the escape character, which regular expressions are not to have. */
const Escape = "␛"

/** A screen of a terminal as a page. */
const pageOf = (screen: string): string => {
  const body = screen
    .replaceAll("\x1b", Escape)
    .replaceAll(/[&<]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replaceAll(/␛\[(\d+)m([^␛]*)/g, (_, code: string, text: string) => `<span style="${styles[code]}">${text}</span>`)
    .replaceAll(/␛\[\??\d*[A-Za-z]|\r/g, "")
  return `<!doctype html><meta charset="utf-8"><body style="margin:0;background:#0d1117">
    <pre style="margin:0;padding:20px;color:#e6edf3;font:18px/27px 'DejaVu Sans Mono',monospace">${body}</pre>`
}

const demo = Effect.scoped(
  Effect.gen(function* () {
    const command = `stty cols 106 rows 31; ${process.execPath} ${gossip} demo`
    // The demo is quit when its last step is done.
    const output = execFileSync("sh", ["-c", `(sleep 25; printf q) | script -qfc "${command}" /dev/null`], {
      encoding: "utf8",
      maxBuffer: 2 ** 26
    })
    const frames = (output.split("\x1b[?1049l")[0] ?? "").split("\x1b[H")
    // With a node dead, and not yet the end.
    const frame = frames.findLast((text) => text.includes("declares n3 dead") && !text.includes("n5 has left"))
    const file = join(work, "demo.html")
    writeFileSync(file, pageOf(frame ?? ""))
    const page = yield* openAddress(pathToFileURL(file).href, `document.querySelector("pre") !== null`, { width: 1200 })
    yield* save("demo", yield* page.screenshot)
  })
)

mkdirSync(pictures, { recursive: true })
for (const picture of [dashboard, simulation, demo]) await Effect.runPromise(picture)
