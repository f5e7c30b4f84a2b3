// The view "Evaluate": a form that evaluates a data set on one side, the runs, or the open run, on the other.

import { RequestError } from "../service/request-error.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { evaluate } from "./evaluate-store.js";
import { loadEvaluations } from "./jobs-store.js";
import { NewEvaluation } from "./new-evaluation.js";
import { RunDetails } from "./run-details.js";
import { RunList } from "./run-list.js";
import { Running } from "./running.js";
import { loadRuns, runs } from "./runs-store.js";

const WIDE = "(min-width: 901px)";

export function EvaluateView() {
  const { runId, baselineId } = evaluate.use();
  useEffect(() => { loadEvaluations(); loadRuns(); }, []);
  return html`
    <section class="inspect evaluate" id="evaluate" aria-labelledby="evaluate-title">
      <div class="bar"><h2 id="evaluate-title">Evaluate</h2></div>
      <div class=${runId === null ? "inspect-layout" : "inspect-layout has-run"}>
        <div class="inspect-side"><${Start} /><${Running} /></div>
        <div class="inspect-main">${runId === null ? html`<${Runs} />` : html`<${RunDetails} key=${runId} id=${runId} baselineId=${baselineId} />`}</div>
      </div>
    </section>`;
}

/** The form. In a narrow window, where it would hide the runs, it is closed at first if there are any. */
function Start() {
  const hasNoRuns = runs.use((state) => state.all?.length === 0);
  const isLoaded = runs.use((state) => state.all !== null || state.problem !== null); // the form begins with the set of the latest run
  const [isOpen, setOpen] = useState(matchMedia(WIDE).matches);
  useEffect(() => { if (hasNoRuns) setOpen(true); }, [hasNoRuns]);
  return html`
    <details class="panel-box start-evaluation" id="start-evaluation" open=${isOpen} onToggle=${(event) => setOpen(event.target.open)}>
      <summary id="new-evaluation-title">New evaluation</summary>
      ${isLoaded && html`<${NewEvaluation} />`}
    </details>`;
}

function Runs() {
  const { all, problem } = runs.use();
  const set = evaluate.use((state) => state.set) ?? all?.[0]?.signature.set_name;
  const hasRuns = all?.some(({ signature }) => signature.set_name === set);
  return html`
    ${problem && html`<${RequestError} problem=${problem} onRetry=${loadRuns} />`}
    ${all?.length === 0 && html`
      <div class="empty"><p><strong>Nothing is evaluated yet.</strong></p>
        <p>Choose a data set and its folder on the server. A run has each measure with its 95 % interval, and two runs can be compared item by item.</p></div>`}
    ${all?.length > 0 && !hasRuns && html`<p class="muted">There is no run of ${set}. <button type="button" onClick=${() => evaluate.set({ set: null })}>Show the latest</button></p>`}
    ${hasRuns && html`<${RunList} set=${set} />`}`;
}
