// What a line reads, how it decides, and what its sinks have accepted.

import { ConfirmButton } from "../ui/confirm-button.js";
import { formatCount } from "../ui/format.js";
import { html } from "../vendor/preact.js";
import { csvUrl, deleteLine } from "./line-store.js";

const SINKS = { csv: "CSV file", webhook: "Webhook", mqtt: "MQTT", opcua: "OPC UA" };

export function LineDetails({ line, isStopped }) {
  const { name, source, region, crop, deadline, fail_share: failShare, frames, dropped, lost = 0, reconnects, num_parts: numParts, sinks } = line;
  return html`
    <details class="more-settings" id="line-details"><summary>Details</summary>
      <dl>
        <dt>Source</dt><dd>${describeSource(source)}</dd>
        <dt>Frames</dt><dd>${frames.toLocaleString("en")} in this run, ${dropped.toLocaleString("en")} dropped${source.camera && `, ${lost.toLocaleString("en")} lost by the camera, ${formatCount(reconnects, "reconnection")}`}</dd>
        <dt>Inspected</dt><dd>${crop === "part" ? "a box around each part" : "the region"}; ${region ? `a region of ${region.length} corners` : "the whole frame"}</dd>
        <dt>Verdict</dt><dd>${deadline === null ? "no deadline" : `within ${deadline} s`}; FAIL from ${Math.round(100 * failShare)} % failing frames</dd>
        ${sinks.map((sink) => html`<dt key=${`${sink.kind} name`}>${SINKS[sink.kind]}</dt><dd key=${sink.kind}>${describeSink(sink)}</dd>`)}
      </dl>
      <p class="buttons">
        ${numParts > 0 && html`<a class="button" href=${csvUrl(name)} download>Verdicts as CSV</a>`}
        ${isStopped
          ? html`<${ConfirmButton} label="Delete line" id="delete-line" question=${`Delete ${name} with its verdicts?`} action="Delete" onConfirm=${() => deleteLine(name)} />`
          : html`<span class="muted">A line that is stopped can be deleted.</span>`}</p>
    </details>`;
}

function describeSource({ camera, folder, item, once, pace, fps }) {
  const rate = fps < 30 && !folder ? `, ${fps} frames a second` : "";
  if (camera) return `camera ${camera}${rate}`;
  if (folder) return `folder ${folder}${once ? ", the images that are there" : ""}`;
  return html`<a href=${`#item=${item}`}>video</a>${pace && ", in real time"}${rate}`;
}

const describeSink = ({ host, backlog, refused }) =>
  [host, backlog === 0 ? "up to date" : `${backlog.toLocaleString("en")} waiting`, refused > 0 && `${refused.toLocaleString("en")} refused`].filter(Boolean).join(" · ");
