// One hit: its picture, its time, and why it is here.

import { clock, percent, range } from "../format.js";
import { playHit } from "../state/player.js";
import { carrying, glance, moreLike } from "../state/question.js";
import { html } from "../vendor/preact.js";
import { Alike } from "./alike.js";
import { IconButton } from "./icon.js";
import { Still } from "./still.js";

export function Moment({ hit }) {
  const { item } = hit;
  const timed = item.kind !== "image";
  const label = timed ? `Play ${item.name}, ${range(hit.start, hit.end, item.duration)}` : `Open ${item.name}`;
  return html`
    <article class="moment">
      <button type="button" class="still" data-hit aria-label=${label} onClick=${() => playHit(hit)}>
        <${Still} item=${item} time=${glance(hit)} />
        ${timed && html`<span class="time">${range(hit.start, hit.end, item.duration)}</span>`}
      </button>
      <div class="text">
        ${!timed && html`<h3 title=${item.name}>${item.name}</h3>`}
        <${Score} score=${hit.score} />
        <${Why} evidence=${carrying(hit.evidence)} />
        <${Alike} hit=${hit} />
      </div>
      <div class="actions">
        <${IconButton} name="like" label=${`More like ${timed ? `${item.name} at ${clock(hit.best_start, item.duration)}` : item.name}`} onClick=${() => moreLike(item, hit.best_start)} />
      </div>
    </article>`;
}

export const Score = ({ score }) => html`
  <p class="score" title="How likely it is that this moment answers, all evidence together">
    <span class="track" aria-hidden="true"><span style=${{ width: `${100 * score}%` }}></span></span>${percent(score)}</p>`;

const WORDS = { picture: "seen", speech: "said", sound: "heard", written: "read", word: "spelt", name: "called" };

/** `exact` tells of each piece how much it says by itself. */
export const Why = ({ evidence, exact = false }) => html`
  <ul class="why">
    ${evidence.map((piece) => html`
      <li key=${piece.kind} class=${piece.kind} title=${`${percent(piece.score)} by itself`}>
        <span class="tag">${WORDS[piece.kind]}</span>${piece.text && (piece.kind === "sound" ? ` ${piece.text}` : html` <q>${piece.text}</q>`)}${exact && html` <small>${percent(piece.score)}</small>`}</li>`)}
  </ul>`;
