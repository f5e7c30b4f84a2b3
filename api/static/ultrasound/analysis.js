// One analysis: its progress, then its candidates with their best frames, and the exports.

import { openItem } from "../player/player-store.js";
import * as client from "../service/client.js";
import { ConfirmButton } from "../ui/confirm-button.js";
import { formatCount, formatProbability, formatProgress, formatTime } from "../ui/format.js";
import { Icon } from "../ui/icon.js";
import { Menu } from "../ui/menu.js";
import { html, useState } from "../vendor/preact.js";
import { deleteAnalysis } from "./analysis-store.js";

const ENDED = new Set(["failed", "quarantined", "cancelled"]);

export function Analysis({ analysis }) {
  const { id, name, item_id: item, result, error, state, progress, stage, exports: files } = analysis;
  const [problem, setProblem] = useState(null);
  const open = (time) => client.getItem(item).then((found) => openItem(found, time), setProblem);
  return html`
    <section class="analysis" id="analysis" aria-labelledby="analysis-title">
      <div class="bar">
        <h3 id="analysis-title">${name}</h3>
        ${item && html`<button type="button" id="open-in-player" onClick=${() => open(0)}>Open in the player</button>`}
        ${files.length > 0 && html`<${Menu} label="Export" id="export-analysis">${files.map((file) => html`
          <a key=${file} class="button" href=${exportUrl(id, file)} download>${file}</a>`)}<//>`}
        <${ConfirmButton} label="Delete" id="delete-analysis" question=${item ? "Delete this analysis and its exports?" : "Delete this analysis, its exports and the DICOM file?"} onConfirm=${() => deleteAnalysis(id)} />
      </div>
      ${problem && html`<p class="error" role="alert">${problem.message}</p>`}
      ${error && html`<p class="error" role="alert">${error}</p>`}
      ${!error && !result && !ENDED.has(state) && html`
        <div class="work" role="status"><progress max="1" value=${progress} aria-label="Progress of the analysis"></progress>
          <p class="muted">Analysing ${formatProgress(progress)}${stage && ` · ${stage}`}</p></div>`}
      ${result && html`<${Result} id=${id} result=${result} files=${files} onOpen=${item ? open : null} />`}
    </section>`;
}

const exportUrl = (id, file) => `/v1/lesions/${id}/exports/${encodeURIComponent(file)}`;

function Result({ id, result: { width, height, num_frames: numFrames, views, candidates, notes, network }, files, onOpen }) {
  const scaled = views.filter(({ mm_per_px: scale }) => scale !== null).length;
  return html`
    <p class="muted" id="analysis-facts">${width} × ${height} px · ${formatCount(numFrames, "frame")} · ${formatCount(views.length, "view")}, ${scaled === 0 ? "no scale" : `${scaled} with a scale`} · network ${network}</p>
    ${candidates.length === 0 && html`<p>No candidate was found.</p>`}
    <ol class="candidates" id="candidates">
      ${candidates.map((candidate) => html`<${Candidate} key=${candidate.id} id=${id} candidate=${candidate} files=${files} onOpen=${onOpen} />`)}
    </ol>
    ${files.includes("tracks.webm") && html`
      <h4>All frames with outlines</h4>
      <video id="tracks" controls muted preload="metadata" src=${exportUrl(id, "tracks.webm")} aria-label="All frames with the outlines of the candidates"></video>`}
    ${notes.map((note) => html`<p class="muted" key=${note}>${note}</p>`)}`;
}

function Candidate({ id, candidate: { id: name, start, end, best, confidence, start_frame: first, end_frame: last, best_frame: frame, best_region: region }, files, onOpen }) {
  const picture = `frame-${String(frame).padStart(5, "0")}.png`;
  const range = start !== null && end - start >= 1 ? `${formatTime(start)}–${formatTime(end)}` : first === last ? `frame ${first}` : `frames ${first}–${last}`;
  return html`
    <li class="card candidate-card">
      ${files.includes(picture) && html`<a href=${exportUrl(id, picture)} target="_blank" rel="noopener"><img src=${exportUrl(id, picture)} alt=${`Frame ${frame} with the outline of candidate ${name}`} loading="lazy" /></a>`}
      <div class="text"><h4>Candidate ${name}</h4>
        <p>confidence ${formatProbability(confidence)} <span class="muted">· ${range}${region.area_mm2 !== null ? ` · ${region.area_mm2.toFixed(1)} mm²` : ` · ${region.area_px.toLocaleString("en")} px²`}</span></p>
        ${onOpen && best !== null && html`<p><button type="button" onClick=${() => onOpen(best)}><${Icon} name="video" />Show at ${formatTime(best)}</button></p>`}</div>
    </li>`;
}
