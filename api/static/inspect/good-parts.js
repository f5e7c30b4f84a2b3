// The good parts of an inspector: add images, fit a version.

import { thumbnailUrl } from "../service/client.js";
import { formatCount, formatProgress } from "../ui/format.js";
import { Icon, IconButton } from "../ui/icon.js";
import { createStore } from "../ui/store.js";
import { NamedRegions } from "../regions/named-regions.js";
import { drafts, listRegions, saveDraft } from "../regions/region-store.js";
import { uploadFiles } from "../upload/upload-store.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { followWork, inspectors, reloadInspector } from "./inspect-store.js";
import * as client from "./inspection-client.js";
import { LibraryPicker } from "./library-picker.js";

const NUM_SHOWN = 24;
const PER_REQUEST = 500;

/** `version` increases when the examples of an inspector have changed; `problem` is that of the last addition. */
const examples = createStore({ version: 0, problem: null, group: "" });

/** Upload files as images of good parts of an inspector. */
export async function addGoodFiles(name, files) {
  const { items, numFailed } = await uploadFiles(files, [name]);
  await addGoodItems(name, items);
  if (numFailed > 0) examples.set({ problem: new Error(`${formatCount(numFailed, "file")} not added: the list of uploads says why.`) });
}

async function addGoodItems(name, items) {
  const group = examples.get().group.trim() || null;
  examples.set({ problem: null });
  try {
    for (let start = 0; start < items.length; start += PER_REQUEST) {
      await client.addExamples(name, items.slice(start, start + PER_REQUEST).map(({ id }) => ({ item: id, group })));
    }
  } catch (problem) {
    examples.set({ problem });
  }
  examples.set({ version: examples.get().version + 1 });
  await reloadInspector(name);
}

export function GoodParts({ inspector }) {
  const { name, mode, num_examples: numExamples, num_groups: numGroups } = inspector;
  const { problem, group } = examples.use();
  const page = useExamples(name);
  const work = inspectors.use((state) => state.work[name]) ?? null;
  const [isPicking, setPicking] = useState(false);
  const input = useRef();
  const onChange = (event) => { addGoodFiles(name, [...event.target.files]); event.target.value = ""; };
  const all = drafts.use((state) => state.all);
  const regions = mode === "logical" ? listRegions(inspector, all) : null;
  const canFit = numExamples > 0 && (regions === null || regions.length > 0);
  const fit = () => {
    const settings = all[name] ? { ...inspector.settings, regions } : null;
    const request = client.fitInspector(name, settings).then((job) => { saveDraft(name, null); return job; });
    return followWork(name, "Fitting", request);
  };
  const remove = async (item) => {
    await client.removeExample(name, item).catch((reason) => examples.set({ problem: reason }));
    examples.set({ version: examples.get().version + 1 });
    reloadInspector(name);
  };
  const isRunning = work !== null && work.error === null;
  return html`
    <section class="panel-box" aria-labelledby="good-title">
      <h3 id="good-title">Good parts <span class="muted" id="good-facts">${numExamples > 0 && `${formatCount(numExamples, "image")} of ${formatCount(numGroups, "part")}`}</span></h3>
      ${numExamples === 0 && html`<p class="muted">Drop images of good parts here. A dozen is a good start; no image of a defect is needed.${
        mode !== "patches" && " Every part must lie as on the first image."}</p>`}
      ${page && page.examples.length > 0 && html`
        <ul class="examples" id="examples">
          ${page.examples.map((example) => html`
            <li key=${example.item} title=${example.name}>
              <img src=${thumbnailUrl({ id: example.item }, 0, 160)} alt=${example.name} loading="lazy" />
              <${IconButton} name="close" label=${`Remove ${example.name} from the good parts`} onClick=${() => remove(example.item)} />
            </li>`)}
          ${page.total > page.examples.length && html`<li class="more muted">and ${(page.total - page.examples.length).toLocaleString("en")} more</li>`}
        </ul>`}
      ${problem && html`<p class="error" role="alert">${problem.message}</p>`}
      <p class="buttons">
        <button type="button" id="add-good" onClick=${() => input.current.click()}><${Icon} name="add" />Add images</button>
        <button type="button" onClick=${() => setPicking(true)}>From the library</button>
        <input class="visually-hidden" id="good-files" type="file" accept="image/*" multiple tabindex="-1" aria-label="Images of good parts" ref=${input} onChange=${onChange} />
      </p>
      <details class="more-settings"><summary>Several images of one part</summary>
        <label class="stacked">Part or batch of the added images
          <input id="group" maxlength="200" value=${group} onInput=${(event) => examples.set({ group: event.target.value })} /></label>
        <p class="muted">Images of one part count once. Empty: each image is a part of its own.</p>
      </details>
      ${mode === "logical" && html`<${NamedRegions} inspector=${inspector} first=${page?.examples[0] ?? null} />`}
      ${canFit && html`
        <p class="buttons"><button type="button" id="fit" class=${inspector.current === null ? "primary" : ""} disabled=${isRunning} onClick=${fit}>
          ${inspector.current === null ? "Fit" : "Fit a new version"}</button></p>`}
      ${isRunning && html`
        <div role="status" class="work" id="work"><progress max="1" value=${work.progress} aria-label=${`${work.label} ${name}`}></progress>
          <p class="muted">${work.label} ${formatProgress(work.progress)} · ${work.stage}</p></div>`}
      ${work?.error && html`<p class="error" role="alert">${work.error.message}</p>`}
      ${isPicking && html`<${LibraryPicker} title=${`Good parts for ${name}`} kinds=${["image"]} action="Add" onClose=${() => setPicking(false)}
        onSelect=${(items) => { setPicking(false); addGoodItems(name, items); }} />`}
    </section>`;
}

/** The first examples of an inspector; null before they are loaded. */
function useExamples(name) {
  const version = examples.use((state) => state.version);
  const [page, setPage] = useState(null);
  useEffect(() => {
    let isCurrent = true;
    client.listExamples(name, NUM_SHOWN).then(
      (loaded) => { if (isCurrent) setPage({ name, ...loaded }); },
      (problem) => examples.set({ problem }),
    );
    return () => { isCurrent = false; };
  }, [name, version]);
  return page?.name === name ? page : null;
}
