// The inspected image with the outlines of its regions, and the same image under its heat map. Coordinates are pixels of the image.

import { thumbnailUrl } from "../service/client.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";

export const LAYOUTS = { beside: "Heat map beside", over: "Heat map over", none: "No heat map" };
const LONGEST_SIDE_PX = 1280; // of the largest thumbnail

export const formatPoints = (polygon) => polygon.map(([x, y]) => `${x},${y}`).join(" ");

/** `layout` is a key of `LAYOUTS`; `selected` the index of a region; `drawing` that of `useDrawing`. */
export function Picture({ result, layout, selected, drawing }) {
  const hasHeat = result.overlay !== null;
  const name = result.item_name;
  return html`
    <div class=${layout === "beside" && hasHeat ? "pictures beside" : "pictures"}>
      <${Panel} result=${result} label=${layout === "over" && hasHeat ? `${name} under its heat map` : name} hasHeat=${layout === "over" && hasHeat}
        hasOutlines selected=${selected} drawing=${drawing} />
      ${layout === "beside" && hasHeat && html`<${Panel} result=${result} label=${`Heat map of ${name}`} hasHeat selected=${selected} />`}
    </div>`;
}

function Panel({ result, label, hasHeat, hasOutlines = false, selected, drawing = null }) {
  const { record: { width, height, regions }, marks } = result;
  const src = useSource(result);
  const box = { x: 0, y: 0, width, height, preserveAspectRatio: "none" };
  const isDrawing = drawing !== null && drawing.isActive;
  const element = useRef();
  useLayoutEffect(() => { if (isDrawing) element.current.focus(); }, [isDrawing]); // a focused button would receive Space and Enter
  const shape = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMidYMid meet" };
  return html`
    <svg ref=${element} class=${isDrawing ? "panel-picture drawing" : "panel-picture"} ...${shape} role=${isDrawing ? "application" : "img"} tabindex=${isDrawing ? 0 : undefined}
      aria-label=${isDrawing ? DRAWING_LABEL : label} ...${isDrawing ? drawing.listeners : {}}>
      <image href=${src.url} ...${box} onError=${src.onError} />
      ${hasHeat && html`<image class="heat" href=${result.overlay} ...${box} />`}
      ${hasOutlines && regions.map((region, i) => html`
        <polygon key=${i} class=${i === selected ? "region selected" : "region"} points=${formatPoints(region.polygon)} />`)}
      ${hasOutlines && marks.flatMap((mark) => mark.polygons).map((polygon, i) => html`<polygon key=${`mark ${i}`} class="marked-region" points=${formatPoints(polygon)} />`)}
      ${isDrawing && html`<${Outline} drawing=${drawing} size=${Math.max(width, height)} />`}
    </svg>`;
}

const DRAWING_LABEL = "Outline of a defect: click the corners, or move with the arrow keys and set a corner with Space; Enter ends, Escape cancels";

function Outline({ drawing: { points, cursor }, size }) {
  const radius = size / 70;
  return html`
    <polyline class="outline" points=${formatPoints([...points, cursor])} />
    ${points.map(([x, y], i) => html`<circle key=${i} class="corner" cx=${x} cy=${y} r=${radius / 1.6} />`)}
    <path class="cursor" d=${`M${cursor[0] - 2 * radius} ${cursor[1]}h${4 * radius}M${cursor[0]} ${cursor[1] - 2 * radius}v${4 * radius}`} />`;
}

/** The stored image; a frame of a video, or what the browser cannot show, as the largest thumbnail. */
function useSource({ id, item_id: item, media, frame_time: time, record }) {
  const [isBroken, setBroken] = useState(false);
  useEffect(() => setBroken(false), [id]);
  const url = time !== null || isBroken ? thumbnailUrl({ id: item }, time ?? 0, LONGEST_SIDE_PX) : media;
  return { url, onError: () => setBroken(true) };
}
