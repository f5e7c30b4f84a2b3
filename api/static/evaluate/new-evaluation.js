// The form that checks the folder of a data set, then starts its evaluation.

import { Check, Field, FieldError, splitProblem, useErrorFocus } from "../ui/fields.js";
import { formatCount } from "../ui/format.js";
import { announce } from "../ui/notifications.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { CheckResult } from "./check-result.js";
import { evaluate } from "./evaluate-store.js";
import { checkFolder, listSets } from "./evaluation-client.js";
import { FolderField } from "./folder-field.js";
import { startEvaluation } from "./jobs-store.js";
import { runs } from "./runs-store.js";

const USUAL_SPLITS = ["dev", "val", "validation"]; // as `mm eval`: the split "test" is for final results
const EMPTY = { set: "", folder: "", split: "", task: "", space: "", options: "", name: "", speech: false, strict: false };
const FIELDS = {
  split: ["split", /no split|of the split '/],
  folder: ["folder", /folder|MM_IMPORT_ROOT|cannot be read as/],
  task: ["task", /is not evaluated for/],
  options: ["options"],
  space: ["space", /space/],
  name: ["run", /^The run |id of a run/],
};

/** The set of the runs that are shown. */
function chooseSet(sets) {
  const shown = evaluate.get().set ?? runs.get().all?.[0]?.signature.set_name;
  return sets.find(({ name }) => name === shown) ?? sets[0];
}

const chooseSplit = ({ splits }) => [...USUAL_SPLITS.filter((split) => splits.includes(split)), ...splits, "all"][0];

export function NewEvaluation() {
  const [sets, setSets] = useState([]);
  const [values, setValues] = useState(EMPTY);
  const [check, setCheck] = useState(null); // `EvaluationCheck` of the current values
  const [problem, setProblem] = useState(null);
  const [isSending, setSending] = useState(false);
  const form = useRef();
  const numChanges = useRef(0);
  useErrorFocus(form, problem);
  const changeSet = (set) => change({ set: set.name, split: chooseSplit(set), task: set.tasks[0] });
  const change = (patch) => {
    numChanges.current += 1;
    setValues((last) => ({ ...last, ...patch }));
    setCheck(null);
    setProblem(null);
  };
  useEffect(() => { listSets().then((all) => { setSets(all); changeSet(chooseSet(all)); }, setProblem); }, []);
  const set = sets.find(({ name }) => name === values.set);
  const errors = splitProblem(problem, FIELDS);
  const bind = (key) => ({ value: values[key], error: errors[key], onInput: (event) => change({ [key]: event.target.value }) });
  const isReady = check !== null && check.num_files > 0;
  const onSubmit = async (event) => {
    event.preventDefault();
    setSending(true);
    const sent = numChanges.current; // a response to other values than those in the form is dropped
    try {
      if (isReady) {
        await startEvaluation(createBody(values));
        announce(`The evaluation of ${values.set} has started.`);
        if (sent === numChanges.current) change({ name: "" });
      } else {
        const result = await checkFolder(createBody(values));
        if (sent === numChanges.current) setCheck(result);
      }
    } catch (reason) {
      if (sent === numChanges.current) setProblem(reason);
    }
    setSending(false);
  };
  return html`
    <form class="new-evaluation" id="new-evaluation" autocomplete="off" novalidate ref=${form} aria-labelledby="new-evaluation-title" onSubmit=${onSubmit}>
      <${Field} id="evaluation-set" label="Data set" value=${values.set} hint=${set?.title}
        onChange=${(event) => changeSet(sets.find(({ name }) => name === event.target.value))}>
        ${sets.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`)}<//>
      <${FolderField} set=${values.set} value=${values.folder} error=${errors.folder} onChange=${(folder) => change({ folder })} />
      <div class="pair">
        ${set?.splits.length > 0
          ? html`<${Field} id="evaluation-split" label="Split" value=${values.split} error=${errors.split} onChange=${(event) => change({ split: event.target.value })}>
            ${set.splits.map((split) => html`<option key=${split} value=${split}>${split}</option>`)}<//>`
          : html`<${Field} id="evaluation-split" label="Split" maxlength="64" ...${bind("split")} />`}
        <${Field} id="evaluation-task" label="Task" value=${values.task} error=${errors.task} onChange=${(event) => change({ task: event.target.value })}>
          ${(set?.tasks ?? []).map((task) => html`<option key=${task} value=${task}>${task}</option>`)}<//>
      </div>
      ${values.split === "test" && html`<p class="muted">The split “test” is for final results.</p>`}
      <${Check} id="evaluation-strict" label="Stop at the first file that cannot be read" checked=${values.strict} onChange=${(strict) => change({ strict })} />
      <details class="more-settings"><summary>More settings</summary>
        <${Check} id="evaluation-speech" label="Encode speech and text in images, too" checked=${values.speech} onChange=${(speech) => change({ speech })} />
        <${Field} id="evaluation-options" label="Options of the task" placeholder="pool=mean, spans=scenes" spellcheck="false" hint="As --option of mm eval, with commas between." ...${bind("options")} />
        <${Field} id="evaluation-space" label="Space" placeholder="that of the library" maxlength="200" spellcheck="false" ...${bind("space")} />
        <${Field} id="evaluation-name" label="Name of the run" maxlength="100" spellcheck="false" hint="Empty: set, task and time." ...${bind("name")} />
      </details>
      ${check && set && html`<${CheckResult} check=${check} set=${set} />`}
      <${FieldError} id="new-evaluation" error=${errors.form} />
      <p class="buttons"><button type="submit" class="primary" disabled=${isSending || !set}>${describeAction(isSending, isReady, check)}</button></p>
    </form>`;
}

function describeAction(isSending, isReady, check) {
  if (isReady) return isSending ? "Starting …" : `Evaluate ${formatCount(check.num_files, "file")}`;
  if (isSending) return "Checking …";
  return check === null ? "Check the folder" : "Check again";
}

/** The body of a request. Raises an error in the form of those of the service. */
const createBody = ({ set, folder, split, task, space, options, name, speech, strict }) =>
  ({ set, folder: folder.trim(), split: split.trim(), task, space: space.trim(), options: parseOptions(options), run: name.trim(), speech, strict });

/** "pool=mean, spans=scenes" -> {pool: "mean", spans: "scenes"}. */
function parseOptions(text) {
  const parts = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
  return Object.fromEntries(parts.map((part) => {
    const [, name, value] = /^([^=]+)=(.*)$/.exec(part) ?? [];
    if (name === undefined) throw new Error(`options: “${part}” is not of the form name=value.`);
    return [name.trim(), value.trim()];
  }));
}
