// A slider for the rate of false alarms, with the measured false alarms and catches beside it.

import { formatCount } from "../ui/format.js";
import { html } from "../vendor/preact.js";
import { failsAt, getMarkedVerdict, listRates, measureRate } from "./rates.js";
import { results } from "./results-store.js";
import { formatRate } from "./threshold.js";

export function RateSlider() {
  const { all, hasMarks, rate: selected } = results.use();
  const { rate_requested: requested, smallest_rate: smallest } = all[0].record.threshold;
  const rate = selected ?? requested;
  const rates = listRates(requested);
  const { numFailed, falseAlarms, catches } = measureRate(all, rate);
  const marked = all.filter((result) => getMarkedVerdict(result) !== null);
  const areAllFailed = marked.length > 0 && marked.every((result) => failsAt(result, requested));
  return html`
    <section class="rate panel-box" aria-labelledby="rate-title">
      <h4 id="rate-title"><label for="rate">Rate of good parts that may fail</label></h4>
      <div class="slider">
        <input id="rate" type="range" min="0" max=${rates.length - 1} step="1" value=${rates.indexOf(rate)} aria-valuetext=${formatRate(rate)}
          onInput=${(event) => results.set({ rate: rates[event.target.valueAsNumber] })} />
        <output id="rate-value" for="rate">${formatRate(rate)}${rate === requested && html`<span class="muted"> requested</span>`}</output>
      </div>
      <p id="rate-failed"><b>${numFailed.toLocaleString("en")}</b> of ${formatCount(all.length, "result")} would fail.
        ${rate < smallest - 1e-12 && html` <span class="muted">Below ${formatRate(smallest)}, the smallest rate that the good parts allow, no part can fail.</span>`}</p>
      ${hasMarks && (marked.length === 0
        ? html`<p class="muted" id="rate-measure">No measure of false alarms and catches: no result is marked. Accept or reject some, whatever their verdict.</p>`
        : html`
          <dl id="rate-measure">
            <dt>False alarms</dt><dd>${describeShare(falseAlarms, "accepted")}</dd>
            <dt>Catches</dt><dd>${describeShare(catches, "rejected")}</dd>
          </dl>
          <p class="muted">Measured on ${formatCount(marked.length, "marked result")} of ${all.length.toLocaleString("en")}.
            ${areAllFailed && " Only failed results are marked, so the false alarms are overstated; mark some that passed too."}</p>`)}
    </section>`;
}

function describeShare({ hits, trials, low, high }, verdict) {
  if (trials === 0) return html`<span class="muted">not measured: no result is ${verdict}</span>`;
  return html`<b>${hits} of ${trials}</b> ${verdict}, ${formatRate(hits / trials)} <span class="muted">(95 % interval ${formatRate(low)} to ${formatRate(high)})</span>`;
}
