// A dialog that draws and names regions on a good image, each checked for presence or for a count of copies.

import { itemBackdrop } from "../drawing/backdrop.js";
import { DrawBox } from "../drawing/draw-box.js";
import { boxCorners, formatPoints } from "../drawing/surface.js";
import * as client from "../service/client.js";
import { RequestError } from "../service/request-error.js";
import { Dialog } from "../ui/dialog.js";
import { Icon, IconButton } from "../ui/icon.js";
import { html, useEffect, useState } from "../vendor/preact.js";

/** `item` is the id of the image, `initial` the regions at the start; `onSave(regions)` receives the changed ones. */
export function RegionEditor({ inspector, item, initial, onSave, onClose }) {
  const [regions, setRegions] = useState(initial);
  const [selected, select] = useState(initial.length > 0 ? 0 : null);
  const [drawing, setDrawing] = useState({ key: null, shape: "polygon", index: null }); // `index`: region whose example is drawn
  const [backdrop, setBackdrop] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => { client.getItem(item).then((found) => setBackdrop(itemBackdrop(found)), setProblem); }, [item]);
  const change = (index, patch) => setRegions((last) => last.map((region, i) => (i === index ? { ...region, ...patch } : region)));
  const start = (shape, index = null) => setDrawing({ key: (drawing.key ?? 0) + 1, shape, index });
  const onEnd = (points) => {
    if (drawing.index !== null) return change(drawing.index, { example: toBox(points) });
    setRegions([...regions, { name: `region ${regions.length + 1}`, polygon: drawing.shape === "box" ? boxCorners(...points) : points }]);
    select(regions.length);
  };
  const remove = (index) => { setRegions(regions.filter((_, i) => i !== index)); select(null); };
  const save = () => {
    const unmarked = regions.find(({ count, example }) => count && !example);
    if (unmarked) return setProblem(new Error(`Mark one copy of “${unmarked.name}”, so that its copies can be counted.`));
    onSave(regions);
  };
  return html`
    <${Dialog} id="region-editor" label="region-editor-title" onClose=${onClose}>
      <header class="bar"><h2 id="region-editor-title">Regions of ${inspector}</h2><${IconButton} name="close" label="Close without saving (Esc)" onClick=${onClose} /></header>
      <div class="player-layout">
        <div class="player-main">
          ${backdrop && html`
            <${DrawBox} backdrop=${backdrop} shape=${drawing.shape} startKey=${drawing.key} onEnd=${onEnd} buttons=${() => html`
              <button type="button" class="primary" id="draw-polygon" onClick=${() => start("polygon")}><${Icon} name="region" />Draw a region</button>
              <button type="button" id="draw-box" onClick=${() => start("box")}>Draw a box</button>`}>
              ${regions.map(({ polygon, example }, i) => html`
                <polygon key=${i} class=${i === selected ? "region selected" : "region"} points=${formatPoints(polygon)} />
                ${example && html`<rect class="marked-region" x=${example[0]} y=${example[1]} width=${example[2]} height=${example[3]} />`}`)}
            <//>`}
        </div>
        <aside class="sidebar" aria-label="Named regions" tabindex="0">
          ${regions.length === 0 && html`<p class="muted">Draw around what must be there, such as a chip or a row of screws.</p>`}
          <ol class="region-list" id="region-list">
            ${regions.map((region, i) => html`<${RegionFields} key=${i} index=${i} region=${region} isSelected=${i === selected}
              onSelect=${() => select(i)} onChange=${(patch) => change(i, patch)} onMark=${() => { select(i); start("box", i); }} onRemove=${() => remove(i)} />`)}
          </ol>
          ${problem && html`<${RequestError} problem=${problem} />`}
          <p class="buttons"><button type="button" class="primary" id="save-regions" disabled=${regions.length === 0} onClick=${save}>Keep for the next fit</button>
            <button type="button" onClick=${onClose}>Cancel</button></p>
        </aside>
      </div>
    <//>`;
}

/** Left, top, width and height in whole pixels. */
function toBox([[x0, y0], [x1, y1]]) {
  const [left, top] = [Math.round(Math.min(x0, x1)), Math.round(Math.min(y0, y1))];
  return [left, top, Math.round(Math.max(x0, x1)) - left + 1, Math.round(Math.max(y0, y1)) - top + 1];
}

function RegionFields({ index, region: { name, count, example }, isSelected, onSelect, onChange, onMark, onRemove }) {
  const changeCheck = (event) => onChange(event.target.value === "count" ? { count: 2 } : { count: undefined, example: undefined });
  return html`
    <li class=${isSelected ? "panel-box selected" : "panel-box"} onFocusIn=${onSelect}>
      <label class="stacked">Name
        <input id=${`region-name-${index}`} maxlength="64" value=${name} onInput=${(event) => onChange({ name: event.target.value })} /></label>
      <label class="stacked">Checked
        <select value=${count ? "count" : "presence"} onChange=${changeCheck}><option value="presence">It is present</option><option value="count">How many copies</option></select></label>
      ${count !== undefined && count !== null && html`
        <label class="stacked">Copies in a good image
          <input type="number" min="1" max="1000" value=${count} onInput=${(event) => onChange({ count: event.target.valueAsNumber || 1 })} /></label>
        <p class="muted">${example ? "One copy is marked." : "One copy must be marked on the image."} <button type="button" onClick=${onMark}>${example ? "Mark again" : "Mark one copy"}</button></p>`}
      <p class="buttons"><button type="button" class="quiet plain" onClick=${onRemove}>Remove ${name}</button></p>
    </li>`;
}
