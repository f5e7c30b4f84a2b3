// The button that adds files or a folder, and the tags for the added files.

import { parseNewTags, tags } from "../library/filter-store.js";
import { MEDIA_TYPES } from "../search/search-form.js";
import { Icon } from "../ui/icon.js";
import { Menu } from "../ui/menu.js";
import { html, useRef } from "../vendor/preact.js";
import { withoutSystemFiles } from "./dropped-files.js";
import { addFiles } from "./upload-store.js";

export function AddFiles() {
  const { newTags } = tags.use();
  const fileInput = useRef();
  const folderInput = useRef();
  const onChange = (event) => {
    addFiles(withoutSystemFiles(event.target.files), parseNewTags());
    event.target.value = "";
  };
  return html`
    <span class="add">
      <button type="button" id="add" class="primary" onClick=${() => fileInput.current.click()}><${Icon} name="add" />Add files</button>
      <${Menu} label=${html`<span class="visually-hidden">More ways to add</span>`} id="add-more">
        <button type="button" onClick=${() => folderInput.current.click()}>Add a folder and its subfolders</button>
        <label class="stacked">Tags for the added files
          <input id="new-tags" placeholder="holiday, lab" value=${newTags} onInput=${(event) => tags.set({ newTags: event.target.value })} />
        </label>
        <p class="muted">Files and folders can be dropped anywhere on this page.</p>
      <//>
      <input class="visually-hidden" id="files" type="file" accept=${MEDIA_TYPES} multiple tabindex="-1" aria-label="Files to add"
        ref=${fileInput} onChange=${onChange} />
      <input class="visually-hidden" id="folder" type="file" webkitdirectory multiple tabindex="-1" aria-label="Folder to add"
        ref=${folderInput} onChange=${onChange} />
    </span>`;
}
