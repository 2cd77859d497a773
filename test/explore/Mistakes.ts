/** Mistakes in the rules of the protocol, each a change to one piece of source text, and copies of the project with one. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

export interface Mistake {
  /** Also the name of the plan in `found` that reveals it. */
  readonly name: string
  readonly words: string
  readonly file: string
  readonly right: string
  readonly wrong: string
}

export const mistakes: ReadonlyArray<Mistake> = [
  {
    name: "no-tombstones",
    words: "a dead member leaves no tombstone at the end of its retention",
    file: "src/membership/Tombstones.ts",
    right: "if (table.tombstones.length > this.#options.limits.tombstones) this.#forget(table.tombstones.oldest)",
    wrong: "this.#forget(slot)"
  },
  {
    name: "weak-refutation",
    words: "a node refutes with its own incarnation + 1, not with that of the claim",
    file: "src/membership/OwnClaims.ts",
    right: "this.raiseIncarnation(incarnation, status !== Claim.Alive, now)",
    wrong: "this.raiseIncarnation(this.incarnation, status !== Claim.Alive, now)"
  },
  {
    name: "no-relay",
    words: "nobody answers requests for indirect probes",
    file: "src/cluster/Dispatch.ts",
    right: "detector.pingReq(received)",
    wrong: ""
  },
  {
    name: "heartbeat-before-dead",
    words: "a higher heartbeat wins over Dead at the same incarnation",
    file: "src/domain/Claim.ts",
    right: `  if (a.status !== b.status) {
    if (a.status === Dead) return 1
    if (b.status === Dead) return -1
  }
`,
    wrong: ""
  },
  {
    name: "surviving-check",
    words: "a refutation comes too late while the death is checked",
    file: "src/failure-detector/DeathChecks.ts",
    right: "if (this.#remove(slot)) this.#deadlines.delete(slot)",
    wrong: ""
  }
]

export const root = fileURLToPath(new URL("../../", import.meta.url))

/** The text of a file with the mistake in it. Throws unless the right text occurs exactly once. */
export const mistaken = ({ file, name, right, wrong }: Mistake): string => {
  const text = fs.readFileSync(path.join(root, file), "utf8")
  const parts = text.split(right)
  if (parts.length !== 2) {
    throw new Error(`${name}: the text to change occurs ${parts.length - 1} times in ${file}; it must occur once`)
  }
  return parts.join(wrong)
}

/** Makes a copy of the project with a mistake, calls `use` with its folder, and removes it. */
export const withMistake = async <A>(mistake: Mistake, use: (folder: string) => Promise<A>): Promise<A> => {
  const text = mistaken(mistake)
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "effect-gossip-"))
  try {
    for (const part of ["src", "test/explore", "bin", "package.json"]) {
      fs.cpSync(path.join(root, part), path.join(folder, part), { recursive: true })
    }
    fs.symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"), "junction")
    fs.writeFileSync(path.join(folder, mistake.file), text)
    return await use(folder)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}
