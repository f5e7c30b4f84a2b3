// One result: the image and its heat map, regions with sizes, and marks by buttons and keys.

import { Dialog } from "../ui/dialog.js";
import { formatTime } from "../ui/format.js";
import { Icon, IconButton } from "../ui/icon.js";
import { announce } from "../ui/notifications.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { useDrawing } from "../drawing/drawing.js";
import { view } from "../inspect/inspect-store.js";
import { LAYOUTS, Picture } from "./picture.js";
import { Origin, Regions } from "./regions.js";
import { addMark, listShown, results, undoMark } from "../inspect/results-store.js";
import { Verdict, describeMarks, formatPValue } from "../inspect/verdict.js";

const NARROW_PX = 860;

export function ResultDialog() {
  const { resultId } = view.use();
  const state = results.use();
  const result = state.all.find(({ id }) => id === resultId);
  return resultId !== null && result ? html`<${LoadedDialog} result=${result} shown=${withResult(listShown(state), result)} />` : null;
}

/** A link may select a result that the filter hides. */
const withResult = (shown, result) => (shown.includes(result) ? shown : [result]);

function LoadedDialog({ result, shown }) {
  const { record, marks } = result;
  const hasMarks = results.use((state) => state.hasMarks);
  const [layout, setLayout] = useState(innerWidth > NARROW_PX ? "beside" : "over");
  const [selected, setSelected] = useState(null);
  const [problem, setProblem] = useState(null);
  useEffect(() => { setSelected(null); setProblem(null); }, [result.id]);
  const index = shown.indexOf(result);
  const close = () => view.set({ resultId: null });
  const goTo = (offset) => { const next = shown[index + offset]; if (next) view.set({ resultId: next.id }); };
  const run = (action, text) => action.then(() => { setProblem(null); announce(text); }, setProblem);
  const accept = () => run(addMark(result, { verdict: "accept", polygons: [] }), "Accepted.");
  const reject = (polygons = []) => run(addMark(result, { verdict: "reject", polygons }), "Rejected.");
  const undo = () => marks.length > 0 && run(undoMark(result), "Undone.");
  const drawing = useDrawing({ id: result.id, width: record.width, height: record.height, onEnd: (polygon) => reject([polygon]) });
  const cycleLayout = () => { const all = Object.keys(LAYOUTS); setLayout(all[(all.indexOf(layout) + 1) % all.length]); };
  const onKeyDown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, textarea, select")) return;
    if (drawing.isActive) {
      const isForButton = event.target.matches("button, summary") && (event.key === " " || event.key === "Enter");
      if (!isForButton && drawing.handleKey(event)) event.preventDefault();
      return;
    }
    const actions = { ArrowRight: () => goTo(1), ArrowLeft: () => goTo(-1), a: accept, r: () => reject(), d: drawing.start, u: undo, h: cycleLayout };
    if (!(event.key in actions) || (!hasMarks && "ardu".includes(event.key))) return;
    event.preventDefault();
    actions[event.key]();
  };
  const onCancel = () => { if (drawing.isActive) { drawing.cancel(); return false; } return true; };
  const marked = describeMarks(marks);
  return html`
    <${Dialog} id="result" label="result-title" onClose=${close} onKeyDown=${onKeyDown} onCancel=${onCancel}>
      <header class="bar">
        <${Verdict} verdict=${record.verdict} />
        <h2 id="result-title" title=${result.item_name}>${result.item_name}${result.frame_time !== null && ` at ${formatTime(result.frame_time)}`}</h2>
        <p class="muted">p ${formatPValue(record.p_value)}</p>
        <nav class="pager" aria-label="Results">
          <${IconButton} name="previous" label="Previous result (←)" disabled=${index === 0} onClick=${() => goTo(-1)} />
          <span class="muted" id="result-position">${index + 1} of ${shown.length}</span>
          <${IconButton} name="next" label="Next result (→)" disabled=${index === shown.length - 1} onClick=${() => goTo(1)} />
        </nav>
        <${IconButton} name="close" label="Close (Esc)" onClick=${close} />
      </header>
      <div class="player-layout">
        <div class="player-main">
          <div class="viewport"><${Picture} result=${result} layout=${layout} selected=${selected} drawing=${drawing} /></div>
          ${drawing.isActive
            ? html`
              <div class="toolbar" role="group" aria-label="Outline">
                <span class="muted">Click the corners of the defect. Keys: arrows, Space, Enter.</span>
                <button type="button" class="primary" id="end-drawing" disabled=${!drawing.canEnd} onClick=${drawing.end}>Reject with this outline</button>
                <button type="button" disabled=${drawing.points.length === 0} onClick=${drawing.undo}>Remove corner</button>
                <button type="button" onClick=${drawing.cancel}>Cancel</button>
              </div>`
            : html`
              <div class="toolbar">
                ${hasMarks && html`<button type="button" id="accept" aria-pressed=${String(marks.at(-1)?.verdict === "accept")} onClick=${accept}><${Icon} name="check" />Accept <kbd>a</kbd></button>
                <button type="button" id="reject" aria-pressed=${String(marks.at(-1)?.verdict === "reject")} onClick=${() => reject()}><${Icon} name="close" />Reject <kbd>r</kbd></button>
                <button type="button" id="draw" onClick=${drawing.start}><${Icon} name="region" />Draw <kbd>d</kbd></button>
                <button type="button" id="undo" disabled=${marks.length === 0} onClick=${undo}><${Icon} name="retry" />Undo <kbd>u</kbd></button>`}
                ${result.overlay !== null && html`
                  <label class="layout"><span class="visually-hidden">Heat map</span>
                    <select id="layout" title="Heat map (h)" value=${layout} onChange=${(event) => setLayout(event.target.value)}>
                      ${Object.entries(LAYOUTS).map(([value, label]) => html`<option key=${value} value=${value}>${label}</option>`)}
                    </select></label>`}
              </div>`}
          ${problem && html`<p class="error" role="alert">${problem.message}</p>`}
        </div>
        <aside class="sidebar" aria-label="Details of the result" tabindex="0">
          ${marked && html`<p id="marks" class="note">${marked} by ${marks.at(-1).author || "you"}.</p>`}
          <section><h3>Regions</h3><${Regions} record=${record} selected=${selected} onSelect=${setSelected} /></section>
          <${Origin} record=${record} />
        </aside>
      </div>
    <//>`;
}
