// Choosing files and folders to add, and the tags that they get.

import { meant } from "../files.js";
import { newTags, tags } from "../state/filters.js";
import * as uploads from "../state/uploads.js";
import { html, useRef } from "../vendor/preact.js";
import { Icon } from "./icon.js";
import { Menu } from "./menu.js";
import { FILES } from "./question.js";

export function AddFiles() {
  const { forNew } = tags.use();
  const files = useRef();
  const folder = useRef();
  const chosen = (event) => {
    uploads.add(meant(event.target.files), newTags());
    event.target.value = "";
  };
  return html`
    <span class="add">
      <button type="button" id="add" class="main" onClick=${() => files.current.click()}><${Icon} name="add" />Add files</button>
      <${Menu} label=${html`<span class="hidden">More ways to add</span>`} id="add-more">
        <button type="button" onClick=${() => folder.current.click()}>Add a folder with all that is in it</button>
        <label class="stacked">Tags for what is added
          <input id="new-tags" placeholder="holiday, lab" value=${forNew} onInput=${(event) => tags.set({ forNew: event.target.value })} />
        </label>
        <p class="faint">Files and folders can be dropped anywhere on this page.</p>
      <//>
      <input class="hidden" id="files" type="file" accept=${FILES} multiple tabindex="-1" aria-label="Files to add" ref=${files} onChange=${chosen} />
      <input class="hidden" id="folder" type="file" webkitdirectory multiple tabindex="-1" aria-label="Folder to add" ref=${folder} onChange=${chosen} />
    </span>`;
}
