/** The folders of `src` and what they import, as a picture. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

const src = join(import.meta.dirname, "../../src")

/** What each folder imports. */
const importsOfFolders = (): ReadonlyMap<string, ReadonlySet<string>> => {
  const found = new Map<string, Set<string>>()
  for (const file of readdirSync(src, { recursive: true, encoding: "utf8" })) {
    const [folder = "", inside] = file.split("/")
    // The entry of the program is the one file of `node` that imports `cli`.
    if (inside === undefined || !file.endsWith(".ts") || file === "node/main.ts") continue
    const imports = found.get(folder) ?? new Set<string>()
    found.set(folder, imports)
    const up = "../".repeat(file.split("/").length - 1)
    for (const [, other = ""] of readFileSync(join(src, file), "utf8").matchAll(
      /(?:from |import\()"((?:\.\.\/)+[\w-]+)\//g
    )) {
      const name = other.slice(up.length)
      if (other.startsWith(up) && name !== folder && !name.startsWith(".")) imports.add(name)
    }
  }
  return found
}

/** Without what follows from the others: if a imports b and b imports c, a line from a to c says nothing new. */
const reduced = (imports: ReadonlyMap<string, ReadonlySet<string>>): ReadonlyMap<string, ReadonlyArray<string>> => {
  const reach = (from: string): ReadonlySet<string> =>
    new Set([...(imports.get(from) ?? [])].flatMap((to) => [to, ...reach(to)]))
  return new Map(
    [...imports].map(([from, direct]) => {
      const indirect = new Set([...direct].flatMap((to) => [...reach(to)]))
      return [from, [...direct].filter((to) => !indirect.has(to)).toSorted()]
    })
  )
}

const [Width, Height, Gap, RowGap, Margin] = [138, 36, 16, 44, 16]

/** The picture, as SVG: what a folder imports is below it. */
export const drawing = (): string => {
  const imports = importsOfFolders()
  const lines = reduced(imports)
  const rankOf = (folder: string): number => Math.max(-1, ...[...(imports.get(folder) ?? [])].map(rankOf)) + 1
  const rows: Array<Array<string>> = []
  for (const folder of [...imports.keys()].toSorted()) (rows[rankOf(folder)] ??= []).push(folder)
  const most = Math.max(...rows.map(({ length }) => length))
  const width = 2 * Margin + most * Width + (most - 1) * Gap
  const height = 2 * Margin + rows.length * Height + (rows.length - 1) * RowGap
  const places = new Map(
    rows.flatMap((row, rank) => {
      const left = (width - row.length * Width - (row.length - 1) * Gap) / 2
      const y = Margin + (rows.length - 1 - rank) * (Height + RowGap)
      return row.map((folder, index) => [folder, { x: left + index * (Width + Gap), y }] as const)
    })
  )
  const place = (folder: string) => places.get(folder) ?? { x: 0, y: 0 }
  const edges = [...lines].flatMap(([from, to]) =>
    to.map((other) => {
      const [a, b] = [place(from), place(other)]
      const [x1, y1, x2, y2] = [a.x + Width / 2, a.y + Height, b.x + Width / 2, b.y]
      const middle = (y1 + y2) / 2
      return `  <path d="M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2}"/>`
    })
  )
  const boxes = [...places].map(
    ([folder, { x, y }]) =>
      `  <rect x="${x}" y="${y}" width="${Width}" height="${Height}" rx="6"/><text x="${x + Width / 2}" y="${y + 23}">${folder}</text>`
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<style>path{fill:none;stroke:#8a94a6}rect{fill:#eaf2fb;stroke:#2f6fb0}text{font:14px sans-serif;text-anchor:middle;fill:#1b2430}</style>`,
    `<rect width="100%" height="100%" style="fill:#fff;stroke:none"/>`,
    ...edges,
    ...boxes,
    `</svg>`,
    ""
  ].join("\n")
}
