// Evaluations that run, and those that ended without a run; each is followed until it ends.

import { clearRetry, isTemporary, scheduleRetry } from "../service/retry.js";
import { announce, showToast } from "../ui/notifications.js";
import { createStore } from "../ui/store.js";
import { followJob } from "../upload/job-progress.js";
import { openEvaluate } from "./evaluate-store.js";
import * as client from "./evaluation-client.js";
import { loadRuns } from "./runs-store.js";

const ENDED = new Set(["done", "failed", "quarantined", "cancelled"]);
const followed = new Set(); // ids of evaluations whose jobs are followed

/** `list`: the latest evaluations, the newest first. */
export const evaluations = createStore({ list: [], problem: null });

export const isEnded = ({ state }) => ENDED.has(state);

export async function loadEvaluations() {
  try {
    const list = await client.listEvaluations();
    evaluations.set({ list, problem: null });
    clearRetry("evaluations");
    list.filter((evaluation) => !isEnded(evaluation)).forEach(follow);
  } catch (problem) {
    evaluations.set({ problem });
    if (isTemporary(problem)) scheduleRetry("evaluations", loadEvaluations);
  }
}

const describeSubject = ({ request: { set, split, task } }) => `${set} ${split} ${task}`;

/** Evaluations that run, and those that failed or were cancelled, unless the same set, split and task was evaluated again. */
export function listWithoutRun(list) {
  const isLatest = (evaluation, i) => list.findIndex((other) => describeSubject(other) === describeSubject(evaluation)) === i;
  return list.filter((evaluation, i) => !isEnded(evaluation) || (evaluation.state !== "done" && isLatest(evaluation, i)));
}

/** Start an evaluation. Raises a `Problem`. */
export async function startEvaluation(body) {
  const added = await client.createEvaluation(body);
  evaluations.set({ list: [added, ...evaluations.get().list] });
  follow(added);
}

/** Cancel an evaluation. Raises a `Problem`. */
export const cancelEvaluation = (id) => client.cancelEvaluation(id);

const change = (id, patch) =>
  evaluations.set({ list: evaluations.get().list.map((evaluation) => (evaluation.id === id ? { ...evaluation, ...patch } : evaluation)) });

async function follow({ id, run_id: runId, request: { set } }) {
  if (followed.has(id)) return;
  followed.add(id);
  await followJob(id, ({ state, stage, progress }) => { if (!ENDED.has(state)) change(id, { state, stage, progress }); });
  followed.delete(id);
  const last = await client.getEvaluation(id).catch((problem) => ({ state: "failed", error: problem.message }));
  change(id, { ...last, run: null });
  if (last.state !== "done") return announce(last.error ?? `The evaluation of ${set} is ${last.state}.`);
  await loadRuns();
  showToast(`${set} is evaluated.`, { action: { label: "Open" }, onClose: (isOpened) => { if (isOpened) openEvaluate({ set, runId }); } });
}
