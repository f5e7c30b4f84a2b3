// The items of the library view: pages of a long list, loaded when they scroll into view.

import * as client from "../service/client.js";
import { clearRetries, clearRetry, isTemporary, scheduleRetry } from "../service/retry.js";
import { createStore } from "../ui/store.js";
import { createCaptureFilters, filters, resolveUploadPeriod, tags } from "./filter-store.js";

const PAGE_SIZE = 60;
const POLL_MS = 5000;
const RELOAD_DELAY_MS = 700; // merges the changes of uploads that end together

/**
 * `pages`: page number -> its items. `version` increases with every change of what is shown. `days` are the days of the
 * items in their order, [{day, items}]; null in other orders than by time taken.
 */
export const library = createStore({ total: null, pages: new Map(), problem: null, version: 0, days: null });
const deletions = new Set(); // ids of items that were moved to the trash and may still be in the loaded pages
let loadedFilters = "";
let stalePages = new Set();
let requests = new Map(); // page number -> AbortController
let reloadTimer = null;
let daysRequest = null;

function createConditions() {
  const { kinds, tags: selected, name, isFavourite, album, ...rest } = filters.get();
  return { kinds, tags: selected, name, isFavourite, album: album?.id, ...resolveUploadPeriod(rest), capture: createCaptureFilters(rest) };
}

/** Load the days of the items if they are sorted by them. */
async function loadDays() {
  daysRequest?.abort();
  const { sort } = filters.get();
  if (!sort.startsWith("taken")) return library.set({ days: null });
  const request = new AbortController();
  daysRequest = request;
  try {
    const days = await client.listDays(createConditions(), request.signal);
    library.set({ days: sort === "taken" ? days : days.toReversed() });
    clearRetry("days");
  } catch (problem) {
    if (problem.name === "AbortError") return;
    library.set({ days: null }); // the items are listed without headings
    if (isTemporary(problem)) scheduleRetry("days", loadDays);
  }
}

/** Whether a loaded item has a caption, so that cards need space for it. */
export const hasCaptions = () => [...library.get().pages.values()].some((items) => items.some((item) => item.caption));

/** Load the first page if the filters have changed. */
export function loadFiltered() {
  const { item, ...state } = filters.get(); // a filter of searches only
  const key = JSON.stringify(state);
  if (key === loadedFilters) return;
  loadedFilters = key;
  requests.forEach((request) => request.abort());
  clearRetries("library ");
  requests = new Map();
  if (library.get().total !== null) scrollTo(0, 0);
  loadDays();
  loadPage(0, true);
}

/** Reload the tags and the pages in view after items were added, changed or deleted. */
export function scheduleReload() {
  reloadTimer ??= setTimeout(() => {
    reloadTimer = null;
    stalePages = new Set(library.get().pages.keys());
    loadTags();
    loadDays();
    loadPage(0);
  }, RELOAD_DELAY_MS);
}

/** Check regularly for items that another page or program has added, changed or deleted. A page in a hidden tab does not check. */
export function watchLibrary() {
  setInterval(() => { if (!document.hidden && library.get().total !== null && requests.size === 0) checkForChanges(); }, POLL_MS);
}

async function checkForChanges() {
  const { items, total } = await client.listItems({ ...createConditions(), sort: filters.get().sort, offset: 0, limit: 1 }).catch(() => ({ items: null }));
  if (items === null) return; // the next check repeats it
  const [newest, shown] = [items[0], getItemAt(0)];
  const isChanged = total !== library.get().total || newest?.id !== shown?.id || newest?.status !== shown?.status;
  const isProcessing = [...library.get().pages.values()].some((page) => page.some((item) => item.status === "processing"));
  if (isChanged || isProcessing) scheduleReload();
}

/** Load the pages of the items from index `first` to `last` that are missing or stale. */
export function loadRange(first, last) {
  for (let page = Math.floor(first / PAGE_SIZE); page <= Math.floor(last / PAGE_SIZE); page++) {
    if ((!library.get().pages.has(page) || stalePages.has(page)) && !requests.has(page)) loadPage(page);
  }
}

/** `isNewList` discards the pages of the previous filters. */
async function loadPage(page, isNewList = false) {
  const request = new AbortController();
  requests.set(page, request);
  stalePages.delete(page);
  try {
    const { items, total } = await client.listItems({ ...createConditions(), sort: filters.get().sort, offset: page * PAGE_SIZE, limit: PAGE_SIZE }, request.signal);
    const { pages: previous, version } = library.get();
    const pages = isNewList ? new Map() : new Map(previous);
    pages.set(page, items);
    library.set({ total, pages, problem: null, version: version + 1 });
    clearRetry(`library ${page}`);
  } catch (problem) {
    if (problem.name === "AbortError") return;
    library.set({ problem });
    if (isTemporary(problem)) scheduleRetry(`library ${page}`, () => loadPage(page, isNewList));
    else loadedFilters = isNewList ? "" : loadedFilters;
  } finally {
    if (requests.get(page) === request) requests.delete(page);
  }
}

/** The item at `index`; null if its page is not loaded. */
export const getItemAt = (index) => library.get().pages.get(Math.floor(index / PAGE_SIZE))?.[index % PAGE_SIZE] ?? null;

/** The index of an item in the loaded pages; -1 if it is not in them. */
export function findIndex(id) {
  for (const [page, items] of library.get().pages) {
    const index = items.findIndex((item) => item.id === id);
    if (index >= 0) return page * PAGE_SIZE + index;
  }
  return -1;
}

/** The item at `index`, whose page is loaded if necessary; null if there is none. */
export async function loadItemAt(index) {
  if (getItemAt(index) === null) await loadPage(Math.floor(index / PAGE_SIZE));
  return getItemAt(index);
}

export const isDeleting = (id) => deletions.has(id);

export async function loadTags() {
  try {
    tags.set({ all: await client.listTags() });
    clearRetry("tags");
  } catch (problem) {
    if (isTemporary(problem)) scheduleRetry("tags", loadTags); // until then the filter shows the previous tags
  }
}

/** Mark items as being deleted, or no longer: their cards are shown faintly until the list is loaded again. */
export function markDeleting(ids, isDeleted) {
  ids.forEach((id) => (isDeleted ? deletions.add(id) : deletions.delete(id)));
  library.set({ version: library.get().version + 1 });
}
