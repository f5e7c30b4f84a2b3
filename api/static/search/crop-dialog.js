// A dialog that selects a region of the image in the query.

import { Dialog } from "../ui/dialog.js";
import { IconButton } from "../ui/icon.js";
import { html, useRef } from "../vendor/preact.js";
import { searchWithFile } from "./query-store.js";
import { RegionSelector } from "./region-selector.js";

export function CropDialog({ name, src, onClose }) {
  const viewport = useRef();
  const onSelect = (file) => { onClose(); searchWithFile(file); };
  return html`
    <${Dialog} id="crop" label="crop-title" onClose=${onClose}>
      <header class="bar">
        <h2 id="crop-title">${name}</h2>
        <${IconButton} name="close" label="Close (Esc)" onClick=${onClose} />
      </header>
      <div class="viewport" ref=${viewport}>
        <img src=${src} alt=${name} />
        <${RegionSelector} viewport=${viewport} name=${name} onSelect=${onSelect} onCancel=${onClose} />
      </div>
    <//>`;
}
