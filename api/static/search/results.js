// The search results: hits grouped by item, with a timeline for each video and audio item.

import { AnswerPanel } from "../answer/answer-panel.js";
import { ExactClips, saveClips } from "../albums/clips.js";
import { filters, hasFilters } from "../library/filter-store.js";
import { openHit, openItem } from "../player/player-store.js";
import { SaveSearch } from "../saved/save-dialog.js";
import { RequestError } from "../service/request-error.js";
import { KIND_LABELS, formatCount, formatProbability, formatTime } from "../ui/format.js";
import { Icon } from "../ui/icon.js";
import { Menu } from "../ui/menu.js";
import { showToast } from "../ui/notifications.js";
import { html } from "../vendor/preact.js";
import { moveFocus } from "./arrow-navigation.js";
import { Hit } from "./hit.js";
import { groupByBand } from "./hits.js";
import { ParsedTerms } from "./parsed-terms.js";
import { exportHits, query, runSearch } from "./query-store.js";
import { Timeline } from "./timeline.js";

const NUM_SKELETONS = 6;

export function Results() {
  const { response, problem, isLoading } = query.use();
  const { likely, unlikely } = groupByBand(response);
  return html`
    <section class="results" id="results" aria-labelledby="results-title" aria-busy=${String(isLoading)}>
      <div class="bar">
        <h2 id="results-title">${createTitle(response, isLoading, likely)}</h2>
        ${response && html`<p class="muted" id="results-facts" title=${describeThresholds(response)}>
          ${likely.length > 0 && `in ${formatCount(likely.length, "item")} · `}${response.seconds.toFixed(2)} s</p>`}
        ${response && html`<${SaveSearch} />`}
        ${response?.hits.length > 0 && html`<${ExportHits} />`}
      </div>
      ${problem && html`<${RequestError} problem=${problem} onRetry=${runSearch} />`}
      <${ParsedTerms} />
      <${AnswerPanel} />
      ${response?.heard && html`<p class="note">Transcript of the query: <q>${response.heard}</q></p>`}
      ${response?.notes.map((note) => html`<p class="note" key=${note}>${note}</p>`)}
      ${isLoading && !response && html`<${Skeleton} />`}
      ${response?.hits.length === 0 && html`<${NoResults} />`}
      <div id="hits" onKeyDown=${moveFocus}>
        <${Groups} groups=${likely} id="likely" />
        ${unlikely.length > 0 && html`<${UnlikelyHits} groups=${unlikely} isAlone=${likely.length === 0} />`}
      </div>
    </section>`;
}

function ExportHits() {
  const saveHits = (event) => {
    event.currentTarget.closest("details").open = false;
    const hits = query.get().response.hits.filter(({ start, end }) => end > start);
    if (hits.length === 0) return showToast("No hit is a video or a sound.");
    saveClips({ clips: hits.map(({ item, start, end }) => ({ item: item.id, start, end })) }, formatCount(hits.length, "hit"));
  };
  const run = (format) => (event) => { event.currentTarget.closest("details").open = false; exportHits(format); };
  return html`
    <${Menu} label="Export hits" id="export-hits">
      <button type="button" onClick=${run("csv")}>CSV</button>
      <button type="button" onClick=${run("json")}>JSON</button>
      <button type="button" onClick=${run("html")}>Contact sheet (HTML)</button>
      <button type="button" onClick=${saveHits}>Clips</button>
      <${ExactClips} />
    <//>`;
}

function createTitle(response, isLoading, likely) {
  if (!response) return isLoading ? "Searching …" : "Search failed";
  if (response.hits.length === 0) return "No results";
  return likely.length === 0 ? "No likely results" : formatCount(countHits(likely), "result");
}

const describeThresholds = ({ space, likely_floor: likely, floor }) =>
  `space ${space}, likely from ${formatProbability(likely)}, shown from ${formatProbability(floor)}`;

const Skeleton = () => html`
  <ul class="hit-list skeleton" aria-hidden="true">
    ${Array.from({ length: NUM_SKELETONS }, (_, i) => html`<li key=${i}><span class="thumbnail"></span></li>`)}
  </ul>`;

const countHits = (groups) => groups.reduce((sum, { hits }) => sum + hits.length, 0);

const Groups = ({ groups, id }) => html`
  <ol class="groups" id=${id}>${groups.map((group) => html`<${Group} key=${group.item.id} group=${group} />`)}</ol>`;

/** The possible hits, then the weak ones: collapsed unless there are no likely ones. */
function UnlikelyHits({ groups, isAlone }) {
  const isExpanded = query.use((state) => state.showsUnlikely);
  return html`
    <section class="possible" aria-labelledby="possible-title">
      <h3 id="possible-title">
        <button type="button" class=${isExpanded ? "expanded" : ""} aria-expanded=${String(isExpanded)} aria-controls="possible"
          onClick=${() => query.set({ showsUnlikely: !isExpanded })}>
          <${Icon} name="down" />Less likely (${countHits(groups).toLocaleString("en")})</button>
      </h3>
      ${isAlone && isExpanded && html`<p class="muted">No result is likely. These match best.</p>`}
      ${isExpanded && html`<${Groups} groups=${groups} id="possible" />`}
    </section>`;
}

function Group({ group: { item, hits } }) {
  if (item.kind === "image") return hits.map((hit) => html`<li class="group image" key=${hit.start}><${Hit} hit=${hit} /></li>`);
  const searchOnlyHere = () => { filters.set({ item }); runSearch(); };
  return html`
    <li class=${`group ${item.kind}`}>
      <div class="group-header">
        <h3 title=${item.name}>${item.name}</h3>
        <p class="muted">${KIND_LABELS[item.kind]} · ${formatTime(item.duration)}${item.tags.map((tag) => ` · #${tag}`)}</p>
        <button type="button" class="quiet plain" onClick=${searchOnlyHere} aria-label=${`Search only here: ${item.name}`}>Search only here</button>
      </div>
      <${Timeline} item=${item} hits=${hits} onHit=${openHit} onSeek=${(time) => openItem(item, time)} />
      <ol class="hit-list">${hits.map((hit) => html`<li key=${hit.start}><${Hit} hit=${hit} /></li>`)}</ol>
    </li>`;
}

function NoResults() {
  const state = filters.use();
  const { file, like, text, without } = query.use();
  return html`
    <div class="empty no-results">
      <p class="icons"><${Icon} name="search" /></p>
      <p><strong>No results.</strong></p>
      <p>No moment in the library is likely to match the query.</p>
      <ul>
        ${(hasFilters(state) || state.item) && html`<li>Filters are set. Reset them to search the whole library.</li>`}
        ${without.trim() && html`<li>The excluded terms may remove matches. Exclude fewer terms.</li>`}
        ${(file || like) && text && html`<li>Results must match both the text and the ${file ? "file" : "moment"}. Search with one of them.</li>`}
        ${!file && !like && html`<li>Describe what is seen in a few plain words, or quote the words that are said.</li>
          <li>Or drop a similar image on the search field.</li>`}
      </ul>
    </div>`;
}
