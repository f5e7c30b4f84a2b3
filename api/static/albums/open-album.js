// The open album: its entries in order, which are moved by dragging, buttons or Alt and an arrow key.

import { filters } from "../library/filter-store.js";
import { Thumbnail } from "../library/thumbnail.js";
import { openItem } from "../player/player-store.js";
import { moveFocus } from "../search/arrow-navigation.js";
import { RequestError } from "../service/request-error.js";
import { ConfirmButton } from "../ui/confirm-button.js";
import { formatCount, formatRange, formatTime } from "../ui/format.js";
import { Icon, IconButton } from "../ui/icon.js";
import { Menu } from "../ui/menu.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { exportUrl } from "./album-client.js";
import { ExactClips, saveClips } from "./clips.js";
import { albums, chooseCover, deleteAlbum, loadAlbum, loadMore, moveEntry, openAlbum, removeEntry } from "./album-store.js";
import { EditAlbum } from "./edit-album.js";

const EXPORTS = [["csv", "CSV"], ["json", "JSON"], ["html", "Contact sheet (HTML)"]];

export function OpenAlbum({ id }) {
  const { album, entries, total, problem } = albums.use();
  const [isEditing, setEditing] = useState(false);
  useEffect(() => { loadAlbum(); }, [id]);
  return html`
    <section class="albums" id="album" aria-labelledby="album-title">
      <div class="bar">
        <button type="button" class="quiet" id="all-albums" onClick=${() => openAlbum(null)}><${Icon} name="previous" />Albums</button>
        <h2 id="album-title">${album?.name ?? ""}</h2>
        <p class="muted" id="album-facts">${album && describe(album)}</p>
        ${album && html`<${Tools} album=${album} onEdit=${() => setEditing(true)} />`}
      </div>
      ${album?.note && html`<p class="album-note">${album.note}</p>`}
      ${problem && html`<${RequestError} problem=${problem} onRetry=${loadAlbum} />`}
      ${album && total === 0 && html`
        <div class="empty"><p><strong>The album is empty.</strong></p><p>Select items in the library, or open a result of a search, and add them to it.</p></div>`}
      ${total > 1 && html`<p class="muted hint">Drag entries to order them, or focus one and press Alt and an arrow key.</p>`}
      <ol class="album-entries" id="album-entries" onKeyDown=${moveFocus}>
        ${entries.map((entry, index) => html`<${Entry} key=${entry.id} entry=${entry} index=${index} count=${entries.length} />`)}
      </ol>
      ${entries.length < total && html`<p><button type="button" onClick=${loadMore}>Show more</button></p>`}
      ${isEditing && html`<${EditAlbum} album=${album} onClose=${() => { setEditing(false); loadAlbum(); }} />`}
    </section>`;
}

const describe = ({ entries, hidden }) => `${formatCount(entries, "entry", "entries")}${hidden > 0 ? ` · ${hidden} more in the trash` : ""}`;

function Tools({ album, onEdit }) {
  const search = () => {
    filters.set({ album: { id: album.id, name: album.name } });
    document.getElementById("query-text").focus();
  };
  return html`
    <button type="button" id="search-album" onClick=${search}><${Icon} name="search" />Search in this album</button>
    <${Menu} label="Export" id="export-album">
      <button type="button" onClick=${(event) => { event.currentTarget.closest("details").open = false; saveClips({ album: album.id }, album.name); }}>Clips</button>
      <${ExactClips} />
      ${EXPORTS.map(([format, label]) => html`<a key=${format} class="button" href=${exportUrl(album.id, format)} download>${label}</a>`)}
    <//>
    <button type="button" id="edit-album-open" onClick=${onEdit}><${Icon} name="edit" />Edit</button>
    <${ConfirmButton} label="Delete album" id="delete-album" question="Delete the album? Its items stay." action="Delete" onConfirm=${deleteAlbum} />`;
}

function Entry({ entry, index, count }) {
  const [isTarget, setTarget] = useState(false);
  const { item, start, end } = entry;
  const range = start === null ? (item.duration > 0 ? formatTime(item.duration) : "") : formatRange(start, end, item.duration);
  const label = `${item.name}${range && `, ${range}`}`;
  const onKeyDown = (event) => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!event.altKey || step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const button = event.currentTarget;
    moveEntry(entry, index + step).then(() => button.focus());
  };
  const drag = {
    draggable: true,
    onDragStart: (event) => { event.dataTransfer.setData("application/x-mm-entry", String(entry.id)); event.dataTransfer.effectAllowed = "move"; },
    onDragOver: (event) => { if (event.dataTransfer.types.includes("application/x-mm-entry")) { event.preventDefault(); setTarget(true); } },
    onDragLeave: () => setTarget(false),
    onDrop: (event) => {
      setTarget(false);
      const dragged = albums.get().entries.find(({ id }) => String(id) === event.dataTransfer.getData("application/x-mm-entry"));
      if (!dragged || dragged.id === entry.id) return;
      event.preventDefault();
      moveEntry(dragged, index);
    },
  };
  return html`
    <li class=${`card${isTarget ? " target" : ""}`} data-entry=${entry.id} ...${drag}>
      <button type="button" class="thumbnail" data-hit aria-label=${`Open ${label}`} aria-keyshortcuts="Alt+ArrowLeft Alt+ArrowRight"
        onClick=${() => openItem(item, start ?? 0)} onKeyDown=${onKeyDown}>
        <${Thumbnail} item=${item} time=${item.kind === "video" && start !== null ? start + 0.5 * (end - start) : start ?? 0} />
        ${range && html`<span class="time">${range}</span>`}
      </button>
      ${entry.is_cover && html`<span class="status">Cover</span>`}
      <div class="text"><h3 title=${item.name}>${item.name}</h3></div>
      <div class="entry-tools">
        <${IconButton} name="previous" label=${`Move ${label} earlier`} disabled=${index === 0} onClick=${() => moveEntry(entry, index - 1)} />
        <${IconButton} name="next" label=${`Move ${label} later`} disabled=${index === count - 1} onClick=${() => moveEntry(entry, index + 1)} />
        <${IconButton} name="image" label=${`Make ${label} the cover`} disabled=${entry.is_cover} onClick=${() => chooseCover(entry)} />
        <${IconButton} name="close" label=${`Remove ${label} from the album`} onClick=${() => removeEntry(entry)} />
      </div>
    </li>`;
}
