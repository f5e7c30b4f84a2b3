// What the threshold of a version promises, in plain words and in numbers.

import { html } from "../vendor/preact.js";

const DIGITS = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** 0.0769 -> "7.69 %", with a space that does not break. */
export const formatRate = (rate) => `${DIGITS.format(100 * rate)}\u00a0%`;

export const formatInterval = ([low, high]) => `${formatRate(low)} to ${formatRate(high)}`;

/** `threshold` is a `ThresholdRecord`. */
export function Threshold({ threshold }) {
  const { rate_requested: requested, smallest_rate: smallest, num_good: numGood, num_groups: numGroups, interval, rate_observed: observed } = threshold;
  const isReachable = smallest <= requested + 1e-12;
  return html`
    <div class="threshold">
      <p class=${isReachable ? "statement" : "statement unreachable"}>${threshold.statement}</p>
      <dl>
        <dt>Requested rate</dt><dd>${formatRate(requested)} of good parts may fail</dd>
        <dt>Stands on</dt><dd>${numGood} held-out good images of ${numGroups} groups</dd>
        <dt>Smallest rate</dt><dd>${formatRate(smallest)}${!isReachable && ": the requested one is not reachable"}</dd>
        <dt>95 % interval</dt><dd>${formatInterval(interval)}</dd>
        ${observed !== null && html`<dt>Observed later</dt><dd>${formatRate(observed)} of confirmed good parts had failed</dd>`}
      </dl>
    </div>`;
}
