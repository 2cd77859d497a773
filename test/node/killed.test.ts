/** A process that keeps a state and is killed by SIGKILL at every operation on its files, again and again. */
import { execFile } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { everyNth } from "../Campaign.ts"

const home = mkdtempSync(join(tmpdir(), "gossip-killed-"))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const program = fileURLToPath(new URL("KilledSaver.ts", import.meta.url))

/** What a process wrote until it was killed. */
const life = (...args: ReadonlyArray<string>) =>
  new Promise<{ readonly signal: unknown; readonly stdout: string; readonly stderr: string }>((resolve) =>
    execFile(process.execPath, [program, ...args], { encoding: "utf8" }, (error, stdout, stderr) =>
      resolve({ signal: error?.signal, stdout, stderr })
    )
  )

const moments = ["before", "during", "after"] as const
const rounds = Array.from({ length: 200 }, (_, round) => ({
  // A save has 12 operations, and a life begins with one.
  operation: Math.floor(round / moments.length) % 61,
  moment: moments[round % moments.length] ?? "after"
}))

/** What is wrong with the lives of one node, one after the other: each as lines of words. */
const faultsOf = (lives: ReadonlyArray<ReadonlyArray<ReadonlyArray<string>>>): ReadonlyArray<string> => {
  const faults: Array<string> = []
  let id: string | undefined
  let used = -1
  let members = 0
  for (const [life, lines] of lives.entries()) {
    for (const [what, ...words] of lines) {
      if (what === "used") {
        used = Number(words[0])
        continue
      }
      const [itsId, first, , known] = words
      id ??= itsId
      if (itsId !== id) faults.push(`life ${life}: the id ${itsId} instead of ${id}`)
      if (Number(first) <= used) faults.push(`life ${life}: begins at ${first}, and ${used} was used before`)
      if (Number(known) < members) faults.push(`life ${life}: ${known} members instead of ${members}`)
      members = Number(known)
    }
  }
  return faults
}

describe("a node that is killed at every operation on its files", () => {
  it(
    "has the same id and a higher incarnation each time, and no file of it is ever damaged",
    { timeout: 1_800_000 },
    async () => {
      const chosen = everyNth(rounds, 17, 4)
      const lives: Array<ReadonlyArray<ReadonlyArray<string>>> = []
      for (const { moment, operation } of chosen) {
        const { signal, stderr, stdout } = await life(home, String(operation), moment)
        expect({ signal, stderr }).toEqual({ signal: "SIGKILL", stderr: "" })
        expect(stdout).not.toMatch(/damaged|copy/)
        const lines = stdout.split("\n").filter((line) => /^(began|used) /.test(line))
        lives.push(lines.map((line) => line.split(" ")))
      }
      expect(faultsOf(lives)).toEqual([])
      // Most lives last long enough to use incarnations.
      expect(lives.filter((lines) => lines.length > 2).length).toBeGreaterThan(chosen.length / 2)
      expect(readdirSync(home)).toEqual(expect.arrayContaining(["lock", "node.state", "node.state.copy"]))
    }
  )
})
