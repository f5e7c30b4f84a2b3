// Items of a run with images and players: the worst and the best ones, and those that changed most between two runs.

import { html, useState } from "../vendor/preact.js";
import { explainImage, fileUrl, imageUrl } from "./evaluation-client.js";

const TEXTS = [["question", "Query"], ["expected", "Expected"], ["answer", "Answer"]];
const VIDEO = /\.(3gp|avi|flv|m2ts|m4v|mkv|mov|mp4|mpe?g|mts|ogv|ts|webm|wmv)$/i;
const AUDIO = /\.(aac|aiff?|flac|m4a|mp3|oga|ogg|opus|wav|wma)$/i;
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
          ${item.path && html`<${ItemFile} runId=${runId} item=${item} of="item" path=${item.path} label=${hasAnswer && "item"} />`}
          ${hasAnswer && html`<${ItemFile} runId=${runId} item=${item} of="answer" path=${item.answer_path} label="returned first" />`}
        </div>`}
      <p><b>${item.id}</b> ${value}</p>
      <dl>${TEXTS.filter(([key]) => item[key]).map(([key, label]) => html`<dt key=${key}>${label}</dt><dd key=${`${key} text`}>${item[key]}</dd>`)}</dl>
    </li>`;
}

/** The image of a file, and where it is a video or a sound a player. `label` is shown below it. */
function ItemFile({ runId, item, of, path, label }) {
  const [isBroken, setBroken] = useState(false);
  const parts = { runId, item, of, path };
  const isVideo = VIDEO.test(path);
  return html`
    <figure>
      ${isVideo && !isBroken ? html`<${Player} tag="video" ...${parts} onBroken=${() => setBroken(true)} />` : html`<${ItemImage} ...${parts} />`}
      ${AUDIO.test(path) && !isBroken && html`<${Player} tag="audio" ...${parts} onBroken=${() => setBroken(true)} />`}
      ${isBroken && html`<p class="muted">This browser cannot play ${getName(path)}.</p>`}
      ${label && html`<figcaption class="muted">${label}</figcaption>`}
    </figure>`;
}

/** Nothing is loaded before the player is started. It plays the seconds of the item, which only its own file has. */
function Player({ tag, runId, item, of, path, onBroken }) {
  const span = of === "item" && Number.isFinite(item.start) ? `#t=${item.start}${item.end > item.start ? `,${item.end}` : ""}` : "";
  const poster = tag === "video" ? { poster: imageUrl(runId, item.id, of), playsinline: true } : {};
  return html`<${tag} src=${fileUrl(runId, item.id, of) + span} controls preload="none" aria-label=${getName(path)} onError=${onBroken} ...${poster} />`;
}

/** The image of a file, or the reason why there is none. */
function ItemImage({ runId, item, of, path }) {
  const [reason, setReason] = useState(null);
  const url = imageUrl(runId, item.id, of);
  return reason === null
    ? html`<img src=${url} alt=${getName(path)} loading="lazy" decoding="async" onError=${() => explainImage(url).then(setReason)} />`
    : html`<p class="muted no-image">${reason}</p>`;
}
