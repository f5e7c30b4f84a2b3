// What the player shows: an item, from which second on, and which hits of the answer there are to step through.

import { createStore } from "../store.js";
import { grouped, moment, question } from "./question.js";

/** `hit` is the hit that it stands at, or null. `seek` grows when the same item is to go to another time. */
export const player = createStore({ item: null, time: 0, hit: null, seek: 0 });

export function play(item, time = 0, hit = null) {
  player.set({ item, time, hit, seek: player.get().seek + 1 });
}

export const playHit = (hit) => play(hit.item, moment(hit), hit);

export const close = () => player.set({ item: null, hit: null });

/** All hits of the answer in the order in which they are shown. */
export const allHits = () => grouped(question.get().answer?.hits ?? []).flatMap((group) => group.hits);

/** Go to the next hit, or by -1 to the one before; stays at the ends. */
export function step(by) {
  const hits = allHits();
  const { hit } = player.get();
  const next = hits[hits.indexOf(hit) + by];
  if (hit && next) playHit(next);
}
