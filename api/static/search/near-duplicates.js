// The near-duplicates of a hit in other items: a button with their number, which expands their list.

import { Thumbnail } from "../library/thumbnail.js";
import { openHit } from "../player/player-store.js";
import { formatCount, formatRange } from "../ui/format.js";
import { html, useState } from "../vendor/preact.js";
import { getThumbnailTime } from "./hits.js";

export function NearDuplicates({ hit }) {
  const [isExpanded, setExpanded] = useState(false);
  if (hit.duplicates === 0) return null;
  const label = `+${formatCount(hit.duplicates, "near-duplicate")}`;
  return html`
    <div class="near-duplicates">
      <button type="button" class="quiet plain" aria-expanded=${String(isExpanded)} aria-label=${`${label} of ${hit.item.name}`}
        onClick=${() => setExpanded(!isExpanded)}>${label}</button>
      ${isExpanded && html`<ul>${hit.alike.map((other) => html`<li key=${`${other.item.id} ${other.start}`}><${NearDuplicate} hit=${other} /></li>`)}</ul>`}
    </div>`;
}

function NearDuplicate({ hit }) {
  const range = hit.item.kind === "image" ? "" : `, ${formatRange(hit.start, hit.end, hit.item.duration)}`;
  return html`
    <button type="button" class="plain" title=${hit.item.name} aria-label=${`Open ${hit.item.name}${range}`} onClick=${() => openHit(hit)}>
      <span class="thumbnail"><${Thumbnail} item=${hit.item} time=${getThumbnailTime(hit)} size=${160} /></span><span>${hit.item.name}${range}</span>
    </button>`;
}
