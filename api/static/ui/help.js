// The list of keys.

import { createStore } from "../store.js";
import { html } from "../vendor/preact.js";
import { Dialog } from "./dialog.js";
import { IconButton } from "./icon.js";

export const help = createStore({ open: false });

const KEYS = [
  ["On the page", [["/", "to the question"], ["← → ↑ ↓", "through moments and items"], ["Enter", "open what has the focus"], ["Esc", "leave: player, question, answer"], ["a", "add files"], ["?", "this list"]]],
  ["In the player", [["Space  k", "play, pause"], ["j  l", "10 seconds back, on"], ["←  →", "5 seconds back, on"], ["n  p", "next moment or item, previous one"], ["m", "mark a part of the frame"], [".", "more like this moment"]]],
];

export function Help() {
  if (!help.use((state) => state.open)) return null;
  const close = () => help.set({ open: false });
  return html`
    <${Dialog} id="help" label="help-title" onClose=${close}>
      <header class="bar"><h2 id="help-title">Keys</h2><${IconButton} name="close" label="Close (Esc)" onClick=${close} /></header>
      <div class="keys">
        ${KEYS.map(([where, keys]) => html`
          <section key=${where}><h3>${where}</h3>
            <dl>${keys.map(([key, does]) => html`<div key=${key}><dt>${key.split("  ").map((one) => html`<kbd key=${one}>${one}</kbd>`)}</dt><dd>${does}</dd></div>`)}</dl>
          </section>`)}
      </div>
      <p class="faint">Programs use the same service: <a href="/docs">the HTTP API</a>.</p>
      <p class="faint">Ask in words, or drop a picture, a sound or a short clip on the question; both together ask for what fits both.
        A picture in the question can be clicked, to mark the part that is meant.</p>
    <//>`;
}
