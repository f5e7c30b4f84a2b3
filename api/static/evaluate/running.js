// Evaluations that run, with their progress, and those that ended without a run, with the reason.

import { RequestError } from "../service/request-error.js";
import { formatProgress } from "../ui/format.js";
import { html, useState } from "../vendor/preact.js";
import { cancelEvaluation, evaluations, isEnded, listWithoutRun, loadEvaluations, startEvaluation } from "./jobs-store.js";
import { Commands, formatStarted } from "./values.js";

const REASONS = { cancelled: "Cancelled.", failed: "Failed.", quarantined: "Failed." };

export function Running() {
  const { list, problem } = evaluations.use();
  const shown = listWithoutRun(list);
  if (shown.length === 0 && !problem) return null;
  return html`
    <section class="panel-box" aria-labelledby="running-title">
      <h3 id="running-title">Evaluations</h3>
      ${problem && html`<${RequestError} problem=${problem} onRetry=${loadEvaluations} />`}
      <ul class="evaluations" id="evaluations">${shown.map((evaluation) => html`<${Row} key=${evaluation.id} evaluation=${evaluation} />`)}</ul>
    </section>`;
}

function Row({ evaluation }) {
  const { id, request, state, stage, progress, error, created_at: createdAt } = evaluation;
  const [problem, setProblem] = useState(null);
  const { set, task, split } = request;
  const run = (action) => action.then(() => setProblem(null), setProblem);
  return html`
    <li>
      <p><b>${set}</b> <span class="muted">${task}, ${split} · ${formatStarted(createdAt)}</span></p>
      ${isEnded(evaluation)
        ? html`
          <p class=${state === "cancelled" ? "muted" : "error"}><${Commands} text=${error ?? REASONS[state]} /></p>
          <p class="buttons"><button type="button" aria-label=${`Start again: ${set}`} onClick=${() => run(startEvaluation(request))}>Start again</button>
            <span class="muted">Files that were encoded are not encoded again.</span></p>`
        : html`
          <div class="work" role="status"><progress max="1" value=${progress} aria-label=${`Progress of ${set}`}></progress>
            <p class="muted">${state === "queued" ? "Waiting for a worker" : `Evaluating ${formatProgress(progress)}`}${state !== "queued" && stage && ` · ${stage}`}
              <button type="button" class="quiet plain" aria-label=${`Cancel ${set}`} onClick=${() => run(cancelEvaluation(id))}>Cancel</button></p></div>`}
      ${problem && html`<p class="error" role="alert">${problem.message}</p>`}
    </li>`;
}
