// Items of a run with their images: the worst and the best ones, and those that changed most between two runs.

import { html, useState } from "../vendor/preact.js";
import { explainImage, imageUrl } from "./evaluation-client.js";

const TEXTS = [["question", "Query"], ["expected", "Expected"], ["answer", "Answer"]];
const getName = (path) => path.slice(path.lastIndexOf("/") + 1);

/** `entries`: [{item, value}], an `ItemRecord` and what stands beside its id. Nothing without entries. */
export function ItemCards({ id, title, runId, entries }) {
  if (entries.length === 0) return null;
  return html`
    <section class="run-items" aria-labelledby=${`${id}-title`}><h4 id=${`${id}-title`}>${title}</h4>
      <ul id=${id}>${entries.map(({ item, value }) => html`<${Card} key=${item.id} runId=${runId} item=${item} value=${value} />`)}</ul>
    </section>`;
}

function Card({ runId, item, value }) {
  const hasAnswer = item.answer_path && item.answer_path !== item.path;
  return html`
    <li class="panel-box">
      ${(item.path || hasAnswer) && html`
        <div class=${item.path && hasAnswer ? "images pair" : "images"}>
          ${item.path && html`<${ItemImage} runId=${runId} itemId=${item.id} of="item" path=${item.path} label=${hasAnswer && "item"} />`}
          ${hasAnswer && html`<${ItemImage} runId=${runId} itemId=${item.id} of="answer" path=${item.answer_path} label="returned first" />`}
        </div>`}
      <p><b>${item.id}</b> ${value}</p>
      <dl>${TEXTS.filter(([key]) => item[key]).map(([key, label]) => html`<dt key=${key}>${label}</dt><dd key=${`${key} text`}>${item[key]}</dd>`)}</dl>
    </li>`;
}

/** The image of a file, or the reason why there is none. `label` is shown below it. */
function ItemImage({ runId, itemId, of, path, label }) {
  const [reason, setReason] = useState(null);
  const url = imageUrl(runId, itemId, of);
  return html`
    <figure>
      ${reason === null
        ? html`<img src=${url} alt=${getName(path)} loading="lazy" decoding="async" onError=${() => explainImage(url).then(setReason)} />`
        : html`<p class="muted no-image">${reason}</p>`}
      ${label && html`<figcaption class="muted">${label}</figcaption>`}
    </figure>`;
}
