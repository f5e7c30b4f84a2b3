// The regions of a result with their sizes, what limits them, and what made the verdict.

import { formatCount } from "../ui/format.js";
import { html } from "../vendor/preact.js";
import { Threshold } from "../inspect/threshold.js";

const UNITS = { mm: "mm", px: "px", mm2: "mm²", px2: "px²" };
const SIZES = [["length", "Length"], ["width", "Width"], ["area", "Area"], ["feret_max", "Largest extent"]];

/** {value: 0.4182, expanded: 0.031, unit: "mm"} -> "0.418 ± 0.031 mm": as many decimals as the two first digits of U need. */
export function formatMeasure({ value, expanded, unit }) {
  const decimals = expanded > 0 ? Math.min(Math.max(1 - Math.floor(Math.log10(expanded)), 0), 6) : 3;
  return `${value.toFixed(decimals)} ± ${expanded.toFixed(decimals)} ${UNITS[unit]}`;
}

export function Regions({ record, selected, onSelect }) {
  if (record.regions.length === 0) return html`<p class="muted">No region stands out.</p>`;
  return html`
    <ol class="regions" id="regions">
      ${record.regions.map((region, i) => html`
        <li key=${i}>
          <button type="button" class="line" aria-pressed=${String(i === selected)} onClick=${() => onSelect(i === selected ? null : i)}>
            <span class="timestamp">${i + 1}</span>
            <span><b>${region.kind ?? "Region"}</b> <small>${Math.round(region.area_px).toLocaleString("en")} px²</small></span></button>
          ${region.measures && html`
            <dl>${SIZES.map(([key, label]) => html`<dt>${label}</dt><dd>${formatMeasure(region.measures[key])}</dd>`)}</dl>`}
          ${region.notes.map((note) => html`<p class="muted" key=${note}>${note}</p>`)}
        </li>`)}
    </ol>`;
}

/** Notes, inspector, version, scale and threshold of a result. */
export function Origin({ record }) {
  return html`
    ${record.notes.length > 0 && html`
      <section><h3>Notes</h3>${record.notes.map((note) => html`<p key=${note}>${note}</p>`)}</section>`}
    <section><h3>Inspector</h3>
      <p id="origin">${record.inspector}, version ${record.version}. ${record.scale
        ? `Sizes in millimetres by the scale ${record.scale}, with expanded uncertainty (k = 2).`
        : "Sizes in pixels: no scale was given."}</p>
      <p class="muted">Image of ${record.width} × ${record.height} px, ${formatCount(record.regions.length, "region")}.</p>
      <details><summary>Threshold</summary><${Threshold} threshold=${record.threshold} /></details></section>`;
}
