// HTTP client of the service. A failed request raises a `Problem` whose message is shown to the user.

export class Problem extends Error {
  constructor(document, status) {
    super(document?.detail ?? `The service returned status ${status} without details.`);
    this.status = status;
  }
}

export const NO_RESPONSE = "The service does not respond. Is it still running?";

/** The response to a request, if it is successful. */
export async function send(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: NO_RESPONSE }, 0);
  }
  if (response.status === 401) location.reload(); // the session ended or the key was revoked: shows the sign-in page
  if (!response.ok) throw new Problem(await response.json().catch(() => null), response.status);
  return response;
}

/** The JSON of a response; null if it has none. An aborted request raises `AbortError`, also while its body arrives. */
export async function request(path, options) {
  const response = await send(path, options);
  if (response.status === 204) return null;
  return response.json().catch((error) => { if (error.name === "AbortError") throw error; return null; });
}

export const getReadiness = () => fetch("/readyz").then((response) => response.json());
export const getSession = () => request("/v1/session");
export const signOut = () => request("/session", { method: "DELETE" });
export const getSpace = () => request("/v1/space");
/** The service asks the hub of models whether it responds. */
export const getSpaceOptions = () => request("/v1/space/options?network=true");
export const measureSpace = (to) => sendJson("/v1/space/measure", "POST", { to });
export const moveSpace = (to) => sendJson("/v1/space/move", "POST", { to, download: true });
export const stopMove = () => request("/v1/space/move/stop", { method: "POST" });
export const resumeMove = () => sendJson("/v1/space/move/resume", "POST", {});
export const undoMove = () => request("/v1/space/move/undo", { method: "POST" });
export const listJobs = (limit) => request(`/v1/jobs?limit=${limit}`).then((list) => list.data);
export const getJob = (id) => request(`/v1/jobs/${id}`);
export const cancelJob = (id) => request(`/v1/jobs/${id}/cancel`, { method: "POST" });
export const getItem = (id, signal) => request(`/v1/media/${id}`, { signal });
export const retryItem = (id) => request(`/v1/media/${id}/retry`, { method: "POST" });
const sendJson = (path, method, body) =>
  request(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
export const editItem = (id, patch) => sendJson(`/v1/media/${id}`, "PATCH", patch);
/** {results, changed}: `body` is {items, action, add_tags, remove_tags, favourite}. */
export const changeItems = (body) => sendJson("/v1/media/bulk", "POST", body);
export const restoreItem = (id) => request(`/v1/media/${id}/restore`, { method: "POST" });
export const listTrash = (limit) => request(`/v1/trash?limit=${limit}`);
export const deleteForGood = (id) => request(`/v1/trash/${id}`, { method: "DELETE" });
export async function emptyTrash() {
  while ((await request("/v1/trash", { method: "DELETE" })).left > 0);
}
export const listTags = () => request("/v1/tags").then((list) => list.data);

export const contentUrl = (item) => `/v1/media/${item.id}/content`;
export const thumbnailUrl = (item, time = 0, size = 320) => `/v1/media/${item.id}/thumbnail?t=${time.toFixed(3)}&size=${size}`;

/** {items, total}: `limit` items from `offset` on, and the number of all items that match. */
export function listItems({ sort, offset, limit, ...conditions }, signal) {
  const parameters = createConditions(conditions);
  Object.entries({ sort, offset, limit }).forEach(([key, value]) => parameters.set(key, value));
  return request(`/v1/media?${parameters}`, { signal });
}

/** The days on which items were taken, latest first: [{day, items}]. */
export const listDays = (conditions, signal) =>
  request(`/v1/timeline?${createConditions(conditions)}`, { signal }).then((timeline) => timeline.days);
export const listPlaces = () => request("/v1/places").then((list) => list.data);
export const listCameras = () => request("/v1/cameras").then((list) => list.data);

function createConditions({ kinds, tags, name, after, before, album, isFavourite = false, capture = {} }) {
  const parameters = new URLSearchParams();
  kinds.forEach((kind) => parameters.append("kind", kind));
  tags.forEach((tag) => parameters.append("tag", tag));
  if (name) parameters.set("name", name);
  if (album) parameters.set("album", album);
  if (isFavourite) parameters.set("favourite", true);
  if (after) parameters.set("uploaded_after", after);
  if (before) parameters.set("uploaded_before", before);
  Object.entries(capture).forEach(([key, value]) => value !== null && parameters.set(key, value));
  return parameters;
}

/** All segments of an item in order of time; requests them page by page. */
export async function listSegments(id, signal) {
  const segments = [];
  let after = null;
  do {
    const page = await request(`/v1/media/${id}/segments?limit=1000${after === null ? "" : `&after=${after}`}`, { signal });
    segments.push(...page.segments);
    after = page.next;
  } while (after !== null);
  return segments;
}

/** `file` is an image, audio or video file, whose kind the service detects; `like` is {item, time} in the library. */
export function search({ text, without, parse = true, file, like, filters, k = 40 }, signal) {
  if (!file) {
    const body = JSON.stringify({ text: text || null, without, parse, like, k, filters });
    return request("/v1/search", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal });
  }
  return request("/v1/search", { method: "POST", body: createSearchForm({ text, without, parse, file, like, filters, k }), signal });
}

function createSearchForm({ text, without, parse, file, like, filters, k }) {
  const form = new FormData();
  if (text) form.set("text", text);
  without.forEach((term) => form.append("without", term));
  form.set("parse", parse);
  if (like) form.set("like", JSON.stringify(like));
  form.set("k", k);
  form.set("filters", JSON.stringify(filters));
  form.set("file", file);
  return form;
}

/** The hits of the same query as a file: `format` is csv, json or html. */
export async function exportHits(format, { text, without, parse = true, file, like, filters, k = 100 }) {
  const path = `/v1/search/export?format=${format}`;
  if (!file) {
    const body = JSON.stringify({ text: text || null, without, parse, like, k, filters });
    return (await send(path, { method: "POST", headers: { "Content-Type": "application/json" }, body })).blob();
  }
  return (await send(path, { method: "POST", body: createSearchForm({ text, without, parse, file, like, filters, k }) })).blob();
}

const FINAL_STATES = new Set(["done", "failed", "quarantined", "cancelled"]);
export const isFinal = (job) => FINAL_STATES.has(job.state);
