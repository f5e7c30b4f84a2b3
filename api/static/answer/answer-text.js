// The text of an answer, sentence by sentence, with the moments that it cites.

import { thumbnailUrl } from "../service/client.js";
import { RequestError } from "../service/request-error.js";
import { html } from "../vendor/preact.js";
import { describeCitation, openCitation } from "./citations.js";
import { describeModel } from "./model.js";

const THUMBNAIL_FRACTION = 0.5; // of the cited range

/** `answer` is a state of `answer-state.js`. */
export function AnswerText({ answer, onRetry }) {
  const { isRunning, sentences, citations, result, problem, steps } = answer;
  if (problem) return html`<${RequestError} problem=${problem} onRetry=${onRetry} />`;
  return html`
    <div class=${result?.refused ? "answer-text refused" : "answer-text"}>
      ${steps.length > 0 && html`<${Steps} steps=${steps} />`}
      ${result?.refused
        ? html`<p>${result.text}</p>${result.reason && result.reason !== result.text && html`<p class="muted">${result.reason}</p>`}`
        : sentences.length > 0 && html`
          <p>${sentences.map((sentence, i) => html`<${Sentence} key=${i} sentence=${sentence} citations=${citations} />`)}</p>`}
      ${isRunning && html`<p class="muted thinking">${sentences.length > 0 ? "Writing …" : "Reading the evidence …"}</p>`}
      ${citations.length > 0 && html`<${CitedMoments} citations=${citations} />`}
      ${result?.notes.map((note) => html`<p class="muted" key=${note}>${note}</p>`)}
      ${result && html`<p class="muted model">${describeModel(result)}</p>`}
    </div>`;
}

const CITATIONS = /\s*(?:\[\d+\])+(?=[.!?]?$)/; // in the text, where they are replaced by buttons

/** The last word and the numbers stay on one line. */
function Sentence({ sentence: { text: cited, citations: numbers }, citations }) {
  const text = cited.replace(CITATIONS, "");
  const lastWord = text.lastIndexOf(" ") + 1;
  return html`
    <span class="sentence">${text.slice(0, lastWord)}<span class="unbroken">${text.slice(lastWord)}${numbers.map((number) => html`
      <${CitationButton} key=${number} number=${number} citation=${citations.find(({ n }) => n === number)} />`)}</span> </span>`;
}

/** A number that opens the player; disabled until the moment is known. */
function CitationButton({ number, citation }) {
  const label = citation ? `Open moment ${number}: ${describeCitation(citation)}` : `Moment ${number}`;
  return html`
    <button type="button" class="citation" disabled=${!citation} aria-label=${label} title=${citation && describeCitation(citation)}
      onClick=${() => openCitation(citation)}>${number}</button>`;
}

const CitedMoments = ({ citations }) => html`
  <ol class="cited-moments" aria-label="Cited moments">
    ${citations.map((citation) => html`
      <li key=${citation.n}>
        <button type="button" class="plain" onClick=${() => openCitation(citation)}>
          <img src=${thumbnailUrl({ id: citation.item_id }, getThumbnailTime(citation), 160)} alt="" loading="lazy" />
          <span><b>${citation.n}</b> ${describeCitation(citation)}${citation.text && html`<q>${citation.text}</q>`}</span>
        </button>
      </li>`)}
  </ol>`;

const getThumbnailTime = ({ start, end }) => start + THUMBNAIL_FRACTION * (end - start);

/** The tool calls of an agent, collapsed. */
const Steps = ({ steps }) => html`
  <details class="steps">
    <summary>${steps.length === 1 ? "1 step" : `${steps.length} steps`}</summary>
    <ol>${steps.map(({ tool, arguments: values, result, error }, i) => html`
      <li key=${i}><b>${tool}</b> <code>${JSON.stringify(values)}</code>
        ${error ? html`<p class="error">${error}</p>` : html`<pre>${result}</pre>`}</li>`)}</ol>
  </details>`;
