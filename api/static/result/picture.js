// The inspected image with the outlines of its regions, and the same image under its heat map. Coordinates are pixels of the image.

import { Surface, formatPoints } from "../drawing/surface.js";
import { thumbnailUrl } from "../service/client.js";
import { html, useEffect, useState } from "../vendor/preact.js";

export const LAYOUTS = { beside: "Heat map beside", over: "Heat map over", none: "No heat map" };
const LONGEST_SIDE_PX = 1280; // of the largest thumbnail

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
  return html`
    <${Surface} url=${src.url} width=${width} height=${height} label=${label} drawing=${drawing} drawingLabel=${DRAWING_LABEL} onError=${src.onError}>
      ${hasHeat && html`<image class="heat" href=${result.overlay} x="0" y="0" width=${width} height=${height} preserveAspectRatio="none" />`}
      ${hasOutlines && regions.flatMap((region, i) => [region.polygon, ...(region.further ?? [])].map((polygon, piece) => html`
        <polygon key=${`${i} ${piece}`} class=${i === selected ? "region selected" : "region"} points=${formatPoints(polygon)} />`))}
      ${hasOutlines && marks.flatMap((mark) => mark.polygons).map((polygon, i) => html`<polygon key=${`mark ${i}`} class="marked-region" points=${formatPoints(polygon)} />`)}
    <//>`;
}

const DRAWING_LABEL = "Outline of a defect: click the corners, or move with the arrow keys and set a corner with Space; Enter ends, Escape cancels";

/** The stored image; a frame of a video, or what the browser cannot show, as the largest thumbnail. */
function useSource({ id, item_id: item, media, frame_time: time, record }) {
  const [isBroken, setBroken] = useState(false);
  useEffect(() => setBroken(false), [id]);
  const url = time !== null || isBroken ? thumbnailUrl({ id: item }, time ?? 0, LONGEST_SIDE_PX) : media;
  return { url, onError: () => setBroken(true) };
}
