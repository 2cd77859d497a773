/**
 * What the hot paths cost: `npm run bench`. Each row is the time of an operation (the first quartile of its samples) and the bytes that it allocates,
 * beside the older, native implementation, whose times are scaled by a checksum that both compute. Options: `--json`;
 * `--rows TEXT` measures the rows whose name contains the text, and no sockets.
 */
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import * as Report from "./suite/Report.ts"
import { full } from "./suite/Row.ts"

const { values } = parseArgs({ options: { json: { type: "boolean", default: false }, rows: { type: "string" } } })
const report = await Effect.runPromise(Report.make(full, values.rows === undefined ? 2000 : 0, values.rows))

if (values.json) console.log(JSON.stringify(report, undefined, 2))
else {
  console.log(`Node.js ${report.node}, ${report.arch}, ${cpus()[0]?.model.trim() ?? "unknown processor"}`)
  console.log(`The yardstick takes ${report.scale.toFixed(2)} times as long as in the native implementation.\n`)
  console.log(Report.table(report))
}
