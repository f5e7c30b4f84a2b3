// Screen reader announcements and toasts.

import { createStore } from "./store.js";

export const announcement = createStore({ text: "" });
export const toasts = createStore({ all: [] });
let lastId = 0;

/** Set the text of the live region that screen readers read out. */
export const announce = (text) => announcement.set({ text });

/** Show a toast for `seconds`. `action` is {label}; `onClose(isActionTaken)` is called once. */
export function showToast(text, { action = null, seconds = 6, onClose = () => {} } = {}) {
  const id = ++lastId;
  const close = (isActionTaken) => {
    if (!toasts.get().all.some((toast) => toast.id === id)) return;
    clearTimeout(timer);
    toasts.set({ all: toasts.get().all.filter((toast) => toast.id !== id) });
    onClose(isActionTaken);
  };
  const timer = setTimeout(() => close(false), 1000 * seconds);
  toasts.set({ all: [...toasts.get().all, { id, text, action, close }] });
  announce(text);
}
