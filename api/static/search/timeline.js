// The timeline of a video or audio item: a marker for each hit, whose height is its score, and the scenes of the hits. It is
// hidden from assistive technology, because the list of hits below it contains the same information.

import { thumbnailUrl } from "../service/client.js";
import { formatProbability, formatRange, formatTime } from "../ui/format.js";
import { html, useRef, useState } from "../vendor/preact.js";
import { getPlaybackStart, getThumbnailTime, selectMainEvidence } from "./hits.js";
import { listScenes } from "./scene.js";

const HIT_MARGIN_PX = 6; // a click this far beside a marker selects it
const MAX_TOOLTIP_FRAMES = 40; // distinct frames per item

export function Timeline({ item, hits, currentTime = null, selected = null, onHit, onSeek }) {
  const element = useRef();
  const [hovered, setHovered] = useState(null); // {time, hit}
  const locate = (event) => {
    const box = element.current.getBoundingClientRect();
    const time = (Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1)) * item.duration;
    const margin = (HIT_MARGIN_PX / box.width) * item.duration;
    const candidates = hits.filter((hit) => time >= hit.start - margin && time <= hit.end + margin);
    return { time, hit: candidates.sort((a, b) => b.score - a.score)[0] ?? null };
  };
  const onClick = (event) => {
    const { time, hit } = locate(event);
    if (hit) onHit(hit);
    else onSeek(time);
  };
  const scenes = listScenes(hits);
  const percentage = (time) => `${Math.min(100, (100 * time) / item.duration)}%`;
  return html`
    <div class="timeline" aria-hidden="true" ref=${element} onClick=${onClick}
      onPointerMove=${(event) => event.pointerType !== "touch" && setHovered(locate(event))} onPointerLeave=${() => setHovered(null)}>
      ${scenes.map(({ start, end }) => html`
        <span key=${start} class="scene" style=${{ left: percentage(start), width: percentage(end - start) }}></span>`)}
      ${hits.map((hit) => html`
        <span key=${hit.start} class=${hit === selected ? "hit-marker selected" : "hit-marker"} style=${{
          left: percentage(hit.start),
          width: percentage(hit.end - hit.start),
          height: `${25 + 75 * hit.score}%`,
        }}></span>`)}
      ${currentTime !== null && html`<span class="playhead" style=${{ left: percentage(currentTime) }}></span>`}
      <span class="limit">${formatTime(0, item.duration)}</span><span class="limit">${formatTime(item.duration)}</span>
      ${hovered && html`<${Tooltip} item=${item} time=${hovered.hit ? getPlaybackStart(hovered.hit) : hovered.time} hit=${hovered.hit} left=${percentage(hovered.time)}
        scene=${scenes.find(({ start, end }) => start <= hovered.time && hovered.time < end)} />`}
    </div>`;
}

/** The frame, time, score, scene and text at the position of the mouse. */
function Tooltip({ item, time, hit, left, scene }) {
  const stepSeconds = Math.max(1, item.duration / MAX_TOOLTIP_FRAMES);
  const frameTime = hit ? getThumbnailTime(hit) : Math.floor(time / stepSeconds) * stepSeconds;
  const text = hit && selectMainEvidence(hit.evidence).find((evidence) => evidence.text && evidence.kind !== "sound")?.text;
  return html`
    <span class="tooltip" style=${{ "--at": left }}>
      ${item.kind === "video" && html`<img src=${thumbnailUrl(item, Math.min(frameTime, item.duration), 320)} alt="" />`}
      <span><b>${formatTime(time, item.duration)}</b>${hit && ` · ${formatProbability(hit.score)}`}</span>
      ${scene && html`<span class="muted">in the scene ${formatRange(scene.start, scene.end, item.duration)}</span>`}
      ${text && html`<q>${text}</q>`}
    </span>`;
}
