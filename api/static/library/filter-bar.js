// The filter bar: kinds, tags, upload period, metadata of the file, item.

import { SavedLink } from "../saved/saved-link.js";
import { query, runSearch } from "../search/query-store.js";
import { IconButton } from "../ui/icon.js";
import { Menu } from "../ui/menu.js";
import { html, useState } from "../vendor/preact.js";
import { CaptureFilter } from "./capture-filter.js";
import { NO_FILTERS, UPLOAD_PERIODS, filters, hasFilters, tags, toggleValue } from "./filter-store.js";

const KINDS = [["image", "Images"], ["video", "Videos"], ["audio", "Audio"]];
const MAX_TAGS_WITHOUT_SEARCH = 12;

/** Change filters and repeat the current search. */
function change(patch) {
  filters.set(patch);
  if (query.get().isOpen) runSearch();
}

export function FilterBar() {
  const state = filters.use();
  return html`
    <fieldset class="filters" id="filters">
      <legend class="visually-hidden">Filters</legend>
      <span class="segmented" id="kinds">
        ${KINDS.map(([kind, label]) => html`
          <label key=${kind}><input type="checkbox" name="kind" checked=${state.kinds.includes(kind)}
            onChange=${() => change({ kinds: toggleValue(state.kinds, kind) })} />${label}</label>`)}
      </span>
      <span class="segmented"><label><input type="checkbox" id="favourites" checked=${state.isFavourite}
        onChange=${(event) => change({ isFavourite: event.target.checked })} />Favourites</label></span>
      <${TagFilter} />
      <${UploadPeriod} />
      <${CaptureFilter} change=${change} />
      ${state.album && html`
        <span class="chip active" id="in-album">in <b title=${state.album.name}>${state.album.name}</b>
          <${IconButton} name="close" label=${`Remove the filter on the album ${state.album.name}`} onClick=${() => change({ album: null })} />
        </span>`}
      ${state.item && html`
        <span class="chip active">in <b title=${state.item.name}>${state.item.name}</b>
          <${IconButton} name="close" label=${`Remove the filter on ${state.item.name}`} onClick=${() => change({ item: null })} />
        </span>`}
      ${hasFilters(state) && html`<button type="button" class="quiet" onClick=${() => change(NO_FILTERS)}>Reset</button>`}
      <${SavedLink} />
    </fieldset>`;
}

function TagFilter() {
  const { all } = tags.use();
  const selected = filters.use((state) => state.tags);
  const [search, setSearch] = useState("");
  const missing = selected.filter((tag) => !all.some((entry) => entry.tag === tag)).map((tag) => ({ tag, items: 0 }));
  const options = [...missing, ...all];
  if (options.length === 0) return null;
  const shown = options.filter(({ tag }) => tag.toLowerCase().includes(search.toLowerCase()));
  const label = selected.length === 0 ? "Tags" : selected.length === 1 ? `#${selected[0]}` : `${selected.length} tags`;
  return html`
    <${Menu} label=${label} isActive=${selected.length > 0} id="tags">
      ${options.length > MAX_TAGS_WITHOUT_SEARCH && html`
        <input type="search" aria-label="Find a tag" placeholder="Find a tag" value=${search} onInput=${(event) => setSearch(event.target.value)} />`}
      <ul class="options">
        ${shown.map(({ tag, items }) => html`
          <li key=${tag}><label><input type="checkbox" name="tag" checked=${selected.includes(tag)}
            onChange=${() => change({ tags: toggleValue(selected, tag) })} /><span>#${tag}</span><small>${items}</small></label></li>`)}
      </ul>
    <//>`;
}

function UploadPeriod() {
  const { since, from, to } = filters.use();
  return html`
    <label><span class="visually-hidden">Uploaded</span>
      <select id="since" class=${since === "any" ? "" : "active"} value=${since} onChange=${(event) => change({ since: event.target.value })}>
        ${Object.entries(UPLOAD_PERIODS).map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}
      </select>
    </label>
    ${since === "range" && html`
      <label class="date">from <input type="date" value=${from} max=${to} onChange=${(event) => change({ from: event.target.value })} /></label>
      <label class="date">to <input type="date" value=${to} min=${from} onChange=${(event) => change({ to: event.target.value })} /></label>`}`;
}
