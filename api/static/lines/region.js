// The region of interest of a line, drawn on the first frame of its source.

import { DrawBox } from "../drawing/draw-box.js";
import { blobBackdrop, itemBackdrop, releaseBackdrop } from "../drawing/backdrop.js";
import { formatPoints } from "../drawing/surface.js";
import { FieldError } from "../ui/fields.js";
import { Icon } from "../ui/icon.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { getFrame } from "./line-store.js";
import { createSource } from "./source.js";

export function Region({ values, error, change }) {
  const { kind, item, folder, camera, region } = values;
  const [backdrop, setBackdrop] = useState(null);
  const [startKey, setStartKey] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isLoading, setLoading] = useState(false);
  const [isDrawing, setDrawing] = useState(false);
  const source = { item: item?.id, folder, camera }[kind];
  useEffect(() => () => releaseBackdrop(backdrop), [backdrop]);
  useEffect(() => { setBackdrop(null); setProblem(null); setDrawing(false); if (region) change({ region: null }); }, [kind, source]); // of another frame
  const draw = async () => {
    setProblem(null);
    try {
      if (backdrop === null) {
        setLoading(true);
        setBackdrop(kind === "item" ? itemBackdrop(item) : await blobBackdrop(await getFrame(createSource(values)), "the frame"));
      }
      setStartKey((startKey ?? 0) + 1);
      setDrawing(true);
    } catch (reason) {
      setProblem(reason);
    }
    setLoading(false);
  };
  const end = (points) => { setDrawing(false); change({ region: points }); };
  const clear = () => { change({ region: null }); setBackdrop(null); };
  return html`
    <fieldset class="form-field choice" id="line-region"><legend>Region of interest</legend>
      <p class="muted" id="line-region-state">${region ? `${region.length} corners on a frame of ${backdrop?.width} × ${backdrop?.height} px.` : "The whole frame. Parts enter and leave a region."}</p>
      ${backdrop && html`
        <${DrawBox} key=${backdrop.id} backdrop=${backdrop} startKey=${startKey} onEnd=${end} onCancel=${() => setDrawing(false)}>
          ${region && html`<polygon class="marked-region" points=${formatPoints(region)} />`}<//>`}
      ${!isDrawing && html`<p class="buttons">
        <button type="button" id="draw-region" disabled=${!source || isLoading} onClick=${draw}><${Icon} name="region" />${isLoading ? "Waiting for a frame …" : region ? "Draw again" : "Draw a region"}</button>
        ${region && html`<button type="button" onClick=${clear}>Whole frame</button>`}</p>`}
      ${problem && html`<p class="error" role="alert">${problem.message}</p>`}
      <${FieldError} id="line-region" error=${error} />
    </fieldset>`;
}
