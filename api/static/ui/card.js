// An item in the library.

import { KIND, bytes, clock, day } from "../format.js";
import { discard, isLeaving } from "../state/library.js";
import { play } from "../state/player.js";
import { moreLike } from "../state/question.js";
import { html } from "../vendor/preact.js";
import { IconButton } from "./icon.js";
import { STATUS, isStopped, useRetry, whyStopped } from "./item-state.js";
import { Still } from "./still.js";

export function Card({ index, total, item, place }) {
  const style = { transform: `translate(${place.x}px, ${place.y}px)`, width: `${place.width}px` };
  const position = { "data-index": index, "aria-setsize": total, "aria-posinset": index + 1, style };
  if (item === null) return html`<li class="card blank" ...${position}><span class="still"></span></li>`;
  return html`<${Shown} item=${item} position=${position} />`;
}

function Shown({ item, position }) {
  const leaving = isLeaving(item.id);
  const { busy, problem, retry } = useRetry(item);
  const reason = problem?.message ?? (isStopped(item) ? whyStopped(item) : null);
  const facts = [item.duration > 0 ? null : KIND[item.kind], bytes(item.size), day(item.created_at), ...item.tags.map((tag) => `#${tag}`)];
  const words = reason ?? facts.filter(Boolean).join(" · ");
  // What stands on the picture is in the label as it stands there: who speaks to the page says what they see.
  const seen = [item.duration > 0 && clock(item.duration), STATUS[item.status]].filter(Boolean).join(" ");
  const label = `Open ${item.name}, ${KIND[item.kind]}${seen && `, ${seen}`}`;
  return html`
    <li class=${`card${leaving ? " leaving" : ""}`} id=${`item-${item.id}`} ...${position}>
      <button type="button" class="still" aria-label=${label} disabled=${leaving} onClick=${() => play(item)}>
        <${Still} item=${item} scrub />
        ${item.duration > 0 && html`<span class="time rest">${clock(item.duration)}</span>`}${" "}
        ${item.status !== "ready" && html`<span class=${`status ${item.status}`}>${STATUS[item.status]}</span>`}
      </button>
      <div class="text">
        <h3 title=${item.name}>${item.name}</h3>
        <p class=${reason && item.status !== "cancelled" ? "error" : "faint"} title=${words}>${words}</p>
      </div>
      <div class="actions">
        ${item.status === "ready" && html`<${IconButton} name="like" label=${`More like ${item.name}`} onClick=${() => moreLike(item, 0)} />`}
        ${isStopped(item) && html`<${IconButton} name="again" label=${`Try ${item.name} again`} disabled=${busy || leaving} onClick=${retry} />`}
        <${IconButton} name="trash" label=${`Delete ${item.name}`} disabled=${leaving} onClick=${() => discard(item)} />
      </div>
    </li>`;
}
