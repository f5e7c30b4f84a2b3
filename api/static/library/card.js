// The card of an item in the library.

import { openItem } from "../player/player-store.js";
import { searchSimilar } from "../search/query-store.js";
import { KIND_LABELS, formatBytes, formatDate, formatTakenDate, formatTime } from "../ui/format.js";
import { Icon, IconButton } from "../ui/icon.js";
import { html } from "../vendor/preact.js";
import { STATUS_LABELS, describeStop, isStopped, useRetry } from "./item-status.js";
import { editItem } from "./edit-dialog.js";
import { isDeleting } from "./library-store.js";
import { deleteWithUndo, selectAt, selection } from "./selection-store.js";
import { Thumbnail } from "./thumbnail.js";

/** `item` is null as long as its page is not loaded; `box` is {x, y, width} in the grid. */
export function Card({ index, total, item, box }) {
  const style = { transform: `translate(${box.x}px, ${box.y}px)`, width: `${box.width}px` };
  const attributes = { "data-index": index, "aria-setsize": total, "aria-posinset": index + 1, style };
  if (item === null) return html`<li class="card placeholder" ...${attributes}><span class="thumbnail"></span></li>`;
  return html`<${LoadedCard} item=${item} attributes=${attributes} />`;
}

function LoadedCard({ item, attributes }) {
  const deleting = isDeleting(item.id);
  const selected = selection.use((state) => state.items.has(item.id));
  const index = attributes["data-index"];
  const onClick = (event) => {
    if (event.shiftKey || event.ctrlKey || event.metaKey) selectAt(index, item, event.shiftKey);
    else openItem(item);
  };
  const onKeyDown = (event) => {
    if (event.key.toLowerCase() !== "x" || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    selectAt(index, item, event.shiftKey);
  };
  const { isRunning, problem, retry } = useRetry(item);
  const error = problem?.message ?? (isStopped(item) ? describeStop(item) : null);
  const takenAt = item.capture?.taken_at;
  const facts = [item.duration > 0 ? null : KIND_LABELS[item.kind], formatBytes(item.size), takenAt ? formatTakenDate(takenAt) : `uploaded ${formatDate(item.created_at)}`, ...item.tags.map((tag) => `#${tag}`)];
  const details = error ?? facts.filter(Boolean).join(" · ");
  // The accessible name contains the visible text of the button: speech input needs that (WCAG 2.5.3).
  const visibleText = [item.duration > 0 && formatTime(item.duration), STATUS_LABELS[item.status]].filter(Boolean).join(" ");
  const label = `Open ${item.name}, ${KIND_LABELS[item.kind]}${visibleText && `, ${visibleText}`}`;
  return html`
    <li class=${`card${deleting ? " deleting" : ""}${selected ? " selected" : ""}`} id=${`item-${item.id}`} ...${attributes}>
      <button type="button" class="thumbnail" aria-label=${label} disabled=${deleting} onClick=${onClick} onKeyDown=${onKeyDown}>
        <${Thumbnail} item=${item} hasPreview />
        ${item.duration > 0 && html`<span class="time duration">${formatTime(item.duration)}</span>`}${" "}
        ${item.status !== "ready" && html`<span class=${`status ${item.status}`}>${STATUS_LABELS[item.status]}</span>`}
      </button>
      <label class="select"><input type="checkbox" aria-label=${`Select ${item.name}`} checked=${selected} disabled=${deleting}
        onClick=${(event) => selectAt(index, item, event.shiftKey)} /></label>
      ${item.favourite && html`<span class="favourite-mark" role="img" aria-label="Favourite"><${Icon} name="star" /></span>`}
      <div class="text">
        <h3 title=${item.name}>${item.name}</h3>
        ${item.caption && html`<p class="caption" title=${item.caption}>${item.caption}</p>`}
        <p class=${error && item.status !== "cancelled" ? "error" : "muted"} title=${details}>${details}</p>
      </div>
      <div class="actions">
        ${item.status === "ready" && html`<${IconButton} name="similar" label=${`More like ${item.name}`} onClick=${() => searchSimilar(item, 0)} />`}
        ${isStopped(item) && html`<${IconButton} name="retry" label=${`Try ${item.name} again`} disabled=${isRunning || deleting} onClick=${retry} />`}
        <${IconButton} name="edit" label=${`Edit ${item.name}`} disabled=${deleting} onClick=${() => editItem(item)} />
        <${IconButton} name="trash" label=${`Delete ${item.name}`} disabled=${deleting} onClick=${() => deleteWithUndo([item])} />
      </div>
    </li>`;
}
