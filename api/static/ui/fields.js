// Fields of a form, each with its hint and with what the service says of it.

import { html, useLayoutEffect } from "../vendor/preact.js";

/** Split the message of a `Problem` by field: `fields` maps a field to the names by which the service calls it, such as
 *  "source.camera", or to expressions that its sentences match. Returns messages by field, and the others as `form`. */
export function splitProblem(problem, fields) {
  if (problem === null) return {};
  const messages = {};
  const add = (field, text) => { messages[field] = messages[field] ? `${messages[field]} ${text}` : text; };
  for (const phrase of problem.message.replace(/\.$/, "").split(/; (?=[a-z_]+(?:\.\w+)*: )/)) {
    const [, path = null, reason = phrase] = /^([a-z_]+(?:\.\w+)*): (.+)$/.exec(phrase) ?? [];
    const isOf = (name) => (name instanceof RegExp ? name.test(phrase) : path === name || path?.startsWith(`${name}.`));
    const field = problem.status === 409 && fields.name ? "name" : Object.keys(fields).find((key) => fields[key].some(isOf));
    add(field ?? "form", `${field ? reason : phrase}.`);
  }
  return messages;
}

/** A labelled input, or with `children` a select. `error` is shown below it and read out with it. */
export function Field({ id, label, hint = null, error = null, children = null, ...rest }) {
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  const attributes = { id, "aria-describedby": described, "aria-invalid": error ? "true" : undefined, ...rest };
  return html`
    <div class="form-field">
      <label class="stacked">${label}
        ${children ? html`<select ...${attributes}>${children}</select>` : html`<input ...${attributes} />`}</label>
      ${hint && html`<p class="muted" id=${`${id}-hint`}>${hint}</p>`}
      <${FieldError} id=${id} error=${error} />
    </div>`;
}

export const FieldError = ({ id, error }) => (error ? html`<p class="error" role="alert" id=${`${id}-error`}>${error}</p>` : null);

/** Radio buttons in a row; `options` maps a value to its label. */
export function Choice({ name, label, options, value, onChange }) {
  return html`
    <fieldset class="form-field choice"><legend>${label}</legend>
      <span class="segmented" id=${name}>
        ${Object.entries(options).map(([key, text]) => html`
          <label key=${key}><input type="radio" name=${name} checked=${key === value} onChange=${() => onChange(key)} />${text}</label>`)}
      </span></fieldset>`;
}

export const Check = ({ id, label, checked, onChange }) => html`
  <label class="check"><input type="checkbox" id=${id} checked=${checked} onChange=${(event) => onChange(event.target.checked)} /><span>${label}</span></label>`;

/** Move the focus to the first field with an error, when the service has refused the form of the ref. */
export function useErrorFocus(form, problem) {
  useLayoutEffect(() => {
    if (problem === null) return;
    const field = form.current.querySelector('[aria-invalid="true"]');
    if (field?.closest("details")) field.closest("details").open = true;
    field?.focus();
  }, [problem]);
}

/** The number of a field; null if it is empty. */
export const parseNumber = (text) => (String(text).trim() === "" ? null : Number(text));
