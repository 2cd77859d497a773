/** The style sheet of the dashboard. Statuses differ in shape and lightness too, not only in colour. */
export const style = String.raw`
:root {
  color-scheme: light dark;
  --page: #f6f7f9; --surface: #ffffff; --text: #1b1f26; --muted: #5b6472; --line: #dfe3e8; --grid: #eceff3;
  --accent: #1565b8; --alive: #2f7fc1; --suspect: #d99a00; --dead: #b3261e; --left: #6a7180;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #101318; --surface: #181c22; --text: #e6e9ee; --muted: #98a2b1; --line: #2e353f; --grid: #252b33;
    --accent: #6cb6ff; --alive: #5aa9e6; --suspect: #f2c14e; --dead: #ff7b72; --left: #98a2b1;
  }
}
*, ::before { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
header, main { max-width: 1400px; margin: 0 auto; padding: 0 24px; }
header { display: flex; flex-wrap: wrap; gap: 6px 20px; align-items: baseline; padding-top: 20px; }
h1 { margin: 0; font-size: 20px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 0; font-size: 15px; }
.link { display: inline-flex; gap: 6px; align-items: center; color: var(--muted); font-size: 13px; }
.link::before { content: ""; width: 8px; height: 8px; border-radius: 50%; background: var(--suspect); }
.link[data-state="live"]::before { background: #2e9e5b; }
.failure { flex-basis: 100%; padding: 8px 12px; border: 1px solid var(--dead); border-radius: 6px; }
main { display: grid; grid-template-columns: minmax(0, 1fr) 380px; gap: 16px; padding-top: 14px; padding-bottom: 32px; }
section {
  min-width: 0; padding: 14px 16px; background: var(--surface); border: 1px solid var(--line); border-radius: 10px;
}
.counts { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: 10px 32px; }
.count { display: flex; gap: 8px; align-items: baseline; color: var(--muted); }
.count b { font-size: 22px; color: var(--text); font-variant-numeric: tabular-nums; }
.members { grid-row: span 2; }
.tools { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; justify-content: space-between; }
.tools span { color: var(--muted); font-size: 13px; }
input[type="search"] {
  width: min(260px, 100%); padding: 5px 9px; font: inherit; color: var(--text); background: var(--page);
  border: 1px solid var(--line); border-radius: 6px;
}
.scroll { margin-top: 10px; overflow: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { position: sticky; top: 0; padding: 0; text-align: left; font-weight: 500; background: var(--surface); }
th button {
  width: 100%; padding: 5px 8px 5px 0; font: inherit; font-size: 12.5px; text-align: left; color: var(--muted);
  background: none; border: 0; cursor: pointer; white-space: nowrap;
}
th[aria-sort] button::after { content: " ↑"; }
th[aria-sort="descending"] button::after { content: " ↓"; }
td { padding: 5px 12px 5px 0; border-top: 1px solid var(--grid); vertical-align: top; }
td.words { overflow-wrap: anywhere; min-width: 12ch; }
td.number { white-space: nowrap; }
tr.chosen td { background: color-mix(in srgb, var(--accent) 12%, transparent); }
tr.self .name { font-weight: 600; }
.small { color: var(--muted); font-size: 12.5px; }
.tag {
  display: inline-block; margin: 1px 4px 1px 0; padding: 0 6px; font-size: 12px; background: var(--page);
  border: 1px solid var(--line); border-radius: 10px;
}
.status { display: inline-flex; gap: 6px; align-items: center; white-space: nowrap; }
.status::before { content: ""; flex: none; width: 10px; height: 10px; background: var(--alive); border-radius: 50%; }
.status[data-status="suspect"]::before { background: var(--suspect); border-radius: 1px; transform: rotate(45deg); }
.status[data-status="dead"]::before { background: var(--dead); border-radius: 1px; }
.status[data-status="event"]::before { background: var(--accent); border-radius: 1px; height: 4px; }
.status[data-status="left"]::before { background: none; border: 2px solid var(--left); }
canvas { display: block; width: 100%; aspect-ratio: 1; margin-top: 8px; touch-action: manipulation; }
.changes ol { max-height: 460px; margin: 10px 0 0; padding: 0; overflow: auto; list-style: none; }
.changes li { padding: 6px 0; border-top: 1px solid var(--grid); overflow-wrap: anywhere; }
.changes time { color: var(--muted); font-size: 12.5px; font-variant-numeric: tabular-nums; }
.none { margin: 12px 0 4px; color: var(--muted); }
@media (max-width: 900px) {
  header, main { padding-left: 14px; padding-right: 14px; }
  main { grid-template-columns: minmax(0, 1fr); }
  .members { grid-row: auto; order: 1; }
  .optional { display: none; }
  .changes ol { max-height: 320px; }
}
`.trim()
