// Requests that failed for a while only: each is sent again after growing pauses, and at once when the service answers again.

import { createStore } from "./store.js";

const FIRST_MS = 1000;
const LONGEST_MS = 30_000;
const TEMPORARY = new Set([0, 429, 502, 503, 504]); // 0: no answer at all

/** `recovered` grows each time the service answers again after it did not: what failed to load meanwhile is loaded again. */
export const connection = createStore({ answers: true, recovered: 0 });
const waiting = new Map(); // name of a request -> how to send it
let pause = FIRST_MS;
let timer = null;

/** Whether the same request may succeed later. */
export const isTemporary = (problem) => TEMPORARY.has(problem?.status);

/** Send the request called `name` again by `run`, later; it calls `settled` or fails and comes here again. */
export function retryLater(name, run) {
  waiting.set(name, run);
  timer ??= setTimeout(all, pause);
}

/** The request called `name` succeeded, failed for good, or is not wanted any more. */
export function settled(name) {
  waiting.delete(name);
  rest();
}

/** No request whose name begins with `prefix` is wanted any more. */
export function abandon(prefix) {
  [...waiting.keys()].filter((name) => name.startsWith(prefix)).forEach((name) => waiting.delete(name));
  rest();
}

function rest() {
  if (waiting.size > 0) return;
  clearTimeout(timer);
  timer = null;
  pause = FIRST_MS;
}

/** Send all that failed again, now. */
export function retryNow() {
  clearTimeout(timer);
  all();
}

function all() {
  timer = null;
  pause = Math.min(2 * pause, LONGEST_MS);
  const again = [...waiting.values()];
  waiting.clear();
  again.forEach((run) => run());
}

/** What the look at the service found: whether it answers. */
export function setAnswers(answers) {
  const before = connection.get();
  if (answers === before.answers) return;
  connection.set({ answers, recovered: before.recovered + (answers ? 1 : 0) });
  if (answers) {
    pause = FIRST_MS;
    retryNow();
  }
}
