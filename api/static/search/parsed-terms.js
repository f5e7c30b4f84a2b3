// What the service read from the text of the query, as chips that can be removed.

import { IconButton } from "../ui/icon.js";
import { html } from "../vendor/preact.js";
import { listParsedTerms, query, searchUnparsed } from "./query-store.js";

/** One chip for each excluded term and each corrected word; removing one searches for the whole text as it is. */
export function ParsedTerms() {
  const state = query.use();
  const terms = listParsedTerms(state);
  const corrections = Object.entries(state.response?.corrections ?? {});
  const place = state.response?.place;
  if (terms.length === 0 && corrections.length === 0 && !place) return null;
  const wanted = state.response.text;
  return html`
    <div class="parsed-terms" id="parsed-terms" role="group" aria-label="Read from the query">
      <span class="muted">${wanted ? html`Searched for <q>${wanted}</q>` : "Searched for everything"}</span>
      ${terms.map((term) => html`
        <span class="chip" key=${term}><b>without ${term}</b>
          <${IconButton} name="close" label=${`Remove “without ${term}” and search for the whole text`} onClick=${searchUnparsed} /></span>`)}
      ${place && html`
        <span class="chip" id="parsed-place"><b>taken in ${place}</b>
          <${IconButton} name="close" label=${`Remove “taken in ${place}” and search for the whole text`} onClick=${searchUnparsed} /></span>`}
      ${corrections.map(([typed, searched]) => html`
        <span class="chip" key=${typed}><b>instead of ${typed}</b>
          <${IconButton} name="close" label=${`Search for “${typed}”, not “${searched}”`} onClick=${searchUnparsed} /></span>`)}
    </div>`;
}
