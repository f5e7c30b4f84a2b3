// Files on their way in: sent a few at once, then followed while the service works on them.

import { estimator } from "../estimate.js";
import { follow } from "../follow.js";
import { count } from "../format.js";
import { isTemporary, retryLater, settled } from "../retry.js";
import * as service from "../service.js";
import { createStore } from "../store.js";
import * as unfinished from "../unfinished.js";
import { send } from "../upload.js";
import { changed } from "./library.js";
import { refresh } from "./player.js";
import { announce } from "./say.js";
import { isOver } from "./upload-row.js";

const AT_ONCE = 3;
const DRAW_MS = 100;
const BUSY_SECONDS = 5; // to wait when the service is busy and does not say for how long
const JOBS = 500;

/** States of a row: waiting, sending, paused, working, refused, cancelled, cut; one that is done leaves and is counted. */
const rows = new Map();
export const uploads = createStore({ rows: [], done: 0, left: null });
let ids = 0;
let done = 0;
let total = estimator();
let drawing = null;

function draw() {
  drawing ??= setTimeout(() => {
    drawing = null;
    const all = [...rows.values()];
    const bytes = (pick) => all.filter((row) => row.file).reduce((sum, row) => sum + pick(row), 0);
    const sending = all.some((row) => row.state === "sending");
    const [sent, size] = [bytes((row) => row.sent), bytes((row) => row.size)];
    if (!sending) total = estimator();
    uploads.set({ rows: all.map((row) => ({ ...row })), done, left: sending ? total.left(sent, size) : null });
  }, DRAW_MS);
}

function newRow(values) {
  const row = { id: ++ids, sent: 0, progress: 0, queued: false, position: null, stage: "", error: null, left: null, stop: null, ...values };
  rows.set(row.id, row);
  draw();
  return row;
}

/** Take files in. One that was cut off before goes on in its place. */
export function add(files, tags) {
  for (const file of files) {
    const key = unfinished.fingerprint(file);
    [...rows.values()].filter((row) => row.key === key && row.state === "cut").forEach((row) => rows.delete(row.id));
    newRow({ key, name: file.name, size: file.size, file, tags, state: "waiting" });
  }
  if (files.length > 0) announce(`${count(files.length, "file")} to add.`);
  pump();
}

function pump() {
  const all = [...rows.values()];
  const free = AT_ONCE - all.filter((row) => row.state === "sending").length;
  all.filter((row) => row.state === "waiting").slice(0, Math.max(free, 0)).forEach(start);
  draw();
}

async function start(row) {
  const speed = estimator();
  const stop = new AbortController();
  Object.assign(row, { state: "sending", sent: 0, error: null, stop });
  const onsent = (sent) => {
    Object.assign(row, { sent: Math.min(sent, row.size), left: speed.left(sent, row.size) });
    unfinished.beat(row.file);
    draw();
  };
  try {
    const { item, job } = await send(row.file, { tags: row.tags, onsent, signal: stop.signal });
    Object.assign(row, { item, job, sent: row.size });
    watch(row);
  } catch (problem) {
    if (problem.status === 429 && !stop.signal.aborted) wait(row, problem);
    else if (stop.signal.aborted) fail(row, "cancelled", problem);
    else if (isTemporary(problem)) interrupted(row, problem);
    else fail(row, "refused", problem);
  }
  pump();
}

/** The service has enough to do just now. */
function wait(row, problem) {
  Object.assign(row, { state: "paused", stage: problem.message, left: null });
  setTimeout(() => {
    if (row.state === "paused") row.state = "waiting";
    pump();
  }, 1000 * (problem.retryAfter ?? BUSY_SECONDS));
}

/** It goes on by itself when the service answers again. */
function interrupted(row, problem) {
  Object.assign(row, { state: "paused", stage: problem.message, left: null });
  retryLater(`upload ${row.id}`, () => {
    if (row.state === "paused") row.state = "waiting";
    pump();
  });
}

function fail(row, state, problem) {
  Object.assign(row, { state, left: null, error: state === "cancelled" ? "Stopped before it was sent." : problem.message });
  announce(`${row.name}: ${row.error}`);
  draw();
}

async function watch(row) {
  const speed = estimator();
  const take = ({ state, progress, stage, position, seconds_left: seconds }) => {
    const estimate = state === "queued" ? null : speed.left(progress, 1);
    Object.assign(row, { queued: state === "queued", progress, stage, position: position ?? null, left: seconds ?? estimate });
    draw();
  };
  Object.assign(row, { state: "working", stop: null });
  take(row.job);
  changed();
  const end = await follow(row.job.id, take);
  if (end === null || end.state === "done") {
    rows.delete(row.id);
    done = rows.size > 0 ? done + 1 : 0; // those of a batch are counted while it lasts
    announce(`${row.name} is in the library.`);
  } else {
    const stopped = end.state === "cancelled";
    const why = stopped ? "The work on it was stopped." : (end.error ?? `The work on it ${end.state}.`);
    Object.assign(row, { state: stopped ? "cancelled" : "refused", error: why, left: null });
    announce(`${row.name}: ${why}`);
  }
  changed();
  draw();
  await refresh(row.job.item_id);
}

/** Process an item again that failed or was stopped; its bytes are stored. Raises a `Problem`. */
export async function reprocess(item) {
  const { item: begun, job } = await service.retry(item.id);
  [...rows.values()].filter((row) => row.item?.id === item.id && isOver(row)).forEach((row) => rows.delete(row.id));
  const row = newRow({ name: begun.name, size: begun.size, sent: begun.size, file: null, state: "working", item: begun, job });
  await refresh(item.id);
  watch(row);
}

/** Stop what is done for a row, wherever it is. */
export async function cancel(id) {
  const row = rows.get(id);
  if (row.state === "sending") row.stop.abort();
  else if (row.state === "waiting" || row.state === "paused") {
    settled(`upload ${id}`);
    unfinished.forgetKey(row.key);
    fail(row, "cancelled");
  }
  else if (row.state === "working") {
    await service.cancel(row.job.id).catch((problem) => Object.assign(row, { stage: problem.message }));
  }
  draw();
}

export function retry(id) {
  const row = rows.get(id);
  if (row.item) return reprocess(row.item).catch((problem) => { row.error = problem.message; draw(); });
  Object.assign(row, { state: "waiting", error: null, sent: 0 });
  pump();
}

export function dismiss(id) {
  const row = rows.get(id);
  if (row.state === "cut" && row.key) unfinished.forgetKey(row.key);
  rows.delete(id);
  draw();
}

/** Away with everything that is over. */
export function tidy() {
  [...rows.values()].filter((row) => isOver(row)).forEach((row) => dismiss(row.id));
  done = 0;
  draw();
}

/** Work and uploads that began before this page was opened. Raises a `Problem`. */
export async function resume() {
  const running = (await service.jobs(JOBS)).filter((job) => !service.isFinal(job));
  for (const [key, one] of unfinished.cut()) {
    const error = one.url ? "Cut off. Drop the file again to go on from where it was." : "Cut off. Drop the file again to send it.";
    newRow({ key, name: one.name, size: one.size, file: null, state: "cut", error });
  }
  for (const job of running.reverse()) {
    if ([...rows.values()].some((row) => row.job?.id === job.id)) continue;
    const row = newRow({ name: "", size: 0, file: null, state: "working", job });
    service.item(job.item_id).then((item) => { Object.assign(row, { name: item.name, item }); draw(); }, () => {});
    watch(row);
  }
}

// Half a file is lost by leaving, unless the service can go on with it; then it is only slower.
addEventListener("beforeunload", (event) => {
  if ([...rows.values()].some((row) => row.state === "sending" || row.state === "waiting" || row.state === "paused")) event.preventDefault();
});
