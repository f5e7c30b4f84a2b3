// What is missing or wrong in the folder of a data set, before anything is evaluated.

import { formatCount } from "../ui/format.js";
import { html } from "../vendor/preact.js";
import { Commands } from "./values.js";

const SEVERITIES = { error: "Error", warning: "Warning" };

/** `check` is an `EvaluationCheck`, `set` the description of the data set. */
export function CheckResult({ check: { problems, num_files: numFiles, num_missing: numMissing }, set }) {
  const hasErrors = problems.some(({ severity }) => severity === "error");
  return html`
    <section class="check-result" id="check-result" aria-label="Result of the check">
      <p class=${hasErrors ? "error" : "ready"} role="status">${hasErrors
        ? `The folder cannot be evaluated as ${set.name}.`
        : `${formatCount(numFiles, "file")} can be evaluated${numMissing > 0 ? `; ${formatCount(numMissing, "file")} of the annotations ${numMissing === 1 ? "is" : "are"} missing` : ""}.`}</p>
      ${problems.length > 0 && html`
        <ul class="problems">${problems.map(({ severity, where, what, remedy }, i) => html`
          <li key=${i} class=${severity}><b>${SEVERITIES[severity]}</b> ${where && html`<span class="where">${where}:</span>`} <${Commands} text=${what} />
            ${remedy && html`<span class="muted"> <${Commands} text=${remedy} /></span>`}</li>`)}</ul>`}
      ${hasErrors && set.get && html`<p class="muted" id="how-to-get">How to get it: <${Commands} text=${set.get} /></p>`}
    </section>`;
}
