// The dialog that adds items, or a time range of an item, to an album.

import { Dialog } from "../ui/dialog.js";
import { formatCount, formatRange } from "../ui/format.js";
import { IconButton } from "../ui/icon.js";
import { showToast } from "../ui/notifications.js";
import { createStore } from "../ui/store.js";
import { html, useEffect } from "../vendor/preact.js";
import { addEntries } from "./album-client.js";
import { albums, loadAlbum, loadAlbums } from "./album-store.js";
import { NewAlbum } from "./new-album.js";

const MAX_ENTRIES = 1000; // of one request
const adding = createStore({ entries: null, title: "" });

/** Ask for the album to which items are added. */
export const addItems = (items) => adding.set({
  entries: items.map((item) => ({ item: item.id, start: null, end: null })),
  title: items.length === 1 ? items[0].name : formatCount(items.length, "item"),
});

/** Ask for the album to which the time range of a hit is added; of an image, the whole of it. */
export function addMoment({ item, start, end }) {
  if (end <= start) return addItems([item]);
  adding.set({ entries: [{ item: item.id, start, end: Math.min(end, item.duration) }], title: `${item.name}, ${formatRange(start, end, item.duration)}` });
}

const close = () => adding.set({ entries: null });

async function add(album) {
  const { entries } = adding.get();
  close();
  try {
    let added = 0;
    for (let start = 0; start < entries.length; start += MAX_ENTRIES) added += (await addEntries(album.id, entries.slice(start, start + MAX_ENTRIES))).added;
    showToast(added === 0 ? `${album.name} has it already.` : `${formatCount(added, "entry", "entries")} added to ${album.name}.`);
  } catch (problem) {
    showToast(problem.message);
  }
  loadAlbums();
  loadAlbum();
}

export const AddToAlbum = () => (adding.use((state) => state.entries) ? html`<${OpenDialog} />` : null);

function OpenDialog() {
  const title = adding.use((state) => state.title);
  const all = albums.use((state) => state.all);
  useEffect(() => { loadAlbums(); }, []);
  return html`
    <${Dialog} id="add-to-album" label="add-title" onClose=${close}>
      <header class="bar"><h2 id="add-title">Add to an album</h2><${IconButton} name="close" label="Close (Esc)" onClick=${close} /></header>
      <div class="add-content">
        <p class="muted" title=${title}>${title}</p>
        <${NewAlbum} onCreate=${add} />
        <ul class="options" id="album-options">
          ${all?.map((album) => html`
            <li key=${album.id}><button type="button" class="quiet" onClick=${() => add(album)}><span>${album.name}</span><small>${album.entries}</small></button></li>`)}
        </ul>
      </div>
    <//>`;
}
