// The items that the grid shows: pages of a long list, asked for when they come into sight.

import * as service from "../service.js";
import { abandon, isTemporary, retryLater, settled } from "../retry.js";
import { createStore } from "../store.js";
import { filters, tags, uploaded } from "./filters.js";
import { toast } from "./say.js";

export const PAGE = 60;
const UNDO_SECONDS = 6;
const CALM_MS = 700; // many uploads that end together are one change

/** `pages`: number of the page -> its items. `version` grows with every change that was shown. */
export const library = createStore({ total: null, pages: new Map(), problem: null, version: 0 });
const leaving = new Map(); // ids of items that are deleted unless somebody takes it back -> how to do it now
let wanted = "";
let stale = new Set();
let loading = new Map(); // number of the page -> AbortController
let calm = null;

function query() {
  const { kinds, tags: chosen, name, sort, ...rest } = filters.get();
  return { kinds, tags: chosen, name, sort, ...uploaded(rest) };
}

/** Show the list that the filters ask for, from its first page on, if it is another one than before. */
export function show() {
  const { kinds, tags: chosen, name, sort, since, from, to } = filters.get();
  const key = JSON.stringify([kinds, chosen, name, sort, since, from, to]);
  if (key === wanted) return;
  wanted = key;
  loading.forEach((request) => request.abort());
  abandon("library ");
  loading = new Map();
  if (library.get().total !== null) scrollTo(0, 0); // another list begins at its beginning
  load(0, true);
}

/** Something came, changed or went: what is in sight is asked for again. */
export function changed() {
  calm ??= setTimeout(() => {
    calm = null;
    stale = new Set(library.get().pages.keys());
    loadTags();
    load(0);
  }, CALM_MS);
}

/** See to it that the items from `first` to `last` are there. */
export function want(first, last) {
  for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page++) {
    if ((!library.get().pages.has(page) || stale.has(page)) && !loading.has(page)) load(page);
  }
}

async function load(page, anew = false) {
  const request = new AbortController();
  loading.set(page, request);
  stale.delete(page);
  try {
    const { items, total } = await service.items({ ...query(), offset: page * PAGE, limit: PAGE }, request.signal);
    const { pages, version } = library.get();
    const kept = anew ? new Map() : new Map(pages);
    kept.set(page, items);
    library.set({ total, pages: kept, problem: null, version: version + 1 });
    settled(`library ${page}`);
  } catch (problem) {
    if (problem.name === "AbortError") return;
    library.set({ problem });
    if (isTemporary(problem)) retryLater(`library ${page}`, () => load(page, anew));
    else wanted = anew ? "" : wanted;
  } finally {
    if (loading.get(page) === request) loading.delete(page);
  }
}

export const at = (index) => library.get().pages.get(Math.floor(index / PAGE))?.[index % PAGE] ?? null;

/** The index of an item in the list, as far as the list is loaded; -1 where it is not. */
export function indexOf(id) {
  for (const [page, items] of library.get().pages) {
    const at = items.findIndex((item) => item.id === id);
    if (at >= 0) return page * PAGE + at;
  }
  return -1;
}

/** The item at an index, loaded if it is not there; null if there is none. */
export async function itemAt(index) {
  if (at(index) === null) await load(Math.floor(index / PAGE));
  return at(index);
}

export const isLeaving = (id) => leaving.has(id);

export async function loadTags() {
  try {
    tags.set({ all: await service.tags() });
    settled("tags");
  } catch (problem) {
    if (isTemporary(problem)) retryLater("tags", loadTags); // until then the filter offers the tags that it has
  }
}

/** Delete an item in a moment; until then it can be taken back. */
export function discard(item) {
  if (leaving.has(item.id)) return;
  const now = toast(`${item.name} is deleted.`, {
    action: { label: "Undo" },
    seconds: UNDO_SECONDS,
    onend: async (takenBack) => {
      if (!takenBack) await service.remove(item.id).catch((problem) => toast(problem.message));
      leaving.delete(item.id);
      library.set({ version: library.get().version + 1 });
      changed();
    },
  });
  leaving.set(item.id, now);
  library.set({ version: library.get().version + 1 });
}

// Who leaves the page does not take back.
addEventListener("pagehide", () => leaving.forEach((_, id) => service.remove(id, true).catch(() => {})));
