// A modal dialog. The browser traps the focus and closes the dialog with Escape; the focus returns to the previous element.

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";

/** `onCancel` returns false if Escape was handled inside the dialog and must not close it. */
export function Dialog({ id, label, onClose, onCancel = () => true, onKeyDown, children }) {
  const dialog = useRef();
  const listener = useRef();
  useLayoutEffect(() => { // runs before child effects that move the focus
    const previousFocus = document.activeElement;
    const element = dialog.current;
    element.showModal();
    // On the document, because no element may have the focus; of dialogs over each other, only the top one.
    const handleKey = (event) => { if ([...document.querySelectorAll("dialog[open]")].at(-1) === element) listener.current(event); };
    document.addEventListener("keydown", handleKey);
    return () => {
      document.removeEventListener("keydown", handleKey);
      element.close(); // an open modal dialog prevents focus outside it
      if (previousFocus?.isConnected) previousFocus.focus({ preventScroll: true });
    };
  }, []);
  const cancel = (event) => {
    event.preventDefault(); // the component is removed and closes the dialog
    if (onCancel()) onClose();
  };
  listener.current = (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) return cancel(event);
    onKeyDown?.(event);
  };
  const closeOnBackdrop = (event) => { if (event.target === dialog.current) onClose(); };
  return html`
    <dialog id=${id} aria-labelledby=${label} ref=${dialog} onCancel=${cancel} onPointerDown=${closeOnBackdrop}>
      <div class="dialog-content">${children}</div>
    </dialog>`;
}
