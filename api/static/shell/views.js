// The view that the page shows: the library, the albums, the saved searches, "Inspect" or "Evaluate". The results of a search cover each of them.

import { albumView, closeAlbums, openAlbums } from "../albums/album-store.js";
import { closeEvaluate, evaluate, openEvaluate } from "../evaluate/evaluate-store.js";
import { closeView, openView, view } from "../inspect/inspect-store.js";
import { closeSaved, openSaved, savedView } from "../saved/saved-store.js";

/** View -> its store, and what opens and closes it. The library is shown if none is open. */
const VIEWS = {
  inspect: { store: view, open: openView, close: closeView },
  evaluate: { store: evaluate, open: openEvaluate, close: closeEvaluate },
  albums: { store: albumView, open: openAlbums, close: closeAlbums },
  searches: { store: savedView, open: openSaved, close: closeSaved },
};

export const getViewName = () => Object.keys(VIEWS).find((name) => VIEWS[name].store.get().isOpen) ?? "library";

export function useViewName() {
  Object.values(VIEWS).forEach(({ store }) => store.use((state) => state.isOpen));
  return getViewName();
}

/** Show a view; `selection` is that of the URL, undefined for the default one. The others are closed last, so that the library,
 *  which is below them, does not become an entry of the history. */
export function showView(name, selection) {
  VIEWS[name]?.open(selection);
  Object.entries(VIEWS).forEach(([other, { store, close }]) => { if (other !== name && store.get().isOpen) close(); });
}
