// The error message of a failed request. A temporary error has a button that retries before the automatic retry.

import { html } from "../vendor/preact.js";
import { isTemporary, retryNow } from "./retry.js";

/** `problem` is a `Problem`; `onRetry` is called by the button and defaults to all pending retries. */
export function RequestError({ problem, onRetry = retryNow }) {
  const temporary = isTemporary(problem);
  return html`
    <div class="request-error" role="alert">
      <p class="error">${problem.message}${temporary && " The page retries automatically."}</p>
      ${temporary && html`<button type="button" onClick=${onRetry}>Try again</button>`}
    </div>`;
}
