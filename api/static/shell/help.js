// The help dialog: keyboard shortcuts and the kinds of queries.

import { Dialog } from "../ui/dialog.js";
import { IconButton } from "../ui/icon.js";
import { createStore } from "../ui/store.js";
import { html } from "../vendor/preact.js";

export const help = createStore({ isOpen: false });

const SHORTCUTS = [
  ["Page", [
    ["/", "focus the search field"], ["← → ↑ ↓", "move through results and items"], ["Enter", "open the focused element"],
    ["Esc", "close the player, clear the query"], ["a", "add files"], ["x  Shift+x", "select the focused item, or all up to it"], ["c", "open the conversation"], ["?", "show this help"],
  ]],
  ["Player", [
    ["Space  k", "play or pause"], ["j  l", "10 seconds back or forward"], ["←  →", "5 seconds back or forward"],
    ["n  p", "next or previous result or item"], ["m", "select a region of the frame"], [".", "search for similar moments"],
  ]],
  ["Result of an inspection", [
    ["←  →", "previous or next result"], ["h", "heat map beside, over or off"], ["a  r", "accept or reject"],
    ["d", "outline a defect: arrows, Space, Enter"], ["u", "undo the last mark or corner"],
  ]],
];

export function Help() {
  if (!help.use((state) => state.isOpen)) return null;
  const close = () => help.set({ isOpen: false });
  return html`
    <${Dialog} id="help" label="help-title" onClose=${close}>
      <header class="bar"><h2 id="help-title">Keyboard shortcuts and help</h2><${IconButton} name="close" label="Close (Esc)" onClick=${close} /></header>
      <div class="shortcuts">
        ${SHORTCUTS.map(([title, shortcuts]) => html`
          <section key=${title}><h3>${title}</h3>
            <dl>${shortcuts.map(([keys, action]) => html`
              <div key=${keys}><dt>${keys.split("  ").map((key) => html`<kbd key=${key}>${key}</kbd>`)}</dt><dd>${action}</dd></div>`)}</dl>
          </section>`)}
      </div>
      <p class="muted">Programs use the same service through <a href="/docs">the HTTP API</a>.</p>
      <p class="muted">Search with text, or drop an image, audio or short video file on the search field. Text and a file together find moments that match both.
        A question, such as “when does the ferry leave?”, is answered above the results.
        Click the image in the search field to select a region of it.</p>
    <//>`;
}
