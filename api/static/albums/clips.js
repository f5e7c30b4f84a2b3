// Exports of clips: cut by the service, and saved when they are ready.

import { formatCount, formatProgress } from "../ui/format.js";
import { announce, showToast } from "../ui/notifications.js";
import { createStore } from "../ui/store.js";
import { html } from "../vendor/preact.js";
import { createExport, deleteExport, getExport } from "./album-client.js";

const POLL_MS = 700;
const FINAL = new Set(["done", "failed", "quarantined", "cancelled"]);
/** `all`: exports that the page waits for, [{id, title, progress}]. */
const running = createStore({ all: [] });

/** `isExact`: whether clips are encoded again, so that they begin and end at their times; otherwise they are copied from the key frame before. */
export const clipOptions = createStore({ isExact: false });

/** Cut clips, `body` is {clips, album}, as `clipOptions` says, and save their file. `title` names them. */
export async function saveClips(body, title) {
  let id = null;
  try {
    let state = await createExport({ ...body, exact: clipOptions.get().isExact });
    id = state.id;
    while (!FINAL.has(state.state)) {
      running.set({ all: [...running.get().all.filter((other) => other.id !== id), { id, title, progress: state.progress }] });
      await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
      state = await getExport(id);
    }
    if (state.state === "cancelled") return;
    if (state.content === null) throw new Error(state.error ?? "No clip could be cut.");
    if (state.failures.length > 0) showToast(`${formatCount(state.failures.length, "clip")} of ${state.clips} could not be cut: ${state.failures[0].error}`);
    save(state.content);
    announce(`The clips of ${title} are saved.`);
  } catch (problem) {
    showToast(problem.message);
  } finally {
    running.set({ all: running.get().all.filter((other) => other.id !== id) });
  }
}

/** Cut and save the time range of a hit. */
export const saveHit = ({ item, start, end }) => saveClips({ clips: [{ item: item.id, start, end }] }, item.name);

/** The choice of a menu of exports between copied and exact clips. */
export function ExactClips() {
  const isExact = clipOptions.use((state) => state.isExact);
  return html`
    <label class="check" title="Encoded again, which takes longer and changes the pixels. Otherwise clips are copied, from the key frame before each.">
      <input type="checkbox" name="exact-clips" checked=${isExact} onChange=${(event) => clipOptions.set({ isExact: event.target.checked })} />
      Exact times of clips</label>`;
}

function save(path) {
  const link = document.createElement("a");
  link.href = path;
  link.download = "";
  link.click();
}

/** The exports that are being cut, each with its progress and a button to cancel it. */
export function RunningExports() {
  const { all } = running.use();
  if (all.length === 0) return null;
  return html`
    <section class="exports" id="exports" role="status" aria-label="Exports">
      ${all.map(({ id, title, progress }) => html`
        <p key=${id}><span>Cutting clips: ${title}, ${formatProgress(progress)}</span>
          <button type="button" class="quiet" aria-label=${`Cancel the export of ${title}`} onClick=${() => deleteExport(id).catch((problem) => showToast(problem.message))}>Cancel</button></p>`)}
    </section>`;
}
