// The search form: text, terms to exclude, and a file or a moment of the library.

import { thumbnailUrl } from "../service/client.js";
import { formatTime } from "../ui/format.js";
import { Icon, IconButton } from "../ui/icon.js";
import { html, useRef, useState } from "../vendor/preact.js";
import { CropDialog } from "./crop-dialog.js";
import { clearQuery, detach, isEmpty, query, runSearch, searchWithFile } from "./query-store.js";

export const MEDIA_TYPES = "image/*,video/*,audio/*,.mkv,.ts,.flac,.opus";

export function SearchForm() {
  const state = query.use();
  const input = useRef();
  const onSubmit = (event) => {
    event.preventDefault();
    if (isEmpty(state)) return state.isOpen && clearQuery();
    runSearch();
    input.current.blur(); // hides the keyboard of a phone, and lets the arrow keys move through the results
  };
  const onFileChange = (event) => {
    if (event.target.files.length > 0) searchWithFile(event.target.files[0]);
    event.target.value = "";
  };
  return html`
    <form class="search-form" id="search-form" role="search" autocomplete="off" onSubmit=${onSubmit}>
      <div class="field" id="search-field">
        <${Icon} name="search" />
        <${QueryAttachment} />
        <label class="visually-hidden" for="query-text">Search query</label>
        <input id="query-text" type="search" maxlength="2000" ref=${input} value=${state.text} enterkeyhint="search"
          placeholder=${state.file || state.like ? "Add a description" : "Describe what is seen or said"}
          onInput=${(event) => query.set({ text: event.target.value, parse: true })} />
        ${state.isOpen && html`<${IconButton} id="clear" name="close" label="Clear the query (Esc)" onClick=${clearQuery} />`}
        <${IconButton} id="attach" name="attach" label="Search with an image, audio or video file"
          onClick=${(event) => event.currentTarget.nextElementSibling.click()} />
        <input class="visually-hidden" id="query-file" type="file" accept=${MEDIA_TYPES} tabindex="-1" aria-label="File to search with" onChange=${onFileChange} />
        <button type="submit" class="primary">Search</button>
      </div>
      ${state.isOpen && html`
        <div class="without">
          <label for="without">Exclude</label>
          <input id="without" type="text" maxlength="500" value=${state.without} placeholder="what must not be seen or said" enterkeyhint="search"
            title="Separate several terms with commas" onInput=${(event) => query.set({ without: event.target.value })} />
        </div>`}
    </form>`;
}

/** The file or the moment of the query. */
function QueryAttachment() {
  const { file, previewUrl, like } = query.use();
  const [isCropping, setCropping] = useState(false);
  if (!file && !like) return null;
  const name = file ? file.name : like.item.kind === "image" ? like.item.name : `${like.item.name} at ${formatTime(like.time, like.item.duration)}`;
  const src = file ? previewUrl : thumbnailUrl(like.item, like.time, 160);
  const remove = () => { detach(); if (isEmpty(query.get())) clearQuery(); else runSearch(); };
  return html`
    <span class="query-attachment" id="query-chip">
      ${file && previewUrl
        ? html`
          <button type="button" class="quiet" aria-label=${`Select a region of ${name}`} title="Select a region" onClick=${() => setCropping(true)}>
            <img src=${src} alt="" /></button>`
        : src && html`<img src=${src} alt="" />`}
      <span class="name" title=${name}>${like ? `like ${name}` : name}</span>
      <${IconButton} name="close" label=${`Remove ${name} from the query`} onClick=${remove} />
    </span>
    ${isCropping && html`<${CropDialog} name=${name} src=${previewUrl} onClose=${() => setCropping(false)} />`}`;
}
