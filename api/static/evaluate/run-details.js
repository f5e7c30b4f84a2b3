// The open run: its measures, what was left out, the worst and the best items, and its signature.

import { ConfirmButton } from "../ui/confirm-button.js";
import { formatCount } from "../ui/format.js";
import { Icon } from "../ui/icon.js";
import { copyText } from "../ui/save-text.js";
import { RequestError } from "../service/request-error.js";
import { html, useEffect, useRef } from "../vendor/preact.js";
import { Comparison } from "./comparison.js";
import { selectRun } from "./evaluate-store.js";
import { reportUrl } from "./evaluation-client.js";
import { ItemCards } from "./items.js";
import { deleteRun, isComparable, loadRun, opened, runs } from "./runs-store.js";
import { MeasureTable, formatNumber, formatStarted } from "./values.js";

const NUM_LEFT_OUT = 100; // files that are named; the report has all

export function RunDetails({ id, baselineId }) {
  const { run, examples, comparison, problem } = opened.use();
  const title = useRef();
  useEffect(() => { loadRun(id, baselineId); }, [id, baselineId]);
  useEffect(() => { scrollTo(0, 0); title.current.focus({ preventScroll: true }); }, [id]);
  const isLoaded = run?.id === id;
  return html`
    <section class="run-details" id="run" aria-labelledby="run-title" aria-busy=${String(!isLoaded && !problem)}>
      <div class="bar">
        <button type="button" id="all-runs" onClick=${() => selectRun(null)}><${Icon} name="previous" />All runs</button>
        <h3 id="run-title" tabindex="-1" ref=${title}>${id}</h3>
        ${isLoaded && html`
          <span class="buttons"><a class="button" id="report" href=${reportUrl(id, baselineId)} target="_blank" rel="noopener">HTML report</a>
            <${ConfirmButton} label="Delete" id="delete-run" question="Delete this run? The files of the set stay." onConfirm=${() => deleteRun(id)} /></span>`}
      </div>
      ${problem && html`<${RequestError} problem=${problem} onRetry=${() => loadRun(id, baselineId)} />`}
      ${isLoaded && html`
        <${Facts} run=${run} />
        <${BaselineSelect} run=${run} baselineId=${baselineId} />
        ${baselineId !== null && (comparison ? html`<${Comparison} comparison=${comparison} />` : !problem && html`<p class="muted" role="status">Comparing item by item …</p>`)}
        <section class="panel-box" aria-labelledby="measures-title"><h4 id="measures-title">Measures</h4>
          <${MeasureTable} id="measures" caption="Measures of the run" rows=${run.outcome.measures.map((measure) => ({ key: measure.name, name: measure.name, measure }))} />
          ${run.outcome.notes.map((note) => html`<p class="muted" key=${note}>${note}</p>`)}</section>
        ${run.outcome.breakdowns.map((breakdown) => html`<${Breakdown} key=${breakdown.by} breakdown=${breakdown} />`)}
        ${examples?.measure && baselineId === null && html`
          <${ItemCards} id="worst" title="Worst items" runId=${id} entries=${examples.worst.map((item) => ({ item, value: describeValue(examples.measure, item) }))} />
          <${ItemCards} id="best" title="Best items" runId=${id} entries=${examples.best.map((item) => ({ item, value: describeValue(examples.measure, item) }))} />`}
        <${LeftOut} run=${run} />
        <${Signature} run=${run} />`}
    </section>`;
}

const describeValue = ({ of }, { values }) => `${of} ${formatNumber(values[of])}`;

function Facts({ run: { outcome, signature, started, seconds } }) {
  const facts = [`${signature.set_name}, ${signature.split}, ${signature.task}`, signature.method, formatCount(signature.num_items, "item"), formatStarted(started), `${formatNumber(Math.round(seconds))} s`];
  return html`
    <p>${outcome.title}. <span class="muted" id="run-facts">${facts.join(" · ")}</span></p>
    ${signature.is_simulated && html`<p class="notice" id="simulated">The files are simulated: these are no numbers of ${signature.set_name}.</p>`}`;
}

/** The runs that this one can be compared with. */
function BaselineSelect({ run, baselineId }) {
  const all = runs.use((state) => state.all) ?? [];
  const others = all.filter((other) => other.id !== run.id && isComparable(run, other));
  if (others.length === 0) return null;
  return html`
    <label class="baseline">Compare with
      <select id="baseline" value=${baselineId ?? ""} onChange=${(event) => selectRun(run.id, event.target.value || null)}>
        <option value="">no other run</option>
        ${others.map(({ id, started }) => html`<option key=${id} value=${id}>${id}, ${formatStarted(started)}</option>`)}</select></label>`;
}

const Breakdown = ({ breakdown: { by, rows } }) => rows.length > 0 && html`
  <details class="panel-box"><summary>By ${by}: ${rows[0].measure.name}</summary>
    <${MeasureTable} caption=${`Measures by ${by}`} label=${by} rows=${rows.map(({ stratum, num_items: numItems, measure }) => ({ key: stratum, name: stratum, measure, numItems }))} /></details>`;

function LeftOut({ run: { missing, outcome: { failed } } }) {
  const total = missing.length + failed.length;
  if (total === 0) return null;
  const rows = [...failed.map(({ id, reason }) => [id, reason]), ...missing.map((id) => [id, "The file is missing."])];
  return html`
    <details class="panel-box" id="left-out"><summary>Left out: ${formatCount(total, "file")}</summary>
      <ul>${rows.slice(0, NUM_LEFT_OUT).map(([id, reason]) => html`<li key=${id}><b>${id}</b> <span class="muted">${reason}</span></li>`)}</ul>
      ${total > NUM_LEFT_OUT && html`<p class="muted">The first ${NUM_LEFT_OUT} are listed; the report has all.</p>`}</details>`;
}

/** What the numbers depend on, in the form in which it is quoted beside them. */
function Signature({ run: { signature, signature_line: line } }) {
  const weights = Object.entries(signature.weights).sort();
  return html`
    <section class="panel-box" aria-labelledby="signature-title"><div class="bar"><h4 id="signature-title">Signature</h4>
        <button type="button" class="quiet plain" onClick=${() => copyText(line)}>Copy</button></div>
      <p><code id="signature">${line}</code></p>
      ${weights.length > 0 && html`
        <details><summary>Weights: SHA-256, first 16 digits</summary>
          <dl class="weights">${weights.map(([name, digest]) => html`<dt key=${name}>${name}</dt><dd key=${digest}><code>${digest}</code></dd>`)}</dl></details>`}</section>`;
}
