// The bar at the top: the question, and what belongs to the whole page.

import { clear } from "../state/question.js";
import { html } from "../vendor/preact.js";
import { help } from "./help.js";
import { IconButton } from "./icon.js";
import { Question } from "./question.js";
import { ServiceState } from "./service-state.js";
import { SignOut } from "./sign-out.js";
import { ThemeButton } from "./theme-button.js";

export const Header = () => html`
  <header class="top">
    <h1><a href="/" aria-label="mm, to the library" onClick=${home}><img src="/static/icon.svg" alt="" width="26" height="26" /><span>mm</span></a></h1>
    <${Question} />
    <div class="tools">
      <${ServiceState} />
      <${ThemeButton} />
      <${SignOut} />
      <${IconButton} name="help" label="Keys and help (?)" onClick=${() => help.set({ open: true })} />
    </div>
  </header>`;

function home(event) {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  clear();
  scrollTo(0, 0);
}
