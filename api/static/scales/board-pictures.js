// Images of a calibration board, and the sizes of the board.

import { LibraryPicker } from "../inspect/library-picker.js";
import { thumbnailUrl } from "../service/client.js";
import { Check, Field, FieldError } from "../ui/fields.js";
import { formatCount } from "../ui/format.js";
import { Icon, IconButton } from "../ui/icon.js";
import { uploadFiles } from "../upload/upload-store.js";
import { html, useRef, useState } from "../vendor/preact.js";

export function BoardPictures({ values: { items, hasMarkers }, errors, bind, change }) {
  const [isPicking, setPicking] = useState(false);
  const [problem, setProblem] = useState(null);
  const input = useRef();
  const add = (added) => change({ items: [...new Map([...items, ...added].map((item) => [item.id, item])).values()] });
  const onFiles = async (event) => {
    const files = [...event.target.files];
    event.target.value = "";
    const { items: stored, numFailed } = await uploadFiles(files, []);
    setProblem(numFailed > 0 ? `${formatCount(numFailed, "file")} not added: the list of uploads says why.` : null);
    add(stored);
  };
  return html`
    <div class="form-field">
      <p class="muted">Images of a checkerboard or ChArUco board. The first one lies in the plane that is measured; from three on, tilted ones show the lens.</p>
      ${items.length > 0 && html`
        <ul class="examples" id="board-images">${items.map((item) => html`
          <li key=${item.id} title=${item.name}><img src=${thumbnailUrl(item, 0, 160)} alt=${item.name} />
            <${IconButton} name="close" label=${`Remove ${item.name}`} onClick=${() => change({ items: items.filter(({ id }) => id !== item.id) })} /></li>`)}</ul>`}
      <p class="buttons">
        <button type="button" onClick=${() => input.current.click()}><${Icon} name="add" />Add images</button>
        <button type="button" id="pick-board" onClick=${() => setPicking(true)}>From the library</button>
        <input class="visually-hidden" type="file" id="board-files" accept="image/*" multiple tabindex="-1" aria-label="Images of the board" ref=${input} onChange=${onFiles} /></p>
      ${problem && html`<p class="error" role="alert">${problem}</p>`}
      <${FieldError} id="board-images" error=${errors.items} />
    </div>
    <div class="pair">
      <${Field} id="board-columns" label="Squares across" type="number" min="4" hint="Squares, not corners." ...${bind("columns")} />
      <${Field} id="board-rows" label="Squares down" type="number" min="4" ...${bind("rows")} />
    </div>
    <${Field} id="square-mm" label="Side of a square, mm" type="number" min="0" step="any" ...${bind("squareMm")} />
    <${Check} id="has-markers" label="Its white squares have markers (ChArUco)" checked=${hasMarkers} onChange=${(value) => change({ hasMarkers: value })} />
    ${hasMarkers && html`
      <div class="pair">
        <${Field} id="marker-mm" label="Side of a marker, mm" type="number" min="0" step="any" ...${bind("markerMm")} />
        <${Field} id="dictionary" label="Dictionary" ...${bind("dictionary")} />
      </div>`}
    ${isPicking && html`<${LibraryPicker} title="Images of the board" kinds=${["image"]} action="Add" onClose=${() => setPicking(false)}
      onSelect=${(picked) => { setPicking(false); add(picked); }} />`}`;
}
