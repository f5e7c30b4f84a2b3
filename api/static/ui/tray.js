// Files that are being added, at the edge of the page: a bar with their number and progress, and below it a row for each.

import { bytes, count, left, share } from "../format.js";
import { question } from "../state/question.js";
import { canRetry, inWords, isOver } from "../state/upload-row.js";
import * as state from "../state/uploads.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { Icon, IconButton } from "./icon.js";

const SHOWN = 40; // rows; of a folder with thousands of files the others are only counted
const ORDER = { sending: 0, working: 1, paused: 2, refused: 3, cut: 3, cancelled: 3, waiting: 4 };

export function Tray() {
  const { rows, done, left: seconds } = state.uploads.use();
  const [folded, setFolded] = useFolded();
  if (rows.length === 0) return null;
  const over = rows.filter(isOver);
  const moving = rows.filter((row) => !isOver(row));
  const shown = rows.toSorted((a, b) => ORDER[a.state] - ORDER[b.state] || byTurn(a, b) || a.id - b.id).slice(0, SHOWN);
  const { stage, progress, rest } = whole({ moving, done, seconds });
  const facts = [
    moving.length > 0 && `${stage} ${share(progress)}`,
    rest,
    done > 0 && `${done.toLocaleString("en")} done`,
    over.length > 0 && moving.length > 0 && `${over.length.toLocaleString("en")} not added`,
  ];
  return html`
    <section class=${folded ? "tray folded" : "tray"} aria-labelledby="tray-title">
      <h2>
        <button type="button" class=${folded ? "bar turned" : "bar"} aria-expanded=${String(!folded)} aria-controls="uploads" onClick=${() => setFolded(!folded)}>
          <span id="tray-title">${moving.length > 0 ? `Adding ${count(moving.length, "file")}` : count(over.length, "file not added", "files not added")}</span>
          <span class="faint">${facts.filter(Boolean).join(" · ")}</span>
          <${Icon} name="down" />
        </button>
      </h2>
      ${moving.length > 0 && html`<progress max="1" value=${progress} aria-label="Progress of all files"></progress>`}
      <ul id="uploads" aria-label="Uploads" hidden=${folded} tabindex="0">
        ${shown.map((row) => html`<${Row} key=${row.id} row=${row} />`)}
        ${rows.length > SHOWN && html`<li class="faint">and ${(rows.length - SHOWN).toLocaleString("en")} more</li>`}
      </ul>
      ${moving.length === 0 && html`<p class="all" hidden=${folded}><button type="button" class="quiet plain" onClick=${state.tidy}>Dismiss all</button></p>`}
    </section>`;
}

/** Each question folds the rows, because they lie over its answer; back in the library they are as they were. */
function useFolded() {
  const [folded, setFolded] = useState(question.get().open);
  const [before, setBefore] = useState(false);
  const { open, busy } = question.use();
  useEffect(() => {
    if (!open) return setFolded(before);
    if (busy) setFolded(true);
  }, [open, busy]);
  const set = (value) => { setFolded(value); if (!open) setBefore(value); };
  return [folded, set];
}

/** {stage, progress, rest}: how far all files are. While any is sent, by bytes; then by what the service has done. */
function whole({ moving, done, seconds }) {
  const sum = (pick) => moving.reduce((total, row) => total + pick(row), 0);
  if (moving.some((row) => row.state === "sending")) {
    const [sent, size] = [sum((row) => row.sent), sum((row) => row.size)];
    return { stage: "sent", progress: sent / Math.max(size, 1), rest: [`${bytes(sent)} of ${bytes(size)}`, left(seconds)].filter(Boolean).join(" · ") };
  }
  const progress = (done + sum((row) => (row.state === "working" ? row.progress : 0))) / (done + moving.length);
  return { stage: "processed", progress, rest: left(Math.max(...moving.map((row) => row.left ?? -1))) };
}

/** By the place in the queue: those that are worked on come first, those whose place is not known last. */
const byTurn = (a, b) => (turn(a) === turn(b) ? 0 : turn(a) - turn(b)); // Infinity is not taken from itself
const turn = (row) => (row.queued ? (row.position ?? Infinity) : 0);

function Row({ row }) {
  const over = isOver(row);
  const moving = row.state === "sending" ? row.sent / Math.max(row.size, 1) : row.state === "working" && !row.queued ? row.progress : null;
  return html`
    <li class=${row.state}>
      <strong title=${row.name}>${row.name || "…"}</strong>
      <span class="does">
        ${canRetry(row) && html`<${IconButton} name="again" label=${`Try ${row.name} again`} onClick=${() => state.retry(row.id)} />`}
        ${over
          ? html`<${IconButton} name="close" label=${`Dismiss ${row.name}`} onClick=${() => state.dismiss(row.id)} />`
          : html`<button type="button" class="quiet plain" aria-label=${`Stop ${row.name}`} onClick=${() => state.cancel(row.id)}>Stop</button>`}
      </span>
      ${moving !== null && html`<progress max="1" value=${moving} aria-label=${`Progress of ${row.name}`}></progress>`}
      <p class=${over && row.state !== "cancelled" ? "error" : "faint"}>${inWords(row)}</p>
    </li>`;
}
