// The time of a video or a sound as a line: hits stand on it as high as they are likely. What it shows is also in the list of
// moments below it, so that it is for the mouse and the eye alone. Behind the hits are the scenes of which they are a part.

import { clock, percent, range } from "../format.js";
import { thumbnail } from "../service.js";
import { scenesOf } from "../scene.js";
import { carrying, glance, moment } from "../state/question.js";
import { html, useRef, useState } from "../vendor/preact.js";

const NEAR_PX = 6; // a mark is hit this far beside it

export function Timeline({ item, hits, now = null, chosen = null, onHit, onSeek }) {
  const line = useRef();
  const [over, setOver] = useState(null); // {time, hit}
  const at = (event) => {
    const box = line.current.getBoundingClientRect();
    const time = (Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1)) * item.duration;
    const near = (NEAR_PX / box.width) * item.duration;
    const under = hits.filter((hit) => time >= hit.start - near && time <= hit.end + near);
    return { time, hit: under.sort((a, b) => b.score - a.score)[0] ?? null };
  };
  const click = (event) => {
    const { time, hit } = at(event);
    if (hit) onHit(hit);
    else onSeek(time);
  };
  const scenes = scenesOf(hits);
  const percentage = (time) => `${Math.min(100, (100 * time) / item.duration)}%`;
  return html`
    <div class="timeline" aria-hidden="true" ref=${line} onClick=${click}
      onPointerMove=${(event) => event.pointerType !== "touch" && setOver(at(event))} onPointerLeave=${() => setOver(null)}>
      ${scenes.map(({ start, end }) => html`
        <span key=${start} class="scene" style=${{ left: percentage(start), width: percentage(end - start) }}></span>`)}
      ${hits.map((hit) => html`
        <span key=${hit.start} class=${hit === chosen ? "mark chosen" : "mark"} style=${{
          left: percentage(hit.start),
          width: percentage(hit.end - hit.start),
          height: `${25 + 75 * hit.score}%`,
        }}></span>`)}
      ${now !== null && html`<span class="now" style=${{ left: percentage(now) }}></span>`}
      <span class="ends">${clock(0, item.duration)}</span><span class="ends">${clock(item.duration)}</span>
      ${over && html`<${Glimpse} item=${item} time=${over.hit ? moment(over.hit) : over.time} hit=${over.hit} left=${percentage(over.time)}
        scene=${scenes.find(({ start, end }) => start <= over.time && over.time < end)} />`}
    </div>`;
}

/** What is there, above the mouse. */
function Glimpse({ item, time, hit, left, scene }) {
  const step = hit ? glance(hit) : Math.floor(time / Math.max(1, item.duration / 40)) * Math.max(1, item.duration / 40); // few pictures
  const words = hit && carrying(hit.evidence).find((piece) => piece.text && piece.kind !== "sound")?.text;
  return html`
    <span class="glimpse" style=${{ "--at": left }}>
      ${item.kind === "video" && html`<img src=${thumbnail(item, Math.min(step, item.duration), 320)} alt="" />`}
      <span><b>${clock(time, item.duration)}</b>${hit && ` · ${percent(hit.score)}`}</span>
      ${scene && html`<span class="faint">in the scene ${range(scene.start, scene.end, item.duration)}</span>`}
      ${words && html`<q>${words}</q>`}
    </span>`;
}
