// Requests about albums.

import { request } from "../service/client.js";

const sendJson = (path, method, body) =>
  request(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const listAlbums = () => request("/v1/albums").then((list) => list.albums);
export const getAlbum = (id) => request(`/v1/albums/${id}`);
export const createAlbum = (name) => sendJson("/v1/albums", "POST", { name });
export const editAlbum = (id, patch) => sendJson(`/v1/albums/${id}`, "PATCH", patch);
export const deleteAlbum = (id) => request(`/v1/albums/${id}`, { method: "DELETE" });
/** {entries, total}: `limit` entries from `offset` on, and the number of all. */
export const listEntries = (id, offset, limit) => request(`/v1/albums/${id}/entries?offset=${offset}&limit=${limit}`);
/** {results, added, album}: `entries` are [{item, start, end}] with the ids of items; start and end are null for whole items. */
export const addEntries = (id, entries, before = null) => sendJson(`/v1/albums/${id}/entries`, "POST", { entries, before });
export const removeEntries = (id, entries) => sendJson(`/v1/albums/${id}/entries/remove`, "POST", { entries });
export const moveEntries = (id, entries, before) => sendJson(`/v1/albums/${id}/entries/move`, "POST", { entries, before });
/** The export of clips of time ranges [{item, start, end}], or of an album: `body` is {clips, album, exact}. */
export const createExport = (body) => sendJson("/v1/exports", "POST", body);
export const getExport = (id) => request(`/v1/exports/${id}`);
export const deleteExport = (id) => request(`/v1/exports/${id}`, { method: "DELETE" });
export const exportUrl = (id, format) => `/v1/albums/${id}/export?format=${format}`;
