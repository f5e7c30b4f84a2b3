// HTTP client of evaluations and their runs.

import { cancelJob, request, send } from "../service/client.js";

const NUM_EVALUATIONS = 50;
const NUM_EXAMPLES = 8; // of the worst and of the best items
const RUNS_PER_PAGE = 200;
const ROOT = "/v1/evaluations";

const path = (runId) => `${ROOT}/runs/${encodeURIComponent(runId)}`;
const postJson = (url, body) => request(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const listSets = () => request(`${ROOT}/sets`).then((list) => list.data);
export const listFolders = (within) => request(`${ROOT}/folders?in=${encodeURIComponent(within)}`);
export const checkFolder = (body) => postJson(`${ROOT}/check`, body);

export const listEvaluations = () => request(`${ROOT}?limit=${NUM_EVALUATIONS}`).then((list) => list.data);
export const getEvaluation = (id) => request(`${ROOT}/${id}`);
export const createEvaluation = (body) => postJson(ROOT, body);
export const cancelEvaluation = cancelJob;

/** All runs, page by page. */
export async function listRuns() {
  const all = [];
  let cursor = "";
  do {
    const page = await request(`${ROOT}/runs?limit=${RUNS_PER_PAGE}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    all.push(...page.data);
    cursor = page.next;
  } while (cursor !== null);
  return all;
}

export const getRun = (runId) => request(path(runId));
export const getExamples = (runId) => request(`${path(runId)}/examples?limit=${NUM_EXAMPLES}`);
export const compareRuns = (runId, baselineId) => request(`${path(runId)}/comparison?baseline=${encodeURIComponent(baselineId)}`);
export const deleteRun = (runId) => send(path(runId), { method: "DELETE" });

export const reportUrl = (runId, baselineId = null) => `${path(runId)}/report${baselineId === null ? "" : `?baseline=${encodeURIComponent(baselineId)}`}`;

/** `of` is "item", or "answer" for what was returned first. */
export const imageUrl = (runId, itemId, of) => `${path(runId)}/image?${new URLSearchParams({ item: itemId, of, size: 480 })}`;

/** The video or the sound of an item, for a player. */
export const fileUrl = (runId, itemId, of) => `${path(runId)}/file?${new URLSearchParams({ item: itemId, of })}`;

/** Why an image cannot be shown. */
export const explainImage = (url) => send(url).then(() => "The image cannot be shown.", (problem) => problem.message);
