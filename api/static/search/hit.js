// One hit: its thumbnail, time range, score and evidence.

import { addMoment } from "../albums/add-to-album.js";
import { clipOptions, saveHit } from "../albums/clips.js";
import { Thumbnail } from "../library/thumbnail.js";
import { openHit } from "../player/player-store.js";
import { formatLanguage, formatProbability, formatRange, formatTime } from "../ui/format.js";
import { IconButton } from "../ui/icon.js";
import { html } from "../vendor/preact.js";
import { getThumbnailTime, selectMainEvidence } from "./hits.js";
import { NearDuplicates } from "./near-duplicates.js";
import { searchSimilar } from "./query-store.js";

export function Hit({ hit }) {
  const { item } = hit;
  const isExact = clipOptions.use((state) => state.isExact);
  const isTimed = item.kind !== "image";
  const range = formatRange(hit.start, hit.end, item.duration);
  const moment = isTimed ? `${item.name} at ${formatTime(hit.best_start, item.duration)}` : item.name;
  return html`
    <article class="hit">
      <button type="button" class="thumbnail" data-hit aria-label=${isTimed ? `Play ${item.name}, ${range}` : `Open ${item.name}`} onClick=${() => openHit(hit)}>
        <${Thumbnail} item=${item} time=${getThumbnailTime(hit)} />
        ${isTimed && html`<span class="time">${range}</span>`}
      </button>
      <div class="text">
        ${!isTimed && html`<h3 title=${item.name}>${item.name}</h3>`}
        ${hit.caption && html`<p class="caption">${hit.caption}</p>`}
        <${Score} hit=${hit} />
        <${EvidenceList} evidence=${selectMainEvidence(hit.evidence)} />
        <${NearDuplicates} hit=${hit} />
      </div>
      <div class="actions">
        ${isTimed && html`<${IconButton} name="save" label=${`Save ${isExact ? "an exact clip" : "a clip"} of ${moment}`} onClick=${() => saveHit(hit)} />`}
        <${IconButton} name="album" label=${`Add ${moment} to an album`} onClick=${() => addMoment(hit)} />
        <${IconButton} name="similar" label=${`More like ${moment}`} onClick=${() => searchSimilar(item, hit.best_start)} />
      </div>
    </article>`;
}

/** The probability of a hit: its confidence where there is one, and its band unless it is likely. */
export function Score({ hit: { score, confidence, band } }) {
  const probability = confidence ?? score;
  return html`
    <p class="score" title="Probability that this moment matches the query, from all evidence">
      <span class="track" aria-hidden="true"><span style=${{ width: `${100 * probability}%` }}></span></span>${formatProbability(probability)}
      ${band !== "likely" && html` <span class="band">${band}</span>`}</p>`;
}

/** Evidence kind -> label. */
const EVIDENCE_LABELS = { picture: "image", speech: "speech", sound: "sound", written: "text", word: "word", name: "name", caption: "caption" };

/** How the words of the evidence match those of the query -> label. */
const MATCH_LABELS = { exact: "same words", near: "similar words", meaning: "by meaning" };

/** `hasScores` shows the score of each piece of evidence. */
export const EvidenceList = ({ evidence, hasScores = false }) => html`
  <ul class="evidence">
    ${evidence.map(({ kind, score, text, match, language }) => html`
      <li key=${kind} class=${kind} title=${`${formatProbability(score)} from this evidence alone`}>
        <span class="tag">${EVIDENCE_LABELS[kind]}${language && language !== "en" && `, ${formatLanguage(language)}`}</span>${text && (kind === "sound" ? ` ${text}` : html` <q>${text}</q>`)}
        ${match && html` <small class="match">${MATCH_LABELS[match]}</small>`}
        ${hasScores && html` <small>${formatProbability(score)}</small>`}</li>`)}
  </ul>`;
