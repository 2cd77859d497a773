/** Help, version, completions and the alias of `keygen`, in this process. */
import { execFile } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { directory, outcome, timeout } from "./InProcess.ts"

describe("gossip", () => {
  it.live("--version prints the version", () =>
    Effect.map(outcome(["--version"]), (printed) =>
      assert.deepStrictEqual(printed, { end: 0, stdout: "gossip 0.0.0\n", stderr: "" })
    )
  )

  it.live("--generate-key prints a key, as keygen does", () =>
    Effect.gen(function* () {
      const { end, stderr, stdout } = yield* outcome(["--generate-key"])
      assert.deepStrictEqual([end, stderr], [0, ""])
      assert.match(stdout, /^[0-9a-f]{64}\n$/)
    })
  )

  it.live.each([
    [["--help"], ["run ", "keygen ", "EXAMPLES"]],
    [[], ["run ", "keygen ", "EXAMPLES"]],
    [
      ["keygen", "--help"],
      ["--out", "GOSSIP_CLUSTER_KEY", "EXAMPLES"]
    ],
    [
      ["run", "--help"],
      [
        "--bind",
        "--peers",
        "--advertise",
        "--node-id",
        "--cluster",
        "--encryption",
        "--cluster-key-file",
        "--cluster-key",
        "process list",
        "--allow",
        "--config",
        "--log-level",
        "GOSSIP_",
        "SIGTERM",
        "SIGHUP",
        "EXAMPLES"
      ]
    ]
  ] as const)(
    "%j shows help, on standard output",
    ([args, mentions]) =>
      Effect.gen(function* () {
        const { end, stderr, stdout } = yield* outcome(args)
        assert.strictEqual(end, 0)
        assert.strictEqual(stderr, "")
        for (const mention of mentions) assert.include(stdout, mention)
        for (const line of stdout.split("\n")) assert.isAtMost(line.length, 120, line)
      }),
    timeout
  )
})

describe("gossip --completions", () => {
  it.live(
    "completes commands, flags and choices in bash",
    () =>
      Effect.gen(function* () {
        const path = yield* directory
        const script = join(path, "gossip.bash")
        writeFileSync(script, (yield* outcome(["--completions", "bash"])).stdout)
        const complete = (...words: ReadonlyArray<string>) =>
          Effect.callback<ReadonlyArray<string>>((resume) => {
            const text = `source ${script}
              COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=\${#COMP_LINE}
              _gossip gossip "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"
              printf '%s\\n' "\${COMPREPLY[@]}"`
            execFile("bash", ["--norc", "-c", text, "bash", "gossip", ...words], (error, stdout) =>
              resume(error === null ? Effect.succeed(stdout.trim().split(/\s+/)) : Effect.die(error))
            )
          })
        assert.includeMembers([...(yield* complete(""))], ["run", "config", "members", "explain", "keys"])
        assert.deepStrictEqual(yield* complete("ke"), ["keygen", "keys"])
        assert.deepStrictEqual(yield* complete("keys", "re"), ["remove"])
        assert.deepStrictEqual(yield* complete("run", "--log-format", ""), ["human", "json"])
        assert.deepStrictEqual(yield* complete("members", "--w"), ["--watch"])
        assert.deepStrictEqual(yield* complete("config", "check", script.slice(0, -3)), [script])
      }),
    timeout
  )

  it.live.each(["zsh", "fish"])(
    "has a script for %s that knows every command",
    (shell) =>
      Effect.gen(function* () {
        const script = (yield* outcome(["--completions", shell])).stdout
        for (const name of ["run", "config", "members", "status", "events", "explain", "leave", "keys", "log-format"]) {
          assert.include(script, name)
        }
      }),
    timeout
  )
})
