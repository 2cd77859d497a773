/** Starts a process in which a node is fuzzed, and waits for its report. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Schema } from "effect"
import type { Order, Report } from "./Report.ts"

const target = fileURLToPath(new URL("target.ts", import.meta.url))

const Line = Schema.fromJsonString(
  Schema.Union([
    Schema.Struct({ progress: Schema.Int }),
    Schema.Struct({ report: Schema.declare((u): u is Report => typeof u === "object" && u !== null && "order" in u) })
  ])
)

/** Fails with the error output of the process when it ends without a report. */
export const run = async (order: Order, onProgress: (sent: number) => void = () => {}): Promise<Report> => {
  const child = spawn(process.execPath, ["--expose-gc", target, JSON.stringify(order)], {
    stdio: ["ignore", "pipe", "pipe"]
  })
  let report: Report | undefined
  let errors = ""
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text))
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
  for await (const text of createInterface({ input: child.stdout })) {
    const line = Schema.decodeUnknownSync(Line)(text)
    if ("report" in line) report = line.report
    else onProgress(line.progress)
  }
  const code = await ended
  if (report === undefined) throw new Error(`the fuzzed process ended with ${code} and no report: ${errors}`)
  return report
}
