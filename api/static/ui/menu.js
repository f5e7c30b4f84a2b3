// A button that opens a small panel; it closes with Escape, with a click elsewhere, and when the focus leaves.

import { html, useEffect, useRef } from "../vendor/preact.js";
import { Icon } from "./icon.js";

export function Menu({ label, on = false, children, id }) {
  const details = useRef();
  useEffect(() => {
    const close = (event) => {
      if (details.current.open && !details.current.contains(event.target)) details.current.open = false;
    };
    addEventListener("pointerdown", close);
    addEventListener("focusin", close);
    return () => { removeEventListener("pointerdown", close); removeEventListener("focusin", close); };
  }, []);
  const key = (event) => {
    if (event.key !== "Escape" || !details.current.open) return;
    event.stopPropagation();
    details.current.open = false;
    details.current.querySelector("summary").focus();
  };
  return html`
    <details class=${on ? "menu on" : "menu"} id=${id} ref=${details} onKeyDown=${key}>
      <summary>${label}<${Icon} name="down" /></summary>
      <div class="panel">${children}</div>
    </details>`;
}
