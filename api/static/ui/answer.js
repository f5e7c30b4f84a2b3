// The answer to a question: moments by item, each video with a line of its time.

import { KIND, clock, count, percent } from "../format.js";
import { filters, isFiltered } from "../state/filters.js";
import { play, playHit } from "../state/player.js";
import { ask, banded, question } from "../state/question.js";
import { html } from "../vendor/preact.js";
import { Failure } from "./failure.js";
import { Icon } from "./icon.js";
import { walk } from "./arrows.js";
import { Moment } from "./moment.js";
import { Timeline } from "./timeline.js";

export function Answer() {
  const { answer, problem, busy } = question.use();
  const { likely, possible } = banded(answer);
  const nothing = answer && answer.hits.length === 0;
  return html`
    <section class="answer" id="answer" aria-labelledby="answer-title" aria-busy=${String(busy)}>
      <div class="bar">
        <h2 id="answer-title">${title(answer, busy, likely)}</h2>
        ${answer && html`<p class="faint" id="answer-facts" title=${`space ${answer.space}, likely from ${percent(answer.likely_floor)} on, shown from ${percent(answer.floor)} on`}>
          ${likely.length > 0 && `in ${count(likely.length, "item")} · `}${answer.seconds.toFixed(2)} s</p>`}
      </div>
      ${problem && html`<${Failure} problem=${problem} onRetry=${ask} />`}
      ${answer?.heard && html`<p class="note">Heard: <q>${answer.heard}</q></p>`}
      ${answer?.notes.map((note) => html`<p class="note" key=${note}>${note}</p>`)}
      ${busy && !answer && html`<ul class="moments waiting" aria-hidden="true">${Array.from({ length: 6 }, (_, i) => html`<li key=${i}><span class="still"></span></li>`)}</ul>`}
      ${nothing && html`<${Nothing} />`}
      <div id="hits" onKeyDown=${walk}>
        <${Groups} groups=${likely} id="likely" />
        ${possible.length > 0 && html`<${Possible} groups=${possible} alone=${likely.length === 0} />`}
      </div>
    </section>`;
}

function title(answer, busy, likely) {
  if (!answer) return busy ? "Looking …" : "No answer";
  if (answer.hits.length === 0) return "No moments";
  return likely.length === 0 ? "Nothing is a likely match" : count(hitsIn(likely), "moment");
}

const hitsIn = (groups) => groups.reduce((sum, { hits }) => sum + hits.length, 0);

const Groups = ({ groups, id }) => html`
  <ol class="groups" id=${id}>${groups.map((group) => html`<${Group} key=${group.item.id} group=${group} />`)}</ol>`;

/** The hits below the calibrated floor: folded, unless there are no others. */
function Possible({ groups, alone }) {
  const open = question.use((state) => state.unfolded);
  return html`
    <section class="possible" aria-labelledby="possible-title">
      <h3 id="possible-title">
        <button type="button" class=${open ? "turned" : ""} aria-expanded=${String(open)} aria-controls="possible" onClick=${() => question.set({ unfolded: !open })}>
          <${Icon} name="down" />Less likely (${hitsIn(groups).toLocaleString("en")})</button>
      </h3>
      ${alone && open && html`<p class="faint">These come closest, but the service is not sure of any of them.</p>`}
      ${open && html`<${Groups} groups=${groups} id="possible" />`}
    </section>`;
}

function Group({ group: { item, hits } }) {
  if (item.kind === "image") return hits.map((hit) => html`<li class="group image" key=${hit.start}><${Moment} hit=${hit} /></li>`);
  const alone = () => { filters.set({ item }); ask(); };
  return html`
    <li class=${`group ${item.kind}`}>
      <div class="head">
        <h3 title=${item.name}>${item.name}</h3>
        <p class="faint">${KIND[item.kind]} · ${clock(item.duration)}${item.tags.map((tag) => ` · #${tag}`)}</p>
        <button type="button" class="quiet plain" onClick=${alone} aria-label=${`Look only here: ${item.name}`}>Look only here</button>
      </div>
      <${Timeline} item=${item} hits=${hits} onHit=${playHit} onSeek=${(time) => play(item, time)} />
      <ol class="moments">${hits.map((hit) => html`<li key=${hit.start}><${Moment} hit=${hit} /></li>`)}</ol>
    </li>`;
}

function Nothing() {
  const state = filters.use();
  const { file, like, text, without } = question.use();
  const narrowed = isFiltered(state) || state.item;
  return html`
    <div class="empty nothing">
      <p class="glyphs"><${Icon} name="search" /></p>
      <p><strong>Nothing matches.</strong></p>
      <p>No moment in the library is likely enough to be the answer.</p>
      <ul>
        ${narrowed && html`<li>Filters are set: without them, more is looked at.</li>`}
        ${without.trim() && html`<li>What fits may have what it must be without; try with less of that.</li>`}
        ${(file || like) && text && html`<li>Both the words and the ${file ? "file" : "moment"} must fit; try with one of them.</li>`}
        ${!file && !like && html`<li>Say what is seen, in a few plain words, or the very words that are said.</li>
          <li>Or drop a picture that looks like it on the question.</li>`}
      </ul>
    </div>`;
}
