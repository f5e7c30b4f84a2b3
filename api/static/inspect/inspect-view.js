// The view "Inspect": sections for parts, scales and ultrasound. Parts has the selected inspector on one side, its results on the other.

import { LineStrip } from "../lines/line-strip.js";
import { RequestError } from "../service/request-error.js";
import { ScalesView } from "../scales/scales-view.js";
import { Icon } from "../ui/icon.js";
import { UltrasoundView } from "../ultrasound/ultrasound-view.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { Gallery } from "./gallery.js";
import { GoodParts } from "./good-parts.js";
import * as client from "./inspection-client.js";
import { SECTIONS, inspectors, loadInspectors, replaceInspector, selectInspector, selectSection, view } from "./inspect-store.js";
import { NewInspection } from "./new-inspection.js";
import { NewInspector } from "./new-inspector.js";
import { ResultDialog } from "../result/result-dialog.js";
import { loadInspections } from "./results-store.js";
import { Threshold } from "./threshold.js";

export function InspectView() {
  const section = view.use((state) => state.section);
  return html`
    <section class="inspect" id="inspect" aria-labelledby="inspect-title">
      <div class="bar">
        <h2 id="inspect-title">Inspect</h2>
        <nav class="sections" aria-label="Sections"><ul>
          ${Object.entries(SECTIONS).map(([key, label]) => html`<li key=${key}><button type="button" id=${`section-${key}`} class="quiet"
            aria-current=${key === section ? "page" : undefined} onClick=${() => selectSection(key)}>${label}</button></li>`)}
        </ul></nav>
      </div>
      ${section === "parts" && html`<${Parts} />`}
      ${section === "scales" && html`<${ScalesView} />`}
      ${section === "ultrasound" && html`<${UltrasoundView} />`}
    </section>`;
}

function Parts() {
  const { all, problem } = inspectors.use();
  const name = view.use((state) => state.name);
  const [isCreating, setCreating] = useState(false);
  useEffect(() => { loadInspectors(); }, []);
  useEffect(() => { if (name === null && all?.length > 0) selectInspector(all[0].name); }, [name, all]);
  const inspector = all?.find((other) => other.name === name) ?? null;
  return html`
    ${problem && html`<${RequestError} problem=${problem} />`}
    ${all?.length === 0 && html`
      <div class="first-inspector">
        <p><strong>Find what is wrong with a part, from images of good ones.</strong></p>
        <p class="muted">An inspector compares each part with the good ones and states how often it is wrong about a good part. Name it, add a
          dozen images of good parts, fit it; then add the parts to inspect.</p>
        <${NewInspector} onClose=${null} /></div>`}
    ${all?.length > 0 && html`
      <nav class="inspectors" aria-label="Inspectors"><ul>
        ${all.map((other) => html`<li key=${other.name}><button type="button" aria-current=${other.name === name ? "true" : undefined}
          onClick=${() => selectInspector(other.name)}>${other.name}${" "}
          <span class="muted">${other.current === null ? "not fitted" : `version ${other.current}`}</span></button></li>`)}
        <li><button type="button" id="create" class="quiet plain" onClick=${() => setCreating(true)}><${Icon} name="add" />New inspector</button></li>
      </ul></nav>`}
    ${all?.length > 0 && isCreating && html`<${NewInspector} onClose=${() => setCreating(false)} />`}
    ${inspector && html`<${Inspector} key=${inspector.name} inspector=${inspector} />`}
    ${all?.length > 0 && name !== null && !inspector && html`<p class="error">There is no inspector “${name}”.</p>`}
    <${ResultDialog} />`;
}

function Inspector({ inspector }) {
  const { name, current, versions } = inspector;
  const version = versions.find((other) => other.is_current) ?? null;
  useEffect(() => { loadInspections(name); }, [name]);
  return html`
    <div class=${current === null ? "inspect-layout" : "inspect-layout fitted"}>
      <div class="inspect-side">
        ${current !== null && html`<${NewInspection} inspector=${inspector} />`}
        <${GoodParts} inspector=${inspector} />
        ${version?.threshold && html`
          <section class="panel-box" aria-labelledby="threshold-title">
            <h3 id="threshold-title">What the verdicts stand on</h3>
            <${Threshold} threshold=${version.threshold} />
            ${versions.length > 1 && html`<${VersionSelect} inspector=${inspector} />`}
          </section>`}
      </div>
      <div class="inspect-main">
        <${LineStrip} inspector=${name} isFitted=${current !== null} />
        ${current === null
          ? html`<div class="empty" id="not-fitted"><p><strong>${name} is not fitted.</strong></p><p>Add images of good parts${inspector.mode === "logical" ? ", draw what is checked on the first one," : ""} and fit it. Then parts can be inspected.</p></div>`
          : html`<${Gallery} inspector=${inspector} />`}
      </div>
    </div>`;
}

function VersionSelect({ inspector: { name, current, versions } }) {
  const [problem, setProblem] = useState(null);
  const onChange = (event) => client.makeCurrent(name, Number(event.target.value)).then((changed) => { replaceInspector(changed); setProblem(null); }, setProblem);
  return html`
    <label class="stacked">Version that inspects
      <select id="version" value=${current} onChange=${onChange}>
        ${versions.map(({ version }) => html`<option key=${version} value=${version}>Version ${version}</option>`)}
      </select></label>
    ${problem && html`<p class="error" role="alert">${problem.message}</p>`}`;
}
