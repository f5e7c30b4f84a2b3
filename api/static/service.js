// The service's routes, as functions. Every failure is a Problem whose message is a sentence for a person.

export class Problem extends Error {
  constructor(document, status) {
    super(document?.detail ?? `The service answered ${status} and said no more.`);
    this.status = status;
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Problem({ detail: "The service does not answer. Is it still running?" }, 0);
  }
  if (response.status === 204) return null;
  const document = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(document, response.status);
  return document;
}

export const readiness = () => fetch("/readyz").then((response) => response.json());
export const jobs = (limit) => call(`/v1/jobs?limit=${limit}`);
export const item = (id) => call(`/v1/media/${id}`);
export const cancel = (jobId) => call(`/v1/jobs/${jobId}/cancel`, { method: "POST" });
export const remove = (id) => call(`/v1/media/${id}`, { method: "DELETE" });

export function items({ kinds = [], tags = [], cursor = null, limit = 24 }) {
  const query = new URLSearchParams({ limit });
  kinds.forEach((kind) => query.append("kind", kind));
  tags.forEach((tag) => query.append("tag", tag));
  if (cursor) query.set("cursor", cursor);
  return call(`/v1/media?${query}`);
}

/** `file` is a picture, a sound or a clip; the service finds out which. */
export function search({ text, file, filters, k = 24 }, signal) {
  if (!file) {
    const body = JSON.stringify({ text, k, filters });
    return call("/v1/search", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal });
  }
  const form = new FormData();
  if (text) form.set("text", text);
  form.set("k", k);
  form.set("filters", JSON.stringify(filters));
  form.set("file", file);
  return call("/v1/search", { method: "POST", body: form, signal });
}

/** Send a file; `onprogress(fraction)` while it goes. fetch() cannot tell how much has been sent, hence the older request. */
export function upload(file, tags, onprogress) {
  return new Promise((resolve, reject) => {
    const query = new URLSearchParams({ name: file.name });
    tags.forEach((tag) => query.append("tag", tag));
    const request = new XMLHttpRequest();
    request.open("POST", `/v1/media?${query}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => onprogress(event.loaded / Math.max(event.total, 1)));
    request.addEventListener("load", () =>
      request.status < 300 ? resolve(request.response) : reject(new Problem(request.response, request.status)),
    );
    request.addEventListener("error", () => reject(new Problem({ detail: "The upload was cut off." }, 0)));
    request.send(file);
  });
}

/** Follow a job to its end; null when the stream is gone for good. Jobs beyond the first few wait; no event is lost. */
export async function follow(jobId, onevent) {
  while (following.size >= STREAMS) await Promise.race(following);
  const end = stream(jobId, onevent);
  following.add(end);
  try {
    return await end;
  } finally {
    following.delete(end);
  }
}

const STREAMS = 3; // a browser opens six connections to one address, and others are needed too
const following = new Set();

/** The browser resumes a lost connection by itself, from the last event it saw. */
function stream(jobId, onevent) {
  return new Promise((resolve) => {
    const events = new EventSource(`/v1/jobs/${jobId}/events`);
    events.addEventListener("job", (message) => {
      const event = JSON.parse(message.data);
      onevent(event);
      if (isFinal(event)) {
        events.close();
        resolve(event);
      }
    });
    events.addEventListener("error", () => {
      if (events.readyState === EventSource.CLOSED) resolve(null);
    });
  });
}

const FINAL = new Set(["done", "failed", "quarantined", "cancelled"]);

export const isFinal = (job) => FINAL.has(job.state);
