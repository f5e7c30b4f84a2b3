// Keep the state in the URL, so that Back, reload and links restore it: #q=…&not=…&kind=…&tag=…&in=…&like=…&item=…&at=…, of
// the view of inspectors view=inspect&section=…&inspector=…&inspection=…&result=…&analysis=…, of that of evaluations
// view=evaluate&set=…&run=…&baseline=…, and of albums view=albums&album=….

import { getAlbum } from "../albums/album-client.js";
import { albumView } from "../albums/album-store.js";
import { evaluate } from "../evaluate/evaluate-store.js";
import { view } from "../inspect/inspect-store.js";
import { NO_FILTERS, filters } from "../library/filter-store.js";
import { trash } from "../library/trash-dialog.js";
import { closePlayer, openItem, player } from "../player/player-store.js";
import { savedView } from "../saved/saved-store.js";
import { clearQuery, query, runSearch } from "../search/query-store.js";
import * as client from "../service/client.js";
import { isTemporary, scheduleRetry } from "../service/retry.js";
import { showToast } from "../ui/notifications.js";
import { getViewName, showView } from "./views.js";

/** Filters with one value each -> their names in the URL. */
const FILTER_PARAMETERS = {
  name: "name", isFavourite: "favourite", since: "since", from: "from", to: "to", takenFrom: "taken-from", takenTo: "taken-to", camera: "camera",
  place: "taken-in", hasPlace: "place",
};
let isRestoring = false;

/** The values of `FILTER_PARAMETERS` in the URL; what it does not have is unset. */
function readFilters(parameters) {
  const pairs = Object.entries(FILTER_PARAMETERS).map(([key, name]) => {
    const value = parameters.get(name) ?? NO_FILTERS[key];
    return [key, typeof NO_FILTERS[key] === "boolean" ? String(value) === "true" : value];
  });
  return Object.fromEntries(pairs);
}

export function installUrlState() {
  query.subscribe(() => writeUrl(true));
  filters.subscribe(() => writeUrl(false));
  player.subscribe(() => writeUrl(false));
  view.subscribe(() => writeUrl(false));
  evaluate.subscribe(() => writeUrl(false));
  albumView.subscribe(() => writeUrl(false));
  savedView.subscribe(() => writeUrl(false));
  trash.subscribe(() => writeUrl(false));
  addEventListener("popstate", restoreState);
  return restoreState();
}

function createHash() {
  const parameters = new URLSearchParams();
  const { text, without, like, isOpen, file } = query.get();
  const { kinds, tags, item: searchedItem, album, sort, ...values } = filters.get();
  const { item, time } = player.get();
  if (isOpen && !file && text.trim()) parameters.set("q", text.trim());
  if (isOpen && !file && without.trim()) parameters.set("not", without.trim());
  if (isOpen && like) parameters.set("like", `${like.item.id}@${like.time.toFixed(2)}`);
  kinds.forEach((kind) => parameters.append("kind", kind));
  tags.forEach((tag) => parameters.append("tag", tag));
  if (searchedItem) parameters.set("in", searchedItem.id);
  if (album) parameters.set("in-album", album.id);
  if (sort !== "newest") parameters.set("sort", sort);
  Object.entries(FILTER_PARAMETERS).forEach(([key, name]) => values[key] !== NO_FILTERS[key] && parameters.set(name, values[key]));
  if (trash.get().isOpen) parameters.set("trash", "open");
  Object.entries(createViewParameters()).forEach(([key, value]) => value && parameters.set(key, value));
  if (item) parameters.set("item", item.id);
  if (item && time > 0) parameters.set("at", time.toFixed(2));
  return parameters.size > 0 ? `#${parameters}` : "";
}

function createViewParameters() {
  if (getViewName() === "library") return {};
  if (getViewName() === "albums") return { view: "albums", album: albumView.get().id };
  if (getViewName() === "searches") return { view: "searches", search: savedView.get().id };
  if (getViewName() === "evaluate") {
    const { set, runId, baselineId } = evaluate.get();
    return { view: "evaluate", set, run: runId, baseline: baselineId };
  }
  const { section, name, inspectionId, resultId, analysisId } = view.get();
  if (section === "ultrasound") return { view: "inspect", section, analysis: analysisId };
  if (section !== "parts") return { view: "inspect", section };
  return { view: "inspect", inspector: name, inspection: inspectionId, result: resultId };
}

let lastQuery = "";
let lastPlace = "library"; // view of the last entry, with the run that is open

/** Of evaluations, Back leads from an open run to the list, and from an open album or saved search to all. */
function describePlace() {
  const name = getViewName();
  if (name === "evaluate") return `evaluate ${evaluate.get().runId} ${evaluate.get().baselineId}`;
  if (name === "searches") return `searches ${savedView.get().id}`;
  return name === "albums" ? `albums ${albumView.get().id}` : name;
}

/** A new query, another view and an opened run add a history entry; filters, the player and other selections replace the current one. */
function writeUrl(isQueryChange) {
  if (isRestoring) return;
  const { text, without, like, isOpen, file, isLoading } = query.get();
  if (isQueryChange && isOpen && !isLoading) return; // the user is editing the query
  const hash = createHash();
  const current = isOpen ? JSON.stringify([file ? "" : text.trim(), file ? "" : without.trim(), like?.item.id, like?.time]) : "";
  const isNewQuery = isQueryChange && current !== lastQuery;
  lastQuery = isQueryChange ? current : lastQuery;
  const isNewView = describePlace() !== lastPlace && !isQueryChange;
  lastPlace = describePlace();
  if (hash === location.hash) return;
  history[isNewQuery || isNewView ? "pushState" : "replaceState"](null, "", hash || location.pathname);
}

async function restoreState() {
  const { hash } = location;
  const parameters = new URLSearchParams(hash.slice(1));
  isRestoring = true;
  try {
    const [likeId, likeTime] = (parameters.get("like") ?? "").split("@");
    const ids = [likeId, parameters.get("in"), parameters.get("item")];
    const albumId = parameters.get("in-album");
    const [album, likeItem, searchedItem, item] = await Promise.all([albumId ? getAlbum(albumId) : null, ...ids.map((id) => (id ? client.getItem(id) : null))]);
    const { sort } = filters.get();
    filters.set({
      ...NO_FILTERS, ...readFilters(parameters), kinds: parameters.getAll("kind"), tags: parameters.getAll("tag"), item: searchedItem, album: album && { id: album.id, name: album.name }, sort: parameters.get("sort") ?? sort,
    });
    const text = parameters.get("q") ?? "";
    const without = parameters.get("not") ?? "";
    if (text || likeItem) {
      const current = query.get();
      const isSameText = current.isOpen && current.text.trim() === text && current.without.trim() === without;
      const isSame = isSameText && current.like?.item.id === likeItem?.id && current.like?.time === (likeItem ? Number(likeTime) : undefined);
      if (!isSame) {
        query.set({ text, without, parse: true, file: null, previewUrl: null, like: likeItem && { item: likeItem, time: Number(likeTime) || 0 } });
        runSearch();
      }
    } else if (query.get().isOpen) {
      clearQuery();
      filters.set({ item: searchedItem });
    }
    showView(parameters.get("view"), {
      section: parameters.get("section") ?? "parts", name: parameters.get("inspector"), inspectionId: parameters.get("inspection"),
      resultId: parameters.get("result"), analysisId: parameters.get("analysis"),
      albumId: parameters.get("album"), savedId: parameters.get("search"), set: parameters.get("set"), runId: parameters.get("run"), baselineId: parameters.get("baseline"),
    });
    lastPlace = describePlace();
    trash.set({ isOpen: parameters.get("trash") === "open" });
    if (item) openItem(item, Number(parameters.get("at")) || 0);
    else closePlayer();
  } catch (problem) {
    showToast(problem.message);
    if (isTemporary(problem)) scheduleRetry("url", () => { if (location.hash === hash) restoreState(); });
  } finally {
    isRestoring = false;
  }
}
