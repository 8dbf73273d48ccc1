//! How the page looks.

/// The style sheet: light and dark, narrow and wide, on screen and on paper.
pub(crate) const STYLE: &str = r#"
:root {
  color-scheme: light dark;
  --paper: #f6f7f9; --card: #ffffff; --ink: #17202c; --soft: #5a6675; --line: #dde2e9; --grid: #e8ecf1;
  --ranked: #1f5fd6; --kept: #b45d00; --band: rgb(31 95 214 / .13); --band-kept: rgb(180 93 0 / .15);
  --above: #0b6b4f; --above-back: #def3ea; --below: #a3243b; --below-back: #fbe4e8; --note: #eef3fd;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #10151c; --card: #19202a; --ink: #e8edf4; --soft: #9fabba; --line: #303a47; --grid: #26303b;
    --ranked: #7fb0ff; --kept: #f0a552; --band: rgb(127 176 255 / .18); --band-kept: rgb(240 165 82 / .18);
    --above: #6fdcb4; --above-back: #12382d; --below: #ff9aab; --below-back: #43202a; --note: #1c2839;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei",
    "Noto Sans CJK SC", "Noto Sans SC", sans-serif;
}
main, header.top, footer { max-width: 1120px; margin: 0 auto; padding: 0 20px; }
header.top { padding-top: 36px; }
header.top p.kicker { margin: 0; color: var(--soft); font-size: 14px; overflow-wrap: anywhere; }
h1 { font-size: 15px; letter-spacing: .02em; margin: 0 0 2px; color: var(--ranked); }
p.headline { font-size: clamp(22px, 3.4vw, 32px); line-height: 1.3; font-weight: 650; margin: 14px 0 20px; max-width: 30em; text-wrap: pretty; }
h2 { font-size: 22px; line-height: 1.3; margin: 44px 0 4px; }
h3 { font-size: 16px; margin: 0; overflow-wrap: anywhere; }
p.lead { color: var(--soft); margin: 0 0 16px; max-width: 46em; }
.keys { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 0; }
.keys > div, .card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px; }
.keys dt { color: var(--soft); font-size: 14px; }
.keys dd { margin: 0; }
.keys dd.big { font-size: 26px; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; }
.keys dd.small { color: var(--soft); font-size: 13px; line-height: 1.4; }
ul.notes.between { margin-bottom: 16px; }
ul.notes { list-style: none; margin: 14px 0 0; padding: 0; display: grid; gap: 8px; }
ul.notes li { background: var(--note); border-left: 4px solid var(--ranked); border-radius: 6px; padding: 9px 14px; font-size: 15px; overflow-wrap: anywhere; }
ul.notes li.warn { border-left-color: var(--kept); }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 16px; }
.card + .card, .pair + .card, .card + .pair, .card + h3, .pair + .pair { margin-top: 16px; }
.pair > .card + .card { margin-top: 0; }
.card > p { margin: 8px 0 0; } .card > p:first-child { margin-top: 0; }
.pair.spaced { margin-top: 16px; } .gap { height: 28px; }
p.further { margin: -8px 0 20px; color: var(--soft); font-size: 17px; max-width: 46em; }
details.card { margin-top: 16px; } details.card[open] > summary { margin-bottom: 10px; }
summary { font-weight: 650; cursor: pointer; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.below-name { display: block; color: var(--soft); font-size: 13px; font-weight: 400; }
.card > p.would { font-size: 17px; font-weight: 600; margin-top: 12px; }
.soft { color: var(--soft); font-size: 14px; font-weight: 400; }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; }
.scroll:focus-visible { outline: 2px solid var(--ranked); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 650; padding: 0 0 8px; }
th, td { text-align: right; vertical-align: top; padding: 7px 10px; border-top: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; font-size: 14px; border-top: 0; white-space: nowrap; }
tbody th { font-weight: 600; }
th:first-child { text-align: left; padding-left: 0; }
table.plain td { white-space: nowrap; }
table.plain td.text, table.plain td:first-child { white-space: normal; text-align: left; padding-left: 0; }
table.plain th:first-child { min-width: 7.5em; } table.plain thead th:nth-child(2) { white-space: normal; }
table.plain th svg { width: 16px; height: 10px; margin-right: 7px; }
table.effects th:first-child { position: sticky; left: 0; background: var(--card); min-width: 118px; max-width: 220px; z-index: 1; }
table.effects th:first-child bdi { display: block; overflow-wrap: anywhere; line-height: 1.35; }
table.effects td { min-width: 164px; max-width: 210px; }
table.effects tr.all > * { border-bottom: 2px solid var(--line); }
table.effects tr.rest th { font-weight: 400; font-style: italic; }
.cell { display: grid; gap: 1px; }
.cell .both { display: flex; justify-content: space-between; align-items: baseline; gap: 8px; }
.cell b { font-weight: 650; } .cell .few { color: var(--soft); font-size: 13.5px; font-style: italic; }
.cell .soft { font-size: 12.5px; line-height: 1.35; white-space: nowrap; }
.cell svg { width: 100%; height: 13px; display: block; }
.mark { display: inline-block; border-radius: 5px; padding: 0 5px; font-size: 12.5px; font-weight: 650; white-space: nowrap; }
.above { color: var(--above); background: var(--above-back); }
.below { color: var(--below); background: var(--below-back); }
.mover .legend { margin: 8px 0 0; } .mover h4 { margin-top: 8px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 12px; padding: 0; list-style: none; font-size: 14px; color: var(--soft); }
.legend li { display: flex; align-items: center; gap: 7px; }
.legend svg { width: 44px; height: 13px; flex: none; }
figure { margin: 0; }
figcaption { font-weight: 650; margin-bottom: 10px; }
.plot { display: grid; grid-template-columns: auto 1fr; column-gap: 8px; font-size: 12.5px; color: var(--soft); }
.plot .y { position: relative; min-width: 44px; }
.plot .y span { position: absolute; right: 0; transform: translateY(50%); white-space: nowrap; line-height: 1; }
.card > p.up { margin: 0 0 14px; color: var(--soft); font-size: 12.5px; line-height: 1; }
.plot .x { grid-column: 2; display: flex; justify-content: space-between; padding-top: 5px; white-space: nowrap; line-height: 1.3; }
.plot svg { width: 100%; display: block; overflow: visible; }
.plot svg.wide { height: 210px; } .plot svg.square { height: 250px; } .plot svg.small { height: 96px; }
svg * { vector-effect: non-scaling-stroke; }
.grid { stroke: var(--grid); stroke-width: 1; } .axis { stroke: var(--line); stroke-width: 1.5; }
.swatch { stroke-width: 4; }
.dash { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 5 4; fill: none; }
.dash.predicted { stroke: var(--kept); }
.ranked { stroke: var(--ranked); fill: none; stroke-linecap: round; } .kept { stroke: var(--kept); fill: none; stroke-linecap: round; }
.thin { stroke-width: 2; } .whisker { stroke-width: 2.5; opacity: .75; } .dot { stroke-width: 8; } .tick { stroke-width: 3; stroke-linecap: butt; }
.fill-ranked { fill: var(--band); stroke: none; } .fill-kept { fill: var(--band-kept); stroke: none; }
.bars { display: grid; gap: 12px; }
.bars .name { display: flex; justify-content: space-between; gap: 10px; font-size: 14px; }
.bars .name b { font-variant-numeric: tabular-nums; white-space: nowrap; }
.bars svg { width: 100%; height: 30px; display: block; }
.grid-fill { fill: var(--grid); } .bar-ranked { fill: var(--ranked); } .bar-kept { fill: var(--kept); }
.over { stroke: var(--ink); stroke-width: 2; fill: none; }
figcaption.second { margin: 18px 0 6px; }
.nothing svg { width: 100%; height: 24px; display: block; }
.nothing .ends { display: flex; justify-content: space-between; font-size: 12.5px; color: var(--soft); }
.why { display: grid; gap: 6px; margin: 8px 0 0; padding: 0; list-style: none; font-size: 15px; }
.why li { display: grid; grid-template-columns: minmax(0, 1fr) 76px 5.2em; gap: 10px; align-items: center; line-height: 1.35; overflow-wrap: anywhere; }
.why li > span:last-child { text-align: right; font-variant-numeric: tabular-nums; }
.why svg { width: 100%; height: 12px; display: block; }
.badge { display: inline-block; border: 1px solid var(--line); border-radius: 99px; padding: 0 9px; font-size: 13px; color: var(--soft); font-weight: 400; white-space: nowrap; }
.badge.out { color: var(--ranked); border-color: var(--ranked); font-weight: 600; }
.mover { display: grid; grid-template-columns: minmax(0, 1.1fr) minmax(0, 1fr); gap: 10px 28px; }
.mover p { margin: 6px 0; }
h4 { font-size: 14px; margin: 0; color: var(--soft); font-weight: 600; }
pre { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; overflow-x: auto; font-size: 14px; margin: 10px 0; }
.method li { margin: 0 0 8px; max-width: 52em; }
.method { padding-left: 20px; margin: 10px 0 0; font-size: 15px; }
footer { color: var(--soft); font-size: 13px; padding-top: 28px; padding-bottom: 40px; overflow-wrap: anywhere; }
@media (max-width: 640px) {
  main, header.top, footer { padding-left: 14px; padding-right: 14px; }
  .mover { grid-template-columns: minmax(0, 1fr); }
  .keys { grid-template-columns: repeat(2, 1fr); } .keys dd.big { font-size: 22px; }
  .card, .keys > div { padding: 12px 13px; }
  table.effects th:first-child { min-width: 96px; max-width: 120px; font-size: 14px; }
  table.effects td { min-width: 152px; }
  th, td { padding-left: 6px; padding-right: 6px; }
  .plot svg.wide { height: 170px; }
}
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --grid: #ddd; --ranked: #1f5fd6; --kept: #b45d00; }
  body { font-size: 11pt; } .card, .keys > div, figure, tr { break-inside: avoid; } h2 { break-after: avoid; }
  details.card { break-inside: auto; } details::details-content { content-visibility: visible; height: auto; } .scroll { overflow: visible; }
  table.effects td { min-width: 0; } table.effects th:first-child { position: static; }
}
"#;
