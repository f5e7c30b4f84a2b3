// The words and filters of a saved search: from the query of the page, back to it, and as text.

import { NO_FILTERS, createSearchFilters, filters } from "../library/filter-store.js";
import { query, runSearch } from "../search/query-store.js";
import { KIND_LABELS, formatLanguage } from "../ui/format.js";
import { showToast } from "../ui/notifications.js";

/** Why the query of the page cannot be saved; null if it can. */
export function describeObstacle({ file, like, response }, { item, album }) {
  if (file || like) return "Only words and filters can be saved, not a file or a moment.";
  if (item || album) return "Remove the filter on one item or album: a saved search looks at new items.";
  return response ? null : "Search first.";
}

/** {text, without, filters} as the service understood the query. */
export function createSavedQuery() {
  const { response } = query.get();
  const { items, album, ...conditions } = createSearchFilters();
  const set = Object.entries(conditions).filter(([, value]) => value !== null && value.length !== 0);
  const place = response.place ?? conditions.place;
  return { text: response.text, without: response.without, filters: { ...Object.fromEntries(set), ...(place && { place }) } };
}

/** The day of a time without an offset, or of one in this time zone. `isEnd` is for a time before which items were taken or uploaded. */
function toDay(time, isEnd, isLocalClock) {
  if (!time) return "";
  const date = new Date(isLocalClock ? `${time.slice(0, 19)}Z` : time);
  if (isEnd) date.setTime(date.getTime() - 1);
  const part = (name) => (isLocalClock ? date[`getUTC${name}`]() : date[`get${name}`]());
  return [part("FullYear"), part("Month") + 1, part("Date")].map((number) => String(number).padStart(2, "0")).join("-");
}

/** Search with the words and filters of a saved search. */
export function runSaved({ query: { text, without, filters: conditions } }) {
  const from = toDay(conditions.uploaded_after, false, false);
  const to = toDay(conditions.uploaded_before, true, false);
  filters.set({
    ...NO_FILTERS, kinds: conditions.kinds ?? [], tags: conditions.tags ?? [], isFavourite: conditions.favourite === true,
    since: from || to ? "range" : "any", from, to, camera: conditions.camera ?? "", place: conditions.place ?? "",
    takenFrom: toDay(conditions.taken_after, false, true), takenTo: toDay(conditions.taken_before, true, true), hasPlace: conditions.has_place === true,
  });
  if (conditions.language || conditions.has_place === false || conditions.favourite === false)
    showToast("The page has no filter for all that is saved: it shows more than the saved search finds.");
  query.set({ text: text ?? "", without: without.join(", "), parse: false, file: null, previewUrl: null, like: null });
  return runSearch();
}

/** The filters as short texts. */
export function listConditions({ without, filters: conditions }) {
  const range = (label, after, before, isLocalClock) => {
    const [from, to] = [toDay(after, false, isLocalClock), toDay(before, true, isLocalClock)];
    return (from || to) && `${label}${from && ` from ${from}`}${to && ` to ${to}`}`;
  };
  return [
    ...without.map((term) => `without ${term}`), ...(conditions.kinds ?? []).map((kind) => KIND_LABELS[kind]), ...(conditions.tags ?? []).map((tag) => `#${tag}`),
    conditions.favourite === true && "favourites", conditions.favourite === false && "no favourites",
    range("uploaded", conditions.uploaded_after, conditions.uploaded_before, false), range("taken", conditions.taken_after, conditions.taken_before, true),
    conditions.camera, conditions.place && `taken in ${conditions.place}`, conditions.has_place === true && "with a place", conditions.has_place === false && "without a place",
    conditions.language && formatLanguage(conditions.language),
  ].filter(Boolean);
}
