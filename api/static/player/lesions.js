// Lesion candidates of an item, if it was analysed: a track for each below the player, and a list. Candidates are for review only.

import { request } from "../service/client.js";
import { RequestError } from "../service/request-error.js";
import { formatProbability, formatProgress, formatTime } from "../ui/format.js";
import { html, useEffect, useState } from "../vendor/preact.js";

const NUM_ANALYSES = 200; // the latest ones, among which that of the item is looked up
const NONE = { id: null, analysis: null, problem: null };

export function Lesions({ item, currentTime, onSeek }) {
  const { analysis, problem } = useAnalysis(item.id);
  if (problem) return html`<section class="lesions"><${RequestError} problem=${problem} /></section>`;
  if (analysis === null) return null;
  const { result, state, notice, error } = analysis;
  return html`
    <section class="lesions" id="lesions" aria-labelledby="lesions-title">
      <h3 id="lesions-title">Lesion candidates</h3>
      <p class="notice" id="lesion-notice">${notice}</p>
      ${error && html`<p class="error" role="alert">${error}</p>`}
      ${!error && !result && html`<p class="muted">${state === "running" ? `Analysing ${formatProgress(analysis.progress)}` : `The analysis is ${state}.`}</p>`}
      ${result?.candidates.length === 0 && html`<p class="muted">No candidate was found.</p>`}
      ${result?.candidates.length > 0 && html`
        <ol id="lesion-list">${result.candidates.map((candidate) => html`
          <li key=${candidate.id}><${Candidate} candidate=${candidate} item=${item} currentTime=${currentTime} onSeek=${onSeek} /></li>`)}</ol>`}
    </section>`;
}

/** A candidate with its time range on the whole item; a click goes to its best frame. */
function Candidate({ candidate: { id, start, end, best, confidence, start_frame: first, end_frame: last }, item, currentTime, onSeek }) {
  const isTimed = start !== null && item.duration > 0;
  const percentage = (time) => `${Math.min(100, (100 * time) / item.duration)}%`;
  const range = isTimed ? `${formatTime(start, item.duration)}–${formatTime(end, item.duration)}` : first === last ? `frame ${first}` : `frames ${first}–${last}`;
  const text = html`<b>${id}</b> <span>${range}</span> <span class="muted">confidence ${formatProbability(confidence)}</span>`;
  if (!isTimed) return html`<p>${text}</p>`;
  return html`
    <button type="button" class="candidate" aria-current=${currentTime >= start && currentTime <= end ? "true" : undefined} onClick=${() => onSeek(best ?? start)}>
      <span>${text}</span>
      <span class="track" aria-hidden="true"><span style=${{ left: percentage(start), width: percentage(end - start) }}></span></span>
    </button>`;
}

/** {analysis, problem} of the latest analysis of an item; `analysis` is null if there is none. */
function useAnalysis(id) {
  const [state, setState] = useState(NONE);
  useEffect(() => {
    const controller = new AbortController();
    const load = async () => {
      const { analyses } = await request(`/v1/lesions?limit=${NUM_ANALYSES}`, { signal: controller.signal });
      const found = analyses.find((other) => other.item_id === id);
      setState({ id, problem: null, analysis: found ? await request(`/v1/lesions/${found.id}`, { signal: controller.signal }) : null });
    };
    load().catch((problem) => { if (problem.name !== "AbortError") setState({ id, analysis: null, problem }); });
    return () => controller.abort();
  }, [id]);
  return state.id === id ? state : NONE;
}
