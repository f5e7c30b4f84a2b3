// The strip of a line: a tile for each of the latest parts, the newest at the right end.

import { RequestError } from "../service/request-error.js";
import { formatCount } from "../ui/format.js";
import { Icon } from "../ui/icon.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { formatPValue } from "../inspect/verdict.js";
import { LineDetails } from "./line-details.js";
import { NewLine } from "./new-line.js";
import { controlLine, lines, loadLines, showLine, watchLines } from "./line-store.js";

const LETTERS = { PASS: "P", FAIL: "F", UNDECIDED: "U" };
const CLASSES = { PASS: "pass", FAIL: "fail", UNDECIDED: "undecided" };
const STOPPED = new Set(["stopped", "ended", "failed"]);

/** The lines that use an inspector, and the form that creates one. */
export function LineStrip({ inspector, isFitted }) {
  const { all, problem } = lines.use();
  const [selected, select] = useState(null); // name of a line
  const [isCreating, setCreating] = useState(false);
  const own = all.filter((line) => line.inspector === inspector);
  const line = own.find((other) => other.name === selected) ?? own[0] ?? null;
  useEffect(watchLines, []);
  useEffect(() => { showLine(line?.name ?? null); return () => { showLine(null); }; }, [line?.name]);
  const onClose = (name) => { setCreating(false); if (name) select(name); };
  const button = isFitted && !isCreating && html`<button type="button" id="create-line" onClick=${() => setCreating(true)}><${Icon} name="add" />New line</button>`;
  return html`
    ${isCreating && html`<${NewLine} inspector=${inspector} onClose=${onClose} />`}
    ${line
      ? html`<${LineBox} key=${line.name} line=${line} own=${own} onSelect=${select} button=${button} />`
      : problem
        ? html`<${RequestError} problem=${problem} onRetry=${loadLines} />`
        : button && html`<p class="buttons start-line">${button}<span class="muted">One verdict for each part of a camera, a folder or a video.</span></p>`}`;
}

function LineBox({ line, own, onSelect, button }) {
  const { parts, problem } = lines.use();
  const { name, state, verdicts } = line;
  const isStopped = STOPPED.has(state);
  return html`
    <section class="panel-box line" id="line" aria-labelledby="line-title">
      <div class="bar">
        <h3 id="line-title">Line ${own.length === 1 && name}</h3>
        ${own.length > 1 && html`
          <label><span class="visually-hidden">Line</span>
            <select value=${name} onChange=${(event) => onSelect(event.target.value)}>
              ${own.map((other) => html`<option key=${other.name} value=${other.name}>${other.name}</option>`)}</select></label>`}
        <p class="muted" id="line-facts">${state} · ${formatCount(line.num_parts, "part")}: ${verdicts.PASS ?? 0} pass, ${verdicts.FAIL ?? 0} fail, ${verdicts.UNDECIDED ?? 0} undecided${
          line.dropped > 0 && ` · ${formatCount(line.dropped, "dropped frame")}`}</p>
        <button type="button" onClick=${() => controlLine(name, isStopped ? "start" : "stop")}>${isStopped ? "Start" : "Stop"}</button>
        ${button}
      </div>
      ${line.error && html`<p class="error" role="alert">${line.error}</p>`}
      ${problem && html`<${RequestError} problem=${problem} onRetry=${() => showLine(name)} />`}
      ${parts.length === 0 ? html`<p class="muted">No part has passed yet.</p>` : html`<${Strip} parts=${parts} />`}
      <${LineDetails} line=${line} isStopped=${isStopped} />
    </section>`;
}

/** The arrow keys move between the tiles, of which one is in the tab order. */
function Strip({ parts }) {
  const [selected, setSelected] = useState(null); // sequence number; null follows the newest
  const list = useRef();
  const index = Math.max(parts.findIndex(({ sequence }) => sequence === selected), -1);
  const current = index < 0 ? parts.at(-1) : parts[index];
  useEffect(() => { if (selected === null) list.current.scrollLeft = list.current.scrollWidth; }, [parts, selected]);
  const onKeyDown = (event) => {
    const offset = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!offset) return;
    event.preventDefault();
    const next = parts[parts.indexOf(current) + offset];
    if (!next) return;
    setSelected(next.sequence);
    list.current.children[parts.indexOf(next)].firstElementChild.focus();
  };
  return html`
    <ol class="strip" id="strip" ref=${list} aria-label="Latest parts, the newest last" onKeyDown=${onKeyDown}>
      ${parts.map((part) => html`
        <li key=${part.sequence}><button type="button" class=${`verdict ${CLASSES[part.verdict]}`} tabindex=${part === current ? 0 : -1} aria-pressed=${String(part.sequence === selected)}
          aria-label=${`${part.part}: ${part.verdict}`} title=${`${part.part}: ${part.verdict}`}
          onClick=${() => setSelected(part.sequence === selected ? null : part.sequence)}>${LETTERS[part.verdict]}</button></li>`)}
    </ol>
    <p id="line-part"><b>${current.part}</b> ${current.verdict}${current.reason && `: ${current.reason}`} <span class="muted">${describePart(current)}</span></p>`;
}

const describePart = ({ p_value: p, num_inspected: inspected, num_frames: frames, latency_seconds: latency, version }) =>
  [p !== null && `p ${formatPValue(p)}`, `${inspected} of ${formatCount(frames, "frame")} inspected`, `${Math.round(1000 * latency)} ms`, `version ${version}`]
    .filter(Boolean).join(" · ");
