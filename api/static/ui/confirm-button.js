// A button for what cannot be undone: the first click asks, the second one does it.

import { html, useEffect, useRef, useState } from "../vendor/preact.js";

/** `question` is shown beside the button that calls `onConfirm`. */
export function ConfirmButton({ label, question, action = label, onConfirm, ...rest }) {
  const [isAsking, setAsking] = useState(false);
  const first = useRef();
  useEffect(() => { if (isAsking) first.current.focus(); }, [isAsking]);
  if (!isAsking) return html`<button type="button" onClick=${() => setAsking(true)} ...${rest}>${label}</button>`;
  return html`
    <span class="confirm" role="group" aria-label=${question}><span>${question}</span>
      <button type="button" class="danger" ref=${first} onClick=${() => { setAsking(false); onConfirm(); }}>${action}</button>
      <button type="button" onClick=${() => setAsking(false)}>Cancel</button></span>`;
}
