import { describe, expect, it } from "vitest"
import { withCommand } from "../../src/cli/Invocation.ts"

describe("an invocation without a command", () => {
  it.each<readonly [args: ReadonlyArray<string>, meant: ReadonlyArray<string>]>([
    [
      ["--bind", "127.0.0.1:0"],
      ["run", "--bind", "127.0.0.1:0"]
    ],
    [["--peers=127.0.0.1:1"], ["run", "--peers=127.0.0.1:1"]],
    [
      ["--log-level", "debug", "--bind", "127.0.0.1:0"],
      ["run", "--log-level", "debug", "--bind", "127.0.0.1:0"]
    ],
    [
      ["--bind", "127.0.0.1:0", "--help"],
      ["run", "--bind", "127.0.0.1:0", "--help"]
    ],
    [["--no-such-flag"], ["run", "--no-such-flag"]],
    [["--generate-key"], ["keygen"]],
    [["--bind", "127.0.0.1:0", "--generate-key"], ["keygen"]]
  ])("%j means %j", (args, meant) => expect(withCommand(args)).toEqual(meant))

  it.each<ReadonlyArray<string>>([
    [],
    ["--help"],
    ["-h"],
    ["--version"],
    ["-v"],
    ["--log-level", "debug"],
    ["--log-level=debug"],
    ["--completions", "bash"]
  ])("stays as it is when it has only flags of the program itself: %j %j", (...args) =>
    expect(withCommand(args)).toEqual(args)
  )
})

describe("an invocation with a command", () => {
  it.each<ReadonlyArray<string>>([
    ["run", "--bind", "127.0.0.1:0"],
    ["--log-level", "debug", "members"],
    ["--log-level=debug", "members", "--json"],
    ["keygen", "--out", "cluster.key"],
    ["rnu"],
    ["run", "--generate-key"]
  ])("stays as it is: %j %j %j", (...args) => expect(withCommand(args)).toEqual(args))
})
