// The service's routes, as functions. Every failure is a Problem whose message is a sentence for a person.

export class Problem extends Error {
  constructor(document, status) {
    super(document?.detail ?? `The service answered ${status} and said no more.`);
    this.status = status;
  }
}

export const AWAY = "The service does not answer. Is it still running?";

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ detail: AWAY }, 0);
  }
  if (response.status === 204) return null;
  const document = await response.json().catch(() => null);
  if (response.status === 401) location.reload(); // the key was revoked, or the browser forgot it: the sign-in comes
  if (!response.ok) throw new Problem(document, response.status);
  return document;
}

export const readiness = () => fetch("/readyz").then((response) => response.json());
export const session = () => call("/v1/session");
export const signOut = () => call("/session", { method: "DELETE" });
export const space = () => call("/v1/space");
export const jobs = (limit) => call(`/v1/jobs?limit=${limit}`).then((list) => list.data);
export const job = (id) => call(`/v1/jobs/${id}`);
export const item = (id, signal) => call(`/v1/media/${id}`, { signal });
export const tags = () => call("/v1/tags").then((list) => list.data);
export const retry = (id) => call(`/v1/media/${id}/retry`, { method: "POST" });
export const cancel = (jobId) => call(`/v1/jobs/${jobId}/cancel`, { method: "POST" });
/** `keepalive` lets it reach the service while the page goes away. */
export const remove = (id, keepalive = false) => call(`/v1/media/${id}`, { method: "DELETE", keepalive });

export const content = (item) => `/v1/media/${item.id}/content`;
export const thumbnail = (item, time = 0, size = 320) => `/v1/media/${item.id}/thumbnail?t=${time.toFixed(3)}&size=${size}`;

/** `limit` items behind the first `offset`, and how many there are. */
export function items({ kinds, tags: chosen, name, sort, after, before, offset, limit }, signal) {
  const query = new URLSearchParams({ offset, limit, sort });
  kinds.forEach((kind) => query.append("kind", kind));
  chosen.forEach((tag) => query.append("tag", tag));
  if (name) query.set("name", name);
  if (after) query.set("uploaded_after", after);
  if (before) query.set("uploaded_before", before);
  return call(`/v1/media?${query}`, { signal });
}

/** Every segment of an item, in order, page by page. */
export async function segments(id, signal) {
  const all = [];
  let after = null;
  do {
    const page = await call(`/v1/media/${id}/segments?limit=1000${after === null ? "" : `&after=${after}`}`, { signal });
    all.push(...page.segments);
    after = page.next;
  } while (after !== null);
  return all;
}

/** `file` is a picture, a sound or a clip, the service finds out which; `like` is a moment of the library. */
export function search({ text, without, file, like, filters, k = 40 }, signal) {
  if (!file) {
    const body = JSON.stringify({ text: text || null, without, like, k, filters });
    return call("/v1/search", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal });
  }
  const form = new FormData();
  if (text) form.set("text", text);
  without.forEach((thing) => form.append("without", thing));
  if (like) form.set("like", JSON.stringify(like));
  form.set("k", k);
  form.set("filters", JSON.stringify(filters));
  form.set("file", file);
  return call("/v1/search", { method: "POST", body: form, signal });
}

const FINAL = new Set(["done", "failed", "quarantined", "cancelled"]);
export const isFinal = (job) => FINAL.has(job.state);
