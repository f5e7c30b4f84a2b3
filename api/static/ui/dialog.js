// A modal dialog: the browser traps the focus, closes it with Escape, and gives the focus back.

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";

/** `onCancel` may return false: Escape then meant something inside. */
export function Dialog({ id, label, onClose, onCancel = () => true, onKeyDown, children }) {
  const dialog = useRef();
  const listener = useRef();
  useLayoutEffect(() => { // before what is inside asks for the focus
    const before = document.activeElement;
    const shown = dialog.current;
    shown.showModal();
    const key = (event) => listener.current(event); // on the document: the focus may be on nothing
    document.addEventListener("keydown", key);
    return () => {
      document.removeEventListener("keydown", key);
      shown.close(); // as long as it is open, nothing else takes the focus
      if (before?.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault(); // the component goes, and the dialog with it
    if (onCancel()) onClose();
  };
  listener.current = (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) return cancel(event);
    onKeyDown?.(event);
  };
  const outside = (event) => { if (event.target === dialog.current) onClose(); };
  return html`
    <dialog id=${id} aria-labelledby=${label} ref=${dialog} onCancel=${cancel} onPointerDown=${outside}>
      <div class="inside">${children}</div>
    </dialog>`;
}
