// The named regions of a logical inspector: a summary, and the editor in which they are drawn on the first good image.

import { formatCount } from "../ui/format.js";
import { Icon } from "../ui/icon.js";
import { html, useState } from "../vendor/preact.js";
import { RegionEditor } from "./region-editor.js";
import { drafts, listRegions, saveDraft } from "./region-store.js";

/** `first` is the first good example; null if there is none. */
export function NamedRegions({ inspector, first }) {
  const all = drafts.use((state) => state.all);
  const [isOpen, setOpen] = useState(false);
  const regions = listRegions(inspector, all);
  return html`
    <div class="form-field" id="named-regions">
      <h4>Regions</h4>
      ${regions.length === 0
        ? html`<p class="muted">${first ? "Draw and name what is checked, on the first good image." : "Add a good image, then draw on it what is checked."}</p>`
        : html`<ul>${regions.map(({ name, count }) => html`<li key=${name}><b>${name}</b> <span class="muted">${describeCheck(count)}</span></li>`)}</ul>`}
      ${all[inspector.name] && inspector.current !== null && html`<p class="note">Changed since the last fit.</p>`}
      <p class="buttons"><button type="button" id="edit-regions" disabled=${!first} onClick=${() => setOpen(true)}><${Icon} name="region" />${regions.length === 0 ? "Draw regions" : "Change regions"}</button></p>
      ${isOpen && html`<${RegionEditor} inspector=${inspector.name} item=${first.item} initial=${regions} onClose=${() => setOpen(false)}
        onSave=${(changed) => { saveDraft(inspector.name, changed); setOpen(false); }} />`}
    </div>`;
}

const describeCheck = (count) => (count ? `${formatCount(count, "copy", "copies")}` : "present");
