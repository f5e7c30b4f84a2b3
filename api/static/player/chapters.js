// The chapters of a video or audio item: requested by a button, because all of its scenes are read for them.

import { ExportMenu } from "../answer/export-menu.js";
import { formatSummary } from "../answer/export.js";
import { describeModel } from "../answer/model.js";
import { postEvents } from "../service/event-stream.js";
import { RequestError } from "../service/request-error.js";
import { formatTime } from "../ui/format.js";
import { Icon } from "../ui/icon.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";

const NONE = { isRunning: false, chapters: [], summary: null, problem: null };

export function Chapters({ item, currentTime, onSeek }) {
  const { isRunning, chapters, summary, problem, load } = useSummary(item);
  if (item.status !== "ready") return html`<section class="chapters"><p class="muted">Chapters can be made when processing is complete.</p></section>`;
  const current = chapters.findLastIndex(({ start }) => start <= currentTime);
  const cues = chapters.map(({ start, end, title, text }) => ({ start, end, text: text || title }));
  return html`
    <section class="chapters" aria-busy=${String(isRunning)}>
      ${problem && html`<${RequestError} problem=${problem} onRetry=${load} />`}
      ${!isRunning && !summary && !problem && html`
        <p class="muted">A summary, and a sentence for each scene.</p>
        <p><button type="button" id="make-chapters" onClick=${load}><${Icon} name="answer" />Make chapters</button></p>`}
      ${summary && html`
        <div class="bar"><p class="muted">${describeModel({ ...summary, hasCaptions: Boolean(item.caption) })}</p>
          <${ExportMenu} name=${`${item.name} chapters`} markdown=${() => formatSummary(item.name, summary, (time) => formatTime(time, item.duration))}
            subtitles=${[{ name: item.name, cues }]} /></div>
        ${summary.text && html`<p class="summary">${summary.text}</p>`}
        ${summary.notes.map((note) => html`<p class="muted" key=${note}>${note}</p>`)}`}
      ${chapters.length > 0 && html`
        <ol id="chapter-list">${chapters.map((chapter, i) => html`
          <li key=${chapter.start}><button type="button" class="line" aria-current=${i === current ? "true" : undefined} onClick=${() => onSeek(chapter.start)}>
            <span class="timestamp">${formatTime(chapter.start, item.duration)}</span>
            <span><b>${chapter.title}</b>${chapter.text.replace(/\.$/, "") !== chapter.title && html`<small>${chapter.text}</small>`}</span></button></li>`)}</ol>`}
      ${isRunning && html`<p class="muted thinking" role="status">Reading the scenes …</p>`}
      ${summary && chapters.length === 0 && html`<p class="muted">No scene has words or a caption to summarize.</p>`}
    </section>`;
}

/** {isRunning, chapters, summary, problem, load}; it resets when the player shows another item. */
function useSummary(item) {
  const [state, setState] = useState(NONE);
  const request = useRef(null);
  useEffect(() => () => { request.current?.abort(); setState(NONE); }, [item.id]);
  const load = async () => {
    const controller = (request.current = new AbortController());
    const change = (patch) => { if (request.current === controller) setState((last) => ({ ...last, ...patch })); };
    change({ ...NONE, isRunning: true });
    try {
      const chapters = [];
      const onEvent = (name, data) => {
        if (name !== "chapter") return;
        chapters.push(data);
        change({ chapters: [...chapters] });
      };
      const summary = await postEvents("/v1/summaries", { item_id: item.id, stream: true }, onEvent, controller.signal);
      change({ isRunning: false, summary, chapters: summary.chapters });
    } catch (problem) {
      if (problem.name !== "AbortError") change({ isRunning: false, problem });
    }
  };
  return { ...state, load };
}
