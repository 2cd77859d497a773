/** Short forms of two experiments of `bench/detection`, as programs. What the full ones found stands in docs/DETECTION.md. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { assert, describe, it } from "@effect/vitest"

const directory = join(import.meta.dirname, "../../bench/detection")

/** The rows of the table that an experiment prints. */
const table = async (
  script: string,
  ...options: ReadonlyArray<string>
): Promise<ReadonlyArray<ReadonlyArray<string>>> => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(directory, script), "--short", ...options])
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .slice(2)
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map((cells) => cells.slice(1, -1))
}

describe("experiments", () => {
  it("a crash is known to all sooner than by memberlist's rules, and a process's sooner than a host's", async () => {
    const rows = await table("4-crash.ts", "--seeds", "1", "--sizes", "10")
    const known = (kind: string, mode: string) =>
      Number(rows.find(([, crash, rules]) => crash === kind && rules === mode)?.[3])
    assert.isBelow(known("host", "all"), known("host", "memberlist"))
    assert.isBelow(known("process", "all"), 3)
    assert.isBelow(known("process", "all"), known("host", "all"))
    assert.isBelow(known("host", "memberlist"), known("host", "plain"))
  })

  it("nodes that join at once through one peer agree within seconds, without a false suspicion", async () => {
    const rows = await table("8-joining.ts", "--seeds", "1", "--sizes", "30")
    const [joining, , seconds, datagrams, suspicions] = rows.find(([, rules]) => rules === "all") ?? []
    assert.deepStrictEqual([joining, suspicions], ["30", "0"])
    assert.isBelow(Number(seconds), 5)
    assert.isBelow(Number(datagrams), 30 * 60)
  })
})
