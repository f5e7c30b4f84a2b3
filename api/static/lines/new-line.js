// The form that creates and starts a line with an inspector.

import { Choice, Field, FieldError, parseNumber, splitProblem, useErrorFocus } from "../ui/fields.js";
import { announce } from "../ui/notifications.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { createLine } from "./line-store.js";
import { Region } from "./region.js";
import { Sinks, SINK_FIELDS, createSinks } from "./sinks.js";
import { Source, SOURCE_FIELDS, createSource } from "./source.js";

const CROPS = { region: "The whole region", part: "A box around the part" };
const EMPTY = {
  name: "", kind: "item", item: null, pace: false, folder: "", once: false, pattern: "", perPart: "0", camera: "", fps: "30",
  region: null, crop: "region", deadline: "1", failShare: "50", minArea: "1",
  webhook: "", secret: "", mqtt: "", opcua: "", node: "",
};
const FIELDS = {
  name: ["name", /not a name of a line|There is a line/],
  ...SOURCE_FIELDS,
  ...SINK_FIELDS,
  region: ["region", /region/],
  deadline: ["deadline", /deadline/],
  failShare: ["fail_share", /fail_share/],
  minArea: ["min_area", /min_area/],
};

export function NewLine({ inspector, onClose }) {
  const [values, setValues] = useState(EMPTY);
  const [problem, setProblem] = useState(null);
  const [isSending, setSending] = useState(false);
  const form = useRef();
  useEffect(() => { form.current.querySelector("input").focus(); }, []);
  useErrorFocus(form, problem);
  const change = (patch) => { setValues((last) => ({ ...last, ...patch })); setProblem(null); };
  const errors = splitProblem(problem, FIELDS);
  const bind = (key) => ({ value: values[key], error: errors[key], onInput: (event) => change({ [key]: event.target.value }) });
  const onSubmit = async (event) => {
    event.preventDefault();
    if (values.kind === "item" && values.item === null) return setProblem(new Error("source.item: Choose a video."));
    setSending(true);
    try {
      const line = await createLine(createBody(inspector, values));
      announce(`The line ${line.name} is ${line.state}.`);
      onClose(line.name);
    } catch (reason) {
      setProblem(reason);
      setSending(false);
    }
  };
  return html`
    <form class="panel-box new-line" id="new-line" ref=${form} autocomplete="off" novalidate aria-labelledby="new-line-title" onSubmit=${onSubmit}>
      <h3 id="new-line-title">New line with ${inspector}</h3>
      <${Field} id="line-name" label="Name" placeholder="press-1" maxlength="64" hint="Lowercase letters, digits and “-”." ...${bind("name")} />
      <${Source} values=${values} errors=${errors} bind=${bind} change=${change} />
      <${Region} values=${values} error=${errors.region} change=${change} />
      <${Choice} name="line-crop" label="What is inspected" options=${CROPS} value=${values.crop} onChange=${(crop) => change({ crop })} />
      <div class="pair">
        <${Field} id="line-deadline" label="Deadline, seconds" type="number" min="0" step="any" hint="After the last frame of a part; then it is UNDECIDED. Empty: none." ...${bind("deadline")} />
        <${Field} id="line-share" label="Failing frames for FAIL, %" type="number" min="1" max="100" step="any" hint="Of the inspected frames of a part." ...${bind("failShare")} />
      </div>
      <${Sinks} values=${values} errors=${errors} bind=${bind} change=${change} />
      <details class="more-settings"><summary>More settings</summary>
        <${Field} id="line-area" label="Smallest part, % of the region" type="number" min="0" max="100" step="any" ...${bind("minArea")} />
      </details>
      <${FieldError} id="new-line" error=${errors.form} />
      <p class="buttons"><button type="submit" class="primary" disabled=${isSending}>Start line</button>
        <button type="button" onClick=${() => onClose(null)}>Cancel</button></p>
    </form>`;
}

const share = (text) => { const number = parseNumber(text); return number === null ? null : number / 100; };

const createBody = (inspector, values) => ({
  name: values.name.trim(), inspector, source: createSource(values), sinks: createSinks(values), region: values.region, crop: values.crop,
  deadline: parseNumber(values.deadline), fail_share: share(values.failShare), min_area: share(values.minArea),
});
