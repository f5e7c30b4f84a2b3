"""The style of documents: for screens, light and dark, and for print."""

STYLE = """
:root {
  color-scheme: light dark;
  --ground: #f6f6f4; --card: #fff; --ink: #1c1c1a; --soft: #62625d; --line: #dcdcd6;
  --pass: #1a7f45; --fail: #b3261e; --undecided: #8a5a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #161615; --card: #20201f; --ink: #ecece8; --soft: #a5a59f; --line: #3a3a38;
    --pass: #5fcf8d; --fail: #ff8a80; --undecided: #f0b95a;
  }
}
* { box-sizing: border-box }
body {
  margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 70rem;
  background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.5rem; margin: 0 }
h2 { font-size: 1.05rem; margin: 0 0 .5rem }
header p { color: var(--soft); margin: .25rem 0 1.25rem }
section {
  background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 1rem 1.25rem; margin-bottom: 1rem; overflow-x: auto;
}
section p { margin: 0 0 .75rem; max-width: 60rem }
.counts { display: flex; flex-wrap: wrap; gap: 2rem; font-size: 1.05rem }
.counts b { font-size: 1.6rem; margin-right: .25rem }
.pass { color: var(--pass); fill: var(--pass) }
.fail { color: var(--fail); fill: var(--fail) }
.undecided { color: var(--undecided); fill: var(--undecided) }
.badge { font-weight: 600 }
table { font-variant-numeric: tabular-nums; border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line) }
th { color: var(--soft); font-weight: 600 }
td { overflow-wrap: anywhere }
td:first-child { min-width: 11rem }
.examples { display: grid; gap: 1.25rem; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr)) }
figure { margin: 0; break-inside: avoid }
figure img, .chart { display: block; width: 100%; border-radius: 8px; background: var(--line) }
.chart { max-width: 48rem; background: #fff }
figcaption { margin-top: .4rem; font-size: .9rem; overflow-wrap: anywhere }
figcaption ul { margin: .2rem 0 0; padding-left: 1.1rem }
.missing { padding: 2rem 1rem; background: var(--line); border-radius: 8px }
.scores { width: 100%; max-width: 48rem; display: block; margin-bottom: .75rem }
.scores circle { fill-opacity: .75 }
.scores line { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 4 3 }
.scores text { fill: var(--soft); font-size: 12px }
@media print {
  :root {
    --ground: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb;
    --pass: #125a31; --fail: #8c1d17; --undecided: #6b4600;
  }
  body { padding: 0; max-width: none; font-size: 10pt }
  section { border: 0; padding: 0; overflow: visible }
  .examples { grid-template-columns: 1fr 1fr }
  thead { display: table-header-group }
  tr { break-inside: avoid }
  h2 { break-after: avoid }
  * { print-color-adjust: exact }
}
"""
