// The filters by the metadata of files: when, with what and where they were taken.

import * as client from "../service/client.js";
import { isTemporary, scheduleRetry } from "../service/retry.js";
import { Menu } from "../ui/menu.js";
import { createStore } from "../ui/store.js";
import { html, useEffect } from "../vendor/preact.js";
import { filters, hasCaptureFilters } from "./filter-store.js";

/** The cameras and places of the library, most frequent first: [{camera, items}], [{place, items}]. */
const captured = createStore({ cameras: [], places: [] });

async function loadCaptured() {
  try {
    const [cameras, places] = await Promise.all([client.listCameras(), client.listPlaces()]);
    captured.set({ cameras, places });
  } catch (problem) {
    if (isTemporary(problem)) scheduleRetry("captured", loadCaptured);
  }
}

/** `change` sets filters and repeats the search. */
export function CaptureFilter({ change }) {
  const state = filters.use();
  const { cameras, places } = captured.use();
  useEffect(() => { loadCaptured(); }, []);
  const { takenFrom, takenTo, camera, place, hasPlace } = state;
  const names = camera && !cameras.some((entry) => entry.camera === camera) ? [{ camera, items: 0 }, ...cameras] : cameras;
  return html`
    <${Menu} label="Taken" isActive=${hasCaptureFilters(state)} id="taken">
      <div class="fields">
        <label>From <input type="date" id="taken-from" value=${takenFrom} max=${takenTo} onChange=${(event) => change({ takenFrom: event.target.value })} /></label>
        <label>To <input type="date" id="taken-to" value=${takenTo} min=${takenFrom} onChange=${(event) => change({ takenTo: event.target.value })} /></label>
        <label>Camera
          <select id="camera" value=${camera} onFocus=${loadCaptured} onChange=${(event) => change({ camera: event.target.value })}>
            <option value="">Any</option>
            ${names.map((entry) => html`<option key=${entry.camera} value=${entry.camera}>${entry.camera}</option>`)}
          </select></label>
        <label>Place <input type="search" id="place" list="places" placeholder="City, region or country" maxlength="200" value=${place}
          onFocus=${loadCaptured} onChange=${(event) => change({ place: event.target.value.trim() })} /></label>
        <datalist id="places">${places.map((entry) => html`<option key=${entry.place} value=${entry.place.replace(/^near /, "")} />`)}</datalist>
        <label class="check"><input type="checkbox" id="has-place" checked=${hasPlace} onChange=${(event) => change({ hasPlace: event.target.checked })} />
          With a place</label>
      </div>
    <//>`;
}
