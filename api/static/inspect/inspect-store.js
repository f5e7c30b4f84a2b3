// The state of the view "Inspect": the inspectors, and what is selected. The URL restores the selection.

import { isTemporary, scheduleRetry, clearRetry } from "../service/retry.js";
import { announce } from "../ui/notifications.js";
import { createStore } from "../ui/store.js";
import { followJob } from "../upload/job-progress.js";
import * as client from "./inspection-client.js";

/** `section` is a key of `SECTIONS`; `name` is the selected inspector; the ids are null if none is selected. */
export const view = createStore({ isOpen: false, section: "parts", name: null, inspectionId: null, resultId: null, analysisId: null });
export const SECTIONS = { parts: "Parts", scales: "Scales", ultrasound: "Ultrasound" };
/** `all` is null before the list is loaded; `work`: name of an inspector -> {label, stage, progress, error} of its running or failed job. */
export const inspectors = createStore({ all: null, problem: null, work: {} });

/** Show the view, with a selection that the URL or a click gives. */
export const openView = ({ section = "parts", name = null, inspectionId = null, resultId = null, analysisId = null } = {}) =>
  view.set({ isOpen: true, section: section in SECTIONS ? section : "parts", name, inspectionId, resultId, analysisId });

export const selectSection = (section) => view.set({ section, resultId: null });

export const closeView = () => view.set({ isOpen: false, resultId: null });

export const selectInspector = (name) => view.set({ name, inspectionId: null, resultId: null });

export const selectInspection = (inspectionId) => view.set({ inspectionId, resultId: null });

/** Load the list of inspectors. */
export async function loadInspectors() {
  try {
    inspectors.set({ all: await client.listInspectors(), problem: null });
    clearRetry("inspectors");
  } catch (problem) {
    inspectors.set({ problem });
    if (isTemporary(problem)) scheduleRetry("inspectors", loadInspectors);
  }
}

/** Request one inspector again, after it has changed. */
export async function reloadInspector(name) {
  const changed = await client.getInspector(name).catch(() => null);
  if (changed === null) return loadInspectors();
  replaceInspector(changed);
}

export function replaceInspector(changed) {
  const others = (inspectors.get().all ?? []).filter(({ name }) => name !== changed.name);
  inspectors.set({ all: [...others, changed].sort((a, b) => (a.name < b.name ? -1 : 1)) });
}

const setWork = (name, work) => inspectors.set({ work: { ...inspectors.get().work, [name]: work } });

/** Follow a job of an inspector, such as a fit, until it ends. `label` names it, such as "Fitting". */
export async function followWork(name, label, request) {
  setWork(name, { label, stage: "waiting", progress: 0, error: null });
  try {
    const { job } = await request;
    const last = await followJob(job.id, ({ stage, progress }) => setWork(name, { label, stage, progress, error: null }));
    if (last !== null && last.state !== "done") throw new Error(last.error ?? `The job ended in state ${last.state}.`);
    setWork(name, null);
    announce(`${label} ${name} is done.`);
  } catch (problem) {
    setWork(name, { label, stage: "", progress: 0, error: problem });
    announce(problem.message);
  }
  await reloadInspector(name);
}
