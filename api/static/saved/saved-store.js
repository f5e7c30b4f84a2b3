// The saved searches, and the matches of the open one. The URL restores which one is open.

import { clearRetry, isTemporary, scheduleRetry } from "../service/retry.js";
import { showToast } from "../ui/notifications.js";
import { createStore } from "../ui/store.js";
import * as client from "./saved-client.js";

const PAGE_SIZE = 60;
const POLL_MS = 15_000;

/** `id` is that of the open saved search, null in the list. */
export const savedView = createStore({ isOpen: false, id: null });
/** `all` is null before the searches are loaded; `matches` are the loaded ones of the open search, of `total`. */
export const saved = createStore({ all: null, matches: [], total: 0, problem: null });

export const openSaved = ({ savedId = null } = {}) => savedView.set({ isOpen: true, id: savedId });
export const closeSaved = () => savedView.set({ isOpen: false });
export const openSearch = (id) => savedView.set({ id });

export const countUnread = (all) => (all ?? []).reduce((sum, { unread }) => sum + unread, 0);

/** Load the list of saved searches. */
export async function loadSearches() {
  try {
    saved.set({ all: await client.listSearches(), problem: null });
    clearRetry("saved searches");
  } catch (problem) {
    if (savedView.get().isOpen) saved.set({ problem });
    if (isTemporary(problem)) scheduleRetry("saved searches", loadSearches);
  }
}

/** Load the saved searches now and regularly, for their unread matches. A page in a hidden tab does not check. */
export function watchSearches() {
  loadSearches();
  setInterval(() => { if (!document.hidden && saved.get().all?.length > 0) loadSearches(); }, POLL_MS);
}

/** Load the first matches of the open search, and mark them as read: they stay marked as new until the search is opened again. */
export async function loadMatches() {
  const { id } = savedView.get();
  if (id === null) return;
  saved.set({ matches: [], total: 0 });
  try {
    const { matches, total } = await client.listMatches(id, 0, PAGE_SIZE);
    if (savedView.get().id !== id) return;
    saved.set({ matches, total, problem: null });
    clearRetry("matches");
    if (matches.some((match) => !match.read)) await client.markRead(id, matches[0].id);
    loadSearches();
  } catch (problem) {
    if (savedView.get().id !== id) return;
    saved.set({ problem });
    if (isTemporary(problem)) scheduleRetry("matches", loadMatches);
  }
}

/** Load the next matches of the open search. */
export async function loadMore() {
  const { id } = savedView.get();
  const page = await client.listMatches(id, saved.get().matches.length, PAGE_SIZE).catch((problem) => showToast(problem.message));
  if (page && savedView.get().id === id) saved.set({ matches: [...saved.get().matches, ...page.matches], total: page.total });
}

/** Run a change and load the list again; what the service refuses is shown. */
async function change(run) {
  try {
    await run();
  } catch (problem) {
    showToast(problem.message);
  }
  await loadSearches();
}

export const setEnabled = ({ id }, enabled) => change(() => client.editSearch(id, { enabled }));

export const deleteSearch = ({ id, name }) => change(async () => {
  await client.deleteSearch(id);
  if (savedView.get().id === id) openSearch(null);
  showToast(`The saved search ${name} is deleted. The items that it found stay in the library.`);
});
