// What to look in: kinds, tags, time of upload, one item.

import { NONE, SINCE, filters, isFiltered, tags, toggled } from "../state/filters.js";
import { ask, question } from "../state/question.js";
import { html, useState } from "../vendor/preact.js";
import { IconButton } from "./icon.js";
import { Menu } from "./menu.js";

const KINDS = [["image", "Pictures"], ["video", "Videos"], ["audio", "Sounds"]];

/** A change of the filters asks the question again. */
function change(patch) {
  filters.set(patch);
  if (question.get().open) ask();
}

export function Filters() {
  const state = filters.use();
  return html`
    <fieldset class="filters" id="filters">
      <legend class="hidden">Look only in</legend>
      <span class="segments" id="kinds">
        ${KINDS.map(([kind, words]) => html`
          <label key=${kind}><input type="checkbox" name="kind" checked=${state.kinds.includes(kind)}
            onChange=${() => change({ kinds: toggled(state.kinds, kind) })} />${words}</label>`)}
      </span>
      <${Tags} />
      <${Since} />
      ${state.item && html`
        <span class="chip on">in <b title=${state.item.name}>${state.item.name}</b>
          <${IconButton} name="close" label=${`Look in more than ${state.item.name}`} onClick=${() => change({ item: null })} />
        </span>`}
      ${isFiltered(state) && html`<button type="button" class="quiet" onClick=${() => change(NONE)}>Reset</button>`}
    </fieldset>`;
}

function Tags() {
  const { all } = tags.use();
  const chosen = filters.use((state) => state.tags);
  const [part, setPart] = useState("");
  const known = [...chosen.filter((tag) => !all.some((one) => one.tag === tag)).map((tag) => ({ tag, items: 0 })), ...all];
  if (known.length === 0) return null;
  const shown = known.filter(({ tag }) => tag.toLowerCase().includes(part.toLowerCase()));
  const label = chosen.length === 0 ? "Tags" : chosen.length === 1 ? `#${chosen[0]}` : `${chosen.length} tags`;
  return html`
    <${Menu} label=${label} on=${chosen.length > 0} id="tags">
      ${known.length > 12 && html`<input type="search" aria-label="Find a tag" placeholder="Find a tag" value=${part} onInput=${(event) => setPart(event.target.value)} />`}
      <ul class="choices">
        ${shown.map(({ tag, items }) => html`
          <li key=${tag}><label><input type="checkbox" name="tag" checked=${chosen.includes(tag)}
            onChange=${() => change({ tags: toggled(chosen, tag) })} /><span>#${tag}</span><small>${items}</small></label></li>`)}
      </ul>
    <//>`;
}

function Since() {
  const { since, from, to } = filters.use();
  return html`
    <label class="since"><span class="hidden">Uploaded</span>
      <select id="since" class=${since === "any" ? "" : "on"} value=${since} onChange=${(event) => change({ since: event.target.value })}>
        ${Object.entries(SINCE).map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}
      </select>
    </label>
    ${since === "range" && html`
      <label class="date">from <input type="date" value=${from} max=${to} onChange=${(event) => change({ from: event.target.value })} /></label>
      <label class="date">to <input type="date" value=${to} min=${from} onChange=${(event) => change({ to: event.target.value })} /></label>`}`;
}
