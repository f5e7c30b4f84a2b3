// The bar of the selected items: tag them, make them favourites, add them to an album, delete them.

import { addItems } from "../albums/add-to-album.js";
import { formatCount } from "../ui/format.js";
import { Icon, IconButton } from "../ui/icon.js";
import { html, useState } from "../vendor/preact.js";
import { clearSelection, deleteSelected, favouriteSelected, selection, tagSelected } from "./selection-store.js";

const splitTags = (text) => text.split(",").map((tag) => tag.trim()).filter(Boolean);

export function SelectionBar() {
  const { items, isBusy } = selection.use();
  const [text, setText] = useState("");
  if (items.size === 0) return null;
  const areFavourites = [...items.values()].every((item) => item.favourite);
  const apply = async (event) => {
    event.preventDefault();
    const tags = splitTags(text);
    if (tags.length === 0) return;
    const isRemoval = event.submitter?.value === "remove";
    await tagSelected(isRemoval ? [] : tags, isRemoval ? tags : []);
    setText("");
  };
  return html`
    <section class="selection-bar" id="selection" aria-label="Selected items">
      <strong role="status">${formatCount(items.size, "item")} selected</strong>
      <form onSubmit=${apply}>
        <label><span class="visually-hidden">Tags of the selected items, separated by commas</span>
          <input id="bulk-tags" placeholder="Tags" value=${text} onInput=${(event) => setText(event.target.value)} /></label>
        <button type="submit" value="add" disabled=${isBusy || !text.trim()}>Add tags</button>
        <button type="submit" value="remove" disabled=${isBusy || !text.trim()}>Remove tags</button>
      </form>
      <button type="button" id="bulk-favourite" disabled=${isBusy} onClick=${favouriteSelected}><${Icon} name="star" />${areFavourites ? "No favourites" : "Favourites"}</button>
      <button type="button" id="bulk-album" disabled=${isBusy} onClick=${() => addItems([...items.values()])}><${Icon} name="album" />Add to album</button>
      <button type="button" id="bulk-delete" disabled=${isBusy} onClick=${deleteSelected}><${Icon} name="trash" />Delete</button>
      <${IconButton} name="close" label="Clear the selection (Esc)" onClick=${clearSelection} />
    </section>`;
}
