// The results of an inspection, by p-value: a filter by verdict, and a card for each result.

import { formatCount, formatDate, formatProgress, formatTime } from "../ui/format.js";
import { Menu } from "../ui/menu.js";
import { RequestError } from "../service/request-error.js";
import { thumbnailUrl } from "../service/client.js";
import { moveFocus } from "../search/arrow-navigation.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { selectInspection, view } from "./inspect-store.js";
import { cancelInspection, exportUrl } from "./inspection-client.js";
import { RateSlider } from "./rate-slider.js";
import { Teach } from "./teach.js";
import { inspections, isEnded, listShown, results, showInspection } from "./results-store.js";
import { VERDICTS, Verdict, describeMarks, formatPValue } from "./verdict.js";

const CARDS_PER_STEP = 120;
const EXPORTS = [["coco", "COCO JSON"], ["csv", "CSV"], ["mvtec", "MVTec folders"], ["png16", "Heat maps, 16-bit PNG"]];

export function Gallery({ inspector }) {
  const { inspectionId } = view.use();
  const { list, problem: listProblem } = inspections.use();
  const state = results.use();
  const { inspection, all, total, isLoading, problem, failures, verdict } = state;
  const [numCards, setNumCards] = useState(CARDS_PER_STEP);
  useEffect(() => { showInspection(inspectionId); setNumCards(CARDS_PER_STEP); }, [inspectionId]);
  const shown = listShown(state);
  return html`
    <section class="gallery" aria-labelledby="results-of" aria-busy=${String(isLoading)}>
      <div class="bar">
        <h3 id="results-of">Results</h3>
        <p class="muted" id="gallery-facts">${inspection && formatCount(total, "result")}</p>
        ${list.length > 0 && html`
          <label><span class="visually-hidden">Inspection</span>
            <select id="inspection" value=${inspectionId ?? ""} onChange=${(event) => selectInspection(event.target.value)}>
              ${list.map((other) => html`<option key=${other.id} value=${other.id}>${describeInspection(other)}</option>`)}
            </select></label>`}
        ${all.length > 0 && html`
          <${Menu} label="Export" id="export-results">
            ${EXPORTS.map(([format, label]) => html`<a key=${format} class="button" href=${exportUrl(inspection.id, format)} download>${label}</a>`)}
          <//>`}
      </div>
      ${listProblem && html`<${RequestError} problem=${listProblem} />`}
      ${problem && html`<${RequestError} problem=${problem} onRetry=${() => showInspection(inspectionId)} />`}
      ${inspection && !isEnded(inspection) && html`<${Progress} inspection=${inspection} />`}
      ${list.length === 0 && !listProblem && html`
        <div class="empty"><p><strong>No part is inspected yet.</strong></p><p>Add images of parts. Those that look least like the good ones come first.</p></div>`}
      ${all.length > 0 && html`<${VerdictFilter} all=${all} verdict=${verdict} />`}
      ${all.length > 0 && html`<${RateSlider} />`}
      ${state.hasMarks && all.length > 0 && html`<${Teach} inspector=${inspector} />`}
      ${all.length > 0 && shown.length === 0 && html`<p class="muted">No result has this verdict.</p>`}
      <ul class="parts" id="gallery" onKeyDown=${moveFocus}>
        ${shown.slice(0, numCards).map((result) => html`<${Card} key=${result.id} result=${result} />`)}
      </ul>
      ${shown.length > numCards && html`<p><button type="button" onClick=${() => setNumCards(numCards + CARDS_PER_STEP)}>Show more</button></p>`}
      ${total > all.length && all.length > 0 && html`<p class="note">The page shows the ${all.length.toLocaleString("en")} smallest p-values of ${total.toLocaleString("en")}. The exports contain all.</p>`}
      ${failures.length > 0 && html`<${Failures} failures=${failures} />`}
    </section>`;
}

const describeInspection = ({ created_at: createdAt, num_items: numItems, version }) => {
  const time = new Date(createdAt).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hour12: false });
  return `${formatDate(createdAt)}, ${time} · ${formatCount(numItems, "item")} · version ${version}`;
};

function Progress({ inspection }) {
  const progress = results.use((state) => state.progress) ?? inspection;
  const [problem, setProblem] = useState(null);
  const cancel = () => cancelInspection(inspection.id).catch(setProblem);
  return html`
    <div class="work" role="status" id="inspection-progress">
      <progress max="1" value=${progress.progress} aria-label="Progress of the inspection"></progress>
      <p class="muted">Inspecting ${formatProgress(progress.progress)}${progress.stage && ` · ${progress.stage}`}
        <button type="button" class="quiet plain" onClick=${cancel}>Stop</button></p>
      ${problem && html`<p class="error">${problem.message}</p>`}
    </div>`;
}

function VerdictFilter({ all, verdict }) {
  const count = (value) => all.filter(({ record }) => record.verdict === value).length;
  return html`
    <fieldset class="verdict-filter"><legend class="visually-hidden">Verdict</legend>
      <span class="segmented" id="verdicts">
        ${[[null, "All", all.length], ...Object.entries(VERDICTS).map(([value, label]) => [value, label, count(value)])].map(([value, label, number]) => html`
          <label key=${label}><input type="radio" name="verdict" checked=${verdict === value} onChange=${() => results.set({ verdict: value })} />
            ${label} ${number.toLocaleString("en")}</label>`)}
      </span>
    </fieldset>`;
}

function Card({ result }) {
  const { record, item_id: id, item_name: name, frame_time: time, marks } = result;
  const marked = describeMarks(marks);
  const isFrame = time !== null;
  const label = `${VERDICTS[record.verdict]}, ${name}${isFrame ? ` at ${formatTime(time)}` : ""}, p ${formatPValue(record.p_value)}${marked ? `, ${marked}` : ""}`;
  return html`
    <li class="card part">
      <button type="button" class="thumbnail" data-hit=${result.id} aria-label=${label} onClick=${() => view.set({ resultId: result.id })}>
        <span class="frame"><img src=${thumbnailUrl({ id }, time ?? 0, 320)} alt="" loading="lazy" decoding="async" draggable=${false} /></span>
        <${Verdict} verdict=${record.verdict} />
        ${isFrame && html`<span class="time">${formatTime(time)}</span>`}
      </button>
      <div class="text"><h4 title=${name}>${name}</h4>
        <p class="muted">p ${formatPValue(record.p_value)}${marked && html` · <span class="marked">${marked}</span>`}</p></div>
    </li>`;
}

const Failures = ({ failures }) => html`
  <section class="failures" aria-labelledby="failures-title"><h3 id="failures-title">Not inspected</h3>
    <ul>${failures.map(({ item, error }) => html`<li key=${item} class="error">${error}</li>`)}</ul>
  </section>`;
