// A measure over the runs of a group, in order of time, with the interval of each.

import { html } from "../vendor/preact.js";
import { runs } from "./runs-store.js";
import { formatInterval, formatStarted, formatValue } from "./values.js";

const HEIGHT = 170;
const TOP = 14;
const BOTTOM = 150;
const [LEFT, RIGHT] = [3, 97]; // percent of the width
const LABELS = 48; // pixels left of it, for the labels of the scale
const STEPS = [1, 2, 2.5, 5, 10];

/** Round values, three to six of them, that enclose the range from `low` to `high`. */
export function chooseTicks(low, high) {
  const range = high - low || Math.abs(high) || 1;
  const unit = 10 ** Math.floor(Math.log10(range / 3));
  const step = STEPS.map((factor) => factor * unit).find((size) => range / size <= 4);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(Math.ceil(high / step - 1e-9), first + 1);
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** `own`: runs that can be compared, the newest first; those without the measure `name` are left out. Marked runs stand out. */
export function History({ own, name }) {
  const marked = runs.use((state) => state.marked);
  const points = own.toReversed().flatMap((run) => {
    const measure = run.outcome.measures.find((other) => other.name === name);
    return measure ? [{ run, measure }] : [];
  });
  if (points.length < 2) return html`<p class="muted">Only one run has this measure.</p>`;
  const ticks = chooseTicks(Math.min(...points.map(({ measure }) => measure.low)), Math.max(...points.map(({ measure }) => measure.high)));
  const placeX = (i) => `${LEFT + ((RIGHT - LEFT) * i) / (points.length - 1)}%`;
  const placeY = (value) => BOTTOM - ((BOTTOM - TOP) * (value - ticks[0])) / (ticks.at(-1) - ticks[0]);
  const [first, last] = [points[0], points.at(-1)];
  const describe = ({ run, measure }) => `${formatValue(measure, measure.value)} on ${formatStarted(run.started)}`;
  return html`
    <svg class="history" height=${HEIGHT} role="img" aria-label=${`${name} over ${points.length} runs: ${describe(first)}, ${describe(last)}`}>
      ${ticks.map((tick) => html`
        <line key=${tick} class="grid" x1="0" x2="100%" y1=${placeY(tick)} y2=${placeY(tick)} />
        <text key=${`text ${tick}`} x=${-LABELS} y=${placeY(tick) + 4}>${formatTick(first.measure, tick)}</text>`)}
      ${points.slice(1).map(({ run, measure }, i) => html`
        <line key=${run.id} class="link" x1=${placeX(i)} x2=${placeX(i + 1)} y1=${placeY(points[i].measure.value)} y2=${placeY(measure.value)} />`)}
      ${points.map(({ run, measure }, i) => html`
        <g key=${run.id} class=${marked.includes(run.id) ? "point marked-point" : "point"}><title>${run.id}: ${formatValue(measure, measure.value)}, ${formatInterval(measure)}</title>
          <line x1=${placeX(i)} x2=${placeX(i)} y1=${placeY(measure.low)} y2=${placeY(measure.high)} />
          <circle cx=${placeX(i)} cy=${placeY(measure.value)} r="4" /></g>`)}
      <text x="0" y=${HEIGHT - 4}>${formatStarted(first.run.started)}</text>
      <text x="100%" y=${HEIGHT - 4} text-anchor="end">${formatStarted(last.run.started)}</text>
    </svg>`;
}

const formatTick = (measure, tick) => (measure.is_share ? `${Number((100 * tick).toFixed(2))} %` : formatValue(measure, tick));
