// The uploads: a few files are sent at a time, then their jobs are followed until they end.

import { scheduleReload } from "../library/library-store.js";
import { refreshItem } from "../player/player-store.js";
import * as client from "../service/client.js";
import { clearRetry, isTemporary, scheduleRetry } from "../service/retry.js";
import { formatCount } from "../ui/format.js";
import { announce } from "../ui/notifications.js";
import { createStore } from "../ui/store.js";
import { followJob } from "./job-progress.js";
import * as pending from "./pending-uploads.js";
import { isEnded } from "./row-status.js";
import { sendFile } from "./send-file.js";
import { createTimeEstimator } from "./time-estimate.js";

const MAX_SENDING = 3;
const PUBLISH_MS = 100;
const BUSY_SECONDS = 5; // delay after a 429 without Retry-After
const MAX_JOBS = 500;

/** Rows by id. row-status.js lists their states; a row whose job is done is removed and counted. */
const rows = new Map();
export const uploads = createStore({ rows: [], numDone: 0, secondsLeft: null });
let lastId = 0;
let numDone = 0;
let totalEstimator = createTimeEstimator();
let publishTimer = null;

/** Copy the rows to the store, at most once per `PUBLISH_MS`. */
function publish() {
  publishTimer ??= setTimeout(() => {
    publishTimer = null;
    const all = [...rows.values()];
    const sumFiles = (select) => all.filter((row) => row.file).reduce((sum, row) => sum + select(row), 0);
    const isSending = all.some((row) => row.state === "sending");
    const [sent, size] = [sumFiles((row) => row.sent), sumFiles((row) => row.size)];
    if (!isSending) totalEstimator = createTimeEstimator();
    uploads.set({ rows: all.map((row) => ({ ...row })), numDone, secondsLeft: isSending ? totalEstimator.secondsLeft(sent, size) : null });
  }, PUBLISH_MS);
}

function createRow(values) {
  const row = {
    id: ++lastId, sent: 0, progress: 0, isQueued: false, position: null, stage: "", error: null, secondsLeft: null, controller: null,
    onStored: () => {}, ...values,
  };
  rows.set(row.id, row);
  publish();
  return row;
}

function deleteRows(predicate) {
  [...rows.values()].filter(predicate).forEach((row) => rows.delete(row.id));
}

/** Queue files for upload. The row of an interrupted upload of the same file is replaced. `onStored(item, file)` is called
 *  for each file when the service has stored it, and with null when its upload failed or was stopped. */
export function addFiles(files, tags, onStored = () => {}) {
  for (const file of files) {
    const key = pending.fileKey(file);
    deleteRows((row) => row.key === key && row.state === "interrupted");
    createRow({ key, name: file.name, size: file.size, file, tags, state: "waiting", onStored });
  }
  if (files.length > 0) announce(`${formatCount(files.length, "file")} to add.`);
  startWaiting();
}

/** Upload files; resolves to {items, numFailed} when the upload of each has ended. An item that is stored twice is listed once. */
export function uploadFiles(files, tags) {
  return new Promise((resolve) => {
    const stored = new Map(); // file -> its item or null
    addFiles(files, tags, (item, file) => {
      stored.set(file, item);
      if (stored.size < files.length) return;
      const items = [...stored.values()].filter(Boolean);
      resolve({ items: [...new Map(items.map((other) => [other.id, other])).values()], numFailed: files.length - items.length });
    });
  });
}

function startWaiting() {
  const all = [...rows.values()];
  const numFree = MAX_SENDING - all.filter((row) => row.state === "sending").length;
  all.filter((row) => row.state === "waiting").slice(0, Math.max(numFree, 0)).forEach(sendRow);
  publish();
}

async function sendRow(row) {
  const estimator = createTimeEstimator();
  const controller = new AbortController();
  Object.assign(row, { state: "sending", sent: 0, error: null, controller });
  const onProgress = (sent) => {
    Object.assign(row, { sent: Math.min(sent, row.size), secondsLeft: estimator.secondsLeft(sent, row.size) });
    pending.saveHeartbeat(row.file);
    publish();
  };
  try {
    const { item, job } = await sendFile(row.file, { tags: row.tags, onProgress, signal: controller.signal });
    Object.assign(row, { item, job, sent: row.size });
    row.onStored(item, row.file);
    followRow(row);
  } catch (problem) {
    if (problem.status === 429 && !controller.signal.aborted) pauseBusy(row, problem);
    else if (controller.signal.aborted) endRow(row, "cancelled");
    else if (isTemporary(problem)) pauseOffline(row, problem);
    else endRow(row, "failed", problem);
  }
  startWaiting();
}

/** Pause a row until the time that the service requested with Retry-After. */
function pauseBusy(row, problem) {
  Object.assign(row, { state: "paused", stage: problem.message, secondsLeft: null });
  setTimeout(() => unpause(row), 1000 * (problem.retryAfter ?? BUSY_SECONDS));
}

/** Pause a row until the service responds again. */
function pauseOffline(row, problem) {
  Object.assign(row, { state: "paused", stage: problem.message, secondsLeft: null });
  scheduleRetry(`upload ${row.id}`, () => unpause(row));
}

function unpause(row) {
  if (row.state === "paused") row.state = "waiting";
  startWaiting();
}

function endRow(row, state, problem) {
  Object.assign(row, { state, secondsLeft: null, error: state === "cancelled" ? "Stopped before the upload was complete." : problem.message });
  announce(`${row.name}: ${row.error}`);
  row.onStored(null, row.file);
  publish();
}

async function followRow(row) {
  const estimator = createTimeEstimator();
  const update = ({ state, progress, stage, position, seconds_left: seconds }) => {
    const isQueued = state === "queued";
    const estimate = isQueued ? null : estimator.secondsLeft(progress, 1);
    Object.assign(row, { isQueued, progress, stage, position: position ?? null, secondsLeft: seconds ?? estimate });
    publish();
  };
  Object.assign(row, { state: "processing", controller: null });
  update(row.job);
  scheduleReload();
  const job = await followJob(row.job.id, update);
  if (job === null || job.state === "done") {
    rows.delete(row.id);
    numDone = rows.size > 0 ? numDone + 1 : 0; // counts the files of the current batch
    announce(`${row.name} is in the library.`);
  } else {
    const isCancelled = job.state === "cancelled";
    const error = isCancelled ? "Processing was stopped." : (job.error ?? `The job ended in state ${job.state}.`);
    Object.assign(row, { state: isCancelled ? "cancelled" : "failed", error, secondsLeft: null });
    announce(`${row.name}: ${error}`);
  }
  scheduleReload();
  publish();
  await refreshItem(row.job.item_id);
}

/** Process the stored bytes of a failed or stopped item again. Raises a `Problem`. */
export async function reprocessItem(item) {
  const { item: updated, job } = await client.retryItem(item.id);
  deleteRows((row) => row.item?.id === item.id && isEnded(row));
  const { name, size } = updated;
  const row = createRow({ name, size, sent: size, file: null, state: "processing", item: updated, job });
  await refreshItem(item.id);
  followRow(row);
}

/** Stop the upload or the job of a row. */
export async function cancelRow(id) {
  const row = rows.get(id);
  if (row.state === "sending") row.controller.abort();
  else if (row.state === "waiting" || row.state === "paused") {
    clearRetry(`upload ${id}`);
    pending.deleteUpload(row.key);
    endRow(row, "cancelled");
  } else if (row.state === "processing") {
    await client.cancelJob(row.job.id).catch((problem) => Object.assign(row, { stage: problem.message }));
  }
  publish();
}

export function retryRow(id) {
  const row = rows.get(id);
  if (row.item) return reprocessItem(row.item).catch((problem) => { row.error = problem.message; publish(); });
  Object.assign(row, { state: "waiting", error: null, sent: 0 });
  startWaiting();
}

export function dismissRow(id) {
  const row = rows.get(id);
  if (row.state === "interrupted" && row.key) pending.deleteUpload(row.key);
  rows.delete(id);
  publish();
}

/** Remove all ended rows and reset the number of done files. */
export function dismissAll() {
  [...rows.values()].filter(isEnded).forEach((row) => dismissRow(row.id));
  numDone = 0;
  publish();
}

/** Show the jobs that run and the uploads that were interrupted before the page was loaded. Raises a `Problem`. */
export async function restoreRows() {
  const running = (await client.listJobs(MAX_JOBS)).filter((job) => job.kind === "ingest" && !client.isFinal(job));
  for (const [key, { name, size, url }] of pending.listInterrupted()) {
    const error = `The upload was interrupted. Drop the file again to ${url ? "resume" : "restart"} it.`;
    createRow({ key, name, size, file: null, state: "interrupted", error });
  }
  for (const job of running.reverse()) {
    if ([...rows.values()].some((row) => row.job?.id === job.id)) continue;
    const row = createRow({ name: "", size: 0, file: null, state: "processing", job });
    client.getItem(job.item_id).then((item) => { Object.assign(row, { name: item.name, item }); publish(); }, () => {});
    followRow(row);
  }
}

// The browser shows a confirmation dialog if the page is closed while files are sent.
addEventListener("beforeunload", (event) => {
  if ([...rows.values()].some((row) => row.state === "sending" || row.state === "waiting" || row.state === "paused")) event.preventDefault();
});
