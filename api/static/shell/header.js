// The header of the page: the search form, the service status and the page controls.

import { ConversationButton } from "../conversation/drawer.js";
import { closeView, openView, view } from "../inspect/inspect-store.js";
import { clearQuery, query } from "../search/query-store.js";
import { SearchForm } from "../search/search-form.js";
import { ServiceStatus } from "../service/service-status.js";
import { SignOut } from "../service/sign-out.js";
import { IconButton } from "../ui/icon.js";
import { html } from "../vendor/preact.js";
import { help } from "./help.js";
import { ThemeButton } from "./theme-button.js";

export const Header = () => html`
  <header class="page-header">
    <div class="brand">
      <h1><a href="/" aria-label="mm, library" onClick=${showLibrary}><img src="/static/icon.svg" alt="" width="26" height="26" /><span>mm</span></a></h1>
      <${Views} />
    </div>
    <${SearchForm} />
    <div class="toolbar">
      <${ServiceStatus} />
      <${ConversationButton} />
      <${ThemeButton} />
      <${SignOut} />
      <${IconButton} name="help" label="Keyboard shortcuts and help (?)" onClick=${() => help.set({ isOpen: true })} />
    </div>
  </header>`;

/** The views of the page; a search covers both. */
function Views() {
  const isInspect = view.use((state) => state.isOpen);
  const isSearch = query.use((state) => state.isOpen);
  const mark = (isShown) => (isShown && !isSearch ? "page" : undefined);
  return html`
    <nav class="views" aria-label="Views">
      <a href="/" aria-current=${mark(!isInspect)} onClick=${showLibrary}>Library</a>
      <a href="#view=inspect" id="open-inspect" aria-current=${mark(isInspect)} onClick=${showInspect}>Inspect</a>
    </nav>`;
}

const showLibrary = (event) => show(event, closeView);
const showInspect = (event) => show(event, () => openView());

function show(event, change) {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  clearQuery();
  change();
  scrollTo(0, 0);
}
