/** The links of the documents lead somewhere. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")
const inFolder = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder)).flatMap((name) => (name.endsWith(".md") ? [join(folder, name)] : []))
const documents = [".", "docs", "bench", "examples", "observability"].flatMap(inFolder)

const textOf = (file: string): string => readFileSync(join(root, file), "utf8")

/** The anchors of the headings, as GitHub makes them. */
const anchorsOf = (file: string): ReadonlyArray<string> =>
  [...textOf(file).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-")
  )

const faultOf = (file: string, link: string): string | undefined => {
  const [path = "", anchor] = link.split("#")
  const target = path === "" ? file : normalize(join(dirname(file), path))
  if (!existsSync(join(root, target))) return `${file}: ${link} does not exist`
  if (anchor === undefined || !target.endsWith(".md")) return undefined
  return anchorsOf(target).includes(anchor) ? undefined : `${file}: ${link} has no such heading`
}

describe("the documents", () => {
  it.each(documents)("%s has links that lead somewhere", (file) => {
    const links = [
      ...textOf(file)
        .replaceAll(/^```[^]*?^```/gm, "")
        .matchAll(/\]\(([^)\s]+)\)/g)
    ].map(([, link = ""]) => link)
    const inside = links.filter((link) => !/^[a-z]+:/.test(link))
    expect(inside.flatMap((link) => faultOf(file, link) ?? [])).toEqual([])
  })

  it("begin with a README of at most 200 lines", () => {
    expect(textOf("README.md").split("\n").length - 1).toBeLessThanOrEqual(200)
  })
})
