// The scales of the service: how many millimetres a pixel is.

import { request, send } from "../service/client.js";
import { clearRetry, isTemporary, scheduleRetry } from "../service/retry.js";
import { createStore } from "../ui/store.js";

/** `all` is null before the list is loaded. */
export const scales = createStore({ all: null, problem: null });

export async function loadScales() {
  try {
    scales.set({ all: (await request("/v1/scales")).data, problem: null });
    clearRetry("scales");
  } catch (problem) {
    scales.set({ problem });
    if (isTemporary(problem)) scheduleRetry("scales", loadScales);
  }
}

/** Add a scale from a known length or images of a board. Raises a `Problem`. */
export const addScale = (body) =>
  add("/v1/scales", { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/** Add the scale of a region of a DICOM file, which is not stored. Raises a `Problem`. */
export const addDicomScale = (name, region, file) =>
  add(`/v1/scales/dicom?${new URLSearchParams({ name, region })}`, { headers: { "Content-Type": "application/dicom" }, body: file });

async function add(path, options) {
  const added = await request(path, { method: "POST", ...options });
  await loadScales();
  return added;
}

/** Delete a scale; inspections keep their copies. */
export async function deleteScale(name) {
  try {
    await send(`/v1/scales/${encodeURIComponent(name)}`, { method: "DELETE" });
  } catch (problem) {
    scales.set({ problem });
    return;
  }
  await loadScales();
}
