// A dropdown menu. Escape, a click outside and the loss of focus close it.

import { html, useEffect, useRef } from "../vendor/preact.js";
import { Icon } from "./icon.js";

export function Menu({ label, isActive = false, children, id }) {
  const details = useRef();
  useEffect(() => {
    const closeOutside = (event) => {
      if (details.current.open && !details.current.contains(event.target)) details.current.open = false;
    };
    addEventListener("pointerdown", closeOutside);
    addEventListener("focusin", closeOutside);
    return () => { removeEventListener("pointerdown", closeOutside); removeEventListener("focusin", closeOutside); };
  }, []);
  const onKeyDown = (event) => {
    if (event.key !== "Escape" || !details.current.open) return;
    event.stopPropagation();
    details.current.open = false;
    details.current.querySelector("summary").focus();
  };
  return html`
    <details class=${isActive ? "menu active" : "menu"} id=${id} ref=${details} onKeyDown=${onKeyDown}>
      <summary>${label}<${Icon} name="down" /></summary>
      <div class="panel">${children}</div>
    </details>`;
}
