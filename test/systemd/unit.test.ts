/** The unit of a node as systemd reads it. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"

const unit = readFileSync(new URL("../../observability/effect-gossip.service", import.meta.url), "utf8")

it("systemd finds no fault in the unit, and thinks well of its sandbox", () => {
  const folder = mkdtempSync(join(tmpdir(), "gossip-unit-"))
  const file = join(folder, "effect-gossip.service")
  const analyze = (...args: ReadonlyArray<string>) =>
    spawnSync("systemd-analyze", [...args, file], { encoding: "utf8" })
  try {
    // The program is not installed here, and older versions do not know the last key, as the unit says.
    writeFileSync(file, unit.replaceAll("/usr/local/bin/gossip", "/bin/true").replace(/^RefreshOnReload=.*\n/m, ""))
    const { status, stderr } = analyze("verify")
    expect(`${stderr}${status}`).toBe("0")
    const { stdout } = analyze("security", "--offline=true")
    expect(Number(/exposure level for effect-gossip.service: ([\d.]+)/.exec(stdout)?.[1])).toBeLessThan(2)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
