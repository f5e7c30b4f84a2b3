// The header of the page: the search form, the service status and the page controls.

import { ConversationButton } from "../conversation/drawer.js";
import { clearQuery } from "../search/query-store.js";
import { SearchForm } from "../search/search-form.js";
import { ServiceStatus } from "../service/service-status.js";
import { SignOut } from "../service/sign-out.js";
import { IconButton } from "../ui/icon.js";
import { html } from "../vendor/preact.js";
import { help } from "./help.js";
import { ThemeButton } from "./theme-button.js";

export const Header = () => html`
  <header class="page-header">
    <h1><a href="/" aria-label="mm, library" onClick=${showLibrary}><img src="/static/icon.svg" alt="" width="26" height="26" /><span>mm</span></a></h1>
    <${SearchForm} />
    <div class="toolbar">
      <${ServiceStatus} />
      <${ConversationButton} />
      <${ThemeButton} />
      <${SignOut} />
      <${IconButton} name="help" label="Keyboard shortcuts and help (?)" onClick=${() => help.set({ isOpen: true })} />
    </div>
  </header>`;

function showLibrary(event) {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  clearQuery();
  scrollTo(0, 0);
}
