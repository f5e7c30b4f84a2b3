// Why something could not be loaded, and a button to try again. What fails for a while only is tried again without it.

import { isTemporary, retryNow } from "../retry.js";
import { html } from "../vendor/preact.js";

/** `problem` is the `Problem` of a request; `onRetry` is what the button does, without it all that failed is sent again. */
export function Failure({ problem, onRetry = retryNow }) {
  const temporary = isTemporary(problem);
  return html`
    <div class="failure" role="alert">
      <p class="error">${problem.message}${temporary && " The page tries again by itself."}</p>
      ${temporary && html`<button type="button" onClick=${onRetry}>Try again</button>`}
    </div>`;
}
