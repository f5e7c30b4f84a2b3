// The dialog of larger spaces: what this machine could run, what it gives, needs and takes, and the move.

import { RequestError } from "../service/request-error.js";
import { ConfirmButton } from "../ui/confirm-button.js";
import { Dialog } from "../ui/dialog.js";
import { formatBytes, formatCount, formatProgress, formatSecondsRange } from "../ui/format.js";
import { IconButton } from "../ui/icon.js";
import { html } from "../vendor/preact.js";
import { closeSpaces, isUnfinished, loadOptions, measure, resume, spaces, start, stop, undo } from "./space-store.js";

export const SpaceDialog = () => (spaces.use((state) => state.isOpen) ? html`<${OpenDialog} />` : null);

function OpenDialog() {
  const { space, options, problem, measuring } = spaces.use();
  const isBusy = space === null || isUnfinished(space.move);
  return html`
    <${Dialog} id="spaces" label="spaces-title" onClose=${closeSpaces}>
      <header class="bar"><h2 id="spaces-title">Larger space</h2><${IconButton} name="close" label="Close (Esc)" onClick=${closeSpaces} /></header>
      <div class="spaces">
        <p>A larger model finds images by text more often. The library is encoded again for it, in the background; searches use the
          present space, <b>${space?.name ?? "…"}</b>, until the last item is encoded, and a move can be undone.</p>
        ${problem && html`<${RequestError} problem=${problem} onRetry=${loadOptions} />`}
        ${space?.move && html`<${Move} move=${space.move} />`}
        ${options === null ? !problem && html`<p class="muted" role="status">Measuring this machine…</p>` : html`
          <${Machine} options=${options} />
          <ul class="space-options">
            ${options.options.map((option) => html`<${Option} key=${option.name} option=${option} isBusy=${isBusy} isMeasuring=${measuring === option.name} />`)}
          </ul>
          <details><summary>What a larger space does not have</summary>
            <ul>${options.notes.map((note) => html`<li key=${note}>${note}</li>`)}</ul>
          </details>
          <p class="muted">Recall at 1, text to image: the share of captions whose image is the first result, of models without training on the set. ${options.comparison} Source: ${options.source}.</p>`}
      </div>
    <//>`;
}

function Machine({ options: { machine, images } }) {
  const hardware = [`${(machine.memory_bytes / 2 ** 30).toFixed(1)} GiB of memory`, machine.gpus.join("; ") || "no GPU",
    `${formatBytes(machine.free_disk_bytes)} of free disk space`, formatCount(machine.workers, "worker")];
  return html`
    <p class="muted" id="space-machine">This machine: ${hardware.join(", ")}. The model would encode up to ${formatCount(images, "image")}, frames of videos included.</p>
    ${machine.network !== null && html`<p class="error" id="space-network">No model can be downloaded: ${machine.network}</p>`}`;
}

function Option({ option, isBusy, isMeasuring }) {
  const name = option.name.replace(/^openclip:/, "");
  const host = option.repository.replace(/^https?:\/\//, "");
  const question = option.on_disk ? "Encode all items again?" : `Download ${formatBytes(option.download_bytes)} from ${host} (${option.licence})?`;
  return html`
    <li class="space-option" data-name=${option.name}>
      <h3>${name}${option.recommended && html` <small class="muted">recommended</small>`}</h3>
      <dl>
        <div><dt>Recall at 1</dt><dd>${option.flickr30k.text_to_image.toFixed(1)} % Flickr30k, ${option.coco.text_to_image.toFixed(1)} % COCO</dd></div>
        <div><dt>Time</dt><dd>${formatTime(option)}</dd></div>
        <div><dt>Memory</dt><dd>${formatMemory(option)}</dd></div>
        <div><dt>Disk</dt><dd>${option.on_disk ? "files on this machine" : `${formatBytes(option.download_bytes)} to download`}, ${formatBytes(option.vector_bytes)} of vectors</dd></div>
      </dl>
      ${option.obstacle && html`<p class="muted">${option.obstacle}</p>`}
      ${option.can_start && !isBusy && html`
        <div class="row-actions">
          <${ConfirmButton} label="Move the library" question=${question} action=${option.on_disk ? "Move" : "Download and move"}
            aria-label=${`Move the library to ${name}`} onConfirm=${() => start(option.name)} />
          ${option.on_disk && !option.is_measured && html`
            <button type="button" disabled=${isMeasuring} onClick=${() => measure(option.name)} aria-label=${`Measure ${name}`}>${isMeasuring ? "Measuring…" : "Measure"}</button>`}
        </div>`}
    </li>`;
}

const formatMemory = ({ memory_bytes: memory, gpu_memory_bytes: gpu }) =>
  `${(memory / 2 ** 30).toFixed(1)} GiB${gpu === null ? "" : `, ${(gpu / 2 ** 30).toFixed(1)} GiB of the GPU`}`;

const formatTime = ({ seconds, is_measured: isMeasured }) =>
  seconds === null ? "unknown until files of each kind were processed here" : `${formatSecondsRange(...seconds)} (${isMeasured ? "measured here" : "estimate"})`;

/** The latest move: progress, why it has stopped, and its controls. */
function Move({ move }) {
  const { state, target, moved, items, failed, error, downloaded_bytes: downloaded, download_bytes: total } = move;
  if (state === "undone") return null;
  const isDownload = total !== null;
  const [done, whole] = isDownload ? [downloaded, total] : [moved, items];
  const amount = isDownload ? `${formatBytes(downloaded)} of ${formatBytes(total)} downloaded` : `${moved.toLocaleString("en")} of ${formatCount(items, "item")} encoded`;
  const titles = { downloading: `Downloading ${target}`, running: `Encoding for ${target}`, stopped: `The move to ${target} has stopped`, done: `The library is in ${target}` };
  return html`
    <section class="space-move" id="space-move" aria-label="Move">
      <h3>${titles[state]}</h3>
      ${state !== "done" && html`
        <progress max=${whole || 1} value=${done} aria-label=${amount}></progress>
        <p role="status">${amount}, ${formatProgress(whole > 0 ? done / whole : 0)}${failed > 0 ? `, ${failed} failed` : ""}</p>`}
      ${error && html`<p class="error">${error}</p>`}
      <div class="row-actions">
        ${["downloading", "running"].includes(state) && html`<button type="button" onClick=${stop}>Stop</button>`}
        ${state === "stopped" && html`<button type="button" class="primary" onClick=${resume}>Continue</button>`}
        ${state !== "done" && html`<${ConfirmButton} label="Cancel the move" question="Cancel? Encoded items are kept." action="Cancel the move" onConfirm=${undo} />`}
        ${state === "done" && html`<${ConfirmButton} label="Move back" question="Return to the previous space?" action="Move back" onConfirm=${undo} />`}
      </div>
    </section>`;
}
