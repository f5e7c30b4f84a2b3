// The filters by the metadata of files: when, with what and where they were taken.

import * as client from "../service/client.js";
import { isTemporary, scheduleRetry } from "../service/retry.js";
import { Menu } from "../ui/menu.js";
import { createStore } from "../ui/store.js";
import { html, useEffect } from "../vendor/preact.js";
import { filters, hasCaptureFilters } from "./filter-store.js";

/** The cameras of the library, most frequent first: [{camera, items}]. */
const cameras = createStore({ all: [] });

async function loadCameras() {
  try {
    cameras.set({ all: await client.listCameras() });
  } catch (problem) {
    if (isTemporary(problem)) scheduleRetry("cameras", loadCameras);
  }
}

/** `change` sets filters and repeats the search. */
export function CaptureFilter({ change }) {
  const state = filters.use();
  const { all } = cameras.use();
  useEffect(() => { loadCameras(); }, []);
  const { takenFrom, takenTo, camera, hasPlace } = state;
  const names = camera && !all.some((entry) => entry.camera === camera) ? [{ camera, items: 0 }, ...all] : all;
  return html`
    <${Menu} label="Taken" isActive=${hasCaptureFilters(state)} id="taken">
      <div class="fields">
        <label>From <input type="date" id="taken-from" value=${takenFrom} max=${takenTo} onChange=${(event) => change({ takenFrom: event.target.value })} /></label>
        <label>To <input type="date" id="taken-to" value=${takenTo} min=${takenFrom} onChange=${(event) => change({ takenTo: event.target.value })} /></label>
        <label>Camera
          <select id="camera" value=${camera} onFocus=${loadCameras} onChange=${(event) => change({ camera: event.target.value })}>
            <option value="">Any</option>
            ${names.map((entry) => html`<option key=${entry.camera} value=${entry.camera}>${entry.camera}</option>`)}
          </select></label>
        <label class="check"><input type="checkbox" id="has-place" checked=${hasPlace} onChange=${(event) => change({ hasPlace: event.target.checked })} />
          With a place</label>
      </div>
    <//>`;
}
