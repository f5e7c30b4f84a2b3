// The upload tray: a bar with the number of files and their progress, and a row for each file.

import { getViewName, useViewName } from "../shell/views.js";
import { query } from "../search/query-store.js";
import { formatBytes, formatCount, formatProgress, formatTimeLeft } from "../ui/format.js";
import { Icon, IconButton } from "../ui/icon.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { canRetry, describeRow, isEnded } from "./row-status.js";
import { cancelRow, dismissAll, dismissRow, retryRow, uploads } from "./upload-store.js";

const MAX_ROWS = 40; // the other rows are only counted
const STATE_ORDER = { sending: 0, processing: 1, paused: 2, failed: 3, interrupted: 3, cancelled: 3, waiting: 4 };

export function Tray() {
  const { rows, numDone, secondsLeft } = uploads.use();
  const [isCollapsed, setCollapsed] = useCollapsed();
  if (rows.length === 0) return null;
  const ended = rows.filter(isEnded);
  const active = rows.filter((row) => !isEnded(row));
  const shown = rows.toSorted((a, b) => STATE_ORDER[a.state] - STATE_ORDER[b.state] || compareQueue(a, b) || a.id - b.id).slice(0, MAX_ROWS);
  const { stage, progress, details } = summarize({ active, numDone, secondsLeft });
  const title = active.length > 0 ? `Adding ${formatCount(active.length, "file")}` : formatCount(ended.length, "file not added", "files not added");
  const facts = [
    active.length > 0 && `${stage} ${formatProgress(progress)}`,
    details,
    numDone > 0 && `${numDone.toLocaleString("en")} done`,
    ended.length > 0 && active.length > 0 && `${ended.length.toLocaleString("en")} not added`,
  ];
  return html`
    <section class=${isCollapsed ? "tray collapsed" : "tray"} aria-labelledby="tray-title">
      <h2>
        <button type="button" class=${isCollapsed ? "bar flipped" : "bar"} aria-expanded=${String(!isCollapsed)} aria-controls="uploads"
          onClick=${() => setCollapsed(!isCollapsed)}>
          <span id="tray-title">${title}</span>
          <span class="muted">${facts.filter(Boolean).join(" · ")}</span>
          <${Icon} name="down" />
        </button>
      </h2>
      ${active.length > 0 && html`<progress max="1" value=${progress} aria-label="Progress of all files"></progress>`}
      <ul id="uploads" aria-label="Uploads" hidden=${isCollapsed} tabindex="0">
        ${shown.map((row) => html`<${Row} key=${row.id} row=${row} />`)}
        ${rows.length > MAX_ROWS && html`<li class="muted">and ${(rows.length - MAX_ROWS).toLocaleString("en")} more</li>`}
      </ul>
      ${active.length === 0 && html`<p class="dismiss-all" hidden=${isCollapsed}>
        <button type="button" class="quiet plain" onClick=${dismissAll}>Dismiss all</button></p>`}
    </section>`;
}

/** A search and the other views collapse the rows, because they cover results; the library view restores the previous state. */
function useCollapsed() {
  const [isCollapsed, setCollapsed] = useState(query.get().isOpen || getViewName() !== "library");
  const [libraryState, setLibraryState] = useState(false);
  const { isOpen: isSearch, isLoading } = query.use();
  const isOtherView = useViewName() !== "library";
  const isLibrary = !isSearch && !isOtherView;
  useEffect(() => {
    if (isLibrary) return setCollapsed(libraryState);
    if (isLoading || isOtherView) setCollapsed(true);
  }, [isLibrary, isOtherView, isLoading]);
  const change = (value) => { setCollapsed(value); if (isLibrary) setLibraryState(value); };
  return [isCollapsed, change];
}

/** {stage, progress, details} of all files: by bytes while any file is sent, else by job progress. */
function summarize({ active, numDone, secondsLeft }) {
  const sum = (select) => active.reduce((total, row) => total + select(row), 0);
  if (active.some((row) => row.state === "sending")) {
    const [sent, size] = [sum((row) => row.sent), sum((row) => row.size)];
    const details = [`${formatBytes(sent)} of ${formatBytes(size)}`, formatTimeLeft(secondsLeft)].filter(Boolean).join(" · ");
    return { stage: "sent", progress: sent / Math.max(size, 1), details };
  }
  const progress = (numDone + sum((row) => (row.state === "processing" ? row.progress : 0))) / (numDone + active.length);
  return { stage: "processed", progress, details: formatTimeLeft(Math.max(...active.map((row) => row.secondsLeft ?? -1))) };
}

/** Order by queue position: jobs that run first, jobs without a known position last. */
function compareQueue(a, b) {
  const [first, second] = [queuePosition(a), queuePosition(b)];
  return first === second ? 0 : first - second; // Infinity - Infinity is NaN
}

const queuePosition = (row) => (row.isQueued ? (row.position ?? Infinity) : 0);

function Row({ row }) {
  const hasEnded = isEnded(row);
  const progress = row.state === "sending" ? row.sent / Math.max(row.size, 1) : row.state === "processing" && !row.isQueued ? row.progress : null;
  return html`
    <li class=${row.state}>
      <strong title=${row.name}>${row.name || "…"}</strong>
      <span class="row-actions">
        ${canRetry(row) && html`<${IconButton} name="retry" label=${`Try ${row.name} again`} onClick=${() => retryRow(row.id)} />`}
        ${hasEnded
          ? html`<${IconButton} name="close" label=${`Dismiss ${row.name}`} onClick=${() => dismissRow(row.id)} />`
          : html`<button type="button" class="quiet plain" aria-label=${`Stop ${row.name}`} onClick=${() => cancelRow(row.id)}>Stop</button>`}
      </span>
      ${progress !== null && html`<progress max="1" value=${progress} aria-label=${`Progress of ${row.name}`}></progress>`}
      <p class=${hasEnded && row.state !== "cancelled" ? "error" : "muted"}>${describeRow(row)}</p>
    </li>`;
}
