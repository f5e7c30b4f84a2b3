// Tabs, by the pattern of the ARIA authoring practices: the arrow keys move between them.

import { html, useId, useRef } from "../vendor/preact.js";

/** `tabs`: [{id, label, content}]; `onSelect(id)` is called when another tab is selected. */
export function Tabs({ label, tabs, selected, onSelect }) {
  const prefix = useId();
  const list = useRef();
  const current = tabs.find(({ id }) => id === selected) ?? tabs[0];
  const onKeyDown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation(); // in the player, the arrow keys seek
    const index = (tabs.indexOf(current) + step + tabs.length) % tabs.length;
    onSelect(tabs[index].id);
    list.current.children[index].focus();
  };
  return html`
    <div class="tabs">
      <div role="tablist" aria-label=${label} ref=${list} onKeyDown=${onKeyDown}>
        ${tabs.map(({ id, label: text }) => html`
          <button type="button" role="tab" key=${id} id=${`${prefix}-${id}`} aria-selected=${String(id === current.id)} aria-controls=${`${prefix}-panel`}
            tabindex=${id === current.id ? 0 : -1} onClick=${() => onSelect(id)}>${text}</button>`)}
      </div>
      <div role="tabpanel" class="tab-panel" id=${`${prefix}-panel`} aria-labelledby=${`${prefix}-${current.id}`}>${current.content}</div>
    </div>`;
}
