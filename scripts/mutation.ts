/**
 * `npm run mutation [-- CORE...]`: changes the cores in many small ways, and counts the changes that their own tests notice.
 * A core is named by a part of its path; without names all are run. The cores of one folder are run at once. Stryker is installed for it, in `tools/mutation`.
 * It prints a table, and for each core the changes that no test noticed.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Each core with its own tests. What tests of other folders notice does not count. */
const cores: ReadonlyArray<readonly [core: string, tests: ReadonlyArray<string>]> = [
  ["domain/Claim", ["domain/Claim"]],
  ["domain/SerialNumber", ["domain/SerialNumber"]],
  ["domain/Incarnation", ["domain/Incarnation"]],
  ["domain/TokenBucket", ["domain/TokenBucket"]],
  ["membership/MergeRules", ["membership/MergeRules"]],
  ["membership/OwnClaims", ["membership/OwnClaims"]],
  ["membership/Tombstones", ["membership/Tombstones"]],
  ["membership/Replays", ["membership/Replays"]],
  ["failure-detector/Suspicions", ["failure-detector/Suspicions"]],
  ["failure-detector/DeathChecks", ["failure-detector/DeathChecks"]],
  ["failure-detector/SuspicionTiming", ["failure-detector/SuspicionTiming"]],
  ["failure-detector/Accusers", ["failure-detector/Accusers"]],
  ["failure-detector/LocalHealth", ["failure-detector/LocalHealth"]],
  ["failure-detector/ProbeRing", ["failure-detector/ProbeRing"]],
  ["failure-detector/RoundTrips", ["failure-detector/RoundTrips"]],
  ["failure-detector/Damping", ["failure-detector/Damping"]],
  ["outbox/ChangeQueue", ["outbox/ChangeQueue"]],
  ["wire/Checksum", ["wire/Checksum"]],
  ["wire/Entry", ["wire/InPlace", "wire/Message"]]
]

/** What is killed at least, in percent. */
const Demanded = 85

/** The part of Stryker's report that is read here. */
interface Mutant {
  readonly status: "Killed" | "Timeout" | "Survived" | "NoCoverage" | "CompileError" | "RuntimeError" | "Ignored"
  readonly mutatorName: string
  readonly replacement: string
  readonly location: {
    readonly start: { readonly line: number; readonly column: number }
    readonly end: { readonly line: number }
  }
}
interface Report {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: ReadonlyArray<Mutant> }>>
}

const root = join(import.meta.dirname, "..")
const stryker = join(root, "tools/mutation")

const run = (command: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = process.env): boolean =>
  spawnSync(command, args, { cwd: root, stdio: "inherit", env }).status === 0

/** Stryker's report about cores, which are those of one folder. */
const examined = (chosen: typeof cores, home: string): Report["files"] => {
  const report = join(home, "report.json")
  const config = join(home, "stryker.config.json")
  writeFileSync(
    config,
    JSON.stringify({
      mutate: chosen.map(([core]) => `src/${core}.ts`),
      plugins: [join(stryker, "node_modules/@stryker-mutator/vitest-runner/dist/src/index.js")],
      testRunner: "vitest",
      vitest: { configFile: "tools/mutation/vitest.config.ts", related: false },
      coverageAnalysis: "perTest",
      concurrency: 1,
      reporters: ["json"],
      jsonReporter: { fileName: report },
      // TypeScript 7 has no API by which Stryker could read a configuration of it.
      tsconfigFile: "none.json",
      ignorePatterns: ["bench", "bin", "docs", "examples", "observability", "dist", ".git"],
      tempDirName: "node_modules/.stryker",
      cleanTempDir: "always",
      allowConsoleColors: false,
      logLevel: "warn"
    })
  )
  const tests = chosen.flatMap(([, tests]) => tests.map((test) => `test/${test}.test.ts`))
  const env = { ...process.env, GOSSIP_MUTATION_TESTS: tests.join(" ") }
  if (
    !run(process.execPath, [join(stryker, "node_modules/@stryker-mutator/core/bin/stryker.js"), "run", config], env)
  ) {
    throw new Error(`Stryker failed for ${tests.join(", ")}`)
  }
  const { files }: Report = JSON.parse(readFileSync(report, "utf8"))
  return files
}

const wanted = process.argv.slice(2)
const chosen = cores.filter(([core]) => wanted.length === 0 || wanted.some((name) => core.includes(name)))
if (chosen.length === 0) {
  console.error(`mutation: no core is named ${wanted.join(", ")}; there are ${cores.map(([core]) => core).join(", ")}`)
  process.exit(1)
}
// npm writes this file at the end of an installation.
const installed = join(stryker, "node_modules/.package-lock.json")
if (!existsSync(installed) && !run("npm", ["ci", "--prefix", "tools/mutation"])) process.exit(1)

const home = mkdtempSync(join(tmpdir(), "gossip-mutation-"))
const rows: Array<string> = []
let weak = 0
try {
  for (const group of Map.groupBy(chosen, ([core]) => core.split("/")[0]).values()) {
    const files = examined(group, home)
    for (const [core] of group) {
      const file = files[`src/${core}.ts`]
      if (file === undefined) throw new Error(`Stryker reports nothing about ${core}`)
      const lines = file.source.split("\n")
      const killed = file.mutants.filter(({ status }) => status === "Killed" || status === "Timeout").length
      const missed = file.mutants.filter(({ status }) => status === "Survived" || status === "NoCoverage")
      const total = killed + missed.length
      const percent = (100 * killed) / total
      if (percent < Demanded) weak++
      rows.push(`| ${core} | ${total} | ${killed} | ${percent.toFixed(1)} % |`)
      console.log(`${core}: ${killed} of ${total} killed, ${percent.toFixed(1)} %`)
      for (const { location, mutatorName, replacement, status } of missed) {
        const { end, start } = location
        const where = `${start.line}${end.line > start.line ? `-${end.line}` : ""}:${start.column}`
        const changed = replacement.replaceAll(/\s+/g, " ").slice(0, 100)
        console.log(`  ${where} ${status} ${mutatorName}: ${changed}   // ${lines[start.line - 1]?.trim()}`)
      }
    }
  }
} finally {
  rmSync(home, { recursive: true, force: true })
}
console.log(["", "| core | mutants | killed | |", "|---|---|---|---|", ...rows].join("\n"))
if (weak > 0) {
  console.error(`mutation: ${weak} of ${chosen.length} cores are below ${Demanded} %`)
  process.exitCode = 1
}
