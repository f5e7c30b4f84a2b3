// The form that creates an inspector.

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { selectInspector, replaceInspector } from "./inspect-store.js";
import * as client from "./inspection-client.js";
import { formatRate } from "./threshold.js";

const RATES = [0.01, 0.02, 0.05, 0.1, 0.2];
const DEFAULT_RATE = 0.05;

/** `onClose` is null if the form cannot be closed, because there is no inspector yet. */
export function NewInspector({ onClose }) {
  const [values, setValues] = useState({ name: "", rate: DEFAULT_RATE, hasRotations: false, hasRegistration: false });
  const [problem, setProblem] = useState(null);
  const field = useRef();
  useEffect(() => { if (onClose) field.current.focus(); }, []); // opened by a button
  const change = (patch) => { setValues({ ...values, ...patch }); setProblem(null); };
  const onSubmit = async (event) => {
    event.preventDefault();
    const settings = {
      rate: values.rate,
      ...(values.hasRotations && { has_rotations: true }),
      ...(values.hasRegistration && { has_registration: true }),
    };
    try {
      const inspector = await client.createInspector({ name: values.name.trim(), settings });
      replaceInspector(inspector);
      selectInspector(inspector.name);
      onClose?.();
    } catch (reason) {
      setProblem(reason);
    }
  };
  return html`
    <form class="panel-box new-inspector" id="new-inspector" autocomplete="off" onSubmit=${onSubmit}>
      <h3>New inspector</h3>
      <label class="stacked">Name
        <input id="inspector-name" ref=${field} required maxlength="64" placeholder="bracket" value=${values.name} aria-describedby="inspector-name-hint"
          onInput=${(event) => change({ name: event.target.value })} /></label>
      <p class="muted" id="inspector-name-hint">Letters, digits, “.”, “_” and “-”, such as the name of the part.</p>
      <label class="stacked">Share of good parts that may fail
        <select id="inspector-rate" value=${values.rate} onChange=${(event) => change({ rate: Number(event.target.value) })}>
          ${RATES.map((rate) => html`<option key=${rate} value=${rate}>${formatRate(rate)}, needs ${Math.ceil(1 / rate - 1e-9) - 1} good parts</option>`)}
        </select></label>
      <label class="check"><input type="checkbox" checked=${values.hasRotations} onChange=${(event) => change({ hasRotations: event.target.checked })} />
        <span>Parts lie in any of four directions, 90° apart</span></label>
      <label class="check"><input type="checkbox" checked=${values.hasRegistration} onChange=${(event) => change({ hasRegistration: event.target.checked })} />
        <span>Align each image with the first good one</span></label>
      ${problem && html`<p class="error" role="alert">${problem.message}</p>`}
      <p class="buttons"><button type="submit" class="primary">Create</button>
        ${onClose && html`<button type="button" onClick=${onClose}>Cancel</button>`}</p>
    </form>`;
}
