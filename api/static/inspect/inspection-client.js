// HTTP client of inspectors and inspections.

import { request } from "../service/client.js";

const PAGE_SIZE = 200;
const MAX_RESULTS = 5000; // that the page loads of one inspection

const path = (name) => `/v1/inspectors/${encodeURIComponent(name)}`;
const sendJson = (url, body) =>
  request(url, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const listInspectors = () => request("/v1/inspectors").then((list) => list.data);
export const getInspector = (name) => request(path(name));
export const createInspector = (body) => sendJson("/v1/inspectors", body);
export const makeCurrent = (name, version) => sendJson(`${path(name)}/current`, { version });
export const listExamples = (name, limit) => request(`${path(name)}/examples?limit=${limit}`);
export const addExamples = (name, examples) => sendJson(`${path(name)}/examples`, { examples });
export const removeExample = (name, item) => request(`${path(name)}/examples/${item}`, { method: "DELETE" });
export const fitInspector = (name, settings) => sendJson(`${path(name)}/fit`, settings ? { settings } : {});
export const teachInspector = (name) => sendJson(`${path(name)}/teach`, {});

export const createInspection = (body) => sendJson("/v1/inspections", body);
export const listInspections = (inspector) =>
  request(`/v1/inspections?inspector=${encodeURIComponent(inspector)}&limit=50`).then((list) => list.inspections);
export const getInspection = (id) => request(`/v1/inspections/${id}`);
export const cancelInspection = (id) => request(`/v1/inspections/${id}/cancel`, { method: "POST" });
export const listFailures = (id) => request(`/v1/inspections/${id}/failures`).then((list) => list.failures);
export const exportUrl = (id, format) => `/v1/inspections/${id}/export?format=${format}`;
export const listScales = () => request("/v1/scales").then((list) => list.data);

/** The results of an inspection by p-value, the smallest first, up to `MAX_RESULTS`: {results, total}. */
export async function listResults(id, signal) {
  const results = [];
  let cursor = "";
  let total = 0;
  do {
    const page = await request(`/v1/inspections/${id}/results?limit=${PAGE_SIZE}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, { signal });
    results.push(...page.results);
    total = page.total;
    cursor = page.next;
  } while (cursor && results.length < MAX_RESULTS);
  return { results, total };
}

const marksPath = ({ inspection_id: inspection, id }) => `/v1/inspections/${inspection}/results/${id}/marks`;
export const addMark = (result, mark) => sendJson(marksPath(result), mark);
export const deleteMark = (result, id) => request(`${marksPath(result)}/${id}`, { method: "DELETE" });
