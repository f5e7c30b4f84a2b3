// A known length, drawn on an image.

import { LibraryPicker } from "../inspect/library-picker.js";
import { DrawBox } from "../drawing/draw-box.js";
import { blobBackdrop, itemBackdrop, releaseBackdrop } from "../drawing/backdrop.js";
import { Icon } from "../ui/icon.js";
import { Field, FieldError, parseNumber } from "../ui/fields.js";
import { html, useRef, useState } from "../vendor/preact.js";

export function KnownLength({ values: { backdrop, line, lengthMm }, errors, bind, change }) {
  const [isPicking, setPicking] = useState(false);
  const [problem, setProblem] = useState(null);
  const [startKey, setStartKey] = useState(null);
  const input = useRef();
  const show = (next) => { releaseBackdrop(backdrop); setProblem(null); change({ backdrop: next, line: null }); setStartKey((startKey ?? 0) + 1); };
  const onFile = (event) => {
    const [file] = event.target.files;
    event.target.value = "";
    if (file) blobBackdrop(file, file.name).then(show, setProblem);
  };
  const length = line && Math.hypot(line[1][0] - line[0][0], line[1][1] - line[0][1]);
  const perPixel = length && parseNumber(lengthMm) > 0 ? parseNumber(lengthMm) / length : null;
  return html`
    <div class="form-field" id="length-image">
      <p class="muted">An image from the camera that shows a length you know, such as a ruler or an edge of the part.</p>
      <p class="buttons">
        <button type="button" onClick=${() => input.current.click()}><${Icon} name="image" />${backdrop ? "Another image" : "Choose an image"}</button>
        <button type="button" id="pick-length-image" onClick=${() => setPicking(true)}>From the library</button>
        <input class="visually-hidden" type="file" id="length-file" accept="image/*" tabindex="-1" aria-label="Image with a known length" ref=${input} onChange=${onFile} /></p>
      ${backdrop && html`
        <${DrawBox} backdrop=${backdrop} shape="line" startKey=${startKey} onEnd=${(points) => change({ line: points })}
          buttons=${(drawing) => html`
            <span class="muted" id="line-length">${line ? `${length.toFixed(1)} px from ${line[0].join(", ")} to ${line[1].join(", ")}` : "No length is drawn."}</span>
            <button type="button" id="draw-line" onClick=${drawing.start}>${line ? "Draw again" : "Draw the length"}</button>`}>
          ${line && html`<polyline class="marked-region" points=${line.map((point) => point.join(",")).join(" ")} />`}
        <//>`}
      ${problem && html`<p class="error" role="alert">${problem.message}</p>`}
      <${FieldError} id="length-image" error=${errors.line} />
    </div>
    <${Field} id="length-mm" label="Its length, mm" type="number" min="0" step="any" ...${bind("lengthMm")}
      hint=${perPixel ? `${perPixel.toPrecision(4)} mm per pixel` : null} />
    ${isPicking && html`<${LibraryPicker} title="Image with a known length" kinds=${["image"]} action="Choose" isSingle onClose=${() => setPicking(false)}
      onSelect=${([item]) => { setPicking(false); show(itemBackdrop(item)); }} />`}`;
}
