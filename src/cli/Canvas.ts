/** Lines of styled text, and the escape codes that show them on a terminal. */
import { visible } from "../domain/VisibleText.ts"

/** How a piece of text looks on a terminal with colours. */
export type Style = "plain" | "bold" | "dim" | "green" | "yellow" | "red" | "blue"

/** A piece of a line. */
export interface Span {
  readonly text: string
  readonly style: Style
}

/** A line of the screen. */
export type Line = ReadonlyArray<Span>

/** The size of the screen, in characters. */
export interface Size {
  readonly columns: number
  readonly rows: number
}

const codes: Readonly<Record<Style, string>> = {
  plain: "",
  bold: "\x1b[1m",
  dim: "\x1b[90m",
  green: "\x1b[32m",
  yellow: "\x1b[33m",
  red: "\x1b[31m",
  blue: "\x1b[34m"
}

/** A piece of a line. Names and tags come from the network, and must not reach a terminal as codes. */
export const span = (text: string, style: Style = "plain"): Span => ({ text: visible(text), style })
export const blank: Line = []

/** A line for a terminal, without escape codes if `colour` is false. */
export const paint = (line: Line, colour: boolean): string =>
  line.map(({ style, text }) => (colour && style !== "plain" ? `${codes[style]}${text}\x1b[0m` : text)).join("")

/** The text of a line. */
export const plain = (line: Line): string => paint(line, false)

/** The characters of a line. */
export const width = (line: Line): number => line.reduce((sum, { text }) => sum + text.length, 0)

/** A line cut at the last column. */
export const cropped = (line: Line, columns: number): Line => {
  const spans: Array<Span> = []
  let room = columns
  let left = width(line)
  for (const { style, text } of line) {
    if (left <= room || text.length < room) spans.push({ style, text })
    else {
      if (room > 0) spans.push({ style, text: `${text.slice(0, room - 1)}…` })
      break
    }
    room -= text.length
    left -= text.length
  }
  return spans
}

/** Breaks text into lines at spaces. */
export const wrapped = (text: string, columns: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/**
 * Switches a terminal to a screen of its own, without line wrapping, so that a line that is too long does not move the
 * others.
 */
export const enter = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J"
/** Restores the terminal as it was before `enter`. */
export const exit = "\x1b[?7h\x1b[?25h\x1b[?1049l"

/** One write for a whole screen. It overwrites and clears only the rest of each line, so that nothing flickers. */
export const frame = (lines: ReadonlyArray<Line>, columns: number, colour: boolean): string => {
  const texts = lines.map((line) => {
    const text = paint(line, colour)
    // After a full line the cursor is on its last character, which must not be cleared.
    return width(line) < columns ? `${text}\x1b[K` : text
  })
  return `\x1b[H${texts.join("\r\n")}\x1b[J`
}
