// The question: words, and beside them a file or a moment of the library.

import { clock } from "../format.js";
import { thumbnail } from "../service.js";
import { ask, askWith, clear, detach, isEmpty, question } from "../state/question.js";
import { html, useRef, useState } from "../vendor/preact.js";
import { Icon, IconButton } from "./icon.js";
import { CropDialog } from "./crop.js";

export const FILES = "image/*,video/*,audio/*,.mkv,.ts,.flac,.opus";

export function Question() {
  const state = question.use();
  const input = useRef();
  const submit = (event) => {
    event.preventDefault();
    if (isEmpty(state)) return state.open && clear();
    ask();
    input.current.blur(); // on a phone the keyboard goes; arrows then walk through the moments
  };
  const chosen = (event) => {
    if (event.target.files.length > 0) askWith(event.target.files[0]);
    event.target.value = "";
  };
  return html`
    <form class="question" id="ask" role="search" autocomplete="off" onSubmit=${submit}>
      <div class="field" id="ask-field">
        <${Icon} name="search" />
        <${Part} />
        <label class="hidden" for="words">Your question in words</label>
        <input id="words" type="search" maxlength="2000" ref=${input} value=${state.text} enterkeyhint="search"
          placeholder=${state.file || state.like ? "and in words" : "Describe what is seen or said"}
          onInput=${(event) => question.set({ text: event.target.value })} />
        ${state.open && html`<${IconButton} id="clear" name="close" label="Clear the question (Esc)" onClick=${clear} />`}
        <${IconButton} id="attach" name="clip" label="Ask with a picture, a sound or a clip" onClick=${(event) => event.currentTarget.nextElementSibling.click()} />
        <input class="hidden" id="query-file" type="file" accept=${FILES} tabindex="-1" aria-label="File to ask with" onChange=${chosen} />
        <button type="submit" class="main">Ask</button>
      </div>
      ${state.open && html`
        <div class="without">
          <label for="without">but without</label>
          <input id="without" type="text" maxlength="500" value=${state.without} placeholder="what must be neither seen nor said" enterkeyhint="search"
            title="Several things with commas between them" onInput=${(event) => question.set({ without: event.target.value })} />
        </div>`}
    </form>`;
}

/** What the question has beside words. */
function Part() {
  const { file, preview, like } = question.use();
  const [cropping, setCropping] = useState(false);
  if (!file && !like) return null;
  const name = file ? file.name : like.item.kind === "image" ? like.item.name : `${like.item.name} at ${clock(like.time, like.item.duration)}`;
  const picture = file ? preview : thumbnail(like.item, like.time, 160);
  const away = () => { detach(); if (isEmpty(question.get())) clear(); else ask(); };
  return html`
    <span class="part" id="query-chip">
      ${file && preview
        ? html`<button type="button" class="quiet" aria-label=${`Mark a part of ${name}`} title="Mark a part of it" onClick=${() => setCropping(true)}><img src=${picture} alt="" /></button>`
        : picture && html`<img src=${picture} alt="" />`}
      <span class="name" title=${name}>${like ? `like ${name}` : name}</span>
      <${IconButton} name="close" label=${`Ask without ${name}`} onClick=${away} />
    </span>
    ${cropping && html`<${CropDialog} name=${name} src=${preview} onClose=${() => setCropping(false)} />`}`;
}
