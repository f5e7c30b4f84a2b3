// Retries of requests that failed temporarily: with exponential backoff, and at once when the service responds again.

import { createStore } from "../ui/store.js";

const MIN_DELAY_MS = 1000;
const MAX_DELAY_MS = 30_000;
const TEMPORARY_STATUSES = new Set([0, 429, 502, 503, 504]); // 0: no response

/** `reconnects` counts how often the service responded again after an outage; components use it to reload what failed. */
export const connection = createStore({ isOnline: true, reconnects: 0 });
const pending = new Map(); // key of a request -> function that sends it again
let delay = MIN_DELAY_MS;
let timer = null;

/** Whether the same request may succeed later. */
export const isTemporary = (problem) => TEMPORARY_STATUSES.has(problem?.status);

/** Call `run` after the current delay. `run` then calls `clearRetry(key)`, or schedules itself again. */
export function scheduleRetry(key, run) {
  pending.set(key, run);
  timer ??= setTimeout(runPending, delay);
}

/** Drop the retry of `key`: the request succeeded, failed permanently, or is not needed any more. */
export function clearRetry(key) {
  pending.delete(key);
  resetIfIdle();
}

/** Drop all retries whose key starts with `prefix`. */
export function clearRetries(prefix) {
  [...pending.keys()].filter((key) => key.startsWith(prefix)).forEach((key) => pending.delete(key));
  resetIfIdle();
}

function resetIfIdle() {
  if (pending.size > 0) return;
  clearTimeout(timer);
  timer = null;
  delay = MIN_DELAY_MS;
}

/** Run all pending retries without delay. */
export function retryNow() {
  clearTimeout(timer);
  runPending();
}

function runPending() {
  timer = null;
  delay = Math.min(2 * delay, MAX_DELAY_MS);
  const runs = [...pending.values()];
  pending.clear();
  runs.forEach((run) => run());
}

/** Record whether the service responds. When it responds again, all pending retries run. */
export function setOnline(isOnline) {
  const previous = connection.get();
  if (isOnline === previous.isOnline) return;
  connection.set({ isOnline, reconnects: previous.reconnects + (isOnline ? 1 : 0) });
  if (isOnline) {
    delay = MIN_DELAY_MS;
    retryNow();
  }
}
