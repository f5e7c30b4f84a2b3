"""What the report of a run adds to the style of documents."""

STYLE = """
:root { --line-0: #2f6fc4; --line-1: #c2502a; --line-2: #2a8a57; --line-3: #7d55b8 }
@media (prefers-color-scheme: dark) { :root { --line-0: #7db2f5; --line-1: #f08a66; --line-2: #66cc96; --line-3: #bd9cf0 } }
header p { overflow-wrap: anywhere }
td:first-child { min-width: 0 }
.whole { white-space: nowrap }
table + table, table + p { margin-top: .75rem }
.bar { display: block; width: 12rem; max-width: 100%; height: .9rem }
.bar .scale { fill: var(--line) }
.bar .value { fill: var(--line-0); opacity: .55 }
.bar path { stroke: var(--ink); fill: none }
.plot { display: block; width: 100%; max-width: 48rem; margin-bottom: .75rem }
.plot text { fill: var(--soft); font-size: 12px }
.plot .grid { stroke: var(--line) }
.plot .line { fill: none; stroke-width: 2 }
polyline.line-0 { stroke: var(--line-0) }
polyline.line-1 { stroke: var(--line-1) }
polyline.line-2 { stroke: var(--line-2) }
polyline.line-3 { stroke: var(--line-3) }
.plot text.name.line-0 { fill: var(--line-0) }
.plot text.name.line-1 { fill: var(--line-1) }
.plot text.name.line-2 { fill: var(--line-2) }
.plot text.name.line-3 { fill: var(--line-3) }
.examples { grid-template-columns: repeat(auto-fill, minmax(min(16rem, 100%), 1fr)) }
figure .frames { display: grid; grid-template-columns: 1fr 1fr; gap: 2px }
figure audio { width: 100% }
.wave { display: block; width: 100%; height: 2.5rem; margin-bottom: .4rem }
.wave path { stroke: var(--line-0); stroke-width: 2; fill: none }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: .4rem }
.soft { color: var(--soft) }
.warning { color: var(--undecided); font-weight: 600 }
.signature { font-family: ui-monospace, monospace; font-size: .8rem; overflow-wrap: anywhere }
.published td:first-child, .published th { overflow-wrap: normal }
.published { margin-bottom: .75rem }
section { margin-top: 1rem }
@media screen { .plot { min-width: 30rem } td { overflow-wrap: break-word } }
@media print {
  figure audio { display: none }
  .examples img { max-height: 6.5cm; object-fit: contain; object-position: left top; background: none }
  table:not(:has(tr:nth-child(25))) { break-inside: avoid }
  .examples { grid-template-columns: repeat(3, 1fr) }
  .bar { width: 6rem }
  .plot { break-inside: avoid; max-width: 36rem }
  th, td { padding: .2rem .4rem .2rem 0 }
  table { font-size: .8rem }
  .warning { break-after: avoid }
}
"""
