// An image with one drawing on it, and the buttons and keys that control the drawing.

import { html, useEffect, useLayoutEffect, useState } from "../vendor/preact.js";
import { useDrawing } from "./drawing.js";
import { Surface } from "./surface.js";

const SHAPES = { polygon: "region", line: "line", box: "box" };
const HOW = {
  polygon: "Click the corners. Keys: arrows, Space sets a corner, Enter ends.",
  line: "Click both ends. Keys: arrows, Space sets an end.",
  box: "Click two opposite corners. Keys: arrows, Space sets a corner.",
};

/** `startKey` starts a drawing when it changes to another value than null; `onEnd(points)` receives the corners. The children are
 *  SVG elements over the image, `buttons` those of the toolbar while nothing is drawn. */
export function DrawBox({ backdrop, shape = "polygon", startKey = null, onEnd, onCancel = () => {}, buttons = null, children }) {
  const { id, url, width, height, name } = backdrop;
  const [isBroken, setBroken] = useState(false);
  const drawing = useDrawing({ id, width, height, shape, onEnd });
  useLayoutEffect(() => { if (startKey !== null) drawing.start(); }, [startKey]); // before the next key
  useEffect(() => setBroken(false), [id]);
  const cancel = () => { drawing.cancel(); onCancel(); };
  const onKeyDown = (event) => {
    if (!drawing.isActive || event.ctrlKey || event.metaKey || event.altKey || event.target.matches("button, input, select")) return;
    if (event.key === "Escape") cancel();
    else if (!drawing.handleKey(event)) return;
    event.preventDefault(); // a dialog around it stays open
    event.stopPropagation();
  };
  return html`
    <div class="draw-box" onKeyDown=${onKeyDown}>
      <div class="draw-image" style=${{ "aspect-ratio": `${width} / ${height}` }}>
        <${Surface} url=${url} width=${width} height=${height} label=${name} drawing=${drawing} drawingLabel=${`Draw a ${SHAPES[shape]}. ${HOW[shape]} Escape cancels.`}
          onError=${() => setBroken(true)}>${children}<//>
      </div>
      ${isBroken && html`<p class="error" role="alert">The browser cannot show ${name}.</p>`}
      ${drawing.isActive
        ? html`
          <p class="buttons"><span class="muted">${HOW[shape]}</span>
            ${shape === "polygon" && html`<button type="button" class="primary" disabled=${!drawing.canEnd} onClick=${drawing.end}>Done</button>`}
            <button type="button" disabled=${drawing.points.length === 0} onClick=${drawing.undo}>Remove corner</button>
            <button type="button" onClick=${cancel}>Cancel</button></p>`
        : buttons && html`<p class="buttons">${buttons(drawing)}</p>`}
    </div>`;
}
