// One file on its way to the service. Resumable by tus 1.0 where the service offers /v1/uploads; else one request.

import { forget, recall, remember } from "./unfinished.js";
import * as service from "./service.js";

const PIECE = 64 << 20; // bytes in one request: less is sent twice when a connection breaks, and proxies limit bodies
const TUS = { "Tus-Resumable": "1.0.0" };
const TRIES = 5; // in a row, without a byte getting through
const PASSING = new Set([409, 423]); // another request for the same upload is not over yet
const CUT = "The connection to the service broke. The upload goes on by itself when the service answers.";
let offered = null;

/** Send `file`; resolves to {item, job}. `onsent(bytes)` while it goes. An abort takes back what was sent. */
export async function send(file, { tags, onsent, signal }) {
  // The refusal of an empty file is told best by the route that takes whole files.
  if (file.size > 0 && (await isResumable())) return resumable(file, tags, onsent, signal);
  return whole(file, tags, onsent, signal);
}

export function isResumable() {
  offered ??= fetch("/v1/uploads", { method: "OPTIONS" })
    .then((answer) => answer.ok && answer.headers.has("Tus-Version"))
    .catch(() => {
      offered = null; // asked again by the next file
      return false;
    });
  return offered;
}

async function whole(file, tags, onsent, signal) {
  const query = new URLSearchParams({ name: file.name });
  tags.forEach((tag) => query.append("tag", tag));
  remember(file, null);
  try {
    const answer = await request("POST", `/v1/media?${query}`, { "Content-Type": "application/octet-stream" }, file, onsent, signal);
    if (answer.status >= 300) throw problem(answer);
    return JSON.parse(answer.responseText);
  } finally {
    forget(file);
  }
}

async function resumable(file, tags, onsent, signal) {
  let url = recall(file)?.url ?? null;
  let offset = url === null ? null : await offsetOf(url, signal).catch(() => null);
  if (offset === null) {
    url = await create(file, tags, signal);
    offset = 0;
  }
  remember(file, url);
  const takeBack = () => {
    forget(file);
    fetch(url, { method: "DELETE", headers: TUS }).catch(() => {}); // what stays is swept by the service
  };
  signal.addEventListener("abort", takeBack);
  try {
    for (let tries = 0; ; ) {
      onsent(offset);
      const sent = await patch(url, file, offset, onsent, signal);
      if (sent.done) return await taken(sent.done);
      tries = sent.offset > offset ? 0 : tries + 1;
      if (tries >= TRIES) throw sent.problem ?? new service.Problem({ detail: CUT }, 0);
      if (tries > 0) await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** tries));
      offset = sent.offset;
    }
  } catch (error) {
    if (error.status >= 400 && error.status !== 429 && error.status < 500) forget(file); // refused for good
    throw error;
  } finally {
    signal.removeEventListener("abort", takeBack);
  }
  async function taken(answer) {
    forget(file);
    const [item, job] = [answer.getResponseHeader("Mm-Item"), answer.getResponseHeader("Mm-Job")];
    return { item: await service.item(item), job: await service.job(job) };
  }
}

/** One piece: {done: the answer} behind the last, else {offset} from which to go on, with the problem if there was one.
 *  Raises the service's refusal. */
async function patch(url, file, offset, onsent, signal) {
  const piece = file.slice(offset, offset + PIECE);
  const headers = { ...TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset) };
  let answer;
  try {
    answer = await request("PATCH", url, headers, piece, (sent) => onsent(offset + sent), signal);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { offset: (await offsetOf(url, signal).catch(() => null)) ?? offset };
  }
  if (PASSING.has(answer.status) || answer.status >= 500) {
    return { offset: (await offsetOf(url, signal).catch(() => null)) ?? offset, problem: problem(answer) };
  }
  if (answer.status >= 300) throw problem(answer);
  if (answer.getResponseHeader("Mm-Item")) return { done: answer };
  return { offset: Number(answer.getResponseHeader("Upload-Offset")) };
}

async function create(file, tags, signal) {
  const metadata = [["filename", file.name], ["tags", tags.join(",")]].filter(([, value]) => value);
  const headers = {
    ...TUS,
    "Upload-Length": String(file.size),
    "Upload-Metadata": metadata.map(([key, value]) => `${key} ${base64(value)}`).join(","),
  };
  const answer = await request("POST", "/v1/uploads", headers, null, () => {}, signal);
  if (answer.status !== 201) throw problem(answer);
  return new URL(answer.getResponseHeader("Location"), location.href).pathname;
}

/** How many bytes the service has; null when it does not know the upload any more. */
async function offsetOf(url, signal) {
  const answer = await fetch(url, { method: "HEAD", headers: TUS, signal, cache: "no-store" });
  const offset = answer.headers.get("Upload-Offset");
  return answer.ok && offset !== null ? Number(offset) : null;
}

const base64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** fetch() cannot tell how much has been sent, hence the older request. */
function request(method, url, headers, body, onsent, signal) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    Object.entries(headers).forEach(([name, value]) => xhr.setRequestHeader(name, value));
    const abort = () => xhr.abort();
    signal.addEventListener("abort", abort);
    xhr.upload.addEventListener("progress", (event) => onsent(event.loaded));
    xhr.addEventListener("load", () => resolve(xhr));
    xhr.addEventListener("error", () => reject(new service.Problem({ detail: CUT }, 0)));
    xhr.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    xhr.addEventListener("loadend", () => signal.removeEventListener("abort", abort));
    xhr.send(body);
    if (signal.aborted) xhr.abort();
  });
}

function problem(answer) {
  let document = null;
  try {
    document = JSON.parse(answer.responseText);
  } catch {
    // Not ours: a proxy's page, or nothing.
  }
  const refusal = new service.Problem(document, answer.status);
  refusal.retryAfter = Number(answer.getResponseHeader("Retry-After")) || null;
  return refusal;
}
