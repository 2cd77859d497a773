import { DateTime } from "effect"
import { NetAddress } from "effect/net"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import * as Scene from "../../src/cli/demo/Scene.ts"
import * as Screen from "../../src/cli/demo/Screen.ts"
import type { MemberCause } from "../../src/domain/Change.ts"
import type { Member, MemberStatus } from "../../src/domain/Member.ts"
import * as NodeId from "../../src/domain/NodeId.ts"

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const gossip = fileURLToPath(new URL("../../bin/gossip.js", import.meta.url))

const demo = (args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = {}) => {
  const child = spawn(process.execPath, [gossip, "demo", ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text))
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text))
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (code) => resolve({ code, stdout, stderr }))
  })
  return { child, ended }
}

/** The times of the findings of a step, in ms. */
const times = (stdout: string, step: number): ReadonlyArray<number> => {
  const [, findings = ""] = stdout.split(new RegExp(`^${step}\\. .*\\n`, "m"))
  const [own = ""] = findings.split(/^\S/m)
  return [...own.matchAll(/^ +([\d.]+) (ms|s) {2}/gm)].map(([, n, unit]) => Number(n) * (unit === "s" ? 1000 : 1))
}

describe("gossip demo without a terminal", () => {
  it("plays every step, with times that can be, and exits 0", { timeout: 60_000 }, async () => {
    // A colour that is forced must not bring escape codes into lines, nor a screen.
    const { code, stderr, stdout } = await demo([], { FORCE_COLOR: "1" }).ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).not.toContain("\x1b")
    expect(stdout).toMatch(/All 4 steps happened, in [\d.]+ s\.\n$/)

    const [converged] = times(stdout, 1)
    expect(converged).toBeLessThan(10_000)

    const [suspected = 0, died = 0, known = 0] = times(stdout, 2)
    expect(stdout).toMatch(/is the first to suspect it: it did not answer, neither directly nor through n\d/)
    expect(stdout).toMatch(/is the first to hold it dead: suspect for 3\.\d+ s without a word against it/)
    // A probe takes 500 ms, and no suspicion less than 3.24 s.
    expect(suspected).toBeGreaterThan(200)
    expect(died - suspected).toBeGreaterThan(3000)
    expect(known).toBeGreaterThanOrEqual(died)
    expect(known).toBeLessThan(20_000)

    const [left] = times(stdout, 3)
    expect(left).toBeLessThan(5000)

    const back = times(stdout, 4)
    expect(back).toHaveLength(2)
    expect(Math.max(...back)).toBeLessThan(10_000)
  })

  it("names the step that did not happen in time, and exits 1", async () => {
    const { code, stderr, stdout } = await demo(["--step-limit", "1"]).ended
    expect(code).toBe(1)
    expect(stdout).not.toContain("steps happened")
    expect(stderr).toMatch(/step 1 did not happen within 1 ms: five nodes start .*; waited in vain for .*five alive/)
  })

  it("refuses a limit that is none", async () => {
    const { code, stdout } = await demo(["--step-limit", "0"]).ended
    expect(code).not.toBe(0)
    expect(stdout).not.toContain("1. five nodes")
  })

  it("lets its nodes leave when it is interrupted", async () => {
    const { child, ended } = demo([])
    let played = ""
    const dying = new Promise<void>((resolve) => {
      child.stdout.on("data", (text: string) => {
        played += text
        if (played.includes("2. n3 dies")) resolve()
      })
    })
    await Promise.race([dying, ended])
    child.kill("SIGINT")
    const { code, stderr, stdout } = await ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    expect(stdout).not.toContain("steps happened")
  })
})

// --- the screen ----------------------------------------------------------------

const id = (n: number) => NodeId.fromWords(0, n)
const began = 1_800_000_000_000

const member = (n: number, status: MemberStatus): Member => ({
  id: id(n),
  address: NetAddress.inetAddressUnsafe(NetAddress.ipv4Loopback, 40_000 + n),
  status,
  incarnation: 1,
  heartbeat: 1,
  level: 1,
  since: DateTime.makeUnsafe(began),
  self: false
})

/** So many nodes, all of which see all alive. */
const sceneOf = (count: number): Scene.Scene => {
  const all = Array.from({ length: count }, (_, index) => index + 1)
  let scene = Scene.empty("these settings: one, two, three", began)
  for (const n of all) {
    scene = Scene.withActor(scene, { id: id(n), port: 40_000 + n, condition: "running" })
    scene = Scene.withView(
      scene,
      id(n),
      all.map((n) => member(n, "alive"))
    )
  }
  return scene
}

const suspicion = (observer: number, subject: number, after: number, cause: MemberCause): Scene.Event => ({
  _tag: "Changed",
  at: began + after,
  observer: id(observer),
  change: {
    _tag: "Suspected",
    sequence: 1,
    at: DateTime.makeUnsafe(began + after),
    member: member(subject, "suspect"),
    cause
  }
})

const escape = new RegExp(`${"\x1b"}\\[\\d+m`, "g")

const text = (scene: Scene.Scene, columns: number, rows: number) =>
  Screen.render(scene, { columns, rows }).map((line) => Screen.plain(line).trimEnd())

describe("the screen", () => {
  /** One node dies: two see it suspect, one does not know it, one is cut off. */
  const drama = () => {
    let scene = sceneOf(5)
    scene = Scene.withCondition(scene, id(3), "killed")
    scene = Scene.withCondition(scene, id(4), "cut")
    scene = Scene.withView(scene, id(1), [
      member(1, "alive"),
      member(2, "dead"),
      member(3, "suspect"),
      member(4, "left")
    ])
    const steps: ReadonlyArray<Scene.Step> = [
      { title: "they meet", state: "done", findings: [{ after: 213.4, text: "all see all" }] },
      { title: "one dies", state: "running", findings: [{ after: 1234, text: "somebody suspects it" }] },
      { title: "the end", state: "waiting", findings: [] }
    ]
    const event = suspicion(1, 3, 1500, { _tag: "ProbeFailed", relays: [id(2), id(4), id(5)] })
    return Scene.withEvent({ ...scene, steps }, event)
  }

  it("shows what each node sees, the play and the log, on 80 columns", () => {
    expect(text(drama(), 80, 24)).toEqual([
      "gossip demo  real nodes on UDP sockets of 127.0.0.1, all in this process",
      "these settings: one, two, three",
      "",
      "sees:       n1        n2        n3        n4        n5",
      "n1   :40001 ● itself  ✗ dead    ◐ suspect ○ left    · unknown",
      "n2   :40002 ● alive   ● itself  ● alive   ● alive   ● alive",
      "n3   :40003                                                   killed",
      "n4   :40004 ● alive   ● alive   ● alive   ● itself  ● alive   cut off",
      "n5   :40005 ● alive   ● alive   ● alive   ● alive   ● itself",
      "",
      "✓ 1. they meet",
      "      213 ms  all see all",
      "▶ 2. one dies",
      "      1.23 s  somebody suspects it",
      "  3. the end",
      "",
      "    1.50 s  n1 suspects n3: it did not answer, neither directly nor through n2,…",
      "",
      "",
      "",
      "",
      "",
      "",
      "k kill one   a add one   p cut one off   h heal   q quit   each ends the play"
    ])
  })

  it("gives up the findings first, then the steps that are over, and last the log", () => {
    const short = text(drama(), 80, 19)
    expect(short.filter((line) => /^[✓▶ ] \d\. /.test(line))).toEqual([
      "✓ 1. they meet  213 ms",
      "▶ 2. one dies",
      "  3. the end"
    ])
    expect(short.join("\n")).not.toContain("all see all")
    expect(text(drama(), 80, 15).filter((line) => / \d\. /.test(line))).toEqual(["▶ 2. one dies"])
    expect(text(drama(), 80, 15).join("\n")).toContain("n1 suspects n3")
  })

  it.each([
    [20, 5],
    [40, 8],
    [60, 12],
    [80, 24],
    [100, 40],
    [250, 70]
  ])("keeps within %i columns and %i rows, however many nodes there are", (columns, rows) => {
    for (const count of [0, 1, 5, 6, 12, 40, 120]) {
      const lines = Screen.render(sceneOf(count), { columns, rows })
      expect(lines.length).toBeLessThanOrEqual(rows)
      for (const line of lines) expect(Screen.plain(line).length).toBeLessThanOrEqual(columns)
    }
  })

  it("shows symbols where words do not fit, and how many nodes are not shown", () => {
    const lines = text(sceneOf(40), 80, 24)
    expect(lines[3]).toMatch(/^sees: +n1 +n2 .*n15 \+25$/)
    expect(lines[4]).toMatch(/^n1 {3}:40001( ●  ){14}/)
    expect(lines).toContain("and 32 more")
    expect(lines.join("\n")).toContain("● alive  ◐ suspect  ✗ dead  ○ left  · unknown")
  })

  it("is made of the same text in colour and without, and has no escape codes without", () => {
    const lines = Screen.render(drama(), { columns: 80, rows: 24 })
    const plain = lines.map((line) => Screen.paint(line, false)).join("\n")
    const colour = lines.map((line) => Screen.paint(line, true)).join("\n")
    expect(plain).not.toContain("\x1b")
    expect(colour).toContain("\x1b[33m◐ suspect ")
    expect(colour.replaceAll(escape, "")).toBe(plain)
    // What is coloured is uncoloured at the end of the line.
    for (const line of lines.map((line) => Screen.paint(line, true))) {
      const codes = [...line.matchAll(escape)].map(([code]) => code)
      expect(codes.filter((code) => code === "\x1b[0m")).toHaveLength(codes.length / 2)
    }
  })
})

describe("the scene", () => {
  it("knows who was last to see something, once all do that can be reached", () => {
    const dead = (scene: Scene.Scene, observer: number, after: number) =>
      Scene.withView(scene, id(observer), [{ ...member(3, "dead"), since: DateTime.makeUnsafe(began + after) }])
    const isDead = (cell: Scene.Cell) => cell.status === "dead"
    let scene = Scene.withCondition(sceneOf(4), id(3), "killed")
    scene = dead(dead(scene, 1, 700), 2, 500)
    expect(Scene.lastToSee(scene, id(3), isDead)).toBeUndefined()
    expect(Scene.lastToSee(dead(scene, 4, 600), id(3), isDead)).toEqual({ observer: id(1), at: began + 700 })
    expect(Scene.lastToSee(Scene.withCondition(scene, id(4), "cut"), id(3), isDead)?.observer).toBe(id(1))
  })

  it("stays the same when a node sees what it saw", () => {
    const scene = sceneOf(2)
    expect(Scene.withView(scene, id(1), [member(1, "alive"), member(2, "alive")])).toBe(scene)
    expect(Scene.withView(scene, id(1), [member(1, "alive")])).not.toBe(scene)
  })

  it("drops nodes that are gone once nobody lists them", () => {
    let scene = Scene.withCondition(sceneOf(2), id(2), "killed")
    expect(Scene.withoutForgotten(scene)).toBe(scene)
    scene = Scene.withView(scene, id(1), [member(1, "alive")])
    expect(Scene.withoutForgotten(scene).actors.map(({ id }) => id)).toEqual([id(1)])
  })

  it("keeps a thousand events", () => {
    let scene = sceneOf(1)
    for (let n = 1; n <= 1001; n++) scene = Scene.withEvent(scene, { _tag: "Done", at: began, text: `${n}` })
    expect(scene.events).toHaveLength(1000)
    expect(scene.events.at(-1)).toMatchObject({ text: "1001" })
  })
})
