// The words said, line by line; the line that is said just now is kept in sight.

import { clock } from "../format.js";
import { segments } from "../service.js";
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";

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
      ${problem && html`<p class="error">${problem}</p>`}
      ${lines?.length === 0 && html`<p class="faint">${item.status === "ready" ? "No words were heard in it." : "It is not read yet."}</p>`}
      ${lines?.length > 0 && html`
        <ol ref=${list} id="lines" onWheel=${touch} onTouchMove=${touch} tabindex="-1">
          ${lines.map((line, i) => html`
            <li key=${i}><button type="button" class="line" aria-current=${i === current ? "true" : undefined} onClick=${() => onJump(line.start)}>
              <span class="at">${clock(line.start)}</span><span>${line.text}</span></button></li>`)}
        </ol>`}
    </section>`;
}

/** {lines, problem}; lines are null while they come. */
function useLines(item) {
  const [state, set] = useState({ lines: null, problem: null });
  useEffect(() => {
    const request = new AbortController();
    set({ lines: null, problem: null });
    segments(item.id, request.signal).then(
      (all) => set({ lines: all.flatMap((one) => one.said).sort((a, b) => a.start - b.start), problem: null }),
      (problem) => { if (problem.name !== "AbortError") set({ lines: null, problem: problem.message }); },
    );
    return () => request.abort();
  }, [item.id, item.status]);
  return state;
}
