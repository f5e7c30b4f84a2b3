// The words said, line by line; the line that is said just now is kept in sight.

import { clock } from "../format.js";
import { isTemporary, retryLater, settled } from "../retry.js";
import { segments } from "../service.js";
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { Failure } from "./failure.js";

const NO_WORDS = {
  ready: "No words were heard in it.",
  processing: "It is being processed; its words are shown when that is done.",
  failed: "It could not be processed, so that its words are not known.",
  quarantined: "It could not be processed, so that its words are not known.",
  cancelled: "Processing was stopped, so that its words are not known.",
};
const REST_MS = 4000; // who has just scrolled is left alone

export function Words({ item, now, onJump }) {
  const { lines, problem } = useLines(item);
  const list = useRef();
  const touched = useRef(0);
  const current = useMemo(() => (lines ?? []).findLastIndex((line) => line.start <= now + 0.15), [lines, now]);
  useEffect(() => {
    const line = list.current?.children[current];
    if (!line || performance.now() - touched.current < REST_MS) return;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    list.current.scrollTo({ top: line.offsetTop - list.current.clientHeight / 3, behavior: calm ? "auto" : "smooth" });
  }, [current]);
  const touch = () => { touched.current = performance.now(); };
  return html`
    <section class="words">
      <h3>Words said</h3>
      ${problem && html`<${Failure} problem=${problem} />`}
      ${lines?.length === 0 && html`<p class="faint">${NO_WORDS[item.status]}</p>`}
      ${lines?.length > 0 && html`
        <ol ref=${list} id="lines" onWheel=${touch} onTouchMove=${touch} tabindex="-1">
          ${lines.map((line, i) => html`
            <li key=${i}><button type="button" class="line" aria-current=${i === current ? "true" : undefined} onClick=${() => onJump(line.start)}>
              <span class="at">${clock(line.start, item.duration)}</span><span>${line.text}</span></button></li>`)}
        </ol>`}
    </section>`;
}

/** {lines, problem}; lines are null while they come. */
function useLines(item) {
  const [state, set] = useState({ lines: null, problem: null });
  useEffect(() => {
    const request = new AbortController();
    const load = () => segments(item.id, request.signal).then(
      (all) => { settled("words"); set({ lines: all.flatMap((one) => one.said).sort((a, b) => a.start - b.start), problem: null }); },
      (problem) => {
        if (problem.name === "AbortError") return;
        set({ lines: null, problem });
        if (isTemporary(problem)) retryLater("words", load);
      },
    );
    set({ lines: null, problem: null });
    load();
    return () => { request.abort(); settled("words"); };
  }, [item.id, item.status]);
  return state;
}
