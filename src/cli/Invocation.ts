/**
 * The command that an invocation names. One without a command is that of the older implementation in Rust, which has
 * none: its flags run a node, and `--generate-key` prints a key.
 */

/** Flags of the program itself, which may precede a command and choose none. */
const withoutValue = new Set(["--help", "-h", "--version", "-v"])
const withValue = new Set(["--log-level", "--completions"])

/** The first argument that is not a flag of the program itself. */
const firstOfCommand = (args: ReadonlyArray<string>): string | undefined => {
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ""
    if (withValue.has(arg)) at++
    else if (!withoutValue.has(arg) && !withValue.has(arg.split("=", 1)[0] ?? "")) return arg
  }
  return undefined
}

/**
 * The arguments with the command that they stand for: `--generate-key` is `keygen`, and other flags without a command
 * are those of `run`.
 */
export const withCommand = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (!firstOfCommand(args)?.startsWith("-")) return args
  return args.includes("--generate-key") ? ["keygen"] : ["run", ...args]
}
