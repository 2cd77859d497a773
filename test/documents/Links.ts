/** The links of the documents, and which of them lead nowhere. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"

const folders = [".", "docs", "bench", "examples", "observability"]

/** The documents below a root: a checkout or the installed package. */
export const documentsIn = (root: string): ReadonlyArray<string> =>
  folders.flatMap((folder) =>
    readdirSync(join(root, folder)).flatMap((name) => (name.endsWith(".md") ? [join(folder, name)] : []))
  )

/** The anchors of the headings of a text, as GitHub makes them. */
const anchorsOf = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-")
  )

/** What is wrong with the links of a document to others below the root. */
export const faultsOf = (root: string, file: string): ReadonlyArray<string> => {
  const textOf = (name: string): string => readFileSync(join(root, name), "utf8")
  const text = textOf(file).replaceAll(/^```[^]*?^```/gm, "")
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
    if (/^[a-z]+:/.test(link)) return []
    const [path = "", anchor] = link.split("#")
    const target = path === "" ? file : normalize(join(dirname(file), path))
    if (!existsSync(join(root, target))) return [`${link} does not exist`]
    if (anchor === undefined || !target.endsWith(".md")) return []
    return anchorsOf(textOf(target)).includes(anchor) ? [] : [`${link} has no such heading`]
  })
}
