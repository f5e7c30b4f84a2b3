// What a screen reader hears beside what is seen, and the short notes at the edge that may offer a way back.

import { createStore } from "../store.js";

export const said = createStore({ text: "" });
export const toasts = createStore({ all: [] });
let last = 0;

export const announce = (text) => said.set({ text });

/** Show a note for `seconds`. `action` is {label, run}; `onend(taken)` hears whether it was taken. Returns how to end it early. */
export function toast(text, { action = null, seconds = 6, onend = () => {} } = {}) {
  const id = ++last;
  const end = (taken) => {
    if (!toasts.get().all.some((one) => one.id === id)) return;
    clearTimeout(timer);
    toasts.set({ all: toasts.get().all.filter((one) => one.id !== id) });
    onend(taken);
  };
  const timer = setTimeout(() => end(false), 1000 * seconds);
  toasts.set({ all: [...toasts.get().all, { id, text, action, end }] });
  announce(text);
  return () => end(false);
}
