// The selected items of the library view, and changes of all of them.

import * as client from "../service/client.js";
import { showToast } from "../ui/notifications.js";
import { formatCount } from "../ui/format.js";
import { createStore } from "../ui/store.js";
import { library, loadItemAt, markDeleting, scheduleReload } from "./library-store.js";

const MAX_BULK = 1000; // ids of one request

/** `items`: id -> item; `anchor`: index of the last item that was selected alone, where a range begins. */
export const selection = createStore({ items: new Map(), anchor: null, isBusy: false });

export const clearSelection = () => selection.set({ items: new Map(), anchor: null });
export const isSelected = (id) => selection.get().items.has(id);

/** Select the item at `index`, or deselect it; with `isRange`, select all from the last one to it. */
export async function selectAt(index, item, isRange) {
  const { items, anchor } = selection.get();
  const selected = new Map(items);
  if (isRange && anchor !== null) {
    for (let next = Math.min(anchor, index); next <= Math.max(anchor, index); next++) {
      const loaded = await loadItemAt(next).catch(() => null);
      if (loaded) selected.set(loaded.id, loaded);
    }
    return selection.set({ items: selected });
  }
  if (!selected.delete(item.id)) selected.set(item.id, item);
  selection.set({ items: selected, anchor: index });
}

/** Change items in as many requests as they need. Returns the number of changed ones, or null after an error, which is shown. */
async function change(ids, body) {
  selection.set({ isBusy: true });
  try {
    let changed = 0;
    for (let start = 0; start < ids.length; start += MAX_BULK) {
      changed += (await client.changeItems({ items: ids.slice(start, start + MAX_BULK), ...body })).changed;
    }
    return changed;
  } catch (problem) {
    showToast(problem.message);
    return null;
  } finally {
    selection.set({ isBusy: false });
    scheduleReload();
  }
}

const selectedIds = () => [...selection.get().items.keys()];

export async function tagSelected(addTags, removeTags = []) {
  const changed = await change(selectedIds(), { add_tags: addTags, remove_tags: removeTags });
  if (changed !== null) showToast(`${formatCount(changed, "item")} changed.`);
}

/** Make all selected items favourites, or none if all are. */
export async function favouriteSelected() {
  const ids = new Set(selectedIds());
  const favourite = ![...selection.get().items.values()].every((item) => item.favourite);
  if ((await change([...ids], { favourite })) === null) return;
  const selected = [...selection.get().items]; // the person may have changed the selection in the meantime
  selection.set({ items: new Map(selected.map(([id, item]) => [id, ids.has(id) ? { ...item, favourite } : item])) });
}

export const deleteSelected = () => deleteWithUndo([...selection.get().items.values()]);

/** Move items to the trash; the toast restores them. */
export async function deleteWithUndo(items) {
  const ids = items.map((item) => item.id);
  markDeleting(ids, true);
  const deleted = await change(ids, { action: "delete" });
  if (deleted === null) return markDeleting(ids, false);
  clearSelection();
  showToast(`${items.length === 1 ? items[0].name : formatCount(items.length, "item")} moved to the trash.`, {
    action: { label: "Undo" },
    seconds: 10,
    onClose: async (isUndone) => {
      if (isUndone) await change(ids, { action: "restore" });
      markDeleting(ids, false);
      if (!isUndone) library.set({ version: library.get().version + 1 });
    },
  });
}
