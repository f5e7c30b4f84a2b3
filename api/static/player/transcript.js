// The transcript of an item, line by line; it scrolls to the line at the playback time.

import { listSegments } from "../service/client.js";
import { RequestError } from "../service/request-error.js";
import { clearRetry, isTemporary, scheduleRetry } from "../service/retry.js";
import { formatTime } from "../ui/format.js";
import { html, useEffect, useMemo, useRef, useState } from "../vendor/preact.js";

const EMPTY_TEXT = { // by item status
  ready: "No speech was recognized.",
  processing: "The transcript is shown when processing is complete.",
  failed: "There is no transcript, because processing failed.",
  quarantined: "There is no transcript, because processing failed.",
  cancelled: "There is no transcript, because processing was stopped.",
};
const MANUAL_SCROLL_MS = 4000; // no automatic scrolling for this long after the user scrolled
const LEAD_SECONDS = 0.15; // a line becomes current this long before it starts

export function Transcript({ item, currentTime, onSeek }) {
  const { lines, problem } = useLines(item);
  const list = useRef();
  const scrolledAt = useRef(0);
  const current = useMemo(() => (lines ?? []).findLastIndex((line) => line.start <= currentTime + LEAD_SECONDS), [lines, currentTime]);
  useEffect(() => {
    const line = list.current?.children[current];
    if (!line || performance.now() - scrolledAt.current < MANUAL_SCROLL_MS) return;
    const isReducedMotion = matchMedia("(prefers-reduced-motion: reduce)").matches;
    list.current.scrollTo({ top: line.offsetTop - list.current.clientHeight / 3, behavior: isReducedMotion ? "auto" : "smooth" });
  }, [current]);
  const onScroll = () => { scrolledAt.current = performance.now(); };
  return html`
    <section class="transcript">
      ${problem && html`<${RequestError} problem=${problem} />`}
      ${lines?.length === 0 && html`<p class="muted">${EMPTY_TEXT[item.status]}</p>`}
      ${lines?.length > 0 && html`
        <ol ref=${list} id="transcript-lines" onWheel=${onScroll} onTouchMove=${onScroll} tabindex="-1">
          ${lines.map((line, i) => html`
            <li key=${i}><button type="button" class="line" aria-current=${i === current ? "true" : undefined} onClick=${() => onSeek(line.start)}>
              <span class="timestamp">${formatTime(line.start, item.duration)}</span><span>${line.text}</span></button></li>`)}
        </ol>`}
    </section>`;
}

/** {lines, problem}; `lines` is null while they load. */
function useLines(item) {
  const [state, setState] = useState({ lines: null, problem: null });
  useEffect(() => {
    const request = new AbortController();
    const load = () => listSegments(item.id, request.signal).then(
      (segments) => {
        clearRetry("transcript");
        setState({ lines: segments.flatMap((segment) => segment.said).sort((a, b) => a.start - b.start), problem: null });
      },
      (problem) => {
        if (problem.name === "AbortError") return;
        setState({ lines: null, problem });
        if (isTemporary(problem)) scheduleRetry("transcript", load);
      },
    );
    setState({ lines: null, problem: null });
    load();
    return () => { request.abort(); clearRetry("transcript"); };
  }, [item.id, item.status]);
  return state;
}
