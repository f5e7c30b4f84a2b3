// The form that creates an inspector.

import { Check, Choice, Field, FieldError, parseNumber, splitProblem, useErrorFocus } from "../ui/fields.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { selectInspector, replaceInspector } from "./inspect-store.js";
import * as client from "./inspection-client.js";
import { formatRate } from "./threshold.js";

const RATES = [0.01, 0.02, 0.05, 0.1, 0.2];
const DEFAULT_RATE = 0.05;
const MODES = { patches: "Surface", template: "Board or print", logical: "Presence" };
const DESCRIPTIONS = {
  patches: "Compares each place of a part with those of good parts: scratches, stains, dents, missing pieces.",
  template: "Compares with the good parts pixel by pixel: boards, labels and prints, which are all the same.",
  logical: "Checks regions that you name on a good image: whether what belongs there is present, or how often.",
};
const CONDUCTORS = { "": "None: a print or label", dark: "Dark copper", light: "Light copper" };
const FIELDS = { name: ["name"], rate: ["settings.rate", /^The rate/], tolerance: ["settings.tolerance_px", /tolerance/i] };

/** `onClose` is null if the form cannot be closed, because there is no inspector yet. */
export function NewInspector({ onClose }) {
  const [values, setValues] = useState({ name: "", mode: "patches", rate: DEFAULT_RATE, hasRotations: false, hasCracks: false, hasRegistration: false, conductor: "", tolerance: "2" });
  const [problem, setProblem] = useState(null);
  const field = useRef();
  useEffect(() => { if (onClose) field.current.querySelector("#inspector-name").focus(); }, []); // opened by a button
  useErrorFocus(field, problem);
  const change = (patch) => { setValues({ ...values, ...patch }); setProblem(null); };
  const changeMode = (mode) => change({ mode, hasRegistration: mode !== "patches" });
  const errors = splitProblem(problem, FIELDS);
  const { mode } = values;
  const onSubmit = async (event) => {
    event.preventDefault();
    try {
      const inspector = await client.createInspector({ name: values.name.trim(), mode, settings: createSettings(values) });
      replaceInspector(inspector);
      selectInspector(inspector.name);
      onClose?.();
    } catch (reason) {
      setProblem(reason);
    }
  };
  return html`
    <form class="panel-box new-inspector" id="new-inspector" autocomplete="off" novalidate ref=${field} onSubmit=${onSubmit}>
      <h3>New inspector</h3>
      <${Field} id="inspector-name" label="Name" maxlength="64" placeholder="bracket" value=${values.name} error=${errors.name}
        hint="Letters, digits, “.”, “_” and “-”, such as the name of the part." onInput=${(event) => change({ name: event.target.value })} />
      <${Choice} name="inspector-mode" label="What it inspects" options=${MODES} value=${mode} onChange=${changeMode} />
      <p class="muted" id="mode-hint">${DESCRIPTIONS[mode]}</p>
      <${Field} id="inspector-rate" label="Share of good parts that may fail" value=${values.rate} error=${errors.rate} onChange=${(event) => change({ rate: Number(event.target.value) })}>
        ${RATES.map((rate) => html`<option key=${rate} value=${rate}>${formatRate(rate)}, needs ${Math.ceil(1 / rate - 1e-9) - 1} good parts</option>`)}<//>
      ${mode === "template" && html`
        <${Field} id="conductor" label="Conductor" value=${values.conductor} hint="Of a board, defects are named: open, short, spur, …" onChange=${(event) => change({ conductor: event.target.value })}>
          ${Object.entries(CONDUCTORS).map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}<//>
        <${Field} id="tolerance" label="Tolerance of edges, pixels" type="number" min="0" step="any" value=${values.tolerance} error=${errors.tolerance}
          hint="How far an edge may lie from where good parts have it." onInput=${(event) => change({ tolerance: event.target.value })} />`}
      ${mode === "patches" && html`<${Check} id="has-rotations" label="Parts lie in any of four directions, 90° apart" checked=${values.hasRotations} onChange=${(value) => change({ hasRotations: value })} />
        <${Check} id="has-rendered-cracks" label="Learn from rendered cracks, too: finds thin defects, slower" checked=${values.hasCracks} onChange=${(value) => change({ hasCracks: value })} />`}
      <${Check} id="has-registration" label="Align each image with the first good one" checked=${values.hasRegistration} onChange=${(value) => change({ hasRegistration: value })} />
      <${FieldError} id="new-inspector" error=${errors.form} />
      <p class="buttons"><button type="submit" class="primary">Create</button>
        ${onClose && html`<button type="button" onClick=${onClose}>Cancel</button>`}</p>
    </form>`;
}

/** The settings of the mode that differ from their defaults. */
function createSettings({ mode, rate, hasRotations, hasCracks, hasRegistration, conductor, tolerance }) {
  const isDefault = hasRegistration === (mode !== "patches");
  return {
    rate,
    ...(mode === "patches" && hasRotations && { has_rotations: true }),
    ...(mode === "patches" && hasCracks && { has_rendered_cracks: true }),
    ...(!isDefault && { has_registration: hasRegistration }),
    ...(mode === "template" && { tolerance_px: parseNumber(tolerance) ?? 0, ...(conductor && { conductor }) }),
  };
}
