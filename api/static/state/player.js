// What the player shows: an item, from which second on, and what comes before and after it: the hits of the answer, or the
// items of the library.

import * as service from "../service.js";
import { createStore } from "../store.js";
import * as library from "./library.js";
import { inOrder, moment, question } from "./question.js";

/** `hit` is the hit that it stands at, or null. `seek` grows when the same item is to go to another time. */
export const player = createStore({ item: null, time: 0, hit: null, seek: 0 });

export function play(item, time = 0, hit = null) {
  player.set({ item, time, hit, seek: player.get().seek + 1 });
}

export const playHit = (hit) => play(hit.item, moment(hit), hit);

export const close = () => player.set({ item: null, hit: null });

/** Ask for the item again if it is the one that is shown: its state has changed. */
export async function refresh(id) {
  if (player.get().item?.id !== id) return;
  const item = await service.item(id).catch(() => null);
  if (item && player.get().item?.id === id) player.set({ item });
}

/** {at, of, what}: the place of what is shown among the hits of the answer or the items of the library; null if it has none. */
export function place() {
  const { item, hit } = player.get();
  if (question.get().open) {
    const hits = inOrder(question.get());
    const at = hits.findIndex((one) => one === hit || one.alike.includes(hit));
    return hit && at >= 0 ? { at, of: hits.length, what: "moment" } : null;
  }
  const at = item ? library.indexOf(item.id) : -1;
  return at >= 0 ? { at, of: library.library.get().total, what: "item" } : null;
}

/** Go to the next hit or item, or by -1 to the one before; stays at the ends. */
export async function step(by) {
  const here = place();
  const to = here && here.at + by;
  if (here === null || to < 0 || to >= here.of) return;
  if (here.what === "moment") return playHit(inOrder(question.get())[to]);
  const from = player.get().item;
  const next = await library.itemAt(to);
  if (next && player.get().item === from) play(next);
}
