// The search query and its response.

import { createSearchFilters, filters } from "../library/filter-store.js";
import * as client from "../service/client.js";
import { clearRetry, isTemporary, scheduleRetry } from "../service/retry.js";
import { formatCount } from "../ui/format.js";
import { announce, showToast } from "../ui/notifications.js";
import { saveBlob } from "../ui/save-text.js";
import { createStore } from "../ui/store.js";
import { isLikely } from "./hits.js";

/** `without`: comma-separated terms to exclude; `like`: {item, time}, search for similar moments; `previewUrl`: object URL of an
 *  image `file`; `isOpen`: whether the results are shown instead of the library; `response`: null without a successful search;
 *  `showsUnlikely`: whether the less likely hits are expanded; `parse`: whether the service reads from the text what it excludes. */
export const query = createStore({
  text: "", without: "", file: null, previewUrl: null, like: null, isLoading: false, isOpen: false, response: null, problem: null,
  showsUnlikely: false, parse: true,
});
let currentRequest = null; // AbortController of the running search

export const isEmpty = ({ text, file, like }) => !text.trim() && !file && !like;

const splitTerms = (text) => text.split(",").map((term) => term.trim()).filter(Boolean);

function attachFile(file) {
  revokePreview();
  const previewUrl = file.type.startsWith("image/") ? URL.createObjectURL(file) : null;
  query.set({ file, previewUrl, like: null });
}

/** Remove the file or the moment from the query. */
export function detach() {
  revokePreview();
  query.set({ file: null, previewUrl: null, like: null });
}

/** Search with an image, audio or video file. */
export function searchWithFile(file) {
  attachFile(file);
  return runSearch();
}

/** Search for moments similar to `item` at `time`; replaces the whole query. */
export function searchSimilar(item, time) {
  revokePreview();
  query.set({ text: "", without: "", parse: true, file: null, previewUrl: null, like: { item, time } });
  filters.set({ item: null });
  return runSearch();
}

function revokePreview() {
  const { previewUrl } = query.get();
  if (previewUrl) URL.revokeObjectURL(previewUrl);
}

/** Clear the query and show the library. */
export function clearQuery() {
  currentRequest?.abort();
  currentRequest = null;
  clearRetry("search");
  detach();
  query.set({ text: "", without: "", parse: true, isLoading: false, isOpen: false, response: null, problem: null });
  filters.set({ item: null });
}

const createParameters = ({ text, without, file, like, parse }) => ({
  text: text.trim(), without: splitTerms(without), parse, file, like: like && { item: like.item.id, time: like.time }, filters: createSearchFilters(),
});

/** Save the hits of the query as a file: `format` is csv, json or html, a contact sheet. */
export async function exportHits(format) {
  try {
    saveBlob("hits", `.${format}`, await client.exportHits(format, createParameters(query.get())));
  } catch (problem) {
    showToast(problem.message);
  }
}

/** Send the query; a running search is aborted. */
export async function runSearch() {
  const sent = query.get();
  if (isEmpty(sent)) return;
  currentRequest?.abort();
  const request = (currentRequest = new AbortController());
  query.set({ isLoading: true, isOpen: true });
  try {
    const response = await client.search(createParameters(sent), request.signal);
    if (currentRequest !== request) return;
    query.set({ response, problem: null, showsUnlikely: !response.hits.some(isLikely) });
    clearRetry("search");
    announce(describeHits(response.hits));
  } catch (problem) {
    if (currentRequest !== request) return;
    query.set({ response: null, problem });
    if (isTemporary(problem)) scheduleRetry("search", () => { if (isUnchanged(sent)) runSearch(); });
    else clearRetry("search");
    announce(problem.message);
  } finally {
    if (currentRequest === request) query.set({ isLoading: false });
  }
}

/** What the service read from the text: the terms it excludes; empty where the user excluded terms. */
export const listParsedTerms = ({ response, without }) => (splitTerms(without).length > 0 ? [] : response?.without ?? []);

/** Search for the whole text as it is. */
export function searchUnparsed() {
  query.set({ parse: false });
  return runSearch();
}

/** Whether the query is still the one that was sent: a changed query is not sent without the user. */
const isUnchanged = (sent) => ["text", "without", "parse", "file", "like"].every((field) => sent[field] === query.get()[field]);

/** The announcement of the results for screen readers. */
function describeHits(hits) {
  if (hits.length === 0) return "No results.";
  const numLikely = hits.filter(isLikely).length;
  const numUnlikely = hits.length - numLikely;
  const summary = numLikely > 0 ? formatCount(numLikely, "result") : "No likely results";
  return numUnlikely > 0 ? `${summary}, ${numUnlikely.toLocaleString("en")} less likely.` : `${summary}.`;
}
