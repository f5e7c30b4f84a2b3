// Named regions of logical inspectors that are drawn and not fitted yet. They survive a reload of the page.

import { createStore } from "../ui/store.js";

const KEY = "mm.regions"; // of the local storage

/** Name of an inspector -> its regions as in the settings, {name, polygon, count, example}. */
export const drafts = createStore({ all: read() });

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // no access, or damaged
  }
}

/** Keep regions until they are fitted; null drops them. */
export function saveDraft(name, regions) {
  const { [name]: _, ...others } = drafts.get().all;
  const all = regions === null ? others : { ...others, [name]: regions };
  drafts.set({ all });
  try {
    localStorage.setItem(KEY, JSON.stringify(all));
  } catch {
    // No access or no space: they are kept until the page is closed.
  }
}

/** Regions as corners; those of a command may be boxes [left, top, width, height]. */
export const listRegions = ({ name, settings }, all) =>
  all[name] ?? (settings.regions ?? []).map(({ box, ...region }) => (box ? { ...region, polygon: boxPolygon(box) } : region));

function boxPolygon([left, top, width, height]) {
  const [right, bottom] = [left + width - 1, top + height - 1];
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}
