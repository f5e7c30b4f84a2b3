// Lines of parts and the latest verdicts of the shown one, followed as events.

import { request, send } from "../service/client.js";
import { clearRetry, isTemporary, scheduleRetry } from "../service/retry.js";
import { createStore } from "../ui/store.js";

export const NUM_PARTS = 60; // of the strip
const RELOAD_MS = 5000; // between two requests of the states; a hidden tab sends none

/** `all`: lines by name; `parts`: the latest verdicts of the line `name`, the newest last. */
export const lines = createStore({ all: [], name: null, parts: [], problem: null });
let stream = null; // EventSource of the shown line

const path = (name) => `/v1/lines/${encodeURIComponent(name)}`;

export async function loadLines() {
  try {
    lines.set({ all: (await request("/v1/lines")).data, problem: null });
    clearRetry("lines");
  } catch (problem) {
    lines.set({ problem });
    if (isTemporary(problem)) scheduleRetry("lines", loadLines);
  }
}

const postJson = (body) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/** Create a line and start it. Raises a `Problem`. */
export async function createLine(body) {
  const line = await request("/v1/lines", postJson(body));
  await loadLines();
  return line;
}

/** The first frame of a source as a JPEG. Raises a `Problem`. */
export const getFrame = (source) => send("/v1/lines/frame", postJson(source)).then((response) => response.blob());

/** Delete a stopped line with its verdicts. */
export async function deleteLine(name) {
  try {
    await send(path(name), { method: "DELETE" });
  } catch (problem) {
    lines.set({ problem });
    return;
  }
  await loadLines();
}

export const csvUrl = (name) => `${path(name)}/parts.csv`;

/** Load the lines now and then at intervals; returns a function that ends this. */
export function watchLines() {
  loadLines();
  const timer = setInterval(() => { if (!document.hidden && lines.get().all.length > 0) loadLines(); }, RELOAD_MS);
  return () => { clearInterval(timer); clearRetry("lines"); };
}

/** Show the latest verdicts of a line and follow it; null ends this. */
export async function showLine(name) {
  stream?.close();
  stream = null;
  lines.set({ name, parts: [], problem: null });
  if (name === null) return;
  try {
    const { parts } = await request(`${path(name)}/parts?after=${-NUM_PARTS}&limit=${NUM_PARTS}`);
    if (lines.get().name !== name) return;
    lines.set({ parts });
    clearRetry("line");
    follow(name, parts.at(-1)?.sequence ?? 0);
  } catch (problem) {
    if (lines.get().name !== name) return;
    lines.set({ problem });
    if (isTemporary(problem)) scheduleRetry("line", () => { if (lines.get().name === name) showLine(name); });
  }
}

/** Append the verdicts after a sequence number as they occur. The browser reconnects a lost stream from the last one. */
function follow(name, after) {
  stream = new EventSource(`${path(name)}/events?after=${after}`);
  const own = stream;
  own.addEventListener("part", (message) => {
    if (stream !== own) return;
    const part = JSON.parse(message.data);
    const { parts } = lines.get();
    if (part.sequence > (parts.at(-1)?.sequence ?? 0)) lines.set({ parts: [...parts, part].slice(-NUM_PARTS) });
  });
  own.addEventListener("error", () => {
    if (stream === own && own.readyState === EventSource.CLOSED) scheduleRetry("line", () => { if (lines.get().name === name) showLine(name); });
  });
}

/** Start or stop a line: `action` is "start" or "stop". */
export async function controlLine(name, action) {
  try {
    const changed = await request(`${path(name)}/${action}`, { method: "POST" });
    lines.set({ all: lines.get().all.map((line) => (line.name === name ? changed : line)), problem: null });
  } catch (problem) {
    lines.set({ problem });
  }
}
