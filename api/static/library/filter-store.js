// The filters of the library view and of searches.

import { createStore } from "../ui/store.js";

const NO_CAPTURE_FILTERS = { takenFrom: "", takenTo: "", camera: "", place: "", hasPlace: false };
export const NO_FILTERS = { kinds: [], tags: [], since: "any", from: "", to: "", item: null, album: null, name: "", isFavourite: false, ...NO_CAPTURE_FILTERS };
export const filters = createStore({ ...NO_FILTERS, sort: "newest" });
/** `all` are the tags of the library, `newTags` is the text of the tags for added files. */
export const tags = createStore({ all: [], newTags: "" });

const HOUR_MS = 3600 * 1000;
export const UPLOAD_PERIODS = {
  any: "Any time", hour: "Last hour", day: "Last 24 hours", week: "Last 7 days", month: "Last 30 days", range: "From, to",
};
const PERIOD_MS = { hour: HOUR_MS, day: 24 * HOUR_MS, week: 7 * 24 * HOUR_MS, month: 30 * 24 * HOUR_MS };

/** {after, before}: the upload period as ISO 8601 times or null. */
export function resolveUploadPeriod({ since, from, to }) {
  if (since in PERIOD_MS) return { after: new Date(Date.now() - PERIOD_MS[since]).toISOString(), before: null };
  if (since !== "range") return { after: null, before: null };
  const start = from && new Date(`${from}T00:00`);
  const end = to && new Date(`${to}T00:00`);
  if (end) end.setDate(end.getDate() + 1); // includes the last day
  return { after: start ? start.toISOString() : null, before: end ? end.toISOString() : null };
}

/** The filters by metadata as parameters of a request, null where unset. Times are on the clock at the place, without an offset. */
export function createCaptureFilters({ takenFrom, takenTo, camera, place, hasPlace }) {
  const end = takenTo && new Date(`${takenTo}T00:00Z`);
  if (end) end.setUTCDate(end.getUTCDate() + 1); // includes the last day
  return {
    taken_after: takenFrom ? `${takenFrom}T00:00:00` : null, taken_before: end ? end.toISOString().slice(0, 19) : null,
    camera: camera || null, place: place || null, has_place: hasPlace || null,
  };
}

/** The filters in the format of a search request. */
export function createSearchFilters(state = filters.get()) {
  const { after, before } = resolveUploadPeriod(state);
  const items = state.item ? [state.item.id] : [];
  return { kinds: state.kinds, tags: state.tags, items, album: state.album?.id ?? null, favourite: state.isFavourite || null, uploaded_after: after, uploaded_before: before, ...createCaptureFilters(state) };
}

export const hasCaptureFilters = (state) => Object.keys(NO_CAPTURE_FILTERS).some((key) => state[key]);
export const hasFilters = (state) => {
  const { kinds, tags, since, name, isFavourite, album } = state;
  return isFavourite || album !== null || kinds.length > 0 || tags.length > 0 || since !== "any" || name !== "" || hasCaptureFilters(state);
};

export const parseNewTags = () => tags.get().newTags.split(",").map((tag) => tag.trim()).filter(Boolean);

/** A copy of `list` with `value` removed if it is in the list, else added. */
export const toggleValue = (list, value) => (list.includes(value) ? list.filter((other) => other !== value) : [...list, value]);
