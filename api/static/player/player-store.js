// The state of the player: the item, its time, and its position among the search results or the library items.

import { findIndex, library, loadItemAt } from "../library/library-store.js";
import { getPlaybackStart, listShownHits } from "../search/hits.js";
import { query } from "../search/query-store.js";
import * as client from "../service/client.js";
import { createStore } from "../ui/store.js";

/** `hit` is the hit that the player shows, or null; `numSeeks` increases with every request to go to `time`. */
export const player = createStore({ item: null, time: 0, hit: null, numSeeks: 0 });

export function openItem(item, time = 0, hit = null) {
  player.set({ item, time, hit, numSeeks: player.get().numSeeks + 1 });
}

export const openHit = (hit) => openItem(hit.item, getPlaybackStart(hit), hit);

export const closePlayer = () => player.set({ item: null, hit: null });

/** Request an item again if the player shows it, after its status has changed. */
export async function refreshItem(id) {
  if (player.get().item?.id !== id) return;
  const item = await client.getItem(id).catch(() => null);
  if (item && player.get().item?.id === id) player.set({ item });
}

/** {index, total, unit}: the position among the shown hits or the library items; null if it has none. */
export function getPosition() {
  const { item, hit } = player.get();
  if (query.get().isOpen) {
    const hits = listShownHits(query.get());
    const index = hits.findIndex((other) => other === hit || other.alike.includes(hit));
    return hit && index >= 0 ? { index, total: hits.length, unit: "result" } : null;
  }
  const index = item ? findIndex(item.id) : -1;
  return index >= 0 ? { index, total: library.get().total, unit: "item" } : null;
}

/** Go to the hit or item at `offset` from the current one; does nothing at the ends. */
export async function goTo(offset) {
  const position = getPosition();
  const index = position && position.index + offset;
  if (position === null || index < 0 || index >= position.total) return;
  if (position.unit === "result") return openHit(listShownHits(query.get())[index]);
  const current = player.get().item;
  const item = await loadItemAt(index);
  if (item && player.get().item === current) openItem(item);
}
