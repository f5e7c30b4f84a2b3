// The view that the page shows: the library, "Inspect" or "Evaluate". The results of a search cover each of them.

import { closeEvaluate, evaluate, openEvaluate } from "../evaluate/evaluate-store.js";
import { closeView, openView, view } from "../inspect/inspect-store.js";

export const getViewName = () => (view.get().isOpen ? "inspect" : evaluate.get().isOpen ? "evaluate" : "library");

export function useViewName() {
  view.use((state) => state.isOpen);
  evaluate.use((state) => state.isOpen);
  return getViewName();
}

/** Show a view; `selection` is that of the URL, undefined for the default one. The other one is closed last, so that the library,
 *  which is below both, does not become an entry of the history. */
export function showView(name, selection) {
  if (name === "inspect") openView(selection);
  if (name === "evaluate") openEvaluate(selection);
  if (name !== "inspect" && view.get().isOpen) closeView();
  if (name !== "evaluate" && evaluate.get().isOpen) closeEvaluate();
}
