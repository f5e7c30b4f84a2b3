// The section "Scales": what is there, and a form that adds one.

import { RequestError } from "../service/request-error.js";
import { ConfirmButton } from "../ui/confirm-button.js";
import { html, useEffect } from "../vendor/preact.js";
import { NewScale } from "./new-scale.js";
import { deleteScale, loadScales, scales } from "./scale-store.js";

const SOURCES = { length: "known length", checkerboard: "checkerboard", charuco: "ChArUco board", dicom: "DICOM region" };

export function ScalesView() {
  const { all, problem } = scales.use();
  useEffect(() => { loadScales(); }, []);
  return html`
    <div class="inspect-layout form-layout">
      <div class="inspect-side"><${NewScale} /></div>
      <section class="inspect-main" aria-labelledby="scales-title">
        <h3 id="scales-title">Scales</h3>
        <p class="muted">A scale says how many millimetres a pixel is. It holds for images from the same place with the same lens, and is chosen when parts are inspected.</p>
        ${problem && html`<${RequestError} problem=${problem} onRetry=${loadScales} />`}
        ${all?.length === 0 && html`<div class="empty"><p><strong>There is no scale yet.</strong></p><p>Sizes are in pixels until one is added.</p></div>`}
        ${all?.length > 0 && html`<ul class="rows" id="scales">${all.map((scale) => html`<${Row} key=${scale.name} scale=${scale} />`)}</ul>`}
      </section>
    </div>`;
}

/** 0.020512, 0.00031 -> "0.0205 ± 0.0003": as many decimals as the first digit of the uncertainty needs. */
function formatScale(value, expanded) {
  const decimals = expanded > 0 ? Math.min(Math.max(1 - Math.floor(Math.log10(expanded)), 0), 8) : 5;
  return `${value.toFixed(decimals)} ± ${expanded.toFixed(decimals)}`;
}

function Row({ scale: { name, mm_per_px: value, standard_uncertainty: u, source, area, tilt_degrees: tilt, has_lens: hasLens } }) {
  const facts = [SOURCES[source], area === null ? "whole image" : `an area of ${area.length} corners`, hasLens && "lens corrected", tilt > 0 && `tilt up to ${tilt}°`];
  return html`
    <li class="panel-box row">
      <div><h4>${name}</h4><p>${formatScale(value, 2 * u)} mm per pixel <span class="muted">(k = 2)</span></p>
        <p class="muted">${facts.filter(Boolean).join(" · ")}</p></div>
      <${ConfirmButton} label="Delete" question=${`Delete ${name}? Inspections keep their copies.`} aria-label=${`Delete ${name}`} onConfirm=${() => deleteScale(name)} />
    </li>`;
}
