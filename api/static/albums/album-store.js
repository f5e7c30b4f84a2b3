// The albums, the open one, and changes of its entries. The URL restores which one is open.

import { clearRetry, isTemporary, scheduleRetry } from "../service/retry.js";
import { announce, showToast } from "../ui/notifications.js";
import { createStore } from "../ui/store.js";
import * as client from "./album-client.js";

const PAGE_SIZE = 200;

/** `id` is that of the open album, null in the list of albums. */
export const albumView = createStore({ isOpen: false, id: null });
/** `all` is null before the albums are loaded; `entries` are the loaded ones of the open `album`, of `total`. */
export const albums = createStore({ all: null, album: null, entries: [], total: 0, problem: null });

export const openAlbums = ({ albumId = null } = {}) => albumView.set({ isOpen: true, id: albumId });
export const closeAlbums = () => albumView.set({ isOpen: false });
export const openAlbum = (id) => albumView.set({ id });

/** Load the list of albums. */
export async function loadAlbums() {
  try {
    albums.set({ all: await client.listAlbums(), problem: null });
    clearRetry("albums");
  } catch (problem) {
    albums.set({ problem });
    if (isTemporary(problem)) scheduleRetry("albums", loadAlbums);
  }
}

/** Load the open album with its first entries, at least as many as are shown. */
export async function loadAlbum() {
  const { id } = albumView.get();
  if (id === null) return;
  const isSame = albums.get().album?.id === id;
  if (!isSame) albums.set({ album: null, entries: [], total: 0 });
  try {
    const count = isSame ? Math.max(albums.get().entries.length, PAGE_SIZE) : PAGE_SIZE;
    const [album, entries] = await Promise.all([client.getAlbum(id), listFirst(id, count)]);
    if (albumView.get().id !== id) return;
    albums.set({ album, ...entries, problem: null });
    clearRetry("album");
  } catch (problem) {
    if (albumView.get().id !== id) return;
    albums.set({ problem });
    if (isTemporary(problem)) scheduleRetry("album", loadAlbum);
  }
}

async function listFirst(id, count) {
  const entries = [];
  let total = 1;
  while (entries.length < Math.min(count, total)) {
    const page = await client.listEntries(id, entries.length, PAGE_SIZE);
    total = page.total;
    if (page.entries.length === 0) break;
    entries.push(...page.entries);
  }
  return { entries, total };
}

/** Load the next entries of the open album. */
export async function loadMore() {
  const { album, entries } = albums.get();
  const page = await client.listEntries(album.id, entries.length, PAGE_SIZE).catch((problem) => showToast(problem.message));
  if (page && albums.get().album?.id === album.id) albums.set({ entries: [...entries, ...page.entries], total: page.total });
}

/** Run a change of the open album and load it again; what the service refuses is shown. Returns whether it was done. */
async function change(run) {
  try {
    await run();
    return true;
  } catch (problem) {
    showToast(problem.message);
    return false;
  } finally {
    await loadAlbum();
  }
}

/** Move an entry to an index of the shown ones, at once on the page. */
export async function moveEntry(entry, index) {
  const { album, entries, total } = albums.get();
  const rest = entries.filter(({ id }) => id !== entry.id);
  const target = Math.max(0, Math.min(index, rest.length));
  if (target === rest.length && entries.length < total) return; // the next entry is not loaded
  const moved = [...rest.slice(0, target), entry, ...rest.slice(target)];
  albums.set({ entries: moved });
  announce(`${entry.item.name}: position ${target + 1} of ${total}.`);
  await change(() => client.moveEntries(album.id, [entry.id], rest[target]?.id ?? null));
}

/** Remove an entry; the toast adds it again at its place. */
export async function removeEntry(entry) {
  const { album, entries } = albums.get();
  const next = entries[entries.findIndex(({ id }) => id === entry.id) + 1]?.id ?? null;
  if (!(await change(() => client.removeEntries(album.id, [entry.id])))) return;
  showToast(`${entry.item.name} removed from ${album.name}.`, {
    action: { label: "Undo" },
    onClose: (isUndone) => {
      const { item, start, end } = entry;
      if (isUndone) change(() => client.addEntries(album.id, [{ item: item.id, start, end }], next));
    },
  });
}

export const chooseCover = (entry) => change(() => client.editAlbum(albums.get().album.id, { cover: entry.id }));

/** Delete the open album and show the list. */
export async function deleteAlbum() {
  const { album } = albums.get();
  try {
    await client.deleteAlbum(album.id);
  } catch (problem) {
    return showToast(problem.message);
  }
  albumView.set({ id: null });
  showToast(`The album ${album.name} is deleted. Its items stay in the library.`);
}
