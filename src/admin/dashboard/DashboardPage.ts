/**
 * The page of a running node: its members as a table and as a picture, and its changes with their reasons. It needs no
 * build step and loads nothing but the routes of the node.
 */
import { script } from "./Script.ts"
import { style } from "./Style.ts"

const columns: ReadonlyArray<readonly [title: string, key: string | undefined, optional: boolean]> = [
  ["Member", "name", false],
  ["Status", "status", false],
  ["For", "since", false],
  ["Round trip", "rtt", false],
  ["Why", undefined, true],
  ["Id", undefined, true]
]

const header = ([title, key, optional]: (typeof columns)[number]): string =>
  `<th scope="col"${key === undefined ? "" : ` data-key="${key}"`}${optional ? ` class="optional"` : ""}>${
    key === undefined ? `<button type="button" disabled>${title}</button>` : `<button type="button">${title}</button>`
  }</th>`

const count = (status: string): string =>
  `<div class="count"><b id="count-${status}">0</b><span class="status" data-status="${status}">${status}</span></div>`

/** The page. */
export const dashboardPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>effect-gossip</title>
<link rel="icon" href="data:,">
<style>
${style}
</style>
</head>
<body>
<header>
<h1 id="title">effect-gossip</h1>
<span id="link" class="link" role="status">connecting</span>
<p id="failure" class="failure" role="alert" hidden></p>
</header>
<main>
<section class="counts" aria-label="Members by status">
${["alive", "suspect", "dead", "left"].map(count).join("\n")}
</section>
<section class="members" aria-labelledby="members-title">
<div class="tools">
<h2 id="members-title">Members</h2>
<span id="shown" aria-live="polite"></span>
<input id="words" type="search" aria-label="Filter members" placeholder="Filter: name, address, status, tag"
 autocomplete="off">
</div>
<div class="scroll"><table>
<thead><tr>${columns.map(header).join("")}</tr></thead>
<tbody id="rows"></tbody>
</table><p id="nobody" class="none" hidden>No member matches.</p></div>
</section>
<section aria-labelledby="picture-title">
<h2 id="picture-title">Round trips from this node</h2>
<canvas id="picture" role="img" aria-labelledby="picture-title"></canvas>
</section>
<section class="changes" aria-labelledby="changes-title">
<h2 id="changes-title">Changes</h2>
<ol id="changes" aria-live="polite"></ol>
<p id="quiet" class="none">Nothing has changed since this page was opened.</p>
</section>
</main>
<script type="module">
${script}
</script>
</body>
</html>
`

/** What the page may load: its own style and script, and the routes of the node. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "script-src 'unsafe-inline'",
  "connect-src 'self'",
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join("; ")
