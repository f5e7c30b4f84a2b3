// Keys that hold on the whole page. A dialog has its own.

import { help } from "./ui/help.js";
import { clear, question } from "./state/question.js";

const WRITES = "input:not([type=checkbox]), textarea, select, [contenteditable]";

export function installKeys() {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const words = document.getElementById("words");
    const writing = event.target.matches?.(WRITES);
    if (event.key === "Escape") return escape(words);
    if (event.target === words && event.key === "ArrowDown") return first(event);
    if (writing) return;
    const actions = {
      "/": () => { words.focus(); words.select(); },
      "?": () => help.set({ open: true }),
      a: () => document.getElementById("add")?.click(),
      ArrowDown: () => event.target === document.body && first(event),
      ArrowRight: () => event.target === document.body && first(event),
    };
    if (!(event.key in actions)) return;
    if (!event.key.startsWith("Arrow")) event.preventDefault();
    actions[event.key]();
  });
}

function escape(words) {
  if (document.activeElement === words && words.value !== "" && !question.get().open) question.set({ text: "" });
  else if (question.get().open) { clear(); words.focus(); } else words.blur();
}

/** Into the answer, or into the library. */
function first(event) {
  const target = document.querySelector("#hits [data-hit]") ?? document.querySelector("#items .still");
  if (!target) return;
  event.preventDefault();
  target.focus();
}
