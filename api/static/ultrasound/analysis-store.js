// Analyses of ultrasound: the list, and the selected one with its result. Candidates are for review only.

import { view } from "../inspect/inspect-store.js";
import { request, send } from "../service/client.js";
import { clearRetry, isTemporary, scheduleRetry } from "../service/retry.js";
import { announce } from "../ui/notifications.js";
import { createStore } from "../ui/store.js";
import { followJob } from "../upload/job-progress.js";

const NUM_LISTED = 100;
const ENDED = new Set(["done", "failed", "quarantined", "cancelled"]);
const followed = new Set(); // ids of analyses whose jobs are followed

/** `list` is null before it is loaded, the newest first; `selected` is the analysis of `view.analysisId` with its result. */
export const analyses = createStore({ list: null, next: null, notice: "", problem: null, selected: null, isSending: false });

export const selectAnalysis = (analysisId) => view.set({ analysisId });

export async function loadAnalyses() {
  try {
    const { analyses: list, next, notice } = await request(`/v1/lesions?limit=${NUM_LISTED}`);
    analyses.set({ list, next, notice, problem: null });
    clearRetry("analyses");
    list.filter(({ state }) => !ENDED.has(state)).forEach(follow);
    if (view.get().analysisId === null && list.length > 0) selectAnalysis(list[0].id);
  } catch (problem) {
    analyses.set({ problem });
    if (isTemporary(problem)) scheduleRetry("analyses", loadAnalyses);
  }
}

/** Request an analysis with its result, and show it if it is selected. */
export async function loadAnalysis(id) {
  if (analyses.get().selected?.id !== id) analyses.set({ selected: null });
  if (id === null) return;
  try {
    replace(await request(`/v1/lesions/${id}`));
    clearRetry("analysis");
  } catch (problem) {
    if (view.get().analysisId !== id) return;
    analyses.set({ problem });
    if (isTemporary(problem)) scheduleRetry("analysis", () => { if (view.get().analysisId === id) loadAnalysis(id); });
  }
}

function replace(analysis) {
  const { list } = analyses.get();
  analyses.set({ list: (list ?? []).map((other) => (other.id === analysis.id ? { ...analysis, result: null } : other)) });
  if (view.get().analysisId === analysis.id) analyses.set({ selected: analysis });
}

async function follow({ id }) {
  if (followed.has(id)) return;
  followed.add(id);
  await followJob(id, ({ state, stage, progress }) => {
    const { list, selected } = analyses.get();
    const change = (analysis) => (analysis?.id === id ? { ...analysis, state, stage, progress } : analysis);
    analyses.set({ list: list?.map(change) ?? null, selected: change(selected) });
  });
  followed.delete(id);
  announce("An analysis has ended.");
  const last = await request(`/v1/lesions/${id}`).catch(() => null);
  if (last) replace(last);
}

/** Analyse items of the library; shows the first one. */
export const analyseItems = (items) =>
  start(async () => {
    const body = JSON.stringify({ media: items.map(({ id }) => id) });
    return (await request("/v1/lesions", { method: "POST", headers: { "Content-Type": "application/json" }, body })).analyses;
  });

/** Analyse DICOM files, one after the other; each is sent without its name. */
export const analyseDicom = (files) =>
  start(async () => {
    const added = [];
    for (const file of files) added.push(await request("/v1/lesions/dicom", { method: "POST", headers: { "Content-Type": "application/dicom" }, body: file }));
    return added;
  });

async function start(sendAll) {
  analyses.set({ isSending: true, problem: null });
  try {
    const [first] = await sendAll();
    selectAnalysis(first.id);
    analyses.set({ isSending: false });
  } catch (problem) {
    analyses.set({ isSending: false });
    await loadAnalyses(); // of several files, some may have been accepted
    analyses.set({ problem });
    return;
  }
  await loadAnalyses();
}

/** Delete an analysis with its exports and its DICOM file. */
export async function deleteAnalysis(id) {
  try {
    await send(`/v1/lesions/${id}`, { method: "DELETE" });
  } catch (problem) {
    analyses.set({ problem });
    return;
  }
  if (view.get().analysisId === id) { selectAnalysis(null); analyses.set({ selected: null }); }
  await loadAnalyses();
}
