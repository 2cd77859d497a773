/** Text from elsewhere on a terminal or in a log: a member, a file or an argument may hold codes that change either. */

// Control characters, line and paragraph separators, and those that change the direction of text.
const hidden = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

const names: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

// JSON escapes the control characters of ASCII itself, and its own line breaks are to stay.
const hiddenInJson = /[\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

const escaped = (character: string): string => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`

/** The text on one line, with what a terminal would not show as a character in the form of JSON: `\u001b`. */
export const visible = (text: string): string =>
  text.replace(hidden, (character) => names[character] ?? escaped(character))

/** The same for a text that is JSON, which stays JSON of the same value. */
export const visibleJson = (json: string): string => json.replace(hiddenInJson, escaped)
