// Requests about saved searches.

import { request } from "../service/client.js";

const sendJson = (path, method, body) =>
  request(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export const listSearches = () => request("/v1/searches").then((list) => list.searches);
/** `search` is {name, text, without, filters, band, webhook}; `webhook` is {url, secret} or null. */
export const saveSearch = (search) => sendJson("/v1/searches", "POST", search);
/** `patch` is {name, enabled}; what is unset stays. */
export const editSearch = (id, patch) => sendJson(`/v1/searches/${id}`, "PATCH", patch);
export const deleteSearch = (id) => request(`/v1/searches/${id}`, { method: "DELETE" });
/** {matches, total}: `limit` matches from `offset` on, latest first, and the number of all. */
export const listMatches = (id, offset, limit) => request(`/v1/searches/${id}/matches?offset=${offset}&limit=${limit}`);
/** Mark the match `until` and all earlier ones as read. */
export const markRead = (id, until) => sendJson(`/v1/searches/${id}/read`, "POST", { until });
