// Moments of other items that show the same as a hit: a number, and behind it the moments.

import { count, range } from "../format.js";
import { playHit } from "../state/player.js";
import { glance } from "../state/question.js";
import { html, useState } from "../vendor/preact.js";
import { Still } from "./still.js";

export function Alike({ hit }) {
  const [open, setOpen] = useState(false);
  if (hit.duplicates === 0) return null;
  const label = `${count(hit.duplicates, "more moment shows", "more moments show")} the same as ${hit.item.name}`;
  return html`
    <div class="alike">
      <button type="button" class="quiet plain" aria-expanded=${String(open)} aria-label=${label} onClick=${() => setOpen(!open)}>+${hit.duplicates} alike</button>
      ${open && html`<ul>${hit.alike.map((one) => html`<li key=${`${one.item.id} ${one.start}`}><${One} hit=${one} /></li>`)}</ul>`}
    </div>`;
}

function One({ hit }) {
  const when = hit.item.kind === "image" ? "" : `, ${range(hit.start, hit.end, hit.item.duration)}`;
  return html`
    <button type="button" class="plain" title=${hit.item.name} aria-label=${`Open ${hit.item.name}${when}`} onClick=${() => playHit(hit)}>
      <span class="still"><${Still} item=${hit.item} time=${glance(hit)} size=${160} /></span><span>${hit.item.name}${when}</span>
    </button>`;
}
