// The saved searches with the number of their unread matches, and the matches of the open one.

import { Thumbnail } from "../library/thumbnail.js";
import { openItem } from "../player/player-store.js";
import { moveFocus } from "../search/arrow-navigation.js";
import { RequestError } from "../service/request-error.js";
import { ConfirmButton } from "../ui/confirm-button.js";
import { formatCount, formatProbability, formatRange } from "../ui/format.js";
import { Icon, IconButton } from "../ui/icon.js";
import { html, useEffect, useState } from "../vendor/preact.js";
import { RenameDialog } from "./save-dialog.js";
import { listConditions, runSaved } from "./saved-query.js";
import { countUnread, deleteSearch, loadMatches, loadMore, loadSearches, openSearch, saved, savedView, setEnabled } from "./saved-store.js";

export function SavedView() {
  const id = savedView.use((state) => state.id);
  return id === null ? html`<${SearchList} />` : html`<${OpenSearch} id=${id} />`;
}

function SearchList() {
  const { all, problem } = saved.use();
  useEffect(() => { loadSearches(); }, []);
  return html`
    <section class="saved" id="saved" aria-labelledby="saved-title">
      <div class="bar"><h2 id="saved-title">Saved searches</h2><p class="muted">${all?.length > 0 && formatCount(countUnread(all), "new match", "new matches")}</p></div>
      ${problem && html`<${RequestError} problem=${problem} onRetry=${loadSearches} />`}
      ${all?.length === 0 && html`
        <div class="empty"><p><strong>There are no saved searches.</strong></p><p>Search for something, then save the search. Items that are added later and match it are listed here.</p></div>`}
      <ul class="saved-list" id="saved-list">${all?.map((search) => html`<${SearchRow} key=${search.id} search=${search} />`)}</ul>
    </section>`;
}

function SearchRow({ search }) {
  const [isRenaming, setRenaming] = useState(false);
  const { name, query, matches, unread, enabled, webhook, waiting, error } = search;
  const facts = [
    query.text && `“${query.text}”`, ...listConditions(query), webhook && `sent to ${webhook}`, waiting > 0 && `${waiting} to be sent`, !enabled && "off",
  ].filter(Boolean);
  return html`
    <li>
      <div class="text">
        <h3><button type="button" class="quiet plain" onClick=${() => openSearch(search.id)}>${name}</button>
          ${unread > 0 && html`<span class="badge" title=${formatCount(unread, "new match", "new matches")}>${unread} new</span>`}</h3>
        <p class="muted">${facts.join(" · ")}</p>
        ${error && html`<p class="error">Not sent: ${error}</p>`}
      </div>
      <div class="tools">
        <button type="button" onClick=${() => openSearch(search.id)} aria-label=${`${formatCount(matches, "match", "matches")} of ${name}`}>${formatCount(matches, "match", "matches")}</button>
        <button type="button" onClick=${() => runSaved(search)} aria-label=${`Run ${name}`}><${Icon} name="search" />Run</button>
        <button type="button" onClick=${() => setEnabled(search, !enabled)} aria-label=${`${enabled ? "Turn off" : "Turn on"} ${name}`}>${enabled ? "Turn off" : "Turn on"}</button>
        <${IconButton} name="edit" label=${`Rename ${name}`} onClick=${() => setRenaming(true)} />
        <${ConfirmButton} label="Delete" aria-label=${`Delete ${name}`} question="Delete the saved search? Its items stay." action="Delete" onConfirm=${() => deleteSearch(search)} />
      </div>
      ${isRenaming && html`<${RenameDialog} search=${search} onClose=${() => setRenaming(false)} />`}
    </li>`;
}

function OpenSearch({ id }) {
  const { all, matches, total, problem } = saved.use();
  useEffect(() => { loadSearches(); loadMatches(); }, [id]);
  const search = all?.find((other) => other.id === id);
  return html`
    <section class="saved" id="saved-search" aria-labelledby="matches-title">
      <div class="bar">
        <button type="button" class="quiet" id="all-searches" onClick=${() => openSearch(null)}><${Icon} name="previous" />Saved searches</button>
        <h2 id="matches-title">${search?.name ?? ""}</h2>
        <p class="muted">${search && formatCount(total, "match", "matches")}</p>
        ${search && html`<button type="button" onClick=${() => runSaved(search)}><${Icon} name="search" />Run</button>`}
      </div>
      ${problem && html`<${RequestError} problem=${problem} onRetry=${loadMatches} />`}
      ${!problem && search && matches.length === 0 && search.matches === 0 && html`
        <div class="empty"><p><strong>Nothing has matched yet.</strong></p><p>Items that were in the library when it was saved are not matched: run the search to see them.</p></div>`}
      <ol class="album-entries" id="matches" onKeyDown=${moveFocus}>${matches.map((match) => html`<${Match} key=${match.id} match=${match} />`)}</ol>
      ${matches.length < total && html`<p><button type="button" onClick=${loadMore}>Show more</button></p>`}
    </section>`;
}

function Match({ match: { item, start, end, best_start: bestStart, best_end: bestEnd, score, band, read, matched_at: matchedAt } }) {
  const range = end > start ? formatRange(start, end, item.duration) : "";
  return html`
    <li class="card">
      <button type="button" class="thumbnail" data-hit aria-label=${`Open ${item.name}${range && `, ${range}`}${read ? "" : ", new"}`} onClick=${() => openItem(item, bestStart)}>
        <${Thumbnail} item=${item} time=${item.kind === "audio" ? bestStart : bestStart + 0.9 * (bestEnd - bestStart)} />
        ${range && html`<span class="time">${range}</span>`}
      </button>
      ${!read && html`<span class="status">New</span>`}
      <div class="text"><h3 title=${item.name}>${item.name}</h3>
        <p class="muted">${band} · ${formatProbability(score)} · ${new Date(matchedAt).toLocaleString()}</p></div>
    </li>`;
}
