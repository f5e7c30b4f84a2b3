// The answer to a question: moments by item, each video with a line of its time.

import { KIND, clock, count, percent } from "../format.js";
import { filters, isFiltered } from "../state/filters.js";
import { play, playHit } from "../state/player.js";
import { ask, grouped, question } from "../state/question.js";
import { html } from "../vendor/preact.js";
import { Icon } from "./icon.js";
import { walk } from "./arrows.js";
import { Moment } from "./moment.js";
import { Timeline } from "./timeline.js";

export function Answer() {
  const { answer, problem, busy } = question.use();
  const groups = grouped(answer?.hits ?? []);
  return html`
    <section class="answer" id="answer" aria-labelledby="answer-title" aria-busy=${String(busy)}>
      <div class="bar">
        <h2 id="answer-title">${answer?.hits.length === 0 ? "No moments" : answer ? count(answer.hits.length, "moment") : busy ? "Looking …" : "No answer"}</h2>
        ${answer && html`<p class="faint" id="answer-facts" title=${`space ${answer.space}, least score ${percent(answer.floor)}`}>
          ${answer.hits.length > 0 && `in ${count(groups.length, "item")} · `}${answer.seconds.toFixed(2)} s</p>`}
      </div>
      ${problem && html`<p class="error" role="alert">${problem}</p>`}
      ${answer?.heard && html`<p class="note">Heard: <q>${answer.heard}</q></p>`}
      ${answer?.notes.map((note) => html`<p class="note" key=${note}>${note}</p>`)}
      ${busy && !answer && html`<ul class="moments waiting" aria-hidden="true">${Array.from({ length: 6 }, (_, i) => html`<li key=${i}><span class="still"></span></li>`)}</ul>`}
      ${answer && groups.length === 0 && html`<${Nothing} />`}
      <ol class="groups" id="hits" onKeyDown=${walk}>
        ${groups.map((group) => html`<${Group} key=${group.item.id} group=${group} />`)}
      </ol>
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
