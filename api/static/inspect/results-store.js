// The inspections of an inspector, and the results of the selected one.

import { clearRetry, isTemporary, scheduleRetry } from "../service/retry.js";
import { announce } from "../ui/notifications.js";
import { formatCount } from "../ui/format.js";
import { createStore } from "../ui/store.js";
import { followJob } from "../upload/job-progress.js";
import { selectInspection, view } from "./inspect-store.js";
import * as client from "./inspection-client.js";

const RELOAD_MS = 3000; // between two requests of the results while an inspection runs

/** `list`: inspections of the inspector `name`, the newest first. */
export const inspections = createStore({ name: null, list: [], problem: null });
/** `all` is in ascending order of p-values; `verdict` is the filter; `rate` is that of the slider, null for the requested one. */
const NONE = { inspection: null, progress: null, all: [], total: 0, hasMarks: false, failures: [], isLoading: false, problem: null, verdict: null, rate: null };
export const results = createStore(NONE);
let request = null; // AbortController of the inspection that is shown

/** Load the inspections of an inspector; shows the newest if none is selected. */
export async function loadInspections(name) {
  if (inspections.get().name !== name) inspections.set({ name, list: [], problem: null });
  try {
    const list = await client.listInspections(name);
    if (view.get().name !== name) return;
    inspections.set({ name, list, problem: null });
    clearRetry("inspections");
    if (view.get().inspectionId === null && list.length > 0) selectInspection(list[0].id);
  } catch (problem) {
    if (view.get().name !== name) return;
    inspections.set({ problem });
    if (isTemporary(problem)) scheduleRetry("inspections", () => loadInspections(name));
  }
}

/** Start an inspection and show it. Raises a `Problem`. */
export async function startInspection(body) {
  const { inspection } = await client.createInspection(body);
  await loadInspections(body.inspector);
  selectInspection(inspection.id);
}

/** Show the results of an inspection, and follow its job while it runs. */
export async function showInspection(id) {
  request?.abort();
  request = null;
  results.set({ ...NONE, isLoading: id !== null });
  if (id === null) return;
  const own = (request = new AbortController());
  const isCurrent = () => request === own;
  try {
    const inspection = await client.getInspection(id);
    if (!isCurrent()) return;
    results.set({ inspection });
    await loadResults(id, own);
    clearRetry("inspection");
    if (isCurrent() && !isEnded(inspection)) await follow(inspection, own);
  } catch (problem) {
    if (!isCurrent() || problem.name === "AbortError") return;
    results.set({ problem, isLoading: false });
    if (isTemporary(problem)) scheduleRetry("inspection", () => { if (isCurrent()) showInspection(id); });
  }
}

const ENDED = new Set(["done", "failed", "quarantined", "cancelled"]);
export const isEnded = (inspection) => ENDED.has(inspection.state);

async function loadResults(id, own) {
  const [{ results: all, total }, failures] = await Promise.all([client.listResults(id, own.signal), client.listFailures(id)]);
  const hasMarks = all.every(({ marks }) => marks !== undefined);
  if (request === own) results.set({ all: all.map((result) => ({ marks: [], ...result })), hasMarks, total, failures, isLoading: false, problem: null });
}

async function follow(inspection, own) {
  let reloadedAt = performance.now();
  const job = await followJob(inspection.job_id, ({ state, stage, progress }) => {
    if (request !== own) return;
    results.set({ progress: { state, stage, progress } });
    if (performance.now() - reloadedAt < RELOAD_MS) return;
    reloadedAt = performance.now();
    loadResults(inspection.id, own).catch(() => {}); // the end of the job loads them again
  });
  if (request !== own) return;
  const last = await client.getInspection(inspection.id);
  await loadResults(inspection.id, own);
  if (request !== own) return;
  results.set({ inspection: last, progress: null, problem: job?.error ? new Error(job.error) : null });
  announce(`The inspection has ended: ${formatCount(results.get().total, "result")}.`);
  loadInspections(inspection.inspector);
}

/** The results that the filter shows. */
export const listShown = ({ all, verdict }) => (verdict === null ? all : all.filter(({ record }) => record.verdict === verdict));

/** Mark a result: {verdict: "accept" or "reject", polygons}. Marks with the other verdict are undone. Raises a `Problem`. */
export async function addMark(result, mark) {
  const added = await client.addMark(result, mark);
  replaceMarks(result, [...getMarks(result).filter(({ id, verdict }) => id !== added.id && verdict === added.verdict), added]);
}

/** Withdraw the last mark of a result. Raises a `Problem`. */
export async function undoMark(result) {
  const last = getMarks(result).at(-1);
  if (!last) return;
  await client.deleteMark(result, last.id);
  replaceMarks(result, getMarks(result).filter(({ id }) => id !== last.id));
}

const getMarks = ({ id }) => results.get().all.find((result) => result.id === id)?.marks ?? [];

function replaceMarks(result, marks) {
  results.set({ all: results.get().all.map((other) => (other.id === result.id ? { ...other, marks } : other)) });
}
