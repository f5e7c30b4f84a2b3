// Marking a part of the picture that is asked with.

import { askWith } from "../state/question.js";
import { html, useRef } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { IconButton } from "./icon.js";
import { Marker } from "./marker.js";

export function CropDialog({ name, src, onClose }) {
  const stage = useRef();
  const done = (file) => { onClose(); askWith(file); };
  return html`
    <${Dialog} id="crop" label="crop-title" onClose=${onClose}>
      <header class="bar">
        <h2 id="crop-title">${name}</h2>
        <${IconButton} name="close" label="Close (Esc)" onClick=${onClose} />
      </header>
      <div class="stage" ref=${stage}>
        <img src=${src} alt=${name} />
        <${Marker} stage=${stage} name=${name} onDone=${done} onCancel=${onClose} />
      </div>
    <//>`;
}
