/** A short form of `npm run soak`. */
import { expect, it } from "vitest"
import { run } from "./Soak.ts"

it(
  "nodes have one view after everything that can happen, and their processes do not grow",
  { timeout: 600_000 },
  async () => {
    const lines: Array<string> = []
    const { growth, happened, problems } = await run({
      minutes: 0,
      steps: 40,
      pause: 300,
      seed: 2,
      processes: 3,
      nodesOfEach: 4,
      say: (line) => lines.push(line)
    })
    expect(problems).toEqual([])
    expect(growth.length).toBeGreaterThan(0)
    // What happens depends on the seed alone: everything that can.
    expect(Object.keys(happened).length).toBe(8)
  }
)
