// The runs that are kept, the open one with its examples, and its comparison with another.

import { clearRetry, isTemporary, scheduleRetry } from "../service/retry.js";
import { announce } from "../ui/notifications.js";
import { createStore } from "../ui/store.js";
import { evaluate, selectRun } from "./evaluate-store.js";
import * as client from "./evaluation-client.js";

/** `all` is null before the list is loaded, the newest first; `marked`: ids of at most two runs that are to be compared. */
export const runs = createStore({ all: null, marked: [], problem: null });
/** The open run; `examples` and `comparison` are null before they are loaded. */
const NONE = { id: null, run: null, examples: null, baselineId: null, comparison: null, problem: null };
export const opened = createStore(NONE);

export async function loadRuns() {
  try {
    const all = await client.listRuns();
    runs.set({ all, marked: runs.get().marked.filter((id) => all.some((run) => run.id === id)), problem: null });
    clearRetry("runs");
  } catch (problem) {
    runs.set({ problem });
    if (isTemporary(problem)) scheduleRetry("runs", loadRuns);
  }
}

/** Mark a run for a comparison, or undo it. A third one replaces the first. */
export function toggleMarked(id) {
  const { marked } = runs.get();
  runs.set({ marked: marked.includes(id) ? marked.filter((other) => other !== id) : [...marked, id].slice(-2) });
}

/** Load a run, and its comparison with `baselineId` if that is not null. */
export async function loadRun(id, baselineId) {
  const last = opened.get();
  const isSame = last.id === id && last.run !== null;
  const comparison = isSame && last.baselineId === baselineId ? last.comparison : null;
  opened.set({ ...NONE, id, baselineId, ...(isSame && { run: last.run, examples: last.examples }), comparison });
  const isCurrent = () => opened.get().id === id && opened.get().baselineId === baselineId;
  try {
    if (!isSame) {
      const [run, examples] = await Promise.all([client.getRun(id), client.getExamples(id)]);
      if (!isCurrent()) return;
      opened.set({ run, examples });
    }
    if (baselineId !== null && comparison === null) {
      const compared = await client.compareRuns(id, baselineId);
      if (isCurrent()) opened.set({ comparison: compared });
    }
    clearRetry("run");
  } catch (problem) {
    if (!isCurrent()) return;
    opened.set({ problem });
    if (isTemporary(problem)) scheduleRetry("run", () => { if (isCurrent()) loadRun(id, baselineId); });
  }
}

/** Delete a run, and show the list. */
export async function deleteRun(id) {
  try {
    await client.deleteRun(id);
  } catch (problem) {
    opened.set({ problem });
    return;
  }
  announce(`The run ${id} is deleted.`);
  opened.set(NONE);
  if (evaluate.get().runId === id) selectRun(null);
  await loadRuns();
}

/** Runs can be compared if set, split and task are equal. */
export const isComparable = ({ signature: a }, { signature: b }) => a.set_name === b.set_name && a.split === b.split && a.task === b.task;

/** [{key, split, task, runs}]: the runs of a set that can be compared, the group with the latest run first. */
export function groupRuns(all, set) {
  const groups = new Map();
  for (const run of all.filter(({ signature }) => signature.set_name === set)) {
    const { split, task } = run.signature;
    const key = `${task}, ${split}`;
    groups.set(key, { key, split, task, runs: [...(groups.get(key)?.runs ?? []), run] });
  }
  return [...groups.values()];
}
