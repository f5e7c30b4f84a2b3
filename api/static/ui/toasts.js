// Short notes at the edge, and what is read out.

import { said, toasts } from "../state/say.js";
import { html } from "../vendor/preact.js";

export const Toasts = () => html`
  <div class="toasts">
    ${toasts.use((state) => state.all).map(({ id, text, action, end }) => html`
      <p class="toast" key=${id}><span>${text}</span>
        ${action && html`<button type="button" class="quiet" onClick=${() => end(true)}>${action.label}</button>`}</p>`)}
  </div>
  <p class="hidden" role="status" aria-live="polite" id="said">${said.use((state) => state.text)}</p>`;
