// The header of the page: the search form, the service status and the page controls.

import { ConversationButton } from "../conversation/drawer.js";
import { clearQuery, query } from "../search/query-store.js";
import { SearchForm } from "../search/search-form.js";
import { ServiceStatus } from "../service/service-status.js";
import { SignOut } from "../service/sign-out.js";
import { IconButton } from "../ui/icon.js";
import { html } from "../vendor/preact.js";
import { help } from "./help.js";
import { ThemeButton } from "./theme-button.js";
import { showView, useViewName } from "./views.js";

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

/** The views of the page; a search covers all. */
function Views() {
  const shown = useViewName();
  const isSearch = query.use((state) => state.isOpen);
  const mark = (name) => (name === shown && !isSearch ? "page" : undefined);
  return html`
    <nav class="views" aria-label="Views">
      <a href="/" aria-current=${mark("library")} onClick=${showLibrary}>Library</a>
      <a href="#view=albums" id="open-albums" aria-current=${mark("albums")} onClick=${(event) => show(event, "albums")}>Albums</a>
      <a href="#view=inspect" id="open-inspect" aria-current=${mark("inspect")} onClick=${(event) => show(event, "inspect")}>Inspect</a>
      <a href="#view=evaluate" id="open-evaluate" aria-current=${mark("evaluate")} onClick=${(event) => show(event, "evaluate")}>Evaluate</a>
    </nav>`;
}

const showLibrary = (event) => show(event, "library");

function show(event, name) {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  clearQuery();
  showView(name);
  scrollTo(0, 0);
}
