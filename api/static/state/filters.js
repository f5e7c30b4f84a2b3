// What the library shows and questions look in.

import { createStore } from "../store.js";

export const NONE = { kinds: [], tags: [], since: "any", from: "", to: "", item: null, name: "" };
export const filters = createStore({ ...NONE, sort: "newest" });
export const tags = createStore({ all: [], forNew: "" });

const HOUR = 3600 * 1000;
export const SINCE = { any: "Any time", hour: "Last hour", day: "Last 24 hours", week: "Last 7 days", month: "Last 30 days", range: "From, to" };
const SPAN = { hour: HOUR, day: 24 * HOUR, week: 7 * 24 * HOUR, month: 30 * 24 * HOUR };

/** {after, before}: points in time as the service reads them, or null. */
export function uploaded({ since, from, to }) {
  if (since in SPAN) return { after: new Date(Date.now() - SPAN[since]).toISOString(), before: null };
  if (since !== "range") return { after: null, before: null };
  const begin = from && new Date(`${from}T00:00`);
  const end = to && new Date(`${to}T00:00`);
  if (end) end.setDate(end.getDate() + 1); // the last day is meant to its end
  return { after: begin ? begin.toISOString() : null, before: end ? end.toISOString() : null };
}

/** The filters of a question. */
export function asked(state = filters.get()) {
  const { after, before } = uploaded(state);
  return { kinds: state.kinds, tags: state.tags, items: state.item ? [state.item.id] : [], uploaded_after: after, uploaded_before: before };
}

export const isFiltered = ({ kinds, tags, since, name }) => kinds.length > 0 || tags.length > 0 || since !== "any" || name !== "";

export const newTags = () => tags.get().forNew.split(",").map((tag) => tag.trim()).filter(Boolean);

export const toggled = (list, value) => (list.includes(value) ? list.filter((one) => one !== value) : [...list, value]);
