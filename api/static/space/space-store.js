// The larger spaces that the machine could run, and the move of the library into one of them.

import * as client from "../service/client.js";
import { createStore } from "../ui/store.js";

const POLL_MS = 1500;

/** `space` is that of /v1/space, `options` those of /v1/space/options; both null until they are loaded. */
export const spaces = createStore({ isOpen: false, space: null, options: null, problem: null, measuring: null });
let timer = null;

export function openSpaces() {
  spaces.set({ isOpen: true, problem: null });
  loadOptions();
  poll();
}

export function closeSpaces() {
  clearTimeout(timer);
  spaces.set({ isOpen: false });
}

export async function loadOptions() {
  await run(async () => spaces.set({ options: await client.getSpaceOptions(), problem: null }));
}

export async function measure(name) {
  spaces.set({ measuring: name });
  await run(async () => spaces.set({ options: await client.measureSpace(name), problem: null }));
  spaces.set({ measuring: null });
}

export const isUnfinished = (move) => move !== null && ["downloading", "running", "stopped"].includes(move.state);
export const start = (name) => change(() => client.moveSpace(name));
export const stop = () => change(client.stopMove);
export const resume = () => change(client.resumeMove);
export const undo = () => change(client.undoMove);

async function change(request) {
  await run(async () => { await request(); spaces.set({ problem: null }); });
  await poll();
}

async function poll() {
  clearTimeout(timer);
  const before = spaces.get().space?.name;
  await run(async () => spaces.set({ space: await client.getSpace() }));
  const after = spaces.get().space?.name;
  if (before !== undefined && after !== before) loadOptions();
  if (spaces.get().isOpen) timer = setTimeout(poll, POLL_MS);
}

async function run(work) {
  await work().catch((problem) => spaces.set({ problem }));
}
