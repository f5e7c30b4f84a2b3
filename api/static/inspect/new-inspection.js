// Start an inspection: with dropped or selected files, or with items of the library.

import { formatCount } from "../ui/format.js";
import { Icon } from "../ui/icon.js";
import { createStore } from "../ui/store.js";
import { MEDIA_TYPES } from "../search/search-form.js";
import { uploadFiles } from "../upload/upload-store.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import * as client from "./inspection-client.js";
import { selectSection } from "./inspect-store.js";
import { LibraryPicker } from "./library-picker.js";
import { startInspection } from "./results-store.js";

/** `scale`: name of the scale of the next inspection, empty for sizes in pixels; `problem` is that of the last start. */
const options = createStore({ scale: "", scales: [], problem: null, isUploading: false });

/** Upload files and inspect those that the service stored. */
export async function inspectFiles(name, files) {
  options.set({ isUploading: true, problem: null });
  const { items, numFailed } = await uploadFiles(files, [name]);
  options.set({ isUploading: false });
  if (numFailed > 0) options.set({ problem: new Error(`${formatCount(numFailed, "file")} not added: the list of uploads says why.`) });
  if (items.length > 0) await inspectItems(name, items);
}

async function inspectItems(name, items) {
  const { scale } = options.get();
  await startInspection({ inspector: name, items: items.map(({ id }) => id), ...(scale && { scale }) }).catch((problem) => options.set({ problem }));
}

const openScales = (event) => { event.preventDefault(); selectSection("scales"); };

export function NewInspection({ inspector: { name } }) {
  const { scale, scales, problem, isUploading } = options.use();
  const [isPicking, setPicking] = useState(false);
  const input = useRef();
  useEffect(() => { client.listScales().then((list) => options.set({ scales: list }), () => {}); }, [name]); // without scales, sizes are in pixels
  const onChange = (event) => { inspectFiles(name, [...event.target.files]); event.target.value = ""; };
  return html`
    <section class="panel-box new-inspection" aria-labelledby="new-inspection-title">
      <h3 id="new-inspection-title">Inspect parts</h3>
      <p class="muted">Drop images or videos of parts here.</p>
      ${scales.length > 0
        ? html`
          <label class="stacked">Scale of the sizes
            <select id="scale" value=${scale} onChange=${(event) => options.set({ scale: event.target.value })}>
              <option value="">None: sizes in pixels</option>
              ${scales.map((other) => html`<option key=${other.name} value=${other.name}>${other.name}</option>`)}
            </select></label>`
        : html`<p class="muted">Sizes are in pixels. <a href="#view=inspect&section=scales" id="open-scales" onClick=${openScales}>Add a scale</a> for millimetres.</p>`}
      <p class="buttons">
        <button type="button" id="add-parts" class="primary" onClick=${() => input.current.click()}><${Icon} name="add" />Add images</button>
        <button type="button" id="pick-parts" onClick=${() => setPicking(true)}>From the library</button>
        <input class="visually-hidden" id="part-files" type="file" accept=${MEDIA_TYPES} multiple tabindex="-1" aria-label="Images of parts to inspect" ref=${input} onChange=${onChange} />
      </p>
      ${isUploading && html`<p class="muted" role="status">Uploading …</p>`}
      ${problem && html`<p class="error" role="alert">${problem.message}</p>`}
      ${isPicking && html`<${LibraryPicker} title=${`Inspect with ${name}`} kinds=${["image", "video"]} action="Inspect" onClose=${() => setPicking(false)}
        onSelect=${(items) => { setPicking(false); options.set({ problem: null }); inspectItems(name, items); }} />`}
    </section>`;
}
