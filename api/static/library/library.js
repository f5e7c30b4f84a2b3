// The library view: a virtual grid that renders only the rows in view.

import { RequestError } from "../service/request-error.js";
import { formatCount, formatDay } from "../ui/format.js";
import { Icon, IconButton } from "../ui/icon.js";
import { AddFiles } from "../upload/add-files.js";
import { html, useEffect, useMemo } from "../vendor/preact.js";
import { Card } from "./card.js";
import { filters, hasFilters } from "./filter-store.js";
import { getItemAt, hasCaptions, library, loadFiltered, loadRange } from "./library-store.js";
import { SelectionBar } from "./selection-bar.js";
import { openTrash } from "./trash-dialog.js";
import { useVirtualGrid } from "./virtual-grid.js";

const SORTS = {
  taken: "By day taken", "taken-oldest": "By day taken, oldest first", newest: "Newest upload first", oldest: "Oldest upload first", name: "By name", longest: "Longest first", largest: "Largest first", favourite: "Favourites first",
};
const SCROLL_DELAY_MS = 60; // fast scrolling does not load the pages in between

export function Library() {
  const { total, problem } = library.use();
  const state = filters.use();
  const { name, sort } = state;
  useEffect(loadFiltered, [state]);
  return html`
    <section class="library" aria-labelledby="library-title">
      <div class="bar">
        <h2 id="library-title">Library</h2>
        <p class="muted" id="library-facts">${total ? formatCount(total, "item") : ""}</p>
        <label class="name-filter"><span class="visually-hidden">Filter by name</span>
          <input id="name" type="search" placeholder="Filter by name" value=${name} onInput=${(event) => filters.set({ name: event.target.value })} /></label>
        <label><span class="visually-hidden">Order</span>
          <select id="sort" value=${sort} onChange=${(event) => filters.set({ sort: event.target.value })}>
            ${Object.entries(SORTS).map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}
          </select></label>
        <${IconButton} name="trash" label="Trash" id="open-trash" onClick=${openTrash} />
        <${AddFiles} />
      </div>
      <${SelectionBar} />
      ${problem && html`<${RequestError} problem=${problem} />`}
      ${total === 0 ? html`<${EmptyLibrary} isFiltered=${hasFilters(state)} />` : total > 0 && html`<${Grid} total=${total} />`}
    </section>`;
}

function Grid({ total }) {
  const version = library.use((state) => state.version);
  const days = library.use((state) => state.days);
  const sections = useMemo(() => days && days.map(({ day, items }) => ({ label: formatDay(day), count: items })), [days]);
  const { ref, height, columns, cells, headings, onKeyDown } = useVirtualGrid(total, hasCaptions(), sections);
  const [first, last] = [cells[0]?.index, cells.at(-1)?.index];
  useEffect(() => {
    if (first === undefined) return;
    const timer = setTimeout(() => loadRange(first, last), SCROLL_DELAY_MS);
    return () => clearTimeout(timer);
  }, [first, last, total, version]);
  return html`
    <div class="days">${headings.map(({ label, count, y, key }) => html`
      <h3 key=${key} style=${{ transform: `translateY(${y}px)` }}>${label} <span class="muted">${formatCount(count, "item")}</span></h3>`)}
    </div>
    <ul class="items" id="items" ref=${ref} style=${{ height: `${height}px` }} onKeyDown=${onKeyDown} data-columns=${columns}>
      ${cells.map(({ index, ...box }) => html`<${Card} key=${index} index=${index} total=${total} item=${getItemAt(index)} box=${box} />`)}
    </ul>`;
}

const EmptyLibrary = ({ isFiltered }) => html`
  <div class="empty" id="empty">
    ${isFiltered
      ? html`<p><strong>No items match the filters.</strong></p><p>Reset the filters to show all items.</p>`
      : html`
        <p class="icons"><${Icon} name="image" /><${Icon} name="video" /><${Icon} name="audio" /></p>
        <p><strong>The library is empty.</strong></p>
        <p>Drop images, videos, audio files or folders anywhere on this page. They stay on this machine.</p>`}
  </div>`;
