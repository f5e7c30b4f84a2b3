// Keyboard shortcuts of the page. They do nothing while a dialog is open; dialogs have their own.

import { openConversation } from "../conversation/conversation-store.js";
import { clearSelection, selection } from "../library/selection-store.js";
import { clearQuery, query } from "../search/query-store.js";
import { help } from "./help.js";

const TEXT_INPUTS = "input:not([type=checkbox]), textarea, select, [contenteditable]";

export function installShortcuts() {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const input = document.getElementById("query-text");
    if (event.key === "Escape") return handleEscape(input);
    if (event.target === input && event.key === "ArrowDown") return focusFirst(event);
    if (event.target.matches?.(TEXT_INPUTS)) return;
    const actions = {
      "/": () => { input.focus(); input.select(); },
      "?": () => help.set({ isOpen: true }),
      c: openConversation,
      a: () => document.getElementById("add")?.click(),
      ArrowDown: () => event.target === document.body && focusFirst(event),
      ArrowRight: () => event.target === document.body && focusFirst(event),
    };
    if (!(event.key in actions)) return;
    if (!event.key.startsWith("Arrow")) event.preventDefault();
    actions[event.key]();
  });
}

function handleEscape(input) {
  if (selection.get().items.size > 0) return clearSelection();
  if (document.activeElement === input && input.value !== "" && !query.get().isOpen) query.set({ text: "" });
  else if (query.get().isOpen) { clearQuery(); input.focus(); } else input.blur();
}

/** Focus the first search result, result of an inspection, run of an evaluation, or item of the library. */
function focusFirst(event) {
  const target = document.querySelector("#hits [data-hit]") ?? document.querySelector("#gallery [data-hit], #evaluate [data-hit], #items .thumbnail");
  if (!target) return;
  event.preventDefault();
  target.focus();
}
