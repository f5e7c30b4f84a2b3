// Send one file to the service: resumable by tus 1.0 if the service offers /v1/uploads, else in one request.

import * as client from "../service/client.js";
import { deleteUpload, fileKey, readUpload, saveUpload } from "./pending-uploads.js";

const CHUNK_BYTES = 64 << 20; // per request: a lost connection repeats at most this much, and proxies limit request bodies
const TUS_HEADERS = { "Tus-Resumable": "1.0.0" };
const MAX_TRIES = 5; // in a row without progress
const LOCKED_STATUSES = new Set([409, 423]); // an earlier request for the same upload has not ended
const CONNECTION_LOST = "The connection to the service was lost. The upload resumes when the service responds.";
let resumable = null; // promise of the answer to OPTIONS /v1/uploads

/** Send `file` and resolve to {item, job}; `onProgress(bytes)` is called meanwhile. An abort deletes the sent bytes. */
export async function sendFile(file, { tags, onProgress, signal }) {
  // The route for whole files reports the clearer error for an empty file.
  if (file.size > 0 && (await supportsResume())) return sendChunks(file, tags, onProgress, signal);
  return sendWhole(file, tags, onProgress, signal);
}

function supportsResume() {
  resumable ??= fetch("/v1/uploads", { method: "OPTIONS" })
    .then((response) => response.ok && response.headers.has("Tus-Version"))
    .catch(() => {
      resumable = null; // the next file sends the request again
      return false;
    });
  return resumable;
}

async function sendWhole(file, tags, onProgress, signal) {
  const parameters = new URLSearchParams({ name: file.name });
  tags.forEach((tag) => parameters.append("tag", tag));
  saveUpload(file, null);
  try {
    const headers = { "Content-Type": "application/octet-stream" };
    const response = await sendRequest("POST", `/v1/media?${parameters}`, headers, file, onProgress, signal);
    if (response.status >= 300) throw createProblem(response);
    return JSON.parse(response.responseText);
  } finally {
    deleteUpload(fileKey(file));
  }
}

async function sendChunks(file, tags, onProgress, signal) {
  const key = fileKey(file);
  let url = readUpload(file)?.url ?? null;
  let offset = url === null ? null : await requestOffset(url, signal).catch(() => null);
  if (offset === null) {
    url = await createUpload(file, tags, signal);
    offset = 0;
  }
  saveUpload(file, url);
  const discard = () => {
    deleteUpload(key);
    fetch(url, { method: "DELETE", headers: TUS_HEADERS }).catch(() => {}); // if it fails, the service deletes expired uploads
  };
  signal.addEventListener("abort", discard);
  try {
    for (let tries = 0; ; ) {
      onProgress(offset);
      const result = await sendChunk(url, file, offset, onProgress, signal);
      if (result.response) return await finishUpload(result.response);
      tries = result.offset > offset ? 0 : tries + 1;
      if (tries >= MAX_TRIES) throw result.problem ?? new client.Problem({ detail: CONNECTION_LOST }, 0);
      if (tries > 0) await new Promise((resolve) => setTimeout(resolve, 500 * 2 ** tries));
      offset = result.offset;
    }
  } catch (error) {
    if (error.status >= 400 && error.status !== 429 && error.status < 500) deleteUpload(key); // a permanent error
    throw error;
  } finally {
    signal.removeEventListener("abort", discard);
  }
  async function finishUpload(response) {
    deleteUpload(key);
    const [item, job] = [response.getResponseHeader("Mm-Item"), response.getResponseHeader("Mm-Job")];
    return { item: await client.getItem(item), job: await client.getJob(job) };
  }
}

/** Send one chunk: {response} after the last chunk, else {offset} of the next chunk, with {problem} if the request failed.
 *  Raises a `Problem` if the service refuses the chunk permanently. */
async function sendChunk(url, file, offset, onProgress, signal) {
  const chunk = file.slice(offset, offset + CHUNK_BYTES);
  const headers = { ...TUS_HEADERS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset) };
  let response;
  try {
    response = await sendRequest("PATCH", url, headers, chunk, (sent) => onProgress(offset + sent), signal);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return { offset: (await requestOffset(url, signal).catch(() => null)) ?? offset };
  }
  if (LOCKED_STATUSES.has(response.status) || response.status >= 500) {
    return { offset: (await requestOffset(url, signal).catch(() => null)) ?? offset, problem: createProblem(response) };
  }
  if (response.status >= 300) throw createProblem(response);
  if (response.getResponseHeader("Mm-Item")) return { response };
  return { offset: Number(response.getResponseHeader("Upload-Offset")) };
}

async function createUpload(file, tags, signal) {
  const metadata = [["filename", file.name], ["tags", tags.join(",")]].filter(([, value]) => value);
  const headers = {
    ...TUS_HEADERS,
    "Upload-Length": String(file.size),
    "Upload-Metadata": metadata.map(([key, value]) => `${key} ${encodeBase64(value)}`).join(","),
  };
  const response = await sendRequest("POST", "/v1/uploads", headers, null, () => {}, signal);
  if (response.status !== 201) throw createProblem(response);
  return new URL(response.getResponseHeader("Location"), location.href).pathname;
}

/** The number of bytes that the service has stored; null if the upload does not exist any more. */
async function requestOffset(url, signal) {
  const response = await fetch(url, { method: "HEAD", headers: TUS_HEADERS, signal, cache: "no-store" });
  const offset = response.headers.get("Upload-Offset");
  return response.ok && offset !== null ? Number(offset) : null;
}

const encodeBase64 = (text) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));

/** Send a request with XMLHttpRequest, because fetch() does not report upload progress. */
function sendRequest(method, url, headers, body, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    Object.entries(headers).forEach(([name, value]) => xhr.setRequestHeader(name, value));
    const abort = () => xhr.abort();
    signal.addEventListener("abort", abort);
    xhr.upload.addEventListener("progress", (event) => onProgress(event.loaded));
    xhr.addEventListener("load", () => resolve(xhr));
    xhr.addEventListener("error", () => reject(new client.Problem({ detail: CONNECTION_LOST }, 0)));
    xhr.addEventListener("abort", () => reject(new DOMException("The upload was aborted.", "AbortError")));
    xhr.addEventListener("loadend", () => signal.removeEventListener("abort", abort));
    xhr.send(body);
    if (signal.aborted) xhr.abort();
  });
}

function createProblem(response) {
  let document = null;
  try {
    document = JSON.parse(response.responseText);
  } catch {
    // Not a response of the service, for example the error page of a proxy.
  }
  const problem = new client.Problem(document, response.status);
  problem.retryAfter = Number(response.getResponseHeader("Retry-After")) || null;
  return problem;
}
