// Measures of a run as text, as a table and as bars.

import { html } from "../vendor/preact.js";

const NUMBER = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });

/** A share in percent with one digit, another number with four significant digits, as `mm eval show`. */
export const formatValue = (measure, value) => (measure.is_share ? `${(100 * value).toFixed(1)}\u00a0%` : NUMBER.format(value));

export const formatInterval = (measure, { low, high } = measure) => `${formatValue(measure, low)} to ${formatValue(measure, high)}`;

/** A difference with its sign: 0.021 -> "+2.1 %". */
export const formatDifference = (measure, value) => (value > 0 ? `+${formatValue(measure, value)}` : formatValue(measure, value).replace("-", "−"));

export const formatNumber = (value) => NUMBER.format(value);

/** "2026-11-30T05:45:12+00:00" -> "30 Nov, 06:45", in the time zone of the browser. */
export function formatStarted(started) {
  const date = new Date(started);
  const options = { day: "numeric", month: "short", ...(date.getFullYear() !== new Date().getFullYear() && { year: "numeric" }) };
  return `${date.toLocaleDateString("en-GB", options)}, ${date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
}

/** Name, value and interval of each measure, with a bar for a share. `rows`: [{key, name, measure, numItems}]; `label` is that of the first column. */
export const MeasureTable = ({ id, caption, label = "Measure", rows }) => html`
  <table class="measures" id=${id}>
    <caption class="visually-hidden">${caption}</caption>
    <thead><tr><th scope="col">${label}</th><th scope="col">Value</th><th scope="col">95 % interval</th><td class="wide"></td></tr></thead>
    <tbody>${rows.map(({ key, name, measure, numItems = null }) => html`
      <tr key=${key}><th scope="row">${name}${numItems !== null && html` <span class="muted">${numItems.toLocaleString("en")}</span>`}</th>
        <td><b>${formatValue(measure, measure.value)}</b></td><td>${formatInterval(measure)}</td>
        <td class="wide">${measure.is_share && html`<${Bar} measure=${measure} />`}</td></tr>`)}
    </tbody>
  </table>`;

const percentage = (share) => `${100 * Math.min(Math.max(share, 0), 1)}%`;

/** A share as a bar with its interval; the numbers are beside it. */
export const Bar = ({ measure: { low, value, high } }) => html`
  <span class="bar-of-share" aria-hidden="true"><span class="value" style=${{ width: percentage(value) }}></span>
    <span class="interval" style=${{ left: percentage(low), width: percentage(Math.min(high, 1) - Math.max(low, 0)) }}></span></span>`;

/** Text with `commands` in backquotes. */
export const Commands = ({ text }) => text.split("`").map((part, i) => (i % 2 === 1 ? html`<code key=${i}>${part}</code>` : part));
