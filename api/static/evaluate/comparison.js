// Two runs compared item by item: the later one minus the earlier one, and the items that changed most.

import { formatCount } from "../ui/format.js";
import { Icon } from "../ui/icon.js";
import { formatPValue } from "../inspect/verdict.js";
import { html } from "../vendor/preact.js";
import { selectRun } from "./evaluate-store.js";
import { ItemCards } from "./items.js";
import { formatDifference, formatNumber, formatValue } from "./values.js";

const NUM_CHANGED = 8; // items of each kind that are shown
const VERDICTS = { // class of the chip, icon, word
  better: ["pass", "check", "Better"], worse: ["fail", "close", "Worse"], undecided: ["undecided", "help", "Undecided"],
};

/** The verdict of a `RunDifference`; null for a measure that is not compared item by item. */
function judge({ difference, is_better: isBetter, is_worse: isWorse }) {
  if (difference === null) return null;
  return isBetter ? "better" : isWorse ? "worse" : "undecided";
}

function Chip({ verdict }) {
  const [name, icon, word] = VERDICTS[verdict];
  return html`<span class=${`verdict ${name}`}><${Icon} name=${icon} />${word}</span>`;
}

export function Comparison({ comparison: { first, second, differences, worse, better, notes } }) {
  const change = ({ item, key, before, after }) => ({ item, value: `${key} ${formatNumber(before)} → ${formatNumber(after)}` });
  return html`
    <section class="panel-box" id="comparison" aria-labelledby="comparison-title">
      <div class="bar"><h4 id="comparison-title">Compared with ${first}</h4>
        <button type="button" id="swap" onClick=${() => selectRun(first, second)}>Swap</button></div>
      <p class="muted">This run minus ${first}, on the items of both, with the 95 % interval of the difference. Better or worse at p below 0.05.</p>
      ${notes.map((note) => html`<p class="note" key=${note}>${note}</p>`)}
      <ul class="differences" id="differences">${differences.map((row) => html`<${Difference} key=${row.measure.name} row=${row} />`)}</ul>
    </section>
    <${ItemCards} id="worse" title="Items that became worse" runId=${second} entries=${worse.slice(0, NUM_CHANGED).map(change)} />
    <${ItemCards} id="better" title="Items that became better" runId=${second} entries=${better.slice(0, NUM_CHANGED).map(change)} />
    ${worse.length === 0 && better.length === 0 && html`<p class="muted" id="no-changes">No item has changed.</p>`}`;
}

function Difference({ row }) {
  const { measure, second, difference, low, high, p_value: p, num_items: numItems } = row;
  const verdict = judge(row);
  return html`
    <li>
      <span class="name"><b>${measure.name}</b></span>
      <span>${verdict ? html`<${Chip} verdict=${verdict} />` : html`<span class="muted">not paired</span>`}</span>
      <span class="change">${formatValue(measure, measure.value)} → ${formatValue(second, second.value)}</span>
      ${verdict && html`
        <span><b>${formatDifference(measure, difference)}</b> <span class="muted">${formatDifference(measure, low)} to ${formatDifference(measure, high)}</span></span>
        <span class="muted">p ${formatPValue(p)} · ${formatCount(numItems, "item")}</span>`}
    </li>`;
}
