// What is on its way in, at the edge of the page.

import { bytes, count, left, share } from "../format.js";
import * as state from "../state/uploads.js";
import { html, useState } from "../vendor/preact.js";
import { Icon, IconButton } from "./icon.js";

const SHOWN = 40; // rows; of a folder with thousands of files the others are only counted

export function Tray() {
  const { rows, done, left: seconds } = state.uploads.use();
  const [small, setSmall] = useState(false);
  if (rows.length === 0) return null;
  const over = rows.filter(state.isOver);
  const moving = rows.length - over.length;
  const sent = rows.reduce((sum, row) => sum + row.sent, 0);
  const size = rows.reduce((sum, row) => sum + row.size, 0);
  const order = { sending: 0, working: 1, paused: 2, refused: 3, cut: 3, cancelled: 3, waiting: 4 };
  const shown = rows.toSorted((a, b) => order[a.state] - order[b.state] || a.id - b.id).slice(0, SHOWN);
  const facts = [
    done > 0 && `${done.toLocaleString("en")} done`,
    over.length > 0 && count(over.length, "not taken", "not taken"),
    seconds !== null && left(seconds),
    seconds !== null && `${bytes(sent)} of ${bytes(size)}`,
  ].filter(Boolean);
  return html`
    <section class="tray" aria-labelledby="tray-title">
      <header>
        <h2 id="tray-title">${moving > 0 ? `Adding ${count(moving, "file")}` : "Nothing on its way"}</h2>
        <span class="faint">${facts.join(" · ")}</span>
        ${moving === 0 && html`<button type="button" class="quiet plain" onClick=${state.tidy}>Dismiss all</button>`}
        <button type="button" class=${small ? "quiet turned" : "quiet"} aria-expanded=${String(!small)} aria-controls="uploads"
          aria-label=${small ? "Show the files" : "Hide the files"} onClick=${() => setSmall(!small)}><${Icon} name="down" /></button>
      </header>
      <ul id="uploads" aria-label="Uploads" hidden=${small} tabindex="0">
        ${shown.map((row) => html`<${Row} key=${row.id} row=${row} />`)}
        ${rows.length > SHOWN && html`<li class="faint">and ${(rows.length - SHOWN).toLocaleString("en")} more</li>`}
      </ul>
    </section>`;
}

function Row({ row }) {
  const over = state.isOver(row);
  const moving = row.state === "sending" ? row.sent / Math.max(row.size, 1) : row.state === "working" ? row.progress : null;
  return html`
    <li class=${row.state}>
      <strong title=${row.name}>${row.name || "…"}</strong>
      <span class="does">
        ${over && row.file && html`<${IconButton} name="again" label=${`Try ${row.name} again`} onClick=${() => state.retry(row.id)} />`}
        ${over
          ? html`<${IconButton} name="close" label=${`Dismiss ${row.name}`} onClick=${() => state.dismiss(row.id)} />`
          : html`<button type="button" class="quiet plain" aria-label=${`Stop ${row.name}`} onClick=${() => state.cancel(row.id)}>Stop</button>`}
      </span>
      ${moving !== null && html`<progress max="1" value=${moving} aria-label=${`Progress of ${row.name}`}></progress>`}
      <p class=${over && row.state !== "cancelled" ? "error" : "faint"}>${words(row)}</p>
    </li>`;
}

function words(row) {
  if (state.isOver(row)) return row.error;
  if (row.state === "waiting") return `waiting, ${bytes(row.size)}`;
  if (row.state === "paused") return row.stage;
  const rest = left(row.left);
  if (row.state === "sending") return [`${bytes(row.sent)} of ${bytes(row.size)}`, rest].filter(Boolean).join(", ");
  return [row.stage, row.progress > 0 && share(row.progress), rest].filter(Boolean).join(", ");
}
