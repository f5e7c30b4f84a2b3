// The link to the saved searches, with the number of unread matches.

import { clearQuery } from "../search/query-store.js";
import { showView } from "../shell/views.js";
import { formatCount } from "../ui/format.js";
import { html } from "../vendor/preact.js";
import { countUnread, saved } from "./saved-store.js";

function show(event) {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  clearQuery();
  showView("searches");
  scrollTo(0, 0);
}

export function SavedLink() {
  const unread = countUnread(saved.use((state) => state.all));
  return html`
    <a class="button" href="#view=searches" id="open-searches" onClick=${show}>Saved searches
      ${unread > 0 && html`<span class="badge" id="unread" aria-label=${formatCount(unread, "new match", "new matches")}>${unread}</span>`}</a>`;
}
