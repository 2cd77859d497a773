/** The style sheet of the page. `ReportPage.ts` adds the colours of verdicts. */
export const style = String.raw`
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --surface: #ffffff; --text: #1b1f26; --muted: #5b6472; --line: #dfe3e8; --grid: #eceff3;
  --accent: #1565b8; --band: #1565b8; --sent: #3f8fd0; --dropped: #c8102e; --mark: #14171c; --halo: #ffffff;
  --pinned: #c2005b;
  --outlier-1: #b34d00; --outlier-2: #00785a; --outlier-3: #a8326f; --outlier-4: #6a4bc4; --outlier-5: #7a6400;
  --outlier-6: #10707f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101318; --surface: #181c22; --text: #e6e9ee; --muted: #98a2b1; --line: #2e353f; --grid: #252b33;
    --accent: #6cb6ff; --band: #4a9be8; --sent: #4a9be8; --dropped: #ff6b6b; --mark: #ffffff; --halo: #14171c;
    --pinned: #ff7ab8;
    --outlier-1: #ffa657; --outlier-2: #4fd1a5; --outlier-3: #f28cc0; --outlier-4: #b8a1ff; --outlier-5: #e3c84c;
    --outlier-6: #5fd0e0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
[hidden] { display: none !important; }
header, main { max-width: 1440px; margin: 0 auto; padding: 0 32px; }
header { padding-top: 28px; }
h1 { margin: 0; font-size: 26px; line-height: 1.25; letter-spacing: -0.01em; }
h2 { margin: 0; font-size: 17px; line-height: 1.3; }
p { margin: 0; }
.facts { color: var(--muted); margin-top: 4px; }
code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px; }
.command {
  display: block; margin-top: 12px; padding: 8px 12px; overflow-x: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; background: var(--surface); border: 1px solid var(--line); border-radius: 6px;
}
section { margin: 20px 0; padding: 18px 20px 20px; background: var(--surface); border: 1px solid var(--line);
  border-radius: 10px; }
section > p, figcaption { max-width: 130ch; color: var(--muted); font-size: 13.5px; }
figure { margin: 0; }
.failure { margin: 16px 0; padding: 10px 14px; border: 1px solid var(--dropped); border-radius: 6px; }

table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.summary { display: block; position: relative; margin-top: 10px; }
.summary tbody { display: block; columns: 340px 3; column-gap: 40px; }
.summary tr {
  display: flex; gap: 16px; justify-content: space-between; break-inside: avoid; padding: 5px 0;
  border-bottom: 1px solid var(--grid);
}
.summary th::first-letter { text-transform: uppercase; }
.summary th { font-weight: 400; color: var(--muted); text-align: left; flex: none; max-width: 55%; }
.summary td { padding: 0; text-align: right; overflow-wrap: anywhere; }
.list { margin: 10px 0 0; padding-left: 20px; font-size: 13.5px; }

.time {
  position: sticky; top: 0; z-index: 10; display: flex; flex-wrap: wrap; gap: 8px 20px; align-items: center;
  margin: 20px 0; padding: 10px 20px; background: var(--surface); border: 1px solid var(--line); border-radius: 10px;
  font-size: 13.5px; box-shadow: 0 2px 8px rgb(0 0 0 / 6%);
}
.time h2 { font-size: 13.5px; }
.time label, .tools label { display: inline-flex; gap: 6px; align-items: center; white-space: nowrap; }
.time .hint { color: var(--muted); margin-left: auto; }
input, button {
  font: inherit; color: inherit; background: var(--page); border: 1px solid var(--line); border-radius: 6px;
  padding: 3px 8px; min-height: 30px;
}
input[type="number"] { width: 92px; font-variant-numeric: tabular-nums; }
input[type="checkbox"] { min-height: 0; width: 16px; height: 16px; margin: 0; accent-color: var(--accent); }
button { cursor: pointer; }
button:disabled { opacity: 0.5; cursor: default; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }

.head { display: flex; flex-wrap: wrap; gap: 6px 20px; justify-content: space-between; align-items: baseline; }
.tools { display: flex; flex-wrap: wrap; gap: 8px 18px; align-items: center; font-size: 13.5px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 10px 0 8px; padding: 0; list-style: none;
  font-size: 13px; }
.legend li { display: inline-flex; gap: 7px; align-items: center; }
.legend svg { flex: none; display: block; }
.swatch { flex: none; width: 22px; height: 14px; border-radius: 3px; box-shadow: inset 0 0 0 1px rgb(128 128 128 / 35%); }
.chart { width: 100%; margin-top: 6px; }
.chart + figcaption { margin-top: 6px; }
.tip { font-size: 12.5px; line-height: 1.45; }
.tip b { display: block; font-weight: 600; }
.tip div { display: flex; gap: 8px; align-items: center; }
.tip .swatch { width: 12px; height: 12px; }

.scroll { overflow: auto; max-height: 620px; margin-top: 12px; border: 1px solid var(--line); border-radius: 6px; }
.scroll table { width: 100%; font-size: 13.5px; }
.scroll th { position: sticky; top: 0; background: var(--surface); text-align: left; font-weight: 600; color: var(--muted);
  box-shadow: inset 0 -1px var(--line); }
.scroll th, .scroll td { padding: 5px 12px; vertical-align: top; }
.scroll tr + tr td { border-top: 1px solid var(--grid); }
.events td:first-child, .numbers td, .numbers th { text-align: right; white-space: nowrap; }
.numbers th { vertical-align: bottom; white-space: normal; }
.events th:first-child { text-align: right; width: 110px; }
.events th:nth-child(2) { width: 90px; }
.events td:last-child { overflow-wrap: anywhere; }
.events .verb td:last-child, .events .verb td:nth-child(2) { font-weight: 600; }
.events .outcome td:nth-child(2) { color: var(--muted); }
.events summary { cursor: pointer; }
details > summary { cursor: pointer; }
.summary + details { margin-top: 12px; }
.none { padding: 14px; color: var(--muted); }

@media (max-width: 700px) {
  header, main { padding-left: 12px; padding-right: 12px; }
  header { padding-top: 16px; }
  h1 { font-size: 21px; }
  section { padding: 14px 12px; margin: 12px 0; }
  .time { position: static; margin: 12px 0; padding: 10px 12px; }
  .time .hint { margin-left: 0; }
  .legend { gap: 3px 14px; font-size: 12.5px; }
  .scroll th, .scroll td { padding: 5px 8px; }
  .events th:first-child, .events th:nth-child(2) { width: auto; }
}
@media (pointer: coarse) { .time .hint { display: none; } }
@media print {
  .time, .tools { display: none; }
  .scroll { max-height: none; overflow: visible; }
  section { break-inside: avoid; }
}
`.trim()
