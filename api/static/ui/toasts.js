// The toasts and the live region for screen readers.

import { html } from "../vendor/preact.js";
import { announcement, toasts } from "./notifications.js";

export const Toasts = () => html`
  <div class="toasts">
    ${toasts.use((state) => state.all).map(({ id, text, action, close }) => html`
      <p class="toast" key=${id}><span>${text}</span>
        ${action && html`<button type="button" class="quiet" onClick=${() => close(true)}>${action.label}</button>`}</p>`)}
  </div>
  <p class="visually-hidden" role="status" aria-live="polite" id="announcement">${announcement.use((state) => state.text)}</p>`;
