// The runs of a data set: those that can be compared are in one group, with a measure over time.

import { formatCount } from "../ui/format.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { selectRun, selectSet } from "./evaluate-store.js";
import { History } from "./history.js";
import { groupRuns, isComparable, opened, runs, toggleMarked } from "./runs-store.js";
import { formatInterval, formatStarted, formatValue } from "./values.js";

const NUM_MEASURES = 4; // of a run in the list; all are in the open run
const ROWS_PER_STEP = 20;

/** `set` is the name of the shown data set, of which there is at least one run. */
export function RunList({ set }) {
  const { all } = runs.use();
  const sets = [...new Set(all.map(({ signature }) => signature.set_name))].sort();
  useEffect(() => { document.querySelector(`.open-run[data-hit="${CSS.escape(opened.get().id ?? "")}"]`)?.focus(); }, []); // back from the open run
  const count = (name) => all.filter(({ signature }) => signature.set_name === name).length;
  return html`
    <div class="bar">
      <h3 id="runs-title">Runs</h3>
      <label class="runs-of"><span class="visually-hidden">Data set of the runs</span>
        <select id="runs-set" value=${set} onChange=${(event) => selectSet(event.target.value)}>
          ${sets.map((name) => html`<option key=${name} value=${name}>${name} (${count(name)})</option>`)}</select></label>
      <${CompareButton} />
    </div>
    ${groupRuns(all, set).map((group) => html`<${Group} key=${`${set} ${group.key}`} group=${group} />`)}`;
}

/** Compares the marked runs: the later one with the earlier one. */
function CompareButton() {
  const { all, marked } = runs.use();
  const chosen = all.filter(({ id }) => marked.includes(id)); // the newest first
  const isPossible = chosen.length === 2 && isComparable(chosen[0], chosen[1]);
  return html`
    <span class="compare">
      <span class="muted" id="compare-state">${chosen.length < 2
        ? chosen.length === 0 ? "Mark two runs to compare them." : "Mark another run."
        : !isPossible && "Runs of one set, split and task can be compared."}</span>
      <button type="button" class="primary" id="compare" disabled=${!isPossible} onClick=${() => selectRun(chosen[0].id, chosen[1].id)}>Compare</button></span>`;
}

function Group({ group: { key, task, split, runs: own } }) {
  const names = own[0].outcome.measures.map(({ name }) => name);
  const [selected, setSelected] = useState(names[0]);
  const [numRows, setNumRows] = useState(ROWS_PER_STEP);
  const name = names.includes(selected) ? selected : names[0];
  const id = `measure-${key.replace(/[^\w-]+/g, "-")}`;
  return html`
    <section class="run-group" aria-label=${`${task}, ${split}`}>
      <div class="bar"><h4>${task}, ${split}</h4><p class="muted">${formatCount(own.length, "run")}</p>
        ${own.length > 1 && html`
          <label for=${id} class="visually-hidden">Measure over time of ${task}, ${split}</label>
          <select id=${id} class="measure-select" value=${name} onChange=${(event) => setSelected(event.target.value)}>
            ${names.map((other) => html`<option key=${other} value=${other}>${other}</option>`)}</select>`}
      </div>
      ${own.length > 1 && html`<${History} own=${own} name=${name} />`}
      <ul class="rows runs">${own.slice(0, numRows).map((run) => html`<${Row} key=${run.id} run=${run} />`)}</ul>
      ${own.length > numRows && html`<p><button type="button" onClick=${() => setNumRows(numRows + ROWS_PER_STEP)}>Show more</button></p>`}
    </section>`;
}

function Row({ run }) {
  const isMarked = runs.use((state) => state.marked.includes(run.id));
  const { id, started, signature, outcome } = run;
  const facts = [formatStarted(started), signature.method, formatCount(signature.num_items, "item"), signature.num_missing > 0 && `${signature.num_missing.toLocaleString("en")} missing`, signature.is_simulated && "simulated"];
  const further = outcome.measures.length - NUM_MEASURES;
  return html`
    <li class=${isMarked ? "panel-box run marked-run" : "panel-box run"}>
      <input type="checkbox" aria-label=${`Compare ${id}`} checked=${isMarked} onChange=${() => toggleMarked(id)} />
      <div>
        <h5><button type="button" class="open-run" data-hit=${id} onClick=${() => selectRun(id)}>${id}</button></h5>
        <p class="muted">${facts.filter(Boolean).join(" · ")}</p>
        <dl>${outcome.measures.slice(0, NUM_MEASURES).map((measure) => html`
          <div key=${measure.name}><dt>${measure.name}</dt><dd><b>${formatValue(measure, measure.value)}</b> <span class="muted">${formatInterval(measure)}</span></dd></div>`)}</dl>
        ${further > 0 && html`<p class="muted">${formatCount(further, "further measure")}</p>`}
      </div>
    </li>`;
}
